//! One training step: a batch in shards, each on one thread, reduced in a fixed order.
//!
//! The nets have no statistics across images, so a batch is a sum over images. It is cut into a fixed number
//! of shards; a shard runs forward and backward on a few images at a time, so that activations stay in cache;
//! shard gradients are added in shard order. The result does not depend on the number of threads.

use basin_core::{Array, Params, SeedTree};
use basin_data::{AugmentConfig, ImageSet, Normalisation, fill_batch};
use basin_ensemble::LogitObjective;
use basin_kernels::loss::{LossSum, Target, loss};
use basin_kernels::{Accumulators, Inference, Sgd, Tape, Weights, floats, tensor};
use basin_models::Network;
use candle_core::{Result, Tensor};
use rayon::prelude::*;
use std::sync::Arc;

/// Most shards of a batch, and fewest images of one: together the limit of parallelism of one step, and what
/// fixes the order of summation. A shard costs a pass over the parameters, so small batches get few.
const SHARDS: usize = 8;
const SHARD_IMAGES: usize = 8;

/// Where training examples come from and how they are altered.
#[derive(Clone, Debug)]
pub struct Examples {
    /// The training images.
    pub images: Arc<ImageSet>,
    /// Augmentation.
    pub augment: AugmentConfig,
    /// Normalisation of the augmented pixels.
    pub normalisation: Normalisation,
}

/// What the gradient step does with the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimiser {
    /// Momentum μ in `[0, 1)`.
    pub momentum: f64,
    /// L2 coefficient λ ≥ 0, on every parameter.
    pub l2: f64,
    /// Longest gradient, in Euclidean norm over all parameters; longer ones are scaled down to it.
    pub clip_norm: Option<f64>,
}

impl Optimiser {
    /// One update at a learning rate: clips the gradients, then SGD in place.
    fn update(
        &self,
        rate: f64,
        params: &[Tensor],
        velocity: &[Tensor],
        mut gradients: Vec<Vec<f32>>,
    ) -> Result<()> {
        if let Some(longest) = self.clip_norm {
            let norm = gradients.iter().flatten().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            if norm > longest {
                let scale = (longest / norm) as f32;
                gradients.iter_mut().flatten().for_each(|g| *g *= scale);
            }
        }
        let sgd = Sgd { rate, momentum: self.momentum, l2: self.l2 };
        for ((param, velocity), gradient) in params.iter().zip(velocity).zip(gradients) {
            sgd.update(param, velocity, &tensor(gradient, param.dims())?)?;
        }
        Ok(())
    }
}

/// What the student is trained towards; teachers come with their packed weights.
#[derive(Clone, Debug)]
pub enum Teaching {
    /// The labels.
    Labels,
    /// A teacher's logits on the same augmented images, Eq. 1.
    Teacher {
        /// The teacher.
        weights: Arc<Weights>,
        /// β.
        label_weight: f64,
        /// τ.
        temperature: f64,
    },
    /// A method's own loss.
    Custom {
        /// The loss.
        objective: Arc<dyn LogitObjective>,
        /// The teacher, if it wants one.
        weights: Option<Arc<Weights>>,
    },
}

/// Sums over one step's batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepSum {
    /// Σ losses.
    pub loss: f64,
    /// Correctly classified images.
    pub correct: u64,
    /// Whether loss and all gradients were finite; if not, nothing was updated.
    pub finite: bool,
    /// Whether parameters and momentum are finite after the update; if not, they are of no use any more.
    pub usable: bool,
}

/// A network in training: parameters and velocity as tensors that are updated in place.
#[derive(Debug)]
pub struct Stepper<'a> {
    network: &'a Network,
    params: Vec<Tensor>,
    velocity: Vec<Tensor>,
    shards: Vec<Accumulators>,
    micro_batch: usize,
}

/// Which images a step sees, and where their augmentation comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) indices: &'a [u32],
    pub(crate) order: &'a SeedTree,
    pub(crate) epoch: u64,
}

impl<'a> Stepper<'a> {
    /// Takes parameters and velocity of a network (see [`Network::check`] for untrusted ones).
    ///
    /// # Errors
    /// When they do not have the network's layout.
    pub fn new(network: &'a Network, params: &Params, velocity: &Params) -> Result<Self> {
        let tensors = |table: &Params| {
            let array = |(name, _): &(String, Vec<usize>)| match table.get(name) {
                Some(array) => tensor(array.data().to_vec(), array.shape()),
                None => candle_core::bail!("parameter {name} is missing"),
            };
            network.layout().shapes().iter().map(array).collect::<Result<Vec<_>>>()
        };
        let (params, velocity) = (tensors(params)?, tensors(velocity)?);
        let weights = Weights::new(params.clone(), &network.layout().roles(), true)?;
        let shards = (0..SHARDS).map(|_| Accumulators::new(&weights)).collect();
        Ok(Self { network, params, velocity, shards, micro_batch: micro_batch(network) })
    }

    /// Parameters and velocity as plain arrays.
    ///
    /// # Errors
    /// Never for tensors made by [`Stepper::new`].
    pub fn tables(&self) -> Result<(Params, Params)> {
        let table = |tensors: &[Tensor]| {
            let shapes = self.network.layout().shapes();
            let array = |((name, shape), t): ((String, Vec<usize>), &Tensor)| {
                let values = floats(t)?.to_vec();
                Ok((name, Array::new(shape, values).map_err(candle_core::Error::wrap)?))
            };
            shapes.into_iter().zip(tensors).map(array).collect::<Result<Params>>()
        };
        Ok((table(&self.params)?, table(&self.velocity)?))
    }

    /// One update on the given normalised images `[n, side, side, 3]` and labels (for benchmarks and tests;
    /// training assembles its batches inside the shards).
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn step_on(
        &mut self,
        images: &[f32],
        labels: &[u32],
        teaching: &Teaching,
        optimiser: Optimiser,
        rate: f64,
    ) -> Result<StepSum> {
        let one = images.len() / labels.len();
        self.update(labels.len(), teaching, (optimiser, rate), |range, out, out_labels| {
            out.copy_from_slice(&images[range.start * one..range.end * one]);
            out_labels.copy_from_slice(&labels[range]);
        })
    }

    /// One update on augmented training images.
    pub(crate) fn step(
        &mut self,
        examples: &Examples,
        batch: Batch<'_>,
        teaching: &Teaching,
        optimiser: Optimiser,
        rate: f64,
    ) -> Result<StepSum> {
        self.update(batch.indices.len(), teaching, (optimiser, rate), |range, out, labels| {
            let indices = &batch.indices[range];
            let Examples { images, augment, normalisation } = examples;
            fill_batch(images, indices, augment, batch.order, batch.epoch, normalisation, out);
            labels.iter_mut().zip(indices).for_each(|(label, &i)| *label = images.labels()[i as usize]);
        })
    }

    fn update(
        &mut self,
        n: usize,
        teaching: &Teaching,
        (optimiser, rate): (Optimiser, f64),
        fill: impl Fn(std::ops::Range<usize>, &mut [f32], &mut [u32]) + Sync,
    ) -> Result<StepSum> {
        let (network, micro) = (self.network, self.micro_batch);
        let weights = Weights::new(self.params.clone(), &network.layout().roles(), true)?;
        let shards = (n / SHARD_IMAGES).clamp(1, SHARDS);
        let (pixels, shard_len) = (network.side() * network.side() * 3, n.div_ceil(shards));
        let sums = self.shards[..shards].par_iter_mut().enumerate().map(|(shard, gradients)| {
            gradients.clear();
            let (mut sum, mut at) = (StepSum::default(), shard * shard_len);
            let end = n.min((shard + 1) * shard_len);
            while at < end {
                let range = at..end.min(at + micro);
                at = range.end;
                let (mut x, mut labels) = (vec![0.0; range.len() * pixels], vec![0; range.len()]);
                fill(range, &mut x, &mut labels);
                let part = micro_step(network, &weights, x, &labels, teaching, 1.0 / n as f32, gradients)?;
                sum.loss += part.loss;
                sum.correct += part.correct as u64;
            }
            Ok(sum)
        });
        let sums = sums.collect::<Result<Vec<_>>>()?;
        let mut total = StepSum { finite: true, ..Default::default() };
        for sum in sums {
            total.loss += sum.loss;
            total.correct += sum.correct;
        }
        let (first, rest) = self.shards[..shards].split_at_mut(1);
        rest.iter().for_each(|shard| first[0].add(shard));
        let gradients = first[0].unpack(&weights);
        total.finite = total.loss.is_finite() && gradients.iter().flatten().all(|g| g.is_finite());
        total.usable = true;
        if total.finite {
            optimiser.update(rate, &self.params, &self.velocity, gradients)?;
            for array in self.params.iter().chain(&self.velocity) {
                total.usable &= floats(array)?.iter().all(|x| x.is_finite());
            }
        }
        Ok(total)
    }
}

fn micro_step(
    network: &Network,
    weights: &Weights,
    x: Vec<f32>,
    labels: &[u32],
    teaching: &Teaching,
    scale: f32,
    gradients: &mut Accumulators,
) -> Result<LossSum> {
    let side = network.side();
    let x = tensor(x, &[labels.len(), side, side, 3])?;
    let mut tape = Tape::new(weights);
    let input = tape.input(x.clone());
    let output = network.forward(&mut tape, &input)?;
    let teacher = |weights: &Weights| network.forward(&mut Inference::new(weights), &x);
    let sum = {
        let logits = floats(tape.value(output)?)?;
        match teaching {
            Teaching::Labels => loss(&logits, labels, Target::Labels, scale),
            Teaching::Teacher { weights, label_weight, temperature } => {
                let target = teacher(weights)?;
                let (label_weight, temperature) = (*label_weight as f32, *temperature as f32);
                loss(
                    &logits,
                    labels,
                    Target::Teacher { logits: &floats(&target)?, label_weight, temperature },
                    scale,
                )
            }
            Teaching::Custom { objective, weights } => {
                let target = weights.as_deref().map(teacher).transpose()?;
                let target = target.as_ref().map(floats).transpose()?;
                let mut sum = loss(&logits, labels, Target::Labels, scale);
                sum.loss = objective.loss(&logits, labels, target.as_deref(), &mut sum.gradient);
                sum.gradient.iter_mut().for_each(|g| *g *= scale);
                sum
            }
        }
    };
    tape.backward(output, sum.gradient.clone(), gradients)?;
    Ok(sum)
}

/// Images to run at a time, so that one shard's activations stay near the second-level cache while weights
/// are still read often enough from it. Does not change results.
fn micro_batch(network: &Network) -> usize {
    let weights: usize = network.layout().shapes().iter().map(|(_, s)| s.iter().product::<usize>()).sum();
    if weights > 1_000_000 { 8 } else { 2 }
}
