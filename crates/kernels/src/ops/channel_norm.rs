//! LayerNorm over channels, with optional shortcut and ReLU, as candle operations.

use crate::norm::{NormShape, backward, forward};
use crate::simd::Isa;
use crate::tensor::{floats, slice, tensor};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

/// act(γ · x̂ + β) over the last axis of `[…, channels]`; γ and β are `[channels]`. Differentiable in all
/// three.
///
/// # Errors
/// When shapes do not fit, or a tensor is not a contiguous `f32` tensor on the CPU.
pub fn channel_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, epsilon: f32, relu: bool) -> Result<Tensor> {
    x.apply_op2(&affine(gamma, beta)?, ChannelNorm { epsilon, relu })
}

/// act(γ · x̂ + β + shortcut), the shortcut having the shape of x. Differentiable in all four.
///
/// # Errors
/// As [`channel_norm`].
pub fn channel_norm_add(
    x: &Tensor,
    shortcut: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    epsilon: f32,
    relu: bool,
) -> Result<Tensor> {
    x.apply_op3(shortcut, &affine(gamma, beta)?, ChannelNorm { epsilon, relu })
}

/// γ and β as one tensor `[2, channels]`: an operation of candle's has at most three arguments.
fn affine(gamma: &Tensor, beta: &Tensor) -> Result<Tensor> {
    Tensor::stack(&[gamma, beta], 0)
}

struct ChannelNorm {
    epsilon: f32,
    relu: bool,
}

/// Gradients of x, shortcut and affine.
type Gradients = (Tensor, Option<Tensor>, Tensor);

impl ChannelNorm {
    fn shape(&self, x: &[usize], affine: &[usize]) -> Result<NormShape> {
        match (x.last(), affine) {
            (Some(&channels), &[2, c]) if c == channels && c > 0 => {
                Ok(NormShape { channels, epsilon: self.epsilon, relu: self.relu })
            }
            _ => bail!("channel_norm: {x:?} does not end in the channels of scale and shift {affine:?}"),
        }
    }

    fn run(
        &self,
        x: &[f32],
        dims: &[usize],
        shortcut: Option<&[f32]>,
        affine: (&[f32], &[usize]),
    ) -> Result<Vec<f32>> {
        let shape = self.shape(dims, affine.1)?;
        if shortcut.is_some_and(|s| s.len() != x.len()) {
            bail!("channel_norm: the shortcut does not have the shape {dims:?}");
        }
        let (gamma, beta) = affine.0.split_at(shape.channels);
        let (mut y, mut statistics) = (vec![0.0; x.len()], vec![0.0; 2 * x.len() / shape.channels]);
        forward(shape, x, shortcut, gamma, beta, &mut y, &mut statistics, Isa::detect());
        Ok(y)
    }

    /// The row statistics are computed again: the op keeps no state between the passes.
    fn gradients(
        &self,
        x: &Tensor,
        shortcut: bool,
        affine: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<Gradients> {
        let shape = self.shape(x.dims(), affine.dims())?;
        let dy = dy.contiguous()?;
        let (values, y, dy, affine_values) = (floats(x)?, floats(y)?, floats(&dy)?, floats(affine)?);
        let (gamma, beta) = affine_values.split_at(shape.channels);
        let rows = values.len() / shape.channels;
        let (mut again, mut statistics) = (vec![0.0; values.len()], vec![0.0; 2 * rows]);
        forward(shape, &values, None, gamma, beta, &mut again, &mut statistics, Isa::detect());
        let (mut dx, mut dshortcut) = (vec![0.0; values.len()], dy.to_vec());
        let mut daffine = vec![0.0; 2 * shape.channels];
        let (dgamma, dbeta) = daffine.split_at_mut(shape.channels);
        let isa = Isa::detect();
        backward(shape, &values, &y, &statistics, gamma, &mut dshortcut, &mut dx, dgamma, dbeta, isa);
        let dshortcut = shortcut.then(|| tensor(dshortcut, x.dims())).transpose()?;
        Ok((tensor(dx, x.dims())?, dshortcut, tensor(daffine, affine.dims())?))
    }
}

impl CustomOp2 for ChannelNorm {
    fn name(&self) -> &'static str {
        "basin-channel-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        affine: &CpuStorage,
        al: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let y = self.run(slice(x, xl)?, xl.dims(), None, (slice(affine, al)?, al.dims()))?;
        Ok((CpuStorage::F32(y), xl.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        affine: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (dx, _, daffine) = self.gradients(x, false, affine, y, dy)?;
        Ok((Some(dx), Some(daffine)))
    }
}

impl CustomOp3 for ChannelNorm {
    fn name(&self) -> &'static str {
        "basin-channel-norm-add"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        shortcut: &CpuStorage,
        sl: &Layout,
        affine: &CpuStorage,
        al: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let shortcut = slice(shortcut, sl)?;
        let y = self.run(slice(x, xl)?, xl.dims(), Some(shortcut), (slice(affine, al)?, al.dims()))?;
        Ok((CpuStorage::F32(y), xl.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        _shortcut: &Tensor,
        affine: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (dx, dshortcut, daffine) = self.gradients(x, true, affine, y, dy)?;
        Ok((Some(dx), dshortcut, Some(daffine)))
    }
}
