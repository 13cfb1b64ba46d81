//! The relaxed matching through a universe.

use crate::many::{best_of_three, check_promises, joint, planted};
use crate::networks::{mlp, network_of, random_network, residual_mlp};
use basin_core::{Params, SeedTree};
use weight_matching::{
    FrankWolfeOptions, MatchingOptions, MultiMatching, Norm, PermutationSpec, Permutations, Shortcut,
    frank_wolfe, multi_pcd,
};

/// One search.
fn options(seed: u64) -> FrankWolfeOptions {
    let mut options = FrankWolfeOptions::new(SeedTree::root(seed));
    options.restarts = Some(1);
    options
}

#[test]
fn the_relaxed_objective_never_decreases_and_cycles_close() {
    let (spec, _) = residual_mlp(16, 3, 0);
    for seed in 0..5 {
        let networks: Vec<Params> = (0..4).map(|i| residual_mlp(16, 3, 10 * seed + i).1).collect();
        let networks: Vec<&Params> = networks.iter().collect();
        let found = frank_wolfe(&spec, &networks, &options(seed)).unwrap();
        check_promises(&spec, &networks, &found.matching);
        assert!(found.relaxed_history.is_sorted(), "{:?}", found.relaxed_history);
        assert!((found.relaxed_history[0] - found.matching.objective_before).abs() < 1e-8);
        assert_eq!(found.relaxed_history.len(), found.steps.len() + 1);
        assert!(found.steps.iter().all(|t| (0.0..=1.0).contains(t)));
        assert_eq!(found.matching.sweeps, found.steps.len());
        assert!(found.matching.objective_after() > found.matching.objective_before);
        assert_eq!(found, frank_wolfe(&spec, &networks, &options(seed)).unwrap());
    }
}

#[test]
fn planted_permutations_are_recovered_through_the_universe() {
    let spec = mlp(&["a", "b"]);
    for seed in 0..5 {
        let net = random_network(&[20, 24, 30, 10], seed);
        let (networks, inverses) = planted(&spec, &net, 3, seed);
        let networks: Vec<&Params> = networks.iter().collect();
        let mut options = options(seed);
        options.restarts = Some(3);
        let found = frank_wolfe(&spec, &networks, &options).unwrap();
        for (i, inverse) in inverses.iter().enumerate() {
            assert_eq!(found.matching.between(0, i).unwrap(), *inverse, "seed {seed} network {i}");
        }
    }
}

#[test]
fn the_best_of_all_permutations_is_never_beaten_and_reached_with_restarts() {
    let spec = mlp(&["a", "b"]);
    for seed in 0..5 {
        let networks: Vec<Params> = (0..3).map(|i| random_network(&[2, 3, 3, 2], 10 * seed + i)).collect();
        let best = best_of_three(&spec, &[("a", 3), ("b", 3)], &networks);
        let networks: Vec<&Params> = networks.iter().collect();
        let mut options = options(seed);
        let one = frank_wolfe(&spec, &networks, &options).unwrap().matching.objective_after();
        options.restarts = Some(60);
        let many = frank_wolfe(&spec, &networks, &options).unwrap().matching.objective_after();
        assert!(one <= many + 1e-6 && many <= best + 1e-9, "{one} {many} {best}");
        assert!((many - best).abs() < 1e-6, "seed {seed}: {many} {best}");
    }
}

#[test]
fn convolutions_and_fixed_arrays_take_part() {
    let spec = PermutationSpec::builder()
        .conv("a", None, Some("x"))
        .norm("n", "x")
        .conv("b", Some("x"), Some("y"))
        .parameter("cube", &[Some("y"), None, Some("x")])
        .parameter("fixed", &[None])
        .build()
        .unwrap();
    let shapes = [("a.weight", vec![6, 3, 3, 3]), ("n.weight", vec![6]), ("n.bias", vec![6])];
    let more = [("b.weight", vec![5, 6, 3, 3]), ("cube", vec![5, 2, 6]), ("fixed", vec![4])];
    let network = |seed: u64| -> Params {
        let array = |(name, shape): &(&str, Vec<usize>)| {
            let mut rng = SeedTree::root(seed).child(name).rng();
            let values = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
            ((*name).to_owned(), basin_core::Array::new(shape.clone(), values).unwrap())
        };
        shapes.iter().chain(&more).map(array).collect()
    };
    let net = network(0);
    let (networks, inverses) = planted(&spec, &net, 3, 0);
    let networks: Vec<&Params> = networks.iter().collect();
    let mut options = options(0);
    options.restarts = Some(2);
    let found = frank_wolfe(&spec, &networks, &options).unwrap();
    check_promises(&spec, &networks, &found.matching);
    for (i, inverse) in inverses.iter().enumerate() {
        assert_eq!(found.matching.between(0, i).unwrap(), *inverse);
    }
    let others: Vec<Params> = (1..4).map(network).collect();
    let others: Vec<&Params> = others.iter().collect();
    let found = frank_wolfe(&spec, &others, &options).unwrap();
    check_promises(&spec, &others, &found.matching);
    assert!(found.relaxed_history.is_sorted());
}

/// Shortcuts that pad with zeros tie the stages of a CIFAR ResNet into one stream, part of which an early stage lacks.
#[test]
fn networks_with_padded_shortcuts_are_matched_as_well_as_by_coordinate_descent() {
    let spec = PermutationSpec::cifar_resnet(2, Shortcut::ZeroPad, Norm::Batch).unwrap();
    let net = |seed: u64| network_of(&spec, &[("bg", 6), ("inner", 8)], 3, seed);
    let (networks, _) = planted(&spec, &net(0), 3, 0);
    let networks: Vec<&Params> = networks.iter().collect();
    let mut options = options(0);
    options.restarts = Some(6);
    let found = frank_wolfe(&spec, &networks, &options).unwrap();
    check_promises_of_matched(&spec, &networks, &found.matching);
    let aligned = found.matching.align(&spec, &networks).unwrap();
    assert!(aligned[1] == aligned[0] && aligned[2] == aligned[0], "a planted order is found");
    let others: Vec<Params> = (1..4).map(net).collect();
    let others: Vec<&Params> = others.iter().collect();
    let found = frank_wolfe(&spec, &others, &options).unwrap();
    check_promises_of_matched(&spec, &others, &found.matching);
    assert!(found.relaxed_history.is_sorted() && !found.steps.is_empty());
    let mut descent = MatchingOptions::new(SeedTree::root(0));
    descent.restarts = Some(6);
    let descent = multi_pcd(&spec, &others, &descent).unwrap().objective_after();
    let relaxed = found.matching.objective_after();
    assert!(relaxed > 0.9 * descent, "{relaxed} against {descent}");
}

/// Running statistics follow and do not count.
fn check_promises_of_matched(spec: &PermutationSpec, networks: &[&Params], found: &MultiMatching) {
    let counted = |net: &Params| -> Params {
        let matched = net.iter().filter(|(name, _)| spec.is_matched(name));
        matched.map(|(name, array)| (name.to_owned(), array.clone())).collect()
    };
    let before: Vec<Params> = networks.iter().map(|net| counted(net)).collect();
    let after: Vec<Params> = found.align(spec, networks).unwrap().iter().map(counted).collect();
    for (told, networks) in [(found.objective_before, before), (found.objective_after(), after)] {
        assert!((told - joint(&networks)).abs() < 1e-8, "{told}");
    }
}

#[test]
fn identical_networks_stay_as_they_are() {
    let (spec, net) = residual_mlp(12, 3, 0);
    let flat = net.map(|_, w| vec![0.5; w.len()]);
    for net in [&net, &flat] {
        let found = frank_wolfe(&spec, &[net, net, net], &options(0)).unwrap();
        assert!(found.matching.permutations.iter().all(Permutations::is_identity));
        assert!(found.matching.converged && found.steps.is_empty());
    }
}

#[test]
fn the_limit_on_steps_ends_the_search() {
    let (spec, a) = residual_mlp(12, 3, 0);
    let (_, b) = residual_mlp(12, 3, 1);
    let mut options = options(0);
    options.max_steps = 1;
    let found = frank_wolfe(&spec, &[&a, &b], &options).unwrap();
    assert_eq!((found.steps.len(), found.matching.converged), (1, false));
}
