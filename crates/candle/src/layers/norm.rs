//! The normalisation that a network has, if any.

use super::BatchNorm;
use crate::ops::{Fusion, add_relu, layer_norm, relu};
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::init::Init;
use std::fmt;

/// ε of LayerNorm, as in the ResNets of `basin-models`.
const EPSILON: f32 = 1e-6;

/// How a network normalises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// Not at all.
    None,
    /// LayerNorm over the channels of every pixel.
    Layer,
    /// BatchNorm.
    Batch,
}

impl fmt::Display for Norm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no norm",
            Self::Layer => "LayerNorm",
            Self::Batch => "BatchNorm",
        })
    }
}

/// A normalisation of one layer, or none.
#[derive(Clone, Debug)]
pub enum NormLayer {
    /// The values as they are.
    None,
    /// `weight` and `bias`.
    Layer(Tensor, Tensor),
    /// With running statistics.
    Batch(BatchNorm),
}

impl NormLayer {
    /// Scale 1 and shift 0 at first.
    ///
    /// # Errors
    /// The `VarBuilder`'s.
    pub fn new(norm: Norm, channels: usize, vb: VarBuilder<'_>) -> Result<Self> {
        let get = |name: &str, value| vb.get_with_hints(channels, name, Init::Const(value));
        match norm {
            Norm::None => Ok(Self::None),
            Norm::Layer => Ok(Self::Layer(get("weight", 1.0)?, get("bias", 0.0)?)),
            Norm::Batch => Ok(Self::Batch(BatchNorm::new(channels, vb)?)),
        }
    }

    /// act(norm(x) + shortcut).
    ///
    /// # Errors
    /// [`crate::ops::OpError`].
    pub fn forward(&self, x: &Tensor, then: Fusion<'_>, train: bool) -> Result<Tensor> {
        match (self, then) {
            (Self::Batch(norm), _) => norm.forward_then(x, then, train),
            (Self::Layer(weight, bias), _) => layer_norm(x, weight, bias, EPSILON, then),
            (Self::None, Fusion { shortcut: Some(shortcut), relu: true }) => add_relu(x, shortcut),
            (Self::None, Fusion { shortcut: Some(shortcut), relu: false }) => x + shortcut,
            (Self::None, Fusion { shortcut: None, relu: true }) => relu(x),
            (Self::None, Fusion { shortcut: None, relu: false }) => Ok(x.clone()),
        }
    }
}
