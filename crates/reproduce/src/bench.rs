//! Throughput of the training step, as one JSON line.

use anyhow::Result;
use basin_core::SeedTree;
use basin_models::Architecture;
use basin_train::{Optimiser, Stepper, Teaching};
use std::time::Instant;

/// Learning rate of the measured steps; their result is thrown away.
const RATE: f64 = 0.01;

/// Images per second of forward, backward and update on CIFAR-shaped input: median over steps after two that
/// warm up.
///
/// # Errors
/// When the architecture is unknown.
pub fn train_step(model: &str, width: f64, batch: usize, steps: usize) -> Result<serde_json::Value> {
    let network = Architecture::from_name(model, width)?.build(32, 10)?;
    let params = network.init(&SeedTree::root(0));
    let velocity = params.map(|_, values| vec![0.0; values.len()]);
    let mut stepper = Stepper::new(&network, &params, &velocity)?;
    let mut rng = SeedTree::root(0).child("images").rng();
    let images: Vec<f32> = (0..batch * 32 * 32 * 3).map(|_| rng.normal() as f32).collect();
    let labels: Vec<u32> = (0..batch).map(|_| rng.below(10)).collect();
    let optimiser = Optimiser { momentum: 0.9, l2: 1e-4, clip_norm: None };
    let mut seconds = Vec::new();
    for step in 0..steps + 2 {
        let start = Instant::now();
        stepper.step_on(&images, &labels, &Teaching::Labels, optimiser, RATE)?;
        if step >= 2 {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    let rate = batch as f64 / median;
    Ok(serde_json::json!({
        "model": model, "width": width, "batch": batch, "steps": steps, "threads": rayon::current_num_threads(),
        "images_per_second": (rate * 10.0).round() / 10.0,
        "seconds_per_step": { "median": median, "min": seconds[0], "max": seconds[seconds.len() - 1] },
        "gflop_per_second": (6.0 * network.macs() as f64 * rate / 1e8).round() / 10.0,
    }))
}
