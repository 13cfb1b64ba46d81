//! Gradient clipping: long gradients are scaled to the limit, short ones are left alone.

use basin_core::SeedTree;
use basin_models::Architecture;
use basin_train::{Batch, Moments, Optimiser, Stepper, Teaching};

/// Euclidean length of the first step at learning rate 1 without momentum: that of the gradient used.
fn step_length(clip_norm: Option<f64>) -> f64 {
    let net = Architecture::from_name("resnet20", 0.25).unwrap().build(16, 10).unwrap();
    let params = net.init(&SeedTree::root(1));
    let optimiser = Optimiser { clip_norm, ..Optimiser::sgd(0.0, 0.0) };
    let mut stepper = Stepper::new(&net, &params, &Moments::default(), optimiser).unwrap();
    let mut rng = SeedTree::root(2).rng();
    let images: Vec<f32> = (0..4 * 16 * 16 * 3).map(|_| rng.normal() as f32).collect();
    stepper.step(Batch::new(&images, &[0, 1, 2, 3]), &Teaching::Labels, 1.0).unwrap();
    stepper.tables().unwrap().0.l2_distance(&params).unwrap()
}

#[test]
fn long_gradients_are_scaled_to_the_limit_and_short_ones_left_alone() {
    let free = step_length(None);
    assert!(free > 0.1, "{free}");
    let clipped = step_length(Some(free / 3.0));
    assert!((clipped - free / 3.0).abs() < 1e-4 * free, "{clipped} against {}", free / 3.0);
    assert_eq!(step_length(Some(2.0 * free)), free);
}
