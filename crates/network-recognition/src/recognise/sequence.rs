//! The modules of one, one after the other, with what may connect them besides.

use super::Open;
use super::block::{is_block, is_gate};
use super::chain::{Chain, is_pooler};
use super::gated::is_pair;
use super::tree::{Leaf, Module};
use super::walk::{Walk, Walked, stuck};
use crate::network::Value;

/// What has been computed so far in a module.
struct Reached<'m, 'a> {
    /// What it reads and what its layers wrote, in their order.
    values: Vec<Value>,
    /// The last layer, and what it read.
    last: Option<(&'m Module<'a>, Value)>,
    /// What several heads at the end of the network read.
    trunk: Option<Value>,
    /// Normalisations of units that have not been written yet.
    late: Vec<&'m Module<'a>>,
    /// Arrays of the module's own that have found no place yet.
    arrays: Vec<(&'a str, &'a [usize])>,
}

impl Walk<'_> {
    /// The modules of one in the order in which they run.
    pub(super) fn sequence(&mut self, module: &Module<'_>, x: Option<Value>) -> Walked {
        let mut chain = Chain::of(module, self.told, self.facts)?;
        // One layer with its normalisation is as certain as what it is part of.
        chain.certain |= self.certain && module.weights() == 1 || self.tokens && is_pair(module);
        let outside = (self.certain, self.block);
        self.certain = chain.certain;
        self.block |= is_block(module);
        let y = self.steps(module, &chain, x);
        (self.certain, self.block) = outside;
        y
    }

    fn steps(&mut self, module: &Module<'_>, chain: &Chain<'_, '_>, x: Option<Value>) -> Walked {
        let mut reached = Reached {
            values: x.into_iter().collect(),
            last: None,
            trunk: None,
            late: Vec::new(),
            arrays: module.arrays.clone(),
        };
        let mut x = x;
        for step in &chain.steps {
            if step.module.key.starts_with("aux") && self.beside(step.module, &reached.values)? {
                continue;
            }
            x = if step.module.norm_width().is_some() {
                self.normalised(step.module, step.both, x, &mut reached)?
            } else {
                Some(self.layered(chain, step.module, x, &mut reached)?)
            };
            if let Some(value) = x {
                x = Some(self.catch_up(module, chain.certain, value, &mut reached));
            }
        }
        self.settle(module, chain.certain, &reached)?;
        x.ok_or_else(|| stuck(&module.path, "no layer in it"))
    }

    /// A normalisation among the modules of one.
    fn normalised<'m, 'a>(
        &mut self,
        norm: &'m Module<'a>,
        both: bool,
        x: Option<Value>,
        reached: &mut Reached<'m, 'a>,
    ) -> Walked<Option<Value>> {
        let fits = |walk: &Self, value: Value| norm.norm_width() == Some(walk.width(value));
        match x.filter(|now| fits(self, *now)) {
            Some(now) => {
                if let Some((_, before)) = reached.last.filter(|(_, before)| both && fits(self, *before)) {
                    self.module(norm, Some(before))?;
                }
                self.module(norm, Some(now)).map(Some)
            }
            // One number for all units: the slope of an activation.
            None if x.is_some() && norm.norm_width() == Some(1) => {
                norm.names().iter().try_for_each(|name| self.keep(name))?;
                Ok(x)
            }
            None => {
                reached.late.push(norm);
                Ok(x)
            }
        }
    }

    /// A layer, or a module of several, among the modules of one.
    fn layered<'m, 'a>(
        &mut self,
        chain: &Chain<'m, 'a>,
        child: &'m Module<'a>,
        x: Option<Value>,
        reached: &mut Reached<'m, 'a>,
    ) -> Walked {
        let y = match self.module(child, x) {
            Ok(y) => y,
            Err(refused) => self.another_head(chain.root, child, reached)?.ok_or(refused)?,
        };
        if reached.values.is_empty() {
            reached.values.extend(self.input);
        }
        let mut sum = y;
        if is_pooler(child) {
            // What comes after may read either.
            self.outputs.push(y);
            if let Some(x) = x.filter(|x| self.width(*x) == self.width(y)) {
                sum = self.tie(child, x, y)?;
            }
        } else if !chain.certain {
            sum = self.tied_to_equals(chain.root && chain.several, child, y, &reached.values)?;
        } else if let Some((_, before)) = reached.last.filter(|(last, _)| is_gate(last, child))
            && !chain.root
            && self.width(before) == self.width(y)
        {
            sum = self.tie(child, y, before)?;
        }
        if chain.root && !chain.certain && self.is_side_branch(child, x, sum) {
            self.outputs.push(sum);
        }
        reached.last = x.map(|x| (child, x));
        reached.values.push(sum);
        Ok(sum)
    }

    /// An auxiliary classifier, which reads something computed before.
    fn beside(&mut self, module: &Module<'_>, reached: &[Value]) -> Walked<bool> {
        let read = module.layers().first().and_then(|first| first.sizes()).map(|(read, _)| read);
        let source = reached.iter().copied().find(|value| Some(self.width(*value)) == read);
        let Some(source) = source else { return Ok(false) };
        let y = self.module(module, Some(source))?;
        self.outputs.push(y);
        Ok(true)
    }

    /// Gives what was waiting for units of this width its place. Arrays wait where values of one width are not tied,
    /// and may belong to any of them.
    fn catch_up(
        &mut self,
        module: &Module<'_>,
        certain: bool,
        mut x: Value,
        reached: &mut Reached<'_, '_>,
    ) -> Value {
        reached.arrays.retain(|(key, shape)| {
            match self.own_array(module, key, shape, x).filter(|_| !certain) {
                Some(next) => {
                    x = next;
                    false
                }
                None => true,
            }
        });
        reached.late.retain(|norm| {
            let fits = norm.norm_width() == Some(self.width(x));
            match fits.then(|| self.module(norm, Some(x))) {
                Some(Ok(next)) => {
                    x = next;
                    false
                }
                _ => true,
            }
        });
        x
    }

    /// Refuses weights that are kept in two parts.
    pub(super) fn refuse_normalised(module: &Module<'_>) -> Walked<()> {
        let parts = ["weight_g", "weight_v", "weight_orig", "original0"];
        if !module.arrays.iter().any(|(key, _)| parts.contains(key)) {
            return Ok(());
        }
        let advice = "its weights are normalised; take the normalisation off before saving (in PyTorch \
                      torch.nn.utils.remove_weight_norm, or parametrize.remove_parametrizations)";
        Err(stuck(&module.path, advice))
    }

    /// Arrays that scale or shift units one by one.
    pub(super) fn elementwise(&mut self, module: &Module<'_>, mut x: Value) -> Walked {
        for (key, shape) in &module.arrays {
            let next = self.own_array(module, key, shape, x);
            x = next.ok_or_else(|| {
                stuck(&module.name(key), &format!("an array {shape:?} that belongs to no layer"))
            })?;
        }
        Ok(x)
    }

    /// Gives what is still waiting a place among what was computed before, or refuses.
    fn settle(&mut self, module: &Module<'_>, certain: bool, reached: &Reached<'_, '_>) -> Walked<()> {
        for norm in &reached.late {
            let mut values = reached.values.iter().rev().copied();
            let own = values.find(|value| norm.norm_width() == Some(self.width(*value)));
            let own =
                own.ok_or_else(|| stuck(&norm.path, "a normalisation of units that no layer writes"))?;
            self.module(norm, Some(own))?;
        }
        for (key, shape) in &reached.arrays {
            let name = module.name(key);
            let small = shape.iter().product::<usize>() <= 1 || is_buffer(key);
            let values = reached.values.iter().filter(|_| certain && !small);
            let placed = values.filter(|x| self.own_array(module, key, shape, **x).is_some()).count();
            if placed == 0 {
                if !small {
                    return Err(stuck(&name, &format!("an array {shape:?} that belongs to no layer")));
                }
                self.keep(&name)?;
            }
        }
        Ok(())
    }

    /// A layer that reads what the one before it read, at the end of the network: several heads on one trunk.
    fn another_head(
        &mut self,
        root: bool,
        child: &Module<'_>,
        reached: &mut Reached<'_, '_>,
    ) -> Walked<Option<Value>> {
        let Some((read, _)) = child.sizes().filter(|_| root) else { return Ok(None) };
        let Some(trunk) = reached.trunk.or(reached.last.map(|(_, before)| before)) else { return Ok(None) };
        let Some(&left) = reached.values.last().filter(|_| self.width(trunk) == read) else {
            return Ok(None);
        };
        let y = self.module(child, Some(trunk))?;
        self.outputs.push(left);
        reached.trunk = Some(trunk);
        Ok(Some(y))
    }

    /// Dense layers beside the trunk, such as projectors, end at its width; what they write may be an output.
    fn is_side_branch(&self, child: &Module<'_>, before: Option<Value>, y: Value) -> bool {
        let dense = child.layers().iter().all(|layer| layer.leaf() == Some(Leaf::Dense));
        let blocks = child.is_list() && child.children.iter().all(|inner| inner.leaf().is_none());
        let named = child.key.parse::<usize>().is_err() && child.leaf().is_none() && !blocks;
        dense && named && !self.tokens && before.is_some_and(|x| self.width(x) == self.width(y))
    }

    /// The value, tied to the last of its width before it, which is tied to those before.
    fn tied_to_equals(&mut self, open: bool, child: &Module<'_>, y: Value, reached: &[Value]) -> Walked {
        let Some(x) = reached.iter().rev().copied().find(|x| self.width(*x) == self.width(y)) else {
            return Ok(y);
        };
        if open && child.leaf().is_some() {
            self.open.insert(Open::Order);
        }
        self.tie(child, y, x)
    }

    /// An array beside the modules: tokens, positions, the scale of a layer.
    fn own_array(&mut self, module: &Module<'_>, key: &str, shape: &[usize], x: Value) -> Option<Value> {
        let (name, lower) = (module.name(key), key.to_ascii_lowercase());
        if !shape.contains(&self.width(x)) || is_buffer(key) {
            return None;
        }
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if has(&["token", "cls", "class_emb"]) && shape.last() == Some(&self.width(x)) {
            self.tokens = true;
            return self.net.prepend(&name, x).ok();
        }
        if has(&["pos"]) && shape.last() == Some(&self.width(x)) {
            self.tokens = true;
            return self.net.shift(&name, x).ok();
        }
        if shape.iter().filter(|&&len| len > 1).count() > 1 {
            return None;
        }
        if has(&["gamma", "scale", "lambda", "weight", "ls"]) {
            self.net.scale(&name, x).ok()
        } else {
            self.net.shift(&name, x).ok()
        }
    }
}

/// Buffers that hold places or masks.
fn is_buffer(key: &str) -> bool {
    ["attn_mask", "position_ids", "inv_freq", "freqs", "relative_position_index", "causal_mask"]
        .contains(&key)
}
