//! The crate as its users see it.

mod checkpoints;
mod foreign;
mod mutations;

use basin_core::{Array, Params, SeedTree};
use permutation_spec::{Permutation, PermutationSpec, Permutations};
use std::path::{Path, PathBuf};

/// A file of `fixtures/checkpoints`.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/checkpoints").join(name)
}

/// A small network of the ResNet's layout.
fn network(depth: usize, width: usize, seed: u64) -> Params {
    let spec = PermutationSpec::resnet(depth).unwrap();
    let units = |permutation: &str| {
        let group: usize =
            permutation.trim_start_matches("blockgroups.").trim_start_matches("bg")[..1].parse().unwrap();
        width << group
    };
    let array = |(name, axes): (&str, &[Option<String>])| {
        let fixed = if axes.len() == 4 { 3 } else { 10 };
        let shape: Vec<usize> = axes.iter().map(|axis| axis.as_deref().map_or(fixed, units)).collect();
        let mut rng = SeedTree::root(seed).child(name).rng();
        let values = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
        (name.to_owned(), Array::new(shape, values).unwrap())
    };
    spec.iter().map(array).collect()
}

fn permutations(network: &Params, seed: u64) -> Permutations {
    let sizes = PermutationSpec::resnet(20).unwrap().validate(network).unwrap();
    let random = |(name, n): (String, usize)| {
        let mut indices: Vec<usize> = (0..n).collect();
        SeedTree::root(seed).child(&name).rng().shuffle(&mut indices);
        (name, Permutation::new(indices).unwrap())
    };
    sizes.into_iter().map(random).collect()
}
