//! LayerNorm over the channels of every pixel.

use super::kernel::ready;
use super::{Fusion, OpError};
use basin_kernels::ops::{channel_norm, channel_norm_add};
use candle_core::{Result, Tensor};

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
    match then.shortcut {
        None => channel_norm(&x, &gamma, &beta, epsilon, then.relu),
        Some(shortcut) => {
            let [shortcut] = ready("layer_norm", [shortcut])?;
            channel_norm_add(&x, &shortcut, &gamma, &beta, epsilon, then.relu)
        }
    }
}
