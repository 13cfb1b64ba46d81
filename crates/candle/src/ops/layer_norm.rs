//! LayerNorm over the channels of every pixel.

use super::device::Kept;
use super::kernel::{Kernel, Values, apply, ready};
use super::{Fusion, OpError};
use basin_kernels::ops::ChannelNorm;
use candle_core::{Result, Tensor};
use std::borrow::Cow;

/// act(γ · x̂ + β + shortcut), x̂ normalised over the last axis of `[…, channels]`; γ and β are `[channels]`, the shortcut
/// is like x. Differentiable in all four.
///
/// # Errors
/// [`OpError`].
pub fn layer_norm(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    epsilon: f32,
    then: Fusion<'_>,
) -> Result<Tensor> {
    let [x, gamma, beta] = ready("layer_norm", [x, gamma, beta])?;
    let channels = x.dims().last().copied().unwrap_or(0);
    let other = then.shortcut.map_or(x.dims(), Tensor::dims);
    if channels == 0 || gamma.dims() != [channels] || beta.dims() != [channels] || other != x.dims() {
        let found = format!("{:?}, γ {:?}, β {:?}, shortcut {other:?}", x.dims(), gamma.dims(), beta.dims());
        let expected = "[…, channels], [channels] twice, and a shortcut like the first";
        return Err(OpError::Shape { operation: "layer_norm", found, expected }.into());
    }
    let on_host = ChannelNorm::new(epsilon, then.relu);
    let norm = LayerNorm { epsilon, relu: then.relu, on_host, kept: Kept::default() };
    match then.shortcut {
        None => apply(norm, [&x, &gamma, &beta]),
        Some(shortcut) => {
            let [shortcut] = ready("layer_norm", [shortcut])?;
            apply(norm, [&x, &gamma, &beta, &shortcut])
        }
    }
}

/// What a device's kernels are told is told to those of the CPU at the beginning.
#[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "read where there is a device"))]
pub(super) struct LayerNorm {
    pub(super) epsilon: f32,
    pub(super) relu: bool,
    on_host: ChannelNorm,
    /// What the forward pass on a device leaves to the reverse one.
    pub(super) kept: Kept,
}

impl Kernel<3> for LayerNorm {
    const NAME: &'static str = "basin-layer-norm";

    fn forward(&self, [x, gamma, beta]: [Values<'_>; 3]) -> Result<(Vec<f32>, Vec<usize>)> {
        Ok((self.on_host.forward(x.data, None, gamma.data, beta.data), x.dims.to_vec()))
    }

    fn backward(
        &self,
        [x, gamma, _]: [Values<'_>; 3],
        _: [bool; 3],
        y: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 3]> {
        let (dx, _, [dgamma, dbeta]) = self.on_host.backward(x.data, gamma.data, y, dy, false)?;
        Ok([Some(dx), Some(dgamma), Some(dbeta)])
    }
}

impl Kernel<4> for LayerNorm {
    const NAME: &'static str = "basin-layer-norm-add";

    fn forward(&self, [x, gamma, beta, shortcut]: [Values<'_>; 4]) -> Result<(Vec<f32>, Vec<usize>)> {
        let y = self.on_host.forward(x.data, Some(shortcut.data), gamma.data, beta.data);
        Ok((y, x.dims.to_vec()))
    }

    fn backward(
        &self,
        [x, gamma, ..]: [Values<'_>; 4],
        _: [bool; 4],
        y: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 4]> {
        let (dx, ds, [dgamma, dbeta]) = self.on_host.backward(x.data, gamma.data, y, dy, true)?;
        Ok([Some(dx), Some(dgamma), Some(dbeta), ds])
    }
}
