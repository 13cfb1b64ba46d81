//! Blocks of convolutions: skip connections, gates, and channels that a shortcut pads.

use super::tree::{Leaf, Module};
use super::walk::{Walk, Walked, wiring};
use super::{Open, Padding};
use crate::network::Value;

/// The module of a block that its input takes instead of the others.
pub(super) fn shortcut<'m, 'a>(module: &'m Module<'a>) -> Option<&'m Module<'a>> {
    let words = ["shortcut", "downsample", "skip", "proj", "identity", "residual", "convshortcut"];
    let is = |child: &&Module<'_>| {
        let key = child.key.to_ascii_lowercase();
        words.iter().any(|word| key.contains(word)) && child.weights() > 0
    };
    module.children.iter().find(is).filter(|_| module.weights() > 1)
}

/// Whether a module is a block of layers that follow one another, as its numbered or known names say:
/// convolutions with normalisations, and gates.
pub(super) fn is_block(module: &Module<'_>) -> bool {
    let named = module.key.ends_with(|c: char| c.is_ascii_digit()) || module.key.contains("block");
    let layers: Vec<_> = module.children.iter().filter(|child| child.sizes().is_some()).collect();
    let known = |child: &&Module<'_>| {
        ["conv", "dw", "pw", "fc", "shortcut", "downsample"].iter().any(|word| child.key.contains(word))
    };
    named
        && !module.is_list()
        && layers.iter().filter(|child| child.leaf() == Some(Leaf::Conv)).count() > 1
        && layers.iter().all(known)
        && module.children.iter().any(|child| child.leaf() == Some(Leaf::Norm))
}

/// Whether a layer of a block is the second of two between which its channels shrink: the gate of a
/// squeeze-and-excitation, whose result is multiplied to what the first one read.
pub(super) fn is_gate(first: &Module<'_>, second: &Module<'_>) -> bool {
    let sizes = first.sizes().zip(second.sizes());
    let shrinks =
        sizes.is_some_and(|((read, small), (again, wrote))| read == wrote && small == again && small < read);
    shrinks && first.is_pointwise() && second.is_pointwise()
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

    /// A block that writes more channels than it reads, without layers in its shortcut: there may be none, or one
    /// that pads with zeros, on both sides or behind.
    pub(super) fn padded(&mut self, module: &Module<'_>, x: Value, y: Value) -> Walked {
        let (read, wrote) = (self.width(x), self.width(y));
        let convolutions = module.layers().iter().filter(|layer| layer.leaf() == Some(Leaf::Conv)).count();
        let depthwise = module.layers().iter().any(|layer| layer.is_depthwise());
        if !is_block(module)
            || convolutions < 2
            || depthwise
            || wrote <= read
            || !(wrote - read).is_multiple_of(2)
        {
            return Ok(y);
        }
        if self.told.padding.is_none() {
            self.open.insert(Open::Padding);
        }
        let more = wrote - read;
        let ends: &[usize] = match self.told.padding {
            Some(Padding::None) => &[],
            Some(Padding::Both) => &[more / 2],
            Some(Padding::Behind) => &[0],
            None => &[more / 2, 0],
        };
        let mut sum = y;
        for &low in ends {
            let padded = self.net.pad(x, low, more - low);
            sum = self.net.add(sum, padded).map_err(|error| wiring(&module.path, &error))?;
        }
        Ok(sum)
    }
}
