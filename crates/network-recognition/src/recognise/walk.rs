//! A value on its way through the modules of a network.
//!
//! Each layer reads what the one before it wrote. What a file does not show is taken in the way that restricts
//! units most: wherever a skip connection, a gate or a second branch is possible, because widths agree, its ends
//! are tied, which is right with it and without it.

use super::tree::{Leaf, Module};
use super::{Open, Told};
use crate::network::{Norm, Value, Wiring, WiringError};
use std::collections::BTreeSet;

/// Where the walk ended, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stuck {
    /// Whether what was told is the reason.
    pub(super) told: bool,
    pub(super) at: String,
    pub(super) reason: String,
}

pub(super) type Walked<T = Value> = Result<T, Stuck>;

/// What is known of the network as a whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Number of modules.
    pub(super) modules: usize,
    /// Name of the module that is the network.
    pub(super) root: String,
    /// Whether normalisations come before (`true`) or behind the convolution of their number, where widths tell.
    pub(super) norm_first: Option<bool>,
    /// Whether anything holds an embedding of positions.
    pub(super) positions: bool,
    /// Whether tables have a column for each head.
    pub(super) shared_heads: bool,
    /// Whether there is no dense layer, so that convolutions may be transposed ones.
    pub(super) images: bool,
    /// Convolutions in groups, by what stands around them.
    pub(super) grouped: BTreeSet<String>,
}

/// The state of the walk.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub(super) net: Wiring<'a>,
    pub(super) told: &'a Told,
    pub(super) facts: &'a Facts,
    /// What the network reads.
    pub(super) input: Option<Value>,
    /// Whether the value is an image whose pixels a dense layer may read one by one; the axes of its last kernel.
    image: Option<usize>,
    /// Whether nothing but their order connects the layers around.
    pub(super) certain: bool,
    /// Whether the layers around are a block of convolutions.
    pub(super) block: bool,
    /// Whether positions are tokens, so that normalisations are over all channels of each.
    pub(super) tokens: bool,
    /// Values whose order stays.
    pub(super) outputs: Vec<Value>,
    pub(super) open: BTreeSet<Open>,
    /// What of [`Told`] had a say.
    pub(super) used: Used,
    /// Modules that may still be visited: names can nest attempts so that their number doubles at every level.
    left: usize,
}

/// Which answers a network had a question for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    pub(super) heads: bool,
    pub(super) groups: bool,
    pub(super) padding: bool,
}

/// Visits of modules for each module of a network; a few attempts are usual.
const VISITS: usize = 64;

impl<'a> Walk<'a> {
    pub(super) fn new(net: Wiring<'a>, told: &'a Told, facts: &'a Facts) -> Self {
        let (outputs, open, used) = (Vec::new(), BTreeSet::new(), Used::default());
        let left = facts.modules.saturating_mul(VISITS);
        Self {
            net,
            told,
            facts,
            input: None,
            image: None,
            certain: false,
            block: false,
            tokens: false,
            outputs,
            open,
            used,
            left,
        }
    }

    /// Goes some way; where it ends, everything is as before.
    pub(super) fn attempt<T>(&mut self, go: impl FnOnce(&mut Self) -> Walked<T>) -> Walked<T> {
        let mark = self.net.mark();
        let (input, image, certain, block, tokens) =
            (self.input, self.image, self.certain, self.block, self.tokens);
        let (outputs, open, used) = (self.outputs.len(), self.open.clone(), self.used);
        let gone = go(self);
        if gone.is_err() {
            self.net.rewind(mark);
            (self.input, self.image, self.certain, self.block, self.tokens) =
                (input, image, certain, block, tokens);
            self.outputs.truncate(outputs);
            (self.open, self.used) = (open, used);
        }
        gone
    }

    /// What a module makes of a value; of nothing, where it is the first.
    pub(super) fn module(&mut self, module: &Module<'_>, x: Option<Value>) -> Walked {
        self.left =
            self.left.checked_sub(1).ok_or_else(|| stuck(&module.path, "too many ways to connect it"))?;
        if let Some(leaf) = module.leaf() {
            return self.leaf(module, leaf, x);
        }
        Self::refuse_normalised(module)?;
        if let Some(x) = x.filter(|_| module.is_elementwise()) {
            return self.elementwise(module, x);
        }
        self.tokens |= module.children.iter().any(|child| super::attention::Attention::of(child).is_some());
        if let Some(branches) = super::block::branches(module) {
            return self.branches(module, &branches, x);
        }
        if let Some(attention) = super::attention::Attention::of(module) {
            return self.attention(module, &attention, x);
        }
        if let Some(gated) = super::gated::Gated::of(module) {
            return self.gated(module, &gated, x);
        }
        self.residual(module, x)
    }

    /// A module of several layers, with what may be added to its result.
    fn residual(&mut self, module: &Module<'_>, x: Option<Value>) -> Walked {
        if let (Some(shortcut), Some(x)) = (super::block::shortcut(module), x)
            && let Ok(y) = self.attempt(|walk| walk.with_shortcut(module, shortcut, x))
        {
            return Ok(y);
        }
        let y = self.sequence(module, x)?;
        match x.filter(|_| module.weights() > 1) {
            Some(x) if self.width(x) != self.width(y) => self.padded(module, x, y),
            Some(x) => self.around(module, x, y),
            None => Ok(y),
        }
    }

    /// What a module made of `x`, tied to it where it may be added to it. The network itself is not.
    pub(super) fn around(&mut self, module: &Module<'_>, x: Value, y: Value) -> Walked {
        let apart = self.width(x) != self.width(y) || module.path == self.facts.root;
        if apart { Ok(y) } else { self.tie(module, y, x) }
    }

    pub(super) fn tie(&mut self, module: &Module<'_>, y: Value, x: Value) -> Walked {
        if x == y { Ok(y) } else { self.net.add(y, x).map_err(|error| wiring(&module.path, &error)) }
    }

    pub(super) fn width(&self, value: Value) -> usize {
        self.net.width(value)
    }

    pub(super) fn keep(&mut self, name: &str) -> Walked<()> {
        self.net.keep(name).map_err(|error| wiring(name, &error))
    }

    /// A layer.
    fn leaf(&mut self, module: &Module<'_>, leaf: Leaf, x: Option<Value>) -> Walked {
        let path = module.path.as_str();
        let (read, _) = module.sizes().unwrap_or_default();
        match leaf {
            Leaf::Norm => {
                let x = x.ok_or_else(|| stuck(path, "a normalisation before any layer"))?;
                let kind = self.norm_kind(module);
                let told = matches!(kind, Norm::Groups(_));
                let refused = |error| Stuck { told, ..wiring(path, &error) };
                let y = self.net.norm(path, x, kind).map_err(refused)?;
                Ok(self.net.activation(y))
            }
            Leaf::Embedding => self.embedding(module, x),
            Leaf::Recurrent => self.recurrent(module, x),
            Leaf::Conv => {
                let x = self.begun(x, read);
                self.convolution(module, x)
            }
            Leaf::Dense => {
                let x = self.begun(x, read);
                let x = self.flattened(module, x)?;
                let y = self.net.dense(path, x).map_err(|error| wiring(path, &error))?;
                self.image = None;
                Ok(self.net.activation(y))
            }
        }
    }

    /// The value, or for the first layer the network's input, of which it reads so many channels.
    pub(super) fn begun(&mut self, x: Option<Value>, read: usize) -> Value {
        x.unwrap_or_else(|| {
            let input = self.net.input(read);
            self.input = self.input.or(Some(input));
            input
        })
    }

    pub(super) fn norm_kind(&mut self, module: &Module<'_>) -> Norm {
        if module.array("running_mean").is_some() {
            return Norm::Batch;
        }
        if self.tokens {
            return Norm::Layer;
        }
        self.used.groups = true;
        match self.told.groups {
            Some(1) => Norm::Layer,
            Some(groups) => Norm::Groups(groups),
            None => {
                self.open.insert(Open::Groups);
                Norm::UnknownGroups
            }
        }
    }

    fn convolution(&mut self, module: &Module<'_>, x: Value) -> Walked {
        let path = module.path.as_str();
        let (read, out) = module.sizes().unwrap_or_default();
        let width = self.width(x);
        if read != width {
            // One channel to a group, or as many written as read: what reads part of the channels looks the same.
            if read == 0 || !width.is_multiple_of(read) || module.is_pointwise() || out != width {
                return Err(stuck(path, &format!("it reads {read} channels, but {width} come before it")));
            }
        }
        let y = self.net.conv(path, x).map_err(|error| wiring(path, &error))?;
        if read == out && read > 1 && read == width && self.may_be_transposed(module) {
            self.open.insert(Open::Transposed);
            self.outputs.extend([x, y]);
        }
        if read != width && read > 1 && !self.facts.grouped.contains(path) {
            self.open.insert(Open::Grouped);
            self.outputs.extend([x, y]);
        }
        self.image = module.array("weight").map(|shape| shape.len() - 2);
        Ok(self.net.activation(y))
    }

    /// Whether the axes of a square kernel may be `[in, out]`, as those of a transposed convolution are: kernels of
    /// even size, and networks from images to images, outside of blocks that add their input.
    fn may_be_transposed(&self, module: &Module<'_>) -> bool {
        let even = module.array("weight").is_some_and(|shape| shape[2..].iter().any(|size| size % 2 == 0));
        let path = module.path.to_ascii_lowercase();
        let named = ["deconv", "transp", "upconv", "decoder"].iter().any(|word| path.contains(word));
        !module.is_pointwise() && (even || !self.block && (named || self.facts.images))
    }

    /// The value as a dense layer reads it: pixel by pixel behind convolutions.
    fn flattened(&mut self, module: &Module<'_>, x: Value) -> Walked {
        let (read, _) = module.sizes().unwrap_or_default();
        let width = self.width(x);
        let refusal = || stuck(&module.path, &format!("it reads {read} units, but {width} come before it"));
        if read == width {
            return Ok(x);
        }
        let Some(axes) = self.image.filter(|_| !self.tokens && width > 0 && read.is_multiple_of(width))
        else {
            return Err(refusal());
        };
        let pixels = read / width;
        let y = self.net.flatten(x, pixels);
        let square = pixels.isqrt().pow(2) == pixels;
        if pixels == 2 || axes == 2 && !square {
            // Two poolings side by side, or pixels of a pyramid, have the same size.
            self.outputs.push(x);
        }
        Ok(y)
    }

    fn embedding(&mut self, module: &Module<'_>, x: Option<Value>) -> Walked {
        let name = module.name("weight");
        let width = module.array("weight").map_or(0, |shape| shape[1]);
        match x {
            None => self.net.embed(&name).map_err(|error| wiring(&name, &error)),
            Some(x) if self.width(x) == width => {
                self.tokens |= self.facts.positions;
                self.net.shift(&name, x).map_err(|error| wiring(&name, &error))
            }
            Some(_) => {
                Err(stuck(&module.path, "a table of embeddings of another width than what comes before"))
            }
        }
    }

    fn recurrent(&mut self, module: &Module<'_>, x: Option<Value>) -> Walked {
        let path = module.path.as_str();
        let layers = (0..).take_while(|i| module.array(&format!("weight_hh_l{i}")).is_some()).count();
        let read = module.array("weight_ih_l0").and_then(|shape| shape.last().copied()).unwrap_or(0);
        let mut x = self.begun(x, read);
        for layer in 0..layers {
            let mut parts = Vec::new();
            for suffix in [format!("_l{layer}"), format!("_l{layer}_reverse")] {
                if module.array(&format!("weight_hh{suffix}")).is_some() {
                    parts.push(self.net.recurrent(path, &suffix, x).map_err(|error| wiring(path, &error))?);
                }
            }
            x = if let [one] = parts[..] { one } else { self.net.concat(&parts) };
        }
        Ok(x)
    }
}

pub(super) fn stuck(at: &str, reason: &str) -> Stuck {
    Stuck { told: false, at: at.to_owned(), reason: reason.to_owned() }
}

pub(super) fn wiring(at: &str, error: &WiringError) -> Stuck {
    Stuck { told: false, at: at.to_owned(), reason: error.to_string() }
}
