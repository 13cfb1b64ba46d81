//! Seconds and objective of weight matching on ResNet20, width 1 and 4, on random networks or on two
//! safetensors files: `cargo bench -p weight-matching --bench matching -- [A.safetensors B.safetensors]`.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use basin_core::{Array, Params, SeedTree, TensorFile};
use std::time::Instant;
use weight_matching::{MatchingOptions, PermutationSpec, weight_matching};

fn random_network(spec: &PermutationSpec, width: usize, seed: u64) -> Params {
    let size = |permutation: &str| {
        let group = permutation.trim_start_matches("blockgroups.").trim_start_matches("bg");
        (16 * width) << group[..1].parse::<usize>().expect("names of the ResNet spec carry the group")
    };
    let network = spec.iter().map(|(name, axes)| {
        let free = |axis: usize| match (axes.len(), axis) {
            (4, _) => 3,
            _ => 10,
        };
        let shape: Vec<usize> =
            axes.iter().enumerate().map(|(axis, p)| p.as_deref().map_or(free(axis), size)).collect();
        let fan_in: usize = shape[1..].iter().product();
        let mut rng = SeedTree::root(seed).child(name).rng();
        let values = (0..shape.iter().product()).map(|_| (rng.normal() / (fan_in as f64).sqrt()) as f32);
        (name.to_owned(), Array::new(shape.clone(), values.collect()).expect("the values fill the shape"))
    });
    network.collect()
}

fn main() {
    let spec = PermutationSpec::resnet(20).expect("20 is a known depth");
    let files: Vec<String> = std::env::args().skip(1).filter(|a| a.ends_with(".safetensors")).collect();
    let pairs: Vec<(String, Params, Params)> = if let [a, b] = &files[..] {
        let load = |path: &String| {
            let bytes = std::fs::read(path).expect("the file is readable");
            TensorFile::decode(&bytes).expect("the file is safetensors").params
        };
        vec![("files".into(), load(a), load(b))]
    } else {
        let random = |w| (format!("width {w}"), random_network(&spec, w, 0), random_network(&spec, w, 1));
        [1, 4].map(random).into()
    };
    for (name, a, b) in pairs {
        let mut objectives = Vec::new();
        for seed in 0..10 {
            let start = Instant::now();
            let options = MatchingOptions::new(SeedTree::root(seed));
            let matching = weight_matching(&spec, &a, &b, &options).expect("the networks fit the spec");
            let (seconds, sweeps) = (start.elapsed().as_secs_f64(), matching.sweeps);
            let objective = matching.objective_after();
            println!(
                "{{\"networks\": \"{name}\", \"seed\": {seed}, \"seconds\": {seconds:.4}, \"sweeps\": {sweeps}, \"objective\": {objective:.3}}}"
            );
            objectives.push(objective);
        }
        println!("mean objective {:.3}", objectives.iter().sum::<f64>() / objectives.len() as f64);
    }
}
