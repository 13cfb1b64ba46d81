//! The modules of a network, from the names of its arrays.

use basin_core::Params;
use std::collections::BTreeMap;

/// Deepest nesting of modules; what stands behind it in a name belongs to the array.
const DEEPEST: usize = 64;

/// A module: arrays of its own, and modules in it, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Module<'a> {
    /// Full name, empty for the network.
    pub(super) path: String,
    /// Last part of the name.
    pub(super) key: &'a str,
    /// Last parts of the names of its own arrays, and their shapes.
    pub(super) arrays: Vec<(&'a str, &'a [usize])>,
    pub(super) children: Vec<Module<'a>>,
}

/// A module without modules in it, by the axes of its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// `[out, in / groups, k, …]`.
    Conv,
    /// `[out, in]`.
    Dense,
    /// `[channels]`, or running statistics alone.
    Norm,
    /// `[entries, width]`, and called so.
    Embedding,
    /// `weight_ih_l0` and the like.
    Recurrent,
}

impl<'a> Module<'a> {
    /// The tree of a network.
    pub(super) fn of(params: &'a Params) -> Self {
        // Each module with its parent, which stands before it.
        let mut modules = vec![(Self::default(), 0)];
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, array) in params.iter() {
            let (mut at, mut start) = (0, 0);
            for _ in 0..DEEPEST {
                let Some(dot) = name[start..].find('.') else { break };
                let (path, key) = (&name[..start + dot], &name[start..start + dot]);
                at = *places.entry(path).or_insert_with(|| {
                    modules.push((Self { path: path.to_owned(), key, ..Self::default() }, at));
                    modules.len() - 1
                });
                start += dot + 1;
            }
            modules[at].0.arrays.push((&name[start..], array.shape()));
        }
        let mut root = Self::assembled(modules);
        // What all names share says nothing.
        while root.arrays.is_empty() && root.children.len() == 1 && !root.children[0].children.is_empty() {
            root = root.children.remove(0);
        }
        root
    }

    fn assembled(mut modules: Vec<(Self, usize)>) -> Self {
        let mut children: Vec<Vec<Self>> = modules.iter().map(|_| Vec::new()).collect();
        while let Some((mut module, parent)) = modules.pop() {
            // The last ones come first.
            module.children = children.pop().unwrap_or_default();
            module.children.reverse();
            match modules.is_empty() {
                true => return module,
                false => children[parent].push(module),
            }
        }
        Self::default()
    }

    /// Shape of an array of its own.
    pub(super) fn array(&self, key: &str) -> Option<&'a [usize]> {
        self.arrays.iter().find(|(own, _)| *own == key).map(|(_, shape)| *shape)
    }

    /// A module in it.
    pub(super) fn child(&self, key: &str) -> Option<&Module<'a>> {
        self.children.iter().find(|child| child.key == key)
    }

    /// Full name of an array of its own.
    pub(super) fn name(&self, array: &str) -> String {
        if self.path.is_empty() { array.to_owned() } else { format!("{}.{array}", self.path) }
    }

    pub(super) fn leaf(&self) -> Option<Leaf> {
        if !self.children.is_empty() {
            return None;
        }
        if self.array("weight_hh_l0").is_some() {
            return Some(Leaf::Recurrent);
        }
        let known = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];
        if self.arrays.iter().any(|(key, _)| !known.contains(key)) {
            return None;
        }
        let Some(shape) = self.array("weight") else {
            return self.array("running_mean").map(|_| Leaf::Norm);
        };
        match shape.len() {
            1 => Some(Leaf::Norm),
            2 if self.array("bias").is_none() && self.is_table() => Some(Leaf::Embedding),
            2 => Some(Leaf::Dense),
            3..=5 => Some(Leaf::Conv),
            _ => None,
        }
    }

    /// Whether a matrix without bias is called a table of embeddings.
    fn is_table(&self) -> bool {
        let key = self.key.to_ascii_lowercase();
        let words = ["emb", "wte", "wpe", "vocab", "lookup"];
        let positions = key == "pos" || key.starts_with("pos_") || key.starts_with("position");
        positions
            || words.iter().any(|word| key.contains(word))
                && !key.contains("proj")
                && !key.contains("unembed")
    }

    /// Channels that the first layer in it reads and the last writes, where it is a layer.
    pub(super) fn sizes(&self) -> Option<(usize, usize)> {
        match (self.leaf()?, self.array("weight")?) {
            (Leaf::Conv | Leaf::Dense, &[out, read, ..]) => Some((read, out)),
            _ => None,
        }
    }

    /// Channels of a normalisation.
    pub(super) fn norm_width(&self) -> Option<usize> {
        let shape = self.array("weight").or_else(|| self.array("running_mean"))?;
        (self.leaf()? == Leaf::Norm).then(|| shape.first().copied())?
    }

    /// A convolution with one channel to a group.
    pub(super) fn is_depthwise(&self) -> bool {
        self.leaf() == Some(Leaf::Conv) && self.sizes().is_some_and(|(read, out)| read == 1 && out > 1)
    }

    /// Whether a layer sees single positions only.
    pub(super) fn is_pointwise(&self) -> bool {
        self.array("weight").is_some_and(|shape| shape.len() >= 2 && shape[2..].iter().all(|&k| k == 1))
    }

    /// All layers in it that make new units: convolutions, dense layers.
    pub(super) fn layers(&self) -> Vec<&Module<'a>> {
        match self.leaf() {
            Some(Leaf::Conv | Leaf::Dense) => vec![self],
            Some(_) => Vec::new(),
            None => self.children.iter().flat_map(Module::layers).collect(),
        }
    }

    /// Number of matrices in it that make new units, attention's packed ones included.
    pub(super) fn weights(&self) -> usize {
        let packed = self.arrays.iter().filter(|(key, _)| key.starts_with("in_proj_weight")).count();
        match self.leaf() {
            Some(Leaf::Conv | Leaf::Dense | Leaf::Recurrent) => 1,
            Some(_) => 0,
            None => packed + self.children.iter().map(Module::weights).sum::<usize>(),
        }
    }

    /// Whether it makes new units, so that an order has to name it.
    pub(super) fn is_step(&self) -> bool {
        self.weights() > 0 || self.leaf() == Some(Leaf::Embedding)
    }

    /// Whether its arrays scale or shift units one by one, as those of a LayerScale do.
    pub(super) fn is_elementwise(&self) -> bool {
        let wide = |shape: &[usize]| shape.iter().filter(|&&len| len > 1).count() <= 1;
        self.children.is_empty()
            && !self.arrays.is_empty()
            && self.arrays.iter().all(|(_, shape)| wide(shape))
    }

    /// Whether its modules are numbered, as those of a list are.
    pub(super) fn is_list(&self) -> bool {
        !self.children.is_empty()
            && self.arrays.is_empty()
            && self.children.iter().all(|child| child.key.parse::<usize>().is_ok())
    }

    /// Its key for sorting: the first number in it, and the key.
    pub(super) fn natural(&self) -> (Option<usize>, &'a str) {
        let digits = self.key.trim_start_matches(|c: char| !c.is_ascii_digit());
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        (digits[..end].parse().ok(), self.key)
    }

    /// The digits at the end of its key.
    pub(super) fn number(&self) -> Option<usize> {
        let digits = self.key.trim_start_matches(|c: char| !c.is_ascii_digit());
        digits.parse().ok()
    }

    /// All modules, this one first.
    pub(super) fn all(&self) -> Vec<&Module<'a>> {
        std::iter::once(self).chain(self.children.iter().flat_map(Module::all)).collect()
    }

    /// Full names of all arrays in it.
    pub(super) fn names(&self) -> Vec<String> {
        let own = self.arrays.iter().map(|(key, _)| self.name(key));
        own.chain(self.children.iter().flat_map(Module::names)).collect()
    }
}
