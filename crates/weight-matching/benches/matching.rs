//! Seconds and objective of the matchings on ResNet20: weight matching of pairs, width 1 and 4, on random networks or
//! on two safetensors files; on random networks also the joint matchings of three, and matching by activations.
//! `cargo bench -p weight-matching --bench matching -- [A.safetensors B.safetensors]`.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use basin_core::{Array, Params, SeedTree, TensorFile};
use std::collections::BTreeMap;
use std::time::Instant;
use weight_matching::{
    ActivationPair, FrankWolfeOptions, MatchingOptions, PermutationSpec, activation_matching, frank_wolfe,
    merge_many, multi_pcd, weight_matching,
};

/// Units of a permutation of the ResNet of that width.
fn units(permutation: &str, width: usize) -> usize {
    let group = permutation.trim_start_matches("blockgroups.").trim_start_matches("bg");
    (16 * width) << group[..1].parse::<usize>().expect("names of the ResNet spec carry the group")
}

fn random_network(spec: &PermutationSpec, width: usize, seed: u64) -> Params {
    let network = spec.iter().map(|(name, axes)| {
        let free = |axis: usize| match (axes.len(), axis) {
            (4, _) => 3,
            _ => 10,
        };
        let size = |(axis, p): (usize, &Option<String>)| p.as_deref().map_or(free(axis), |p| units(p, width));
        let shape: Vec<usize> = axes.iter().enumerate().map(size).collect();
        let fan_in: usize = shape[1..].iter().product();
        let mut rng = SeedTree::root(seed).child(name).rng();
        let values = (0..shape.iter().product()).map(|_| (rng.normal() / (fan_in as f64).sqrt()) as f32);
        (name.to_owned(), Array::new(shape.clone(), values.collect()).expect("the values fill the shape"))
    });
    network.collect()
}

/// Prints the median seconds of some runs, each with another seed, and the mean of the objectives they reach.
fn median(name: &str, width: usize, runs: u64, run: impl Fn(SeedTree) -> (usize, f64)) {
    let (mut times, mut steps, mut objectives) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..runs {
        let start = Instant::now();
        let (taken, objective) = run(SeedTree::root(seed));
        times.push(start.elapsed().as_secs_f64());
        steps.push(taken);
        objectives.push(objective);
    }
    times.sort_by(f64::total_cmp);
    steps.sort_unstable();
    let (seconds, steps) = (times[times.len() / 2], steps[steps.len() / 2]);
    let objective = objectives.iter().sum::<f64>() / objectives.len() as f64;
    println!(
        "{{\"matching\": \"{name}\", \"width\": {width}, \"seconds\": {seconds:.4}, \"steps\": {steps}, \"objective\": {objective:.3}}}"
    );
}

fn one_search(seed: SeedTree) -> MatchingOptions {
    let mut options = MatchingOptions::new(seed);
    options.restarts = Some(1);
    options
}

fn joint_matchings(spec: &PermutationSpec, width: usize) {
    let networks: Vec<Params> = (0..3).map(|seed| random_network(spec, width, seed)).collect();
    let networks: Vec<&Params> = networks.iter().collect();
    median("multi_pcd of 3", width, 5, |seed| {
        let found = multi_pcd(spec, &networks, &one_search(seed)).expect("the networks fit the spec");
        (found.sweeps, found.objective_after())
    });
    median("merge_many of 3", width, 5, |seed| {
        let options = one_search(seed);
        let found = merge_many(spec, &networks, &options).expect("the networks fit the spec").matching;
        (found.sweeps, found.objective_after())
    });
    median("frank_wolfe of 3, 10 steps", width, 3, |seed| {
        let mut options = FrankWolfeOptions::new(seed);
        options.max_steps = 10;
        options.restarts = Some(1);
        let found = frank_wolfe(spec, &networks, &options).expect("the networks fit the spec");
        (found.steps.len(), found.matching.objective_after())
    });
}

fn activations(spec: &PermutationSpec, width: usize) {
    const SAMPLES: usize = 2000;
    let draw = |name: &str, side: u64| {
        let (mut rng, units) = (SeedTree::root(side).child(name).rng(), units(name, width));
        let values = (0..SAMPLES * units).map(|_| rng.normal() as f32).collect();
        Array::new(vec![SAMPLES, units], values).expect("the values fill the shape")
    };
    let drawn: Vec<(&str, [Array; 2])> =
        spec.permutations().map(|name| (name, [0, 1].map(|side| draw(name, side)))).collect();
    let pairs: BTreeMap<String, ActivationPair<'_>> = drawn
        .iter()
        .map(|(name, [reference, target])| ((*name).to_owned(), ActivationPair { reference, target }))
        .collect();
    median("activation_matching of 2000 samples", width, 7, |_| {
        let found = activation_matching(spec, &pairs).expect("every permutation has activations");
        (found.sweeps, found.objective_after())
    });
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
    let runs = pairs.iter().flat_map(|pair| [(pair, Some(1)), (pair, None), (pair, Some(30))]);
    for ((name, a, b), restarts) in runs {
        let mut objectives = Vec::new();
        for seed in 0..10 {
            let start = Instant::now();
            let mut options = MatchingOptions::new(SeedTree::root(seed));
            options.restarts = restarts;
            let matching = weight_matching(&spec, a, b, &options).expect("the networks fit the spec");
            let (seconds, sweeps) = (start.elapsed().as_secs_f64(), matching.sweeps);
            let searches = matching.searches;
            let objective = matching.objective_after();
            println!(
                "{{\"networks\": \"{name}\", \"seed\": {seed}, \"searches\": {searches}, \"seconds\": {seconds:.4}, \"sweeps\": {sweeps}, \"objective\": {objective:.3}}}"
            );
            objectives.push(objective);
        }
        println!("mean objective {:.3}", objectives.iter().sum::<f64>() / objectives.len() as f64);
    }
    if files.is_empty() {
        for width in [1, 2] {
            joint_matchings(&spec, width);
            activations(&spec, width);
        }
    }
}
