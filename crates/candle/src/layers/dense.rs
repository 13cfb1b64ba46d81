//! A dense layer.

use super::xavier;
use crate::ops::dense;
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::init::{DEFAULT_KAIMING_NORMAL, Init};

/// `weight` `[out, in]` and `bias` `[out]`, on rows `[…, in]`.
#[derive(Clone, Debug)]
pub struct Dense {
    weight: Tensor,
    bias: Tensor,
}

impl Dense {
    /// A layer in front of a ReLU: weights first drawn as He et al. (2015) do, bias 0.
    ///
    /// # Errors
    /// The `VarBuilder`'s.
    pub fn hidden(input: usize, output: usize, vb: VarBuilder<'_>) -> Result<Self> {
        let weight = vb.get_with_hints((output, input), "weight", DEFAULT_KAIMING_NORMAL)?;
        Ok(Self { weight, bias: vb.get_with_hints(output, "bias", Init::Const(0.0))? })
    }

    /// The layer that gives logits: first drawn as PyTorch's `Linear`, uniform within 1/√in.
    ///
    /// # Errors
    /// The `VarBuilder`'s.
    pub fn head(input: usize, output: usize, vb: VarBuilder<'_>) -> Result<Self> {
        let bound = 1.0 / (input as f64).sqrt();
        let init = Init::Uniform { lo: -bound, up: bound };
        let weight = vb.get_with_hints((output, input), "weight", init)?;
        Ok(Self { weight, bias: vb.get_with_hints(output, "bias", init)? })
    }

    /// A layer first drawn as Glorot and Bengio do, the bias, too ([`xavier`]).
    ///
    /// # Errors
    /// The `VarBuilder`'s.
    pub fn xavier(input: usize, output: usize, vb: VarBuilder<'_>) -> Result<Self> {
        let weight = vb.get_with_hints((output, input), "weight", xavier(input, output))?;
        Ok(Self { weight, bias: vb.get_with_hints(output, "bias", xavier(1, output))? })
    }
}

impl Module for Dense {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        dense(x, &self.weight, Some(&self.bias))
    }
}
