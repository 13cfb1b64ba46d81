//! Blocks of convolutions: skip connections, gates, and channels that a shortcut pads.

use super::tree::{Leaf, Module};
use super::walk::{Walk, Walked, stuck, wiring};
use super::{Open, Padding};
use crate::network::Value;

/// The module of a block that its input takes instead of the others.
pub(super) fn shortcut<'m, 'a>(module: &'m Module<'a>) -> Option<&'m Module<'a>> {
    let is = |child: &&Module<'_>| is_around(child) && child.weights() > 0;
    module.children.iter().find(is).filter(|_| module.weights() > 1)
}

/// Whether a module is called a shortcut.
pub(super) fn is_around(module: &Module<'_>) -> bool {
    let key = module.key.to_ascii_lowercase();
    ["shortcut", "downsample", "skip", "proj", "identity", "residual"].iter().any(|word| key.contains(word))
}

/// Three or more modules called branches, which all read what their module reads and write side by side.
pub(super) fn branches<'m, 'a>(module: &'m Module<'a>) -> Option<Vec<&'m Module<'a>>> {
    let named =
        module.children.iter().all(|child| child.key.starts_with("branch") && child.number().is_some());
    (named && module.children.len() > 2).then(|| module.children.iter().collect())
}

/// Whether a module is a block of layers that follow one another, as its numbered or known names say:
/// convolutions with normalisations, and gates.
pub(super) fn is_block(module: &Module<'_>) -> bool {
    let named = module.key.ends_with(|c: char| c.is_ascii_digit()) || module.key.contains("block");
    let steps: Vec<&Module<'_>> =
        module.children.iter().filter(|child| child.layers().len() == 1 && !is_around(child)).collect();
    let letters = steps.iter().map(|child| child.key).eq(["a", "b", "c"]);
    let convolutions = module.layers().iter().filter(|layer| layer.leaf() == Some(Leaf::Conv)).count();
    let norms = module.all().iter().any(|inner| inner.leaf() == Some(Leaf::Norm));
    let known = named && steps.iter().all(|child| has_place(child)) || letters;
    known
        && !module.is_list()
        && steps.len() > 1
        && convolutions > 1
        && norms
        && !branches_off(&steps)
        && steps.iter().all(|step| has_own_norm(module, step))
}

/// Whether a layer's name says its place among others: a number, or one of the usual names.
fn has_place(layer: &Module<'_>) -> bool {
    let key = layer.key.to_ascii_lowercase();
    let usual = ["conv_pw", "conv_dw", "conv_pwl", "conv_exp", "conv_reduce", "conv_expand", "dwconv"];
    let stem = key.trim_end_matches(|c: char| c.is_ascii_digit());
    let numbered = layer.number().is_some_and(|number| number < 100);
    let stems = ["conv", "conv_", "fc", "pwconv", "dwconv", "convbn", "conv_bn", "cv"];
    usual.contains(&key.as_str()) || numbered && stems.contains(&stem)
}

/// Two layers that see single positions, one behind the other, are the end of one branch and the beginning of
/// another, unless they are a gate.
fn branches_off(steps: &[&Module<'_>]) -> bool {
    steps.windows(2).any(|pair| {
        let [first, second] = [pair[0], pair[1]].map(|step| step.layers()[0]);
        first.is_pointwise() && second.is_pointwise() && !is_gate(first, second)
    })
}

/// Where normalisations have numbers, a convolution without one of its number stands somewhere else.
fn has_own_norm(module: &Module<'_>, step: &Module<'_>) -> bool {
    let numbers: Vec<usize> = (module.children.iter())
        .filter(|child| child.leaf() == Some(Leaf::Norm))
        .filter_map(Module::number)
        .collect();
    let other = numbers.is_empty() || step.leaf() != Some(Leaf::Conv) || step.key.starts_with("fc");
    other || step.number().is_none_or(|number| numbers.contains(&number))
}

/// Whether a layer of a block is the second of two between which its channels shrink: the gate of a
/// squeeze-and-excitation, whose result is multiplied to what the first one read.
pub(super) fn is_gate(first: &Module<'_>, second: &Module<'_>) -> bool {
    let sizes = first.sizes().zip(second.sizes());
    let shrinks =
        sizes.is_some_and(|((read, small), (again, wrote))| read == wrote && small == again && small < read);
    shrinks && first.is_pointwise() && second.is_pointwise()
}

/// Whether the second of three layers has groups: between two that see single positions, it reads part of what the
/// first one writes, and writes as many.
pub(super) fn is_grouped(three: &[&Module<'_>]) -> bool {
    let [before, layer, behind] = three else { return false };
    let sizes = before.sizes().zip(layer.sizes());
    let part = sizes.is_some_and(|((_, width), (read, out))| read > 1 && read < width && out == width);
    part && before.is_pointwise() && behind.is_pointwise() && !layer.is_pointwise()
}

impl Walk<'_> {
    /// A block whose input also takes a shortcut with layers of its own.
    pub(super) fn with_shortcut(&mut self, module: &Module<'_>, shortcut: &Module<'_>, x: Value) -> Walked {
        let mut inner = module.clone();
        inner.children.retain(|child| child.key != shortcut.key);
        let y = self.sequence(&inner, Some(x))?;
        let around = self.module(shortcut, Some(x))?;
        self.tie(module, y, around)
    }

    /// Modules side by side.
    pub(super) fn branches(&mut self, module: &Module<'_>, all: &[&Module<'_>], x: Option<Value>) -> Walked {
        let x = x.ok_or_else(|| stuck(&module.path, "branches before any layer"))?;
        let made = all.iter().map(|branch| self.module(branch, Some(x))).collect::<Walked<Vec<Value>>>()?;
        Ok(self.net.concat(&made))
    }

    /// A block that writes more channels than it reads, without layers in its shortcut: there may be none, or one
    /// that pads with zeros, on both sides or behind.
    pub(super) fn padded(&mut self, module: &Module<'_>, x: Value, y: Value) -> Walked {
        let (read, wrote) = (self.width(x), self.width(y));
        let convolutions = module.layers().iter().filter(|layer| layer.leaf() == Some(Leaf::Conv)).count();
        let depthwise = module.layers().iter().any(|layer| layer.is_depthwise());
        if !is_block(module) || convolutions < 2 || depthwise || wrote <= read {
            return Ok(y);
        }
        self.used.padding = true;
        if self.told.padding.is_none() {
            self.open.insert(Open::Padding);
        }
        let more = wrote - read;
        let ends: &[usize] = match self.told.padding {
            Some(Padding::None) => &[],
            Some(Padding::Both) => &[more / 2],
            Some(Padding::Behind) => &[0],
            None => &[more / 2, more - more / 2, 0],
        };
        let mut sum = y;
        for &low in ends {
            let padded = self.net.pad(x, low, more - low);
            sum = self.net.add(sum, padded).map_err(|error| wiring(&module.path, &error))?;
        }
        Ok(sum)
    }
}
