//! Dropout whose masks are a function of seeds that the caller gives.

use super::OpError;
use super::kernel::{Kernel, Values, apply, ready};
use basin_kernels::{Isa, dropout as masks};
use candle_core::{Result, Tensor};
use rayon::prelude::*;
use std::borrow::Cow;

/// Each value of `[n, …]` is zero with probability `rate`, the others are multiplied by 1/(1 − rate). The masks of an image
/// follow from its seed and the number `site` of the layer alone: the same call drops the same values, on every
/// instruction set, whatever other images are in the batch.
///
/// # Errors
/// [`OpError`].
pub fn dropout(x: &Tensor, rate: f32, seeds: &[u64], site: u32) -> Result<Tensor> {
    masked("dropout", x, rate, seeds, site, false)
}

/// All values of an image of `[n, …]` are zero with probability `rate`, or multiplied by 1/(1 − rate): stochastic depth of a
/// residual branch. Whether one is dropped follows from its seed and the number `site` of the layer alone.
///
/// # Errors
/// [`OpError`].
pub fn drop_path(x: &Tensor, rate: f32, seeds: &[u64], site: u32) -> Result<Tensor> {
    masked("drop_path", x, rate, seeds, site, true)
}

fn masked(
    operation: &'static str,
    x: &Tensor,
    rate: f32,
    seeds: &[u64],
    site: u32,
    whole: bool,
) -> Result<Tensor> {
    if !(0.0..1.0).contains(&rate) {
        let (name, found, expected) = ("rate", rate.to_string(), "0 ≤ rate < 1");
        return Err(OpError::Number { operation, name, found, expected }.into());
    }
    let [x] = ready(operation, [x])?;
    if x.dims().first() != Some(&seeds.len()) || seeds.is_empty() {
        let found = format!("{:?} and {} seeds", x.dims(), seeds.len());
        return Err(OpError::Shape {
            operation, found, expected: "[n, …] with a seed for each of n ≥ 1"
        }
        .into());
    }
    apply(Dropout { rate, seeds: seeds.to_vec(), site, whole }, [&x])
}

pub(super) struct Dropout {
    pub(super) rate: f32,
    pub(super) seeds: Vec<u64>,
    pub(super) site: u32,
    /// Whether all values of an image are dropped together.
    pub(super) whole: bool,
}

impl Dropout {
    fn masked(&self, mut masked: Vec<f32>) -> Vec<f32> {
        let (each, isa) = ((masked.len() / self.seeds.len()).max(1), Isa::detect());
        let images = masked.par_chunks_mut(each).zip(&self.seeds);
        images.for_each(|(image, seed)| match self.whole {
            true => masks::drop_images(image, &[*seed], self.site, self.rate),
            false => masks::apply(image, &[*seed], self.site, self.rate, isa),
        });
        masked
    }
}

impl Kernel<1> for Dropout {
    const NAME: &'static str = "basin-dropout";

    fn forward(&self, [x]: [Values<'_>; 1]) -> Result<(Vec<f32>, Vec<usize>)> {
        Ok((self.masked(x.data.to_vec()), x.dims.to_vec()))
    }

    fn backward(
        &self,
        _: [Values<'_>; 1],
        _: [bool; 1],
        _: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 1]> {
        Ok([Some(self.masked(dy.into_owned()))])
    }
}
