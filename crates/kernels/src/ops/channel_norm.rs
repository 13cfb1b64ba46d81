//! LayerNorm over channels, with optional shortcut and ReLU, as candle operations.

use crate::norm::{NormShape, backward, forward};
use crate::simd::Isa;
use crate::tensor::{floats, slice, tensor};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::sync::OnceLock;

/// Values of one task; they fix the order of summation, whatever the threads.
const CHUNK: usize = 64 * 1024;

/// act(γ · x̂ + β) over the last axis of `[…, channels]`; γ and β are `[channels]`. Differentiable in all
/// three. On all cores.
///
/// # Errors
/// When shapes do not fit, or a tensor is not a contiguous `f32` tensor on the CPU.
pub fn channel_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, epsilon: f32, relu: bool) -> Result<Tensor> {
    x.apply_op2(&affine(gamma, beta)?, ChannelNorm { epsilon, relu, statistics: OnceLock::new() })
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
    let norm = ChannelNorm { epsilon, relu, statistics: OnceLock::new() };
    x.apply_op3(shortcut, &affine(gamma, beta)?, norm)
}

/// γ and β as one tensor `[2, channels]`: an operation of candle's has at most three arguments.
fn affine(gamma: &Tensor, beta: &Tensor) -> Result<Tensor> {
    Tensor::stack(&[gamma, beta], 0)
}

struct ChannelNorm {
    epsilon: f32,
    relu: bool,
    /// Of every row, `[rows, 2]`, from the forward pass for the reverse one.
    statistics: OnceLock<Vec<f32>>,
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
        shortcut: Option<(&[f32], &[usize])>,
        affine: (&[f32], &[usize]),
    ) -> Result<Vec<f32>> {
        let shape = self.shape(dims, affine.1)?;
        if let Some((_, other)) = shortcut.filter(|(_, other)| *other != dims) {
            bail!("channel_norm: a shortcut of {other:?} for {dims:?}");
        }
        let (c, isa) = (shape.channels, Isa::detect());
        let (gamma, beta) = affine.0.split_at(c);
        let (mut y, mut statistics) = (vec![0.0; x.len()], vec![0.0; 2 * x.len() / c]);
        let rows = (CHUNK / c).max(1);
        let chunks = y.par_chunks_mut(rows * c).zip(statistics.par_chunks_mut(rows * 2)).enumerate();
        chunks.for_each(|(i, (y, statistics))| {
            let part = i * rows * c..i * rows * c + y.len();
            let shortcut = shortcut.map(|(s, _)| &s[part.clone()]);
            forward(shape, &x[part], shortcut, gamma, beta, y, statistics, isa);
        });
        let _ = self.statistics.set(statistics);
        Ok(y)
    }

    fn gradients(
        &self,
        x: &Tensor,
        shortcut: bool,
        affine: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<Gradients> {
        let shape = self.shape(x.dims(), affine.dims())?;
        let Some(statistics) = self.statistics.get() else {
            bail!("channel_norm: the forward pass kept nothing for the reverse pass");
        };
        let dy = dy.contiguous()?;
        let (values, y, dy, affine_values) = (floats(x)?, floats(y)?, floats(&dy)?, floats(affine)?);
        let (c, isa) = (shape.channels, Isa::detect());
        let (gamma, _) = affine_values.split_at(c);
        let rows = (CHUNK / c).max(1);
        let (mut dx, mut dshortcut) = (vec![0.0; values.len()], dy.to_vec());
        let outputs = dx.par_chunks_mut(rows * c).zip(dshortcut.par_chunks_mut(rows * c));
        let inputs = values.par_chunks(rows * c).zip(y.par_chunks(rows * c));
        let chunks = outputs.zip(inputs).zip(statistics.par_chunks(rows * 2));
        let parts = chunks.map(|(((dx, dy), (x, y)), statistics)| {
            let mut sums = vec![0.0; 2 * c];
            let (dgamma, dbeta) = sums.split_at_mut(c);
            backward(shape, x, y, statistics, gamma, dy, dx, dgamma, dbeta, isa);
            sums
        });
        let mut daffine = vec![0.0; 2 * c];
        for part in parts.collect::<Vec<Vec<f32>>>() {
            daffine.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
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
        let shortcut = Some((slice(shortcut, sl)?, sl.dims()));
        let y = self.run(slice(x, xl)?, xl.dims(), shortcut, (slice(affine, al)?, al.dims()))?;
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
