//! The operations of a network.

use basin_core::Params;
use std::collections::{BTreeMap, BTreeSet};

/// What an operation computes: some channels at some positions (pixels or tokens). Made by
/// [`Wiring`](super::Wiring).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub(super) usize);

/// Over what a normalisation takes its mean and variance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Norm {
    /// Running statistics of each channel.
    Batch,
    /// All channels: LayerNorm, GroupNorm with one group, RMSNorm.
    Layer,
    /// That many groups of adjacent channels. Channels change places within a group, and groups as wholes.
    Groups(usize),
    /// Some number of groups that is not known. Channels keep to the smallest blocks that any number of groups
    /// allows: pairs where the channels are a power of two.
    UnknownGroups,
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    /// Colours, features: their order stays.
    Input,
    /// `weight` `[out, in / groups, …]`.
    Conv {
        weight: String,
        bias: Option<String>,
        x: Value,
        groups: usize,
    },
    /// `weight` `[out, in]`.
    Dense {
        weight: String,
        bias: Option<String>,
        x: Value,
    },
    Norm {
        scale: Option<String>,
        shift: Option<String>,
        statistics: Option<[String; 2]>,
        x: Value,
        kind: Norm,
    },
    Activation {
        x: Value,
    },
    Add {
        a: Value,
        b: Value,
    },
    Multiply {
        a: Value,
        b: Value,
    },
    /// Zero channels before and after.
    Pad {
        x: Value,
        low: usize,
        high: usize,
    },
    Concat {
        parts: Vec<Value>,
    },
    Slice {
        x: Value,
        start: usize,
        len: usize,
    },
    /// Every channel becomes that many adjacent features.
    Flatten {
        x: Value,
        pixels: usize,
    },
    /// The mean over positions.
    Pool {
        x: Value,
    },
    /// An array with one entry per channel on `axis`, multiplied or added.
    Scale {
        parameter: String,
        axis: usize,
        x: Value,
    },
    Shift {
        parameter: String,
        axis: usize,
        x: Value,
    },
    /// Tokens of their own before the others.
    Prepend {
        parameter: String,
        axis: usize,
        x: Value,
    },
    /// Rows of `weight` `[entries, width]`, whose order stays.
    Embed {
        weight: String,
    },
    /// Softmax(QKᵀ)V in heads; without a number the units inside attention keep their order, `rigid` ones keep it
    /// in their head.
    Attention {
        q: Value,
        k: Value,
        v: Value,
        heads: Option<usize>,
        rigid: bool,
        name: String,
    },
    /// An LSTM (4 gates), a GRU (3) or a plain recurrent layer (1) of h units: `input` `[g·h, in]`, `state`
    /// `[g·h, h]` and biases `[g·h]`.
    Recurrent {
        input: String,
        state: String,
        biases: Vec<String>,
        x: Value,
        gates: usize,
    },
}

/// The operations of a network with the widths of what they compute. Made by
/// [`Wiring::finish`](super::Wiring::finish).
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub(super) ops: Vec<Op>,
    /// Channels of each operation's value.
    pub(super) widths: Vec<usize>,
    pub(super) outputs: Vec<Value>,
    /// Arrays that no operation reads and that keep their order.
    pub(super) kept: Vec<String>,
    /// Number of axes of each array.
    pub(super) ranks: BTreeMap<String, usize>,
}

impl Program {
    /// Number of operations.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there is no operation.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }
}

impl Op {
    /// The arrays that the operation reads.
    pub(super) fn parameters(&self) -> Vec<&String> {
        match self {
            Self::Conv { weight, bias, .. } | Self::Dense { weight, bias, .. } => {
                std::iter::once(weight).chain(bias).collect()
            }
            Self::Norm { scale, shift, statistics, .. } => {
                scale.iter().chain(shift).chain(statistics.iter().flatten()).collect()
            }
            Self::Scale { parameter, .. }
            | Self::Shift { parameter, .. }
            | Self::Prepend { parameter, .. } => {
                vec![parameter]
            }
            Self::Embed { weight } => vec![weight],
            Self::Recurrent { input, state, biases, .. } => {
                [input, state].into_iter().chain(biases).collect()
            }
            Self::Input
            | Self::Activation { .. }
            | Self::Add { .. }
            | Self::Multiply { .. }
            | Self::Pad { .. }
            | Self::Concat { .. }
            | Self::Slice { .. }
            | Self::Flatten { .. }
            | Self::Pool { .. }
            | Self::Attention { .. } => Vec::new(),
        }
    }
}

impl Program {
    /// The arrays that no operation describes, in the order of the network.
    pub(super) fn unexplained<'a>(&self, params: &'a Params) -> Vec<&'a str> {
        let read: BTreeSet<&str> = self
            .ops
            .iter()
            .flat_map(Op::parameters)
            .map(String::as_str)
            .chain(self.kept.iter().map(String::as_str))
            .collect();
        params.iter().map(|(name, _)| name).filter(|name| !read.contains(name)).collect()
    }
}
