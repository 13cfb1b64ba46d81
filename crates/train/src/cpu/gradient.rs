//! Gradients outside of training: of the mean loss of some images, without dropout.

use super::shards::Shards;
use crate::{Batch, EvaluateError, Teaching, plain_batch};
use basin_core::Params;
use basin_data::{ImageSet, Normalisation};
use basin_graph::Weights;
use basin_models::Network;

/// Images of one part of a long list: their pixels are in memory at a time. A list that fits is summed as a training step
/// sums its batch; parts are added in f64, so that the rounding of a sum does not grow with the list.
const PART: usize = 1024;

/// Packed weights, shards and sums, which keep their buffers from one gradient to the next.
#[derive(Debug)]
pub(super) struct Gradient {
    weights: Weights,
    shards: Shards,
    part: Vec<Vec<f32>>,
}

impl Gradient {
    /// For networks of one layout.
    pub(super) fn new(network: &Network, params: &Params) -> Result<Self, EvaluateError> {
        let params = network.slices(params)?;
        let weights = Weights::new(&params, &network.layout().roles(), true)?;
        let part = params.iter().map(|p| vec![0.0; p.len()]).collect();
        Ok(Self { shards: Shards::new(&weights), weights, part })
    }

    /// Mean loss and its gradient.
    pub(super) fn of(
        &mut self,
        network: &Network,
        params: &Params,
        (images, normalisation): (&ImageSet, &Normalisation),
        chosen: &[usize],
    ) -> Result<(f64, Params), EvaluateError> {
        self.weights.repack(&network.slices(params)?)?;
        let (mut loss, mut sums) = (0.0, Vec::new());
        for part in chosen.chunks(PART) {
            let (pixels, labels) = plain_batch(images, part, network.classes(), normalisation)?;
            let batch = Batch::new(&pixels, &labels);
            let teaching = Teaching::Labels;
            let sum = self.shards.differentiate(network, &self.weights, batch, &teaching, false)?;
            self.shards.reduce(&self.weights, &mut self.part);
            loss += sum.loss;
            // The gradient is of the part's mean.
            let share = part.len() as f64 / chosen.len() as f64;
            sums.resize_with(self.part.len(), Vec::new);
            for (sum, part) in sums.iter_mut().zip(&self.part) {
                sum.resize(part.len(), 0.0);
                sum.iter_mut().zip(part).for_each(|(sum, g)| *sum += share * f64::from(*g));
            }
        }
        let rounded = sums.into_iter().map(|sum| sum.into_iter().map(|g: f64| g as f32).collect());
        Ok((loss / chosen.len() as f64, network.table(rounded)?))
    }
}
