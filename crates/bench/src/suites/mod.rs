//! Throughput of training, inference, planes, augmentation and convolution, alone or in turns with PyTorch.
//!
//! A suite makes cases, each a step that processes a batch. `rounds` times the steps and lets the peer take
//! its turns; `comparison` turns times into rates and ratios; one JSON line each goes out. The README in
//! `benches` says what the columns mean.

mod augment;
pub(crate) mod comparison;
pub(crate) mod conv;
mod machine;
mod network;
mod options;
pub(crate) mod peer;
mod plane;
mod rounds;
pub(crate) mod spread;

pub use options::{Options, Suite};

use anyhow::Result;
use basin_core::SeedTree;

/// CIFAR's images, and as many classes as CIFAR-10 has.
pub(crate) const SIDE: usize = 32;
const PIXELS: usize = SIDE * SIDE * 3;
pub(crate) const CLASSES: usize = 10;

/// Measures one suite. Every JSON line is handed to `say`, and appended to a file if the options name a folder.
///
/// # Errors
/// [`basin_reproduce::exit::Usage`] for options outside their range and for a peer that cannot start; what the model,
/// the peer or the folder say.
pub(crate) fn run(options: &Options, say: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    let mut bench = rounds::Bench::start(options, say)?;
    match options.suite {
        Suite::TrainStep => network::train_step(options, &mut bench),
        Suite::Forward => network::forward(options, &mut bench),
        Suite::Plane => plane::run(options, &mut bench),
        Suite::Augment => augment::run(options, &mut bench),
        Suite::Conv => conv::run(options, &mut bench),
    }
}

/// Standard normal values, always the same.
fn random_normal(n: usize) -> Vec<f32> {
    let mut rng = SeedTree::root(0).child("images").rng();
    (0..n).map(|_| rng.normal() as f32).collect()
}

/// Uniform bytes, always the same.
pub(crate) fn random_bytes(n: usize) -> Vec<u8> {
    let mut rng = SeedTree::root(0).child("images").rng();
    (0..n).map(|_| rng.below(256) as u8).collect()
}
