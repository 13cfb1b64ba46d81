//! Modules whose layers run side by side: gated units, and pixels merged before they are reduced.

use super::tree::{Leaf, Module};
use super::walk::{Walk, Walked, stuck, wiring};
use crate::network::{Value, WiringError};

/// Names of gate, value and the layer that reads their product.
const GATED: &[[&str; 3]] = &[
    ["gate_proj", "up_proj", "down_proj"],
    ["wi_0", "wi_1", "wo"],
    ["fc1_g", "fc1_x", "fc2"],
    ["gate", "up", "down"],
    ["linear_gate", "linear_up", "linear_down"],
];

/// Such names that mean this in a feed-forward module alone; elsewhere they number layers.
const NUMBERED: [&str; 3] = ["w1", "w3", "w2"];

/// Names of modules that are two layers, one behind the other.
pub(super) const PAIRS: &[[&str; 2]] = &[
    ["fc1", "fc2"],
    ["lin1", "lin2"],
    ["linear1", "linear2"],
    ["linear_1", "linear_2"],
    ["c_fc", "c_proj"],
    ["dense_h_to_4h", "dense_4h_to_h"],
    ["w_1", "w_2"],
    ["0", "2"],
    ["0", "3"],
];

/// Whether a module is called the feed-forward part of a transformer's layer.
fn is_feed_forward(module: &Module<'_>) -> bool {
    let key = module.key.to_ascii_lowercase();
    ["mlp", "ffn", "feed_forward", "ff"].iter().any(|word| key.contains(word))
}

/// Whether a module is two layers, one behind the other, by its name and theirs.
pub(super) fn is_pair(module: &Module<'_>) -> bool {
    is_feed_forward(module)
        && module.layers().len() == 2
        && PAIRS.iter().any(|keys| keys.iter().all(|key| module.child(key).is_some()))
}

/// Layers that run side by side.
#[derive(Debug)]
pub(super) enum Gated<'m, 'a> {
    Unit([&'m Module<'a>; 3]),
    /// Four neighbouring positions side by side, normalised, reduced.
    Merging {
        norm: &'m Module<'a>,
        reduction: &'m Module<'a>,
    },
}

impl<'m, 'a> Gated<'m, 'a> {
    pub(super) fn of(module: &'m Module<'a>) -> Option<Self> {
        let dense = |key: &str| module.child(key).filter(|child| child.leaf() == Some(Leaf::Dense));
        let numbered = is_feed_forward(module).then_some(&NUMBERED);
        let unit = GATED.iter().chain(numbered).find_map(|keys| {
            let [gate, up, down] = keys.map(dense);
            let (gate, up, down) = (gate?, up?, down?);
            let sizes = gate.sizes()? == up.sizes()? && down.sizes()?.0 == up.sizes()?.1;
            (sizes && module.children.len() == 3).then_some(Self::Unit([gate, up, down]))
        });
        let merging = || {
            let (norm, reduction) = (module.child("norm")?, dense("reduction")?);
            (norm.norm_width() == Some(reduction.sizes()?.0)).then_some(Self::Merging { norm, reduction })
        };
        unit.or_else(merging).filter(|_| module.arrays.is_empty())
    }
}

impl Walk<'_> {
    pub(super) fn gated(&mut self, module: &Module<'_>, gated: &Gated<'_, '_>, x: Option<Value>) -> Walked {
        let path = module.path.as_str();
        match gated {
            Gated::Unit([gate, up, down]) => {
                let x = self.begun(x, up.sizes().map_or(0, |(read, _)| read));
                let made = || -> Result<Value, WiringError> {
                    let gate = self.net.dense(&gate.path, x)?;
                    let gate = self.net.activation(gate);
                    let up = self.net.dense(&up.path, x)?;
                    let product = self.net.multiply(gate, up)?;
                    self.net.dense(&down.path, product)
                }();
                let y = made.map_err(|error| wiring(path, &error))?;
                self.around(module, x, y)
            }
            Gated::Merging { norm, reduction } => {
                let x = x.ok_or_else(|| stuck(path, "pixels merged before any layer"))?;
                let (width, read) = (self.width(x), reduction.sizes().map_or(0, |(read, _)| read));
                if read != 4 * width {
                    return Err(stuck(path, &format!("it reads {read} units, expected four times {width}")));
                }
                let four = self.net.concat(&[x; 4]);
                let four = self.module(norm, Some(four))?;
                self.net.dense(&reduction.path, four).map_err(|error| wiring(path, &error))
            }
        }
    }
}
