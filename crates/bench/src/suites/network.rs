//! Whole networks on random CIFAR-shaped images: the training step, and logits without gradients.

use super::rounds::{Bench, Case};
use super::{CLASSES, Options, PIXELS, SIDE, random_normal};
use anyhow::Result;
use basin_candle::Candle;
use basin_core::SeedTree;
use basin_graph::Weights;
use basin_models::Network;
use basin_reproduce::config::{Config, Keys};
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
    let dropout_seeds: Vec<u64> = match options.dropout > 0.0 {
        true => (0..options.batch as u64).collect(),
        false => Vec::new(),
    };
    let batch = Batch { dropout_seeds: &dropout_seeds, ..Batch::new(&images, &labels) };
    let case = case(options, &network, TRAINING);
    if network.program().is_some() {
        let mut stepper = Candle::cpu().stepper(&network, &params, optimiser)?;
        return bench.measure(&case, || {
            stepper.step(batch, &Teaching::Labels, rate)?;
            Ok(())
        });
    }
    let mut stepper = Stepper::new(&network, &params, &Moments::default(), optimiser)?;
    bench.measure(&case, || {
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

/// The network as a run with these settings would have it.
pub(super) fn build(options: &Options) -> Result<Network> {
    let settings = [
        ("model.name", options.model.clone()),
        ("model.width", options.width().to_string()),
        ("model.dropout", options.dropout.to_string()),
        ("model.norm", options.norm.clone()),
        ("run.backend", options.backend.clone()),
    ];
    let settings = settings.map(|(key, value)| (key.to_owned(), value));
    Config::plain(&Keys::default(), &settings)?.network(SIDE, CLASSES)
}

/// One network, with the operations per image that its passes do.
pub(super) fn case(options: &Options, network: &Network, passes: f64) -> Case {
    let mut labels = json!({ "model": options.model, "width": options.width() });
    if options.dropout > 0.0 {
        labels["dropout"] = options.dropout.into();
    }
    if options.norm != "own" {
        labels["norm"] = options.norm.as_str().into();
    }
    if network.program().is_some() {
        labels["backend"] = "candle".into();
    }
    let flop = 2.0 * passes * network.macs() as f64;
    Case::new(labels, options.batch, (flop > 0.0).then_some(flop))
}
