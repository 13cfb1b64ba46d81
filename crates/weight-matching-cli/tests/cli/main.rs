//! The command line, driven from outside.

mod activations;
mod commands;
mod foreign;
mod formats;
mod memory;
mod merging;
mod outputs;
mod refusals;
mod streams;

use basin_core::{Array, Params, SeedTree};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use weight_matching::files::Checkpoint;
use weight_matching::{Permutation, PermutationSpec, Permutations};

/// A file of `fixtures/checkpoints`.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/checkpoints").join(name)
}

/// Runs the binary in a folder.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weight-matching")).args(arguments).current_dir(folder).output().unwrap()
}

/// Standard output of a run that must succeed.
fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}\n{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code and standard error of a run that must fail without a word on standard output.
fn fail(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = run(folder, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    (output.status.code().unwrap(), stderr)
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

fn save(folder: &Path, name: &str, network: &Params) {
    std::fs::write(folder.join(name), Checkpoint::encode(network, &BTreeMap::new()).unwrap()).unwrap();
}

fn load(folder: &Path, name: &str) -> Checkpoint {
    Checkpoint::read(&folder.join(name)).unwrap()
}
