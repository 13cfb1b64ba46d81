//! One training step: the gradient of a batch, and the update.

use super::shards::Shards;
use crate::teach::Teaching;
use crate::{Batch, Moments, Optimiser, StepSum};
use basin_core::Params;
use basin_graph::{Role, Weights};
use basin_models::Network;
use candle_core::Result;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

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
    shards: Shards,
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
            shards: Shards::new(&weights),
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
        check(self.network, batch)?;
        teaching.prepare()?;
        self.weights.repack(&self.params)?;
        let mut total = self.shards.differentiate(self.network, &self.weights, batch, teaching, true)?;
        let squares = self.shards.reduce(&self.weights, &mut self.gradients);
        total.finite = total.loss.is_finite() && squares.is_finite();
        total.usable = true;
        if total.finite {
            total.usable = self.update(rate, squares.sqrt());
        }
        Ok(total)
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

fn check(network: &Network, batch: Batch<'_>) -> Result<()> {
    let (extent, classes) = (network.extent(), network.classes());
    if !batch.slots.is_empty() && batch.slots.len() != batch.labels.len() {
        candle_core::bail!("{} slots for {} images", batch.slots.len(), batch.labels.len());
    }
    let (n, seeds) = (batch.labels.len(), batch.dropout_seeds.len());
    if n == 0 || batch.images.len() != n * extent.values() {
        candle_core::bail!("{} values for {n} images of {extent}", batch.images.len());
    }
    let others = batch.mixed.map_or(&[][..], |(others, _)| others);
    if batch.mixed.is_some() && others.len() != n {
        candle_core::bail!("{} labels of other images for {n} images", others.len());
    }
    if let Some(label) = batch.labels.iter().chain(others).find(|label| **label as usize >= classes) {
        candle_core::bail!("label {label} of {classes} classes");
    }
    if network.drops() && seeds != n {
        candle_core::bail!("dropout of {n} images with {seeds} seeds");
    }
    Ok(())
}
