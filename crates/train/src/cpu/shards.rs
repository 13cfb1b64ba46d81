//! The gradient of a batch: in shards, each on one thread, reduced in a fixed order.
//!
//! The nets have no statistics across images, so a batch is a sum over images. It is cut into a fixed number
//! of shards; a shard runs forward and backward on a few images at a time, so that activations stay in cache;
//! shard gradients are added in shard order. The result does not depend on the number of threads.

use crate::teach::{Teaching, forward, learn};
use crate::{Batch, StepSum, squared_length};
use basin_graph::{Accumulators, CpuLayers, Tape, Weights};
use basin_kernels::Buffer;
use basin_models::Network;
use candle_core::Result;
use rayon::prelude::*;

/// Most shards of a batch, and fewest images of one: together the limit of parallelism of one step, and what
/// fixes the order of summation. A shard costs a pass over the parameters, so small batches get few.
const SHARDS: usize = 8;
const SHARD_IMAGES: usize = 8;

/// Gradients of each shard; their buffers stay from batch to batch.
#[derive(Debug)]
pub(super) struct Shards(Vec<Accumulators>);

impl Shards {
    pub(super) fn new(weights: &Weights) -> Self {
        Self(vec![Accumulators::new(weights); SHARDS])
    }

    /// Fills the shards with the gradients of the mean loss; with dropout, where the network has any, or without.
    pub(super) fn differentiate(
        &mut self,
        network: &Network,
        weights: &Weights,
        batch: Batch<'_>,
        teaching: &Teaching,
        dropout: bool,
    ) -> Result<StepSum> {
        let n = batch.labels.len();
        let shards = (n / SHARD_IMAGES).clamp(1, SHARDS);
        let (one, shard_len, micro) =
            (batch.images.len() / n.max(1), n.div_ceil(shards), network.images_together());
        self.0.iter_mut().for_each(Accumulators::clear);
        let sums = self.0[..shards].par_iter_mut().enumerate().map(|(shard, gradients)| {
            let (mut sum, mut at) = (StepSum::default(), shard * shard_len);
            let end = n.min((shard + 1) * shard_len);
            while at < end {
                let range = at..end.min(at + micro);
                at = range.end;
                let examples = batch.part(range, one);
                let mut tape = match dropout {
                    true => Tape::new(CpuLayers::with_dropout(weights, examples.dropout_seeds.to_vec())),
                    false => Tape::without_dropout(CpuLayers::new(weights)),
                };
                let input = tape.input(network.input(examples.images)?);
                let output = network.forward(&mut tape, &input)?;
                let logits = &tape.value(output)?.data;
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
    pub(super) fn reduce(&self, weights: &Weights, gradients: &mut [Vec<f32>]) -> f64 {
        let squares: Vec<f64> = gradients
            .par_iter_mut()
            .enumerate()
            .map(|(id, gradient)| {
                Accumulators::reduce(weights, id, &self.0, gradient);
                squared_length(gradient)
            })
            .collect();
        squares.iter().sum()
    }
}
