//! One training step: a batch in shards, each on one thread, reduced in a fixed order.
//!
//! The nets have no statistics across images, so a batch is a sum over images. It is cut into a fixed number
//! of shards; a shard runs forward and backward on a few images at a time, so that activations stay in cache;
//! shard gradients are added in shard order. The result does not depend on the number of threads.

use crate::teach::{Teaching, forward, learn};
use crate::{Batch, Moments, Optimiser, StepSum, squared_length};
use basin_core::Params;
use basin_kernels::{Accumulators, Buffer, CpuLayers, Role, Tape, Weights};
use basin_models::Network;
use candle_core::Result;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Most shards of a batch, and fewest images of one: together the limit of parallelism of one step, and what
/// fixes the order of summation. A shard costs a pass over the parameters, so small batches get few.
const SHARDS: usize = 8;
const SHARD_IMAGES: usize = 8;

/// A network in training. Parameters, moments, gradients and packed weights keep their buffers from step to step.
#[derive(Debug)]
pub struct Stepper<'a> {
    network: &'a Network,
    optimiser: Optimiser,
    params: Vec<Vec<f32>>,
    /// `[parameter][moment]`.
    moments: Vec<Vec<Vec<f32>>>,
    updates: u64,
    gradients: Vec<Vec<f32>>,
    weights: Weights,
    shards: Vec<Accumulators>,
}

impl<'a> Stepper<'a> {
    /// Takes parameters and moments of a network (see [`Network::check`] for untrusted ones).
    ///
    /// # Errors
    /// When they do not have the network's layout.
    pub fn new(
        network: &'a Network,
        params: &Params,
        moments: &Moments,
        optimiser: Optimiser,
    ) -> Result<Self> {
        let params: Vec<Vec<f32>> = network.slices(params)?.into_iter().map(<[f32]>::to_vec).collect();
        let weights = Weights::new(&params, &network.layout().roles(), true)?;
        Ok(Self {
            network,
            optimiser,
            moments: moments.by_parameter(network, optimiser.rule.moments())?,
            updates: moments.updates,
            gradients: params.iter().map(|p| vec![0.0; p.len()]).collect(),
            shards: vec![Accumulators::new(&weights); SHARDS],
            params,
            weights,
        })
    }

    /// Parameters and moments as plain arrays.
    ///
    /// # Errors
    /// Never for a stepper that [`Stepper::new`] made.
    pub fn tables(&self) -> Result<(Params, Moments)> {
        let params = self.network.table(self.params.iter().cloned())?;
        Ok((params, Moments::of(self.network, &self.moments, self.optimiser.rule.moments(), self.updates)?))
    }

    /// One update at a learning rate.
    ///
    /// # Errors
    /// When sizes do not fit.
    pub fn step(&mut self, batch: Batch<'_>, teaching: &Teaching, rate: f64) -> Result<StepSum> {
        self.check(batch)?;
        teaching.prepare()?;
        self.weights.repack(&self.params)?;
        let mut total = self.differentiate(batch, teaching)?;
        let squares = self.reduce();
        total.finite = total.loss.is_finite() && squares.is_finite();
        total.usable = true;
        if total.finite {
            total.usable = self.update(rate, squares.sqrt());
        }
        Ok(total)
    }

    fn check(&self, batch: Batch<'_>) -> Result<()> {
        let (extent, classes) = (self.network.extent(), self.network.classes());
        if !batch.slots.is_empty() && batch.slots.len() != batch.labels.len() {
            candle_core::bail!("{} slots for {} images", batch.slots.len(), batch.labels.len());
        }
        let (n, seeds) = (batch.labels.len(), batch.dropout_seeds.len());
        if n == 0 || batch.images.len() != n * extent.values() {
            candle_core::bail!("{} values for {n} images of {extent}", batch.images.len());
        }
        if let Some(label) = batch.labels.iter().find(|label| **label as usize >= classes) {
            candle_core::bail!("label {label} of {classes} classes");
        }
        if self.network.dropout() > 0.0 && seeds != n {
            candle_core::bail!("dropout of {n} images with {seeds} seeds");
        }
        Ok(())
    }

    /// Fills the shards' accumulators with the gradients of the mean loss.
    fn differentiate(&mut self, batch: Batch<'_>, teaching: &Teaching) -> Result<StepSum> {
        let (network, weights, n) = (self.network, &self.weights, batch.labels.len());
        let shards = (n / SHARD_IMAGES).clamp(1, SHARDS);
        let (one, shard_len, micro) =
            (batch.images.len() / n.max(1), n.div_ceil(shards), network.images_together());
        self.shards.iter_mut().for_each(Accumulators::clear);
        let sums = self.shards[..shards].par_iter_mut().enumerate().map(|(shard, gradients)| {
            let (mut sum, mut at) = (StepSum::default(), shard * shard_len);
            let end = n.min((shard + 1) * shard_len);
            while at < end {
                let range = at..end.min(at + micro);
                at = range.end;
                let seeds = batch.dropout_seeds.get(range.clone()).unwrap_or_default().to_vec();
                let mut tape = Tape::new(CpuLayers::with_dropout(weights, seeds));
                let images = &batch.images[range.start * one..range.end * one];
                let slots = batch.slots.get(range.clone()).unwrap_or_default();
                let input = tape.input(network.input(images)?);
                let output = network.forward(&mut tape, &input)?;
                let logits = &tape.value(output)?.data;
                let examples = Batch { images, labels: &batch.labels[range], dropout_seeds: &[], slots };
                let (classes, ask) =
                    (network.classes(), |teacher: &_, images: &_| forward(network, teacher, images));
                let part = learn(teaching, classes, logits, examples, 1.0 / n as f32, &ask)?;
                tape.backward(output, Buffer::copied(&part.gradient), gradients)?;
                sum.loss += part.loss;
                sum.correct += part.correct as u64;
            }
            Ok(sum)
        });
        let mut total = StepSum::default();
        for sum in sums.collect::<Result<Vec<_>>>()? {
            total.loss += sum.loss;
            total.correct += sum.correct;
        }
        Ok(total)
    }

    /// Adds the shards up into the gradients; returns their squared length, which is not finite where they are
    /// not.
    fn reduce(&mut self) -> f64 {
        let (weights, shards) = (&self.weights, &self.shards);
        let squares: Vec<f64> = self
            .gradients
            .par_iter_mut()
            .enumerate()
            .map(|(id, gradient)| {
                Accumulators::reduce(weights, id, shards, gradient);
                squared_length(gradient)
            })
            .collect();
        squares.iter().sum()
    }

    /// Clips and applies the gradients of length `norm`; returns whether all stayed finite.
    fn update(&mut self, rate: f64, norm: f64) -> bool {
        self.updates += 1;
        let (rule, update) = (self.optimiser.rule, self.updates);
        let shrink = self.optimiser.shrink(norm);
        let usable = AtomicBool::new(true);
        let arrays = self.params.par_iter_mut().zip(&mut self.moments).zip(&mut self.gradients);
        let arrays = arrays.zip(&self.network.layout().params);
        arrays.filter(|(_, spec)| spec.role != Role::Statistic).for_each(|(arrays, _)| {
            let ((param, moments), gradient) = arrays;
            if let Some(shrink) = shrink {
                gradient.iter_mut().for_each(|g| *g *= shrink);
            }
            if !rule.update(rate, update, param, moments, gradient) {
                usable.store(false, Ordering::Relaxed);
            }
        });
        usable.into_inner()
    }
}
