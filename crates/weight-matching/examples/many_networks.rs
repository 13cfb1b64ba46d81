//! Five networks that are one in five disguises, brought back together in three ways:
//! `cargo run -p weight-matching --example many_networks`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use weight_matching::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spec = PermutationSpec::builder()
        .dense("fc1", None, Some("a"))
        .dense("fc2", Some("a"), Some("b"))
        .dense("fc3", Some("b"), None)
        .build()?;
    let networks = disguises(&spec, 5)?;
    let networks: Vec<&Params> = networks.iter().collect();

    let mut options = MatchingOptions::new(SeedTree::root(0));
    options.restarts = Some(4);
    let joint = multi_pcd(&spec, &networks, &options)?;
    println!("Multi-PCD: objective {:.3} -> {:.3}", joint.objective_before, joint.objective_after());
    let merged = merge_many(&spec, &networks, &options)?;
    println!("MergeMany: {} sweeps, converged: {}", merged.matching.sweeps, merged.matching.converged);
    let mut relaxed = FrankWolfeOptions::new(SeedTree::root(0));
    relaxed.restarts = Some(4);
    let universe = frank_wolfe(&spec, &networks, &relaxed)?;
    println!("Frank-Wolfe: relaxed objective {:.3?}", universe.relaxed_history);
    println!("network 3 into the order of network 1: {:?}", universe.matching.between(1, 3));

    let aligned = joint.align(&spec, &networks)?;
    let middle = mean(&aligned.iter().collect::<Vec<_>>())?;
    println!("the mean of the aligned networks is {:.1e} from the first", middle.l2_distance(networks[0])?);
    Ok(())
}

/// One random network, and copies of it with their units in random order.
fn disguises(spec: &PermutationSpec, count: u64) -> Result<Vec<Params>, Box<dyn std::error::Error>> {
    let mut rng = SeedTree::root(1).rng();
    let mut net = Params::new();
    for (name, shape) in [("fc1", [12, 8]), ("fc2", [10, 12]), ("fc3", [4, 10])] {
        let mut draw = |len: usize| (0..len).map(|_| rng.normal() as f32).collect::<Vec<f32>>();
        net.insert(format!("{name}.weight"), Array::new(shape.to_vec(), draw(shape[0] * shape[1]))?);
        net.insert(format!("{name}.bias"), Array::new(vec![shape[0]], draw(shape[0]))?);
    }
    let sizes = spec.validate(&net)?;
    let mut networks = Vec::new();
    for seed in 0..count {
        let mut order = Permutations::identity(&sizes);
        for (name, &units) in sizes.iter().filter(|_| seed > 0) {
            let mut indices: Vec<usize> = (0..units).collect();
            SeedTree::root(seed).child(name).rng().shuffle(&mut indices);
            order.insert(name, Permutation::new(indices)?);
        }
        networks.push(apply(spec, &net, &order)?);
    }
    Ok(networks)
}
