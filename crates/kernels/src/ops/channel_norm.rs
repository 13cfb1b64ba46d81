//! LayerNorm over channels, with optional shortcut and ReLU, as candle operations.

use crate::norm::{NormShape, backward, forward};
use crate::reuse;
use crate::simd::Isa;
use crate::tensor::{floats, slice, tensor};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::borrow::Cow;
use std::sync::OnceLock;

/// Values of one task; they fix the order of summation, whatever the threads.
const CHUNK: usize = 64 * 1024;

/// act(γ · x̂ + β) over the last axis of `[…, channels]`; γ and β are `[channels]`. Differentiable in all
/// three. On all cores.
///
/// # Errors
/// When shapes do not fit, or a tensor is not a contiguous `f32` tensor on the CPU.
pub fn channel_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, epsilon: f32, relu: bool) -> Result<Tensor> {
    x.apply_op2(&affine(gamma, beta)?, ChannelNorm::new(epsilon, relu))
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
    x.apply_op3(shortcut, &affine(gamma, beta)?, ChannelNorm::new(epsilon, relu))
}

/// γ and β as one tensor `[2, channels]`: an operation of candle's has at most three arguments.
fn affine(gamma: &Tensor, beta: &Tensor) -> Result<Tensor> {
    Tensor::stack(&[gamma, beta], 0)
}

/// One LayerNorm of a whole batch on all cores, forward and back.
#[derive(Debug)]
pub struct ChannelNorm {
    epsilon: f32,
    relu: bool,
    /// Of every row, `[rows, 2]`, from the forward pass for the reverse one.
    statistics: OnceLock<Vec<f32>>,
}

/// Gradients of x, the shortcut where it is wanted, γ and β.
pub type NormGradients = (Vec<f32>, Option<Vec<f32>>, [Vec<f32>; 2]);

impl ChannelNorm {
    /// With ε added to the variance and a ReLU behind it or none.
    pub fn new(epsilon: f32, relu: bool) -> Self {
        Self { epsilon, relu, statistics: OnceLock::new() }
    }

    fn shape(&self, channels: usize) -> NormShape {
        NormShape { channels, epsilon: self.epsilon, relu: self.relu }
    }

    /// act(γ · x̂ + β + shortcut) for `x` `[rows, channels]`.
    ///
    /// # Panics
    /// When lengths disagree.
    pub fn forward(&self, x: &[f32], shortcut: Option<&[f32]>, gamma: &[f32], beta: &[f32]) -> Vec<f32> {
        let (c, isa) = (gamma.len(), Isa::detect());
        assert!(c > 0 && beta.len() == c && x.len().is_multiple_of(c), "{} values of {c} channels", x.len());
        let shape = self.shape(c);
        let (mut y, mut statistics) = (reuse::stale(x.len()), vec![0.0; 2 * x.len() / c]);
        let rows = (CHUNK / c).max(1);
        let chunks = y.par_chunks_mut(rows * c).zip(statistics.par_chunks_mut(rows * 2)).enumerate();
        chunks.for_each(|(i, (y, statistics))| {
            let part = i * rows * c..i * rows * c + y.len();
            let shortcut = shortcut.map(|s| &s[part.clone()]);
            forward(shape, &x[part], shortcut, gamma, beta, y, statistics, isa);
        });
        let _ = self.statistics.set(statistics);
        y
    }

    /// Gradients from that of the result `y`, which is used up; that of the shortcut where it is wanted.
    ///
    /// # Errors
    /// When no forward pass was before.
    pub fn backward(
        &self,
        x: &[f32],
        gamma: &[f32],
        y: &[f32],
        dy: Cow<'_, [f32]>,
        shortcut: bool,
    ) -> Result<NormGradients> {
        let Some(statistics) = self.statistics.get() else {
            bail!("channel_norm: the forward pass kept nothing for the reverse pass");
        };
        let (c, isa) = (gamma.len(), Isa::detect());
        let (shape, rows) = (self.shape(c), (CHUNK / c).max(1));
        let (mut dx, mut dshortcut) = (reuse::stale(x.len()), dy.into_owned());
        let outputs = dx.par_chunks_mut(rows * c).zip(dshortcut.par_chunks_mut(rows * c));
        let inputs = x.par_chunks(rows * c).zip(y.par_chunks(rows * c));
        let chunks = outputs.zip(inputs).zip(statistics.par_chunks(rows * 2));
        let parts = chunks.map(|(((dx, ds), (x, y)), statistics)| {
            let (mut dgamma, mut dbeta) = (vec![0.0; c], vec![0.0; c]);
            backward(shape, x, y, statistics, gamma, ds, dx, &mut dgamma, &mut dbeta, isa);
            [dgamma, dbeta]
        });
        let mut sums = [vec![0.0; c], vec![0.0; c]];
        for part in parts.collect::<Vec<_>>() {
            for (sum, part) in sums.iter_mut().zip(part) {
                sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            }
        }
        let dshortcut = match shortcut {
            true => Some(dshortcut),
            false => {
                reuse::give_back(dshortcut);
                None
            }
        };
        Ok((dx, dshortcut, sums))
    }

    /// The forward pass of candle's operation, shapes checked.
    fn run(
        &self,
        x: &[f32],
        dims: &[usize],
        shortcut: Option<(&[f32], &[usize])>,
        (affine, sizes): (&[f32], &[usize]),
    ) -> Result<Vec<f32>> {
        match (dims.last(), sizes) {
            (Some(&channels), &[2, c]) if c == channels && c > 0 => {}
            _ => bail!("channel_norm: {dims:?} does not end in the channels of scale and shift {sizes:?}"),
        }
        if let Some((_, other)) = shortcut.filter(|(_, other)| *other != dims) {
            bail!("channel_norm: a shortcut of {other:?} for {dims:?}");
        }
        let (gamma, beta) = affine.split_at(sizes[1]);
        Ok(self.forward(x, shortcut.map(|(s, _)| s), gamma, beta))
    }

    /// Gradients of candle's operation: x, shortcut and affine.
    fn gradients(
        &self,
        x: &Tensor,
        shortcut: bool,
        affine: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Tensor, Option<Tensor>, Tensor)> {
        let (dy, values) = (dy.contiguous()?, floats(affine)?);
        let gamma = &values[..values.len() / 2];
        let (dx, ds, daffine) =
            self.backward(&floats(x)?, gamma, &floats(y)?, Cow::Borrowed(&floats(&dy)?), shortcut)?;
        let ds = ds.map(|ds| tensor(ds, x.dims())).transpose()?;
        Ok((tensor(dx, x.dims())?, ds, tensor(daffine.concat(), affine.dims())?))
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
