//! Multi-head attention between the tokens of an image.

use super::OpError;
use super::count::count;
use super::device::Kept;
use super::kernel::{Kernel, Values, apply, check, ready, spent};
use basin_kernels::{Isa, attention as kernels, reuse};
use candle_core::{Result, Tensor};
use rayon::prelude::*;
use std::borrow::Cow;
use std::sync::OnceLock;

/// softmax(q kᵀ / √(d/heads)) v for `[n, tokens, 3 d]`, queries, keys and values of all heads one after another, to
/// `[n, tokens, d]`. Differentiable in all three; no matrix of tokens × tokens outlives a head.
///
/// # Errors
/// [`OpError`].
pub fn attention(qkv: &Tensor, heads: usize) -> Result<Tensor> {
    check("attention", [qkv])?;
    match *qkv.dims() {
        [n, tokens, width]
            if heads > 0
                && tokens > 0
                && width > 0
                && width.is_multiple_of(3)
                && (width / 3).is_multiple_of(heads) =>
        {
            let macs = 2 * (n * tokens * tokens) as u64 * (width / 3) as u64;
            if let Some(counted) = count(macs, 0, &[n, tokens, width / 3]) {
                return counted;
            }
            let [qkv] = ready("attention", [qkv])?;
            apply(Attention { heads, log_sum: OnceLock::new(), kept: Kept::default() }, [&qkv])
        }
        ref dims => {
            let found = format!("{dims:?} for {heads} heads");
            let expected = "[n, tokens, 3 · channels], the heads dividing the channels";
            Err(OpError::Shape { operation: "attention", found, expected }.into())
        }
    }
}

#[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "read where there is a device"))]
pub(super) struct Attention {
    pub(super) heads: usize,
    /// ln Σ exp of every query's scores, for the reverse pass.
    log_sum: OnceLock<Vec<f32>>,
    /// The same on a device.
    pub(super) kept: Kept,
}

impl Kernel<1> for Attention {
    const NAME: &'static str = "basin-attention";

    fn forward(&self, [qkv]: [Values<'_>; 1]) -> Result<(Vec<f32>, Vec<usize>)> {
        let (n, tokens, channels) = (qkv.dims[0], qkv.dims[1], qkv.dims[2] / 3);
        let (mut y, mut log_sum) = (vec![0.0; n * tokens * channels], vec![0.0; n * self.heads * tokens]);
        let images = y.par_chunks_mut(tokens * channels).zip(log_sum.par_chunks_mut(self.heads * tokens));
        images.zip(qkv.data.par_chunks(3 * tokens * channels)).for_each(|((y, log_sum), qkv)| {
            kernels::forward(qkv, tokens, channels, self.heads, y, log_sum, Isa::detect());
        });
        let _ = self.log_sum.set(log_sum);
        Ok((y, vec![n, tokens, channels]))
    }

    fn backward(
        &self,
        [qkv]: [Values<'_>; 1],
        _: [bool; 1],
        _: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 1]> {
        let (tokens, channels) = (qkv.dims[1], qkv.dims[2] / 3);
        let Some(log_sum) = self.log_sum.get() else {
            candle_core::bail!("attention kept nothing for the reverse pass");
        };
        let mut dqkv = reuse::zeroed(qkv.data.len());
        let (whole, part) = (3 * tokens * channels, self.heads * tokens);
        let images = dqkv.par_chunks_mut(whole).zip(qkv.data.par_chunks(whole));
        let images = images.zip(log_sum.par_chunks(part).zip(dy.par_chunks(tokens * channels)));
        images.for_each(|((dqkv, qkv), (log_sum, dy))| {
            kernels::backward(qkv, log_sum, dy, tokens, channels, self.heads, dqkv, Isa::detect());
        });
        spent(dy);
        Ok([Some(dqkv)])
    }
}
