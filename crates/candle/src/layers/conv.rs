//! Convolution.

use super::xavier;
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
        sizes: [usize; 3],
        stride: usize,
        padding: Padding,
        fan: FanInOut,
        vb: VarBuilder<'_>,
    ) -> Result<Self> {
        let (dist, non_linearity) = (NormalOrUniform::Normal, NonLinearity::ReLU);
        Self::drawn(sizes, stride, padding, Init::Kaiming { dist, fan, non_linearity }, vb)
    }

    /// As [`Conv::new`], first drawn as Glorot and Bengio do ([`xavier`]): a unit has its channels at every pixel of the kernel.
    ///
    /// # Errors
    /// The `VarBuilder`'s.
    pub fn xavier(sizes: [usize; 3], stride: usize, padding: Padding, vb: VarBuilder<'_>) -> Result<Self> {
        let [input, output, kernel] = sizes;
        let pixels = kernel * kernel;
        Self::drawn(sizes, stride, padding, xavier(pixels * input, pixels * output), vb)
    }

    fn drawn(
        [input, output, kernel]: [usize; 3],
        stride: usize,
        padding: Padding,
        init: Init,
        vb: VarBuilder<'_>,
    ) -> Result<Self> {
        let weight = vb.get_with_hints((output, input, kernel, kernel), "weight", init)?;
        Ok(Self { weight, stride, padding })
    }
}

impl Module for Conv {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        conv2d(x, &self.weight, self.stride, self.padding)
    }
}
