//! Convolution.

use crate::ops::{Padding, conv2d};
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::init::{FanInOut, Init, NonLinearity, NormalOrUniform};

/// A convolution without bias: `weight` `[out, in, k, k]`, on `[n, h, w, in]`.
#[derive(Clone, Debug)]
pub struct Conv {
    weight: Tensor,
    stride: usize,
    padding: Padding,
}

impl Conv {
    /// A kernel of `kernel × kernel`, first drawn as He et al. (2015) do: normal, of variance 2 over the fan.
    ///
    /// # Errors
    /// The `VarBuilder`'s.
    pub fn new(
        [input, output, kernel]: [usize; 3],
        stride: usize,
        padding: Padding,
        fan: FanInOut,
        vb: VarBuilder<'_>,
    ) -> Result<Self> {
        let (dist, non_linearity) = (NormalOrUniform::Normal, NonLinearity::ReLU);
        let init = Init::Kaiming { dist, fan, non_linearity };
        let weight = vb.get_with_hints((output, input, kernel, kernel), "weight", init)?;
        Ok(Self { weight, stride, padding })
    }
}

impl Module for Conv {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        conv2d(x, &self.weight, self.stride, self.padding)
    }
}
