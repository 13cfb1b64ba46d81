//! Whole networks on random CIFAR-shaped images: the training step, and logits without gradients.

use super::rounds::{Bench, Case};
use super::{CLASSES, Options, PIXELS, SIDE, random_normal};
use anyhow::Result;
use basin_core::SeedTree;
use basin_kernels::Weights;
use basin_models::{Architecture, Network};
use basin_train::{Batch, Moments, Optimiser, Stepper, Teaching};
use rayon::prelude::*;
use serde_json::json;

/// Learning rates of the measured steps; their result is thrown away.
const RATE: f64 = 0.01;
const ADAM_RATE: f64 = 3e-4;

/// Images per task of the forward pass, as `basin-train` evaluates.
const CHUNK: usize = 16;

/// Operations of a training step per operation of the forward pass: one pass forward, one for the gradient of
/// the activations, one for that of the weights.
const TRAINING: f64 = 3.0;

pub(super) fn train_step(options: &Options, bench: &mut Bench<'_>) -> Result<()> {
    let network = build(options)?;
    let params = network.init(&SeedTree::root(0));
    let images = random_normal(options.batch * PIXELS);
    let labels: Vec<u32> = (0..options.batch).map(|image| (image % CLASSES) as u32).collect();
    // The peer's updates: momentum and nothing else for a ResNet, plain Adam for a transformer.
    let (optimiser, rate) = match options.model.starts_with("vit") {
        true => (Optimiser::adam(), ADAM_RATE),
        false => (Optimiser::sgd(0.9, 0.0), RATE),
    };
    let mut stepper = Stepper::new(&network, &params, &Moments::default(), optimiser)?;
    let dropout_seeds: Vec<u64> = match network.dropout() > 0.0 {
        true => (0..options.batch as u64).collect(),
        false => Vec::new(),
    };
    let batch = Batch { images: &images, labels: &labels, dropout_seeds: &dropout_seeds, slots: &[] };
    bench.measure(&case(options, &network, TRAINING), || {
        stepper.step(batch, &Teaching::Labels, rate)?;
        Ok(())
    })
}

pub(super) fn forward(options: &Options, bench: &mut Bench<'_>) -> Result<()> {
    let network = build(options)?;
    let weights = network.weights(&network.init(&SeedTree::root(0)), false)?;
    let images = random_normal(options.batch * PIXELS);
    bench.measure(&case(options, &network, 1.0), || logits(&network, &weights, &images))
}

/// The logits of a batch as evaluation computes them: a few images per task, tasks on all threads.
fn logits(network: &Network, weights: &Weights, images: &[f32]) -> Result<()> {
    images.par_chunks(CHUNK * PIXELS).try_for_each(|chunk| {
        std::hint::black_box(network.logits_with(weights, chunk)?);
        Ok(())
    })
}

fn build(options: &Options) -> Result<Network> {
    let architecture = Architecture::from_name(&options.model, options.width())?;
    Ok(architecture.with_dropout(options.dropout)?.build(SIDE, CLASSES)?)
}

/// One network, with the operations per image that its passes do.
fn case(options: &Options, network: &Network, passes: f64) -> Case {
    let mut labels = json!({ "model": options.model, "width": options.width() });
    if options.dropout > 0.0 {
        labels["dropout"] = options.dropout.into();
    }
    Case::new(labels, options.batch, Some(2.0 * passes * network.macs() as f64))
}
