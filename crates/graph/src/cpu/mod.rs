//! The layers on the CPU: a few images at a time, on the calling thread.

mod accumulators;
mod forward;
mod reverse;

pub use accumulators::Accumulators;

use crate::layers::{Layers, Mode, Step};
use crate::operation::{Norm, Operation};
use crate::tape::Inputs;
use crate::weights::Weights;
use basin_kernels::dropout;
use basin_kernels::{Activation, Buffer};
use candle_core::Result;
use forward::{Drop, Normalised};
use rayon::prelude::*;
use std::borrow::Cow;

/// The weights to use, and in training with dropout a seed of the masks for every image. An image's masks depend on its
/// seed and the order of the layers alone.
#[derive(Debug)]
pub struct CpuLayers<'w> {
    weights: &'w Weights,
    seeds: Vec<u64>,
}

impl<'w> CpuLayers<'w> {
    /// For evaluation, or training without dropout.
    pub fn new(weights: &'w Weights) -> Self {
        Self::with_dropout(weights, Vec::new())
    }

    /// For training, with a seed for every image.
    pub fn with_dropout(weights: &'w Weights, seeds: Vec<u64>) -> Self {
        Self { weights, seeds }
    }

    /// Where masks come from, if something is dropped.
    fn drop(&self, site: Option<u32>, images: usize) -> Result<Option<Drop<'_>>> {
        if site.is_some() && self.seeds.len() != images {
            candle_core::bail!("dropout of {images} images with {} seeds", self.seeds.len());
        }
        Ok(site.map(|site| Drop { seeds: &self.seeds, site }))
    }
}

/// What the reverse pass needs on the CPU.
#[derive(Debug, Default)]
pub struct Saved {
    /// Values before a norm or a GELU.
    before: Option<Buffer>,
    /// Of a norm `[rows, 2]`, or the logarithms of attention's softmax sums.
    statistics: Option<Buffer>,
}

impl Saved {
    fn before(&mut self) -> Result<Buffer> {
        kept(self.before.take())
    }

    fn statistics(&mut self) -> Result<Buffer> {
        kept(self.statistics.take())
    }
}

fn kept(buffer: Option<Buffer>) -> Result<Buffer> {
    match buffer {
        Some(buffer) => Ok(buffer),
        None => candle_core::bail!("the forward pass kept nothing for the reverse pass"),
    }
}

impl Layers for CpuLayers<'_> {
    type Value = Activation;
    type Gradient = Buffer;
    type Saved = Saved;
    type Sums = Accumulators;

    fn forward(
        &self,
        operation: Operation,
        x: &Activation,
        other: Option<&Activation>,
        mode: Mode,
    ) -> Result<(Activation, Saved)> {
        let (keep, site) = match mode {
            Mode::Evaluate => (false, None),
            Mode::Train { site } => (true, site),
        };
        let (weights, drop) = (self.weights, self.drop(site, x.dims.images)?);
        let mut saved = Saved::default();
        let y = match operation {
            Operation::Conv { weight, bias } => forward::conv(weights, x, weight, bias)?,
            Operation::Norm(norm) => {
                let (y, statistics) = forward::layer_norm(weights, x, norm)?;
                saved.statistics = keep.then_some(statistics);
                y
            }
            Operation::Nonlinearity(function) => forward::nonlinearity(weights, x, function),
            Operation::Add => match other {
                Some(other) => forward::add(x, other)?,
                None => candle_core::bail!("a sum of one value"),
            },
            Operation::Dropout(rate) => forward::drop_values(weights, x, rate, drop),
            Operation::DropPath(rate) => {
                let mut y = forward::copied(x);
                if let Some(Drop { seeds, site }) = drop {
                    dropout::drop_images(&mut y.data, seeds, site, rate);
                }
                y
            }
            Operation::MeanPool => forward::mean_pool(x),
            Operation::Patches(patch) => forward::patches(x, patch)?,
            Operation::Prepend { class, positions, dropout } => {
                let mut y = forward::prepend(weights, x, class, positions)?;
                if let Some(Drop { seeds, site }) = drop {
                    dropout::apply(&mut y.data, seeds, site, dropout, weights.isa());
                }
                y
            }
            Operation::Attention(heads) => {
                let (y, log_sum) = forward::attention(weights, x, heads)?;
                saved.statistics = keep.then_some(log_sum);
                y
            }
            Operation::FirstToken => forward::first_token(x),
            Operation::ConvNorm { weight, norm, drop_path } => {
                let (y, normalised) = match drop {
                    Some(drop) => {
                        let branch = Norm { relu: false, ..norm };
                        let (y, normalised) = forward::conv_norm(weights, x, weight, None, branch, keep)?;
                        (forward::joined(y, other, drop, drop_path, norm.relu)?, normalised)
                    }
                    None => forward::conv_norm(weights, x, weight, other, norm, keep)?,
                };
                if let Some(Normalised { before, statistics }) = normalised {
                    saved = Saved { before: Some(before), statistics: Some(statistics) };
                }
                y
            }
            Operation::Dense(layer) => {
                let (y, before) = forward::dense(weights, x, layer, other, drop)?;
                saved.before = before.filter(|_| keep);
                y
            }
        };
        Ok((y, saved))
    }

    fn backward(
        &self,
        step: Step<Self>,
        inputs: &mut Inputs<'_, Self>,
        sums: &mut Accumulators,
    ) -> Result<()> {
        self.reverse(step, inputs, sums)
    }

    fn accumulate(&self, sum: &mut Buffer, gradient: &Buffer, _of: &Activation) -> Result<()> {
        sum.iter_mut().zip(&**gradient).for_each(|(s, g)| *s += g);
        Ok(())
    }

    fn fits(&self, gradient: &Buffer, value: &Activation) -> Result<()> {
        match gradient.len() == value.data.len() {
            true => Ok(()),
            false => candle_core::bail!("{} gradients for {:?}", gradient.len(), value.dims),
        }
    }

    fn finish(&self, _sums: &mut Accumulators) -> Result<()> {
        Ok(())
    }

    /// Every part on a core of its own.
    fn each(
        &self,
        operation: Operation,
        x: &[Activation],
        other: Option<&[Activation]>,
    ) -> Result<Vec<Activation>> {
        let part = |i: usize, x: &Activation| -> Result<Activation> {
            Ok(self.forward(operation, x, other.map(|other| &other[i]), Mode::Evaluate)?.0)
        };
        x.par_iter().enumerate().map(|(i, x)| part(i, x)).collect()
    }

    fn channels(&self, value: &Activation) -> usize {
        value.dims.channels
    }

    fn read<'v>(&self, value: &'v Activation) -> Result<Cow<'v, [f32]>> {
        Ok(Cow::Borrowed(&value.data))
    }

    fn write(&self, value: &mut Activation, numbers: &[f32]) -> Result<()> {
        if numbers.len() != value.data.len() {
            candle_core::bail!("{} numbers for {:?}", numbers.len(), value.dims);
        }
        value.data.copy_from_slice(numbers);
        Ok(())
    }
}
