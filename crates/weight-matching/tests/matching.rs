//! Weight matching on networks whose answer is known.

use crate::networks::{inner_product, mlp, random_network, random_permutations, random_resnet};
use basin_core::{Params, SeedTree};
use weight_matching::{
    Matching, MatchingError, MatchingOptions, Network, Permutation, PermutationSpec, Permutations, SpecError,
    apply, weight_matching,
};

/// What one search finds.
fn matched(spec: &PermutationSpec, a: &Params, b: &Params, seed: u64) -> Matching {
    let mut options = MatchingOptions::new(SeedTree::root(seed));
    options.restarts = Some(1);
    weight_matching(spec, a, b, &options).unwrap()
}

/// Logits of an MLP with ReLU between its layers, in f64.
fn forward(net: &Params, layers: usize, input: &[f64]) -> Vec<f64> {
    (0..layers).fold(input.to_vec(), |x, i| {
        let weight = net.get(&format!("{i}.weight")).unwrap();
        let bias = net.get(&format!("{i}.bias")).unwrap().data();
        let rows = weight.data().chunks_exact(x.len()).zip(bias);
        let unit = |(row, bias): (&[f32], &f32)| {
            let sum = row.iter().zip(&x).map(|(&w, x)| f64::from(w) * x).sum::<f64>() + f64::from(*bias);
            if i + 1 == layers { sum } else { sum.max(0.0) }
        };
        rows.map(unit).collect()
    })
}

#[test]
fn a_planted_permutation_of_a_plain_mlp_is_recovered() {
    let spec = mlp(&["a", "b", "c"]);
    for seed in 0..20 {
        let net = random_network(&[32, 24, 30, 20, 10], seed);
        let planted = random_permutations(&spec, &net, 100 + seed);
        let target = apply(&spec, &net, &planted).unwrap();
        let matching = matched(&spec, &net, &target, seed);
        assert_eq!(matching.permutations, planted.inverse(), "seed {seed}");
        let aligned = apply(&spec, &target, &matching.permutations).unwrap();
        assert_eq!(aligned.content_hash(), net.content_hash(), "seed {seed}");
    }
}

#[test]
fn a_permuted_network_computes_the_same_function() {
    let spec = mlp(&["a", "b"]);
    let (a, b) = (random_network(&[6, 12, 9, 4], 0), random_network(&[6, 12, 9, 4], 1));
    let matching = matched(&spec, &a, &b, 0);
    assert!(!matching.permutations.is_identity());
    let aligned = apply(&spec, &b, &matching.permutations).unwrap();
    let mut rng = SeedTree::root(2).rng();
    for _ in 0..50 {
        let input: Vec<f64> = (0..6).map(|_| rng.normal()).collect();
        for (before, after) in forward(&b, 3, &input).iter().zip(forward(&aligned, 3, &input)) {
            // Only the order of f64 sums differs.
            assert!((before - after).abs() < 1e-13, "{before} {after}");
        }
    }
}

#[test]
fn the_objective_never_decreases_and_is_that_of_the_aligned_weights() {
    let resnet = PermutationSpec::resnet(20).unwrap();
    for seed in 0..5 {
        let (a, b) = (random_resnet(&resnet, 1, 2 * seed), random_resnet(&resnet, 1, 2 * seed + 1));
        let matching = matched(&resnet, &a, &b, seed);
        assert!((matching.objective_before - inner_product(&a, &b)).abs() < 1e-9);
        let history: Vec<f64> =
            [matching.objective_before].into_iter().chain(matching.objective_history.clone()).collect();
        assert!(history.is_sorted(), "{history:?}");
        assert!(history[1] > history[0] + 100.0, "{history:?}");
        assert_eq!(matching.objective_history.len(), matching.sweeps);
        assert!(matching.converged);
        let aligned = apply(&resnet, &b, &matching.permutations).unwrap();
        let objective = inner_product(&a, &aligned);
        assert!((matching.objective_after() - objective).abs() < 1e-8, "{objective} {history:?}");
        assert!(a.l2_distance(&aligned).unwrap() < a.l2_distance(&b).unwrap());
    }
}

#[test]
fn one_hidden_layer_is_solved_in_one_step() {
    let spec = mlp(&["h"]);
    let (a, b) = (random_network(&[5, 7, 3], 0), random_network(&[5, 7, 3], 1));
    let matching = matched(&spec, &a, &b, 0);
    assert_eq!((matching.sweeps, matching.converged), (2, true));
    // All 7! permutations: the solver's is the best of them.
    let mut best = f64::NEG_INFINITY;
    each_permutation(&mut (0..7).collect(), 0, &mut |indices| {
        let pi = Permutation::new(indices.to_vec()).unwrap();
        let permuted = apply(&spec, &b, &[("h".to_owned(), pi)].into_iter().collect()).unwrap();
        best = best.max(inner_product(&a, &permuted));
    });
    assert!((matching.objective_after() - best).abs() < 1e-12, "{} {best}", matching.objective_after());
}

fn each_permutation(indices: &mut Vec<usize>, from: usize, visit: &mut dyn FnMut(&[usize])) {
    if from == indices.len() {
        return visit(indices);
    }
    for i in from..indices.len() {
        indices.swap(from, i);
        each_permutation(indices, from + 1, visit);
        indices.swap(from, i);
    }
}

#[test]
fn the_same_seed_gives_the_same_result() {
    let spec = PermutationSpec::resnet(20).unwrap();
    let (a, b) = (random_resnet(&spec, 1, 0), random_resnet(&spec, 1, 1));
    let matchings: Vec<Matching> = (0..6).map(|seed| matched(&spec, &a, &b, seed)).collect();
    assert_eq!(matchings[3], matched(&spec, &a, &b, 3));
    assert!(
        matchings.iter().any(|m| m.permutations != matchings[0].permutations),
        "the order never mattered"
    );
}

#[test]
fn an_aligned_network_stays_where_it_is() {
    let spec = PermutationSpec::resnet(20).unwrap();
    let (a, b) = (random_resnet(&spec, 1, 4), random_resnet(&spec, 1, 5));
    let first = matched(&spec, &a, &b, 0);
    let aligned = apply(&spec, &b, &first.permutations).unwrap();
    let second = matched(&spec, &a, &aligned, 1);
    assert!(second.permutations.is_identity());
    assert_eq!(second.sweeps, 1);
    assert!((second.objective_after() - first.objective_after()).abs() < 1e-8);
}

#[test]
fn identical_networks_give_the_identity() {
    let spec = PermutationSpec::resnet(20).unwrap();
    let mut net = random_resnet(&spec, 1, 0);
    assert!(matched(&spec, &net, &net, 0).permutations.is_identity());
    // Dead and duplicate units leave ties, which must not move either.
    net.iter_mut().for_each(|(_, array)| array.data_mut().fill(0.25));
    let matching = matched(&spec, &net, &net, 0);
    assert!(matching.permutations.is_identity());
    assert!(matching.moved.values().all(|&moved| moved == 0));
    net.iter_mut().for_each(|(_, array)| array.data_mut().fill(0.0));
    assert!(matched(&spec, &net, &net, 0).permutations.is_identity());
}

#[test]
fn moved_counts_the_units_that_changed_place() {
    let spec = mlp(&["a", "b"]);
    let net = random_network(&[8, 6, 6, 4], 0);
    let mut planted = Permutations::identity(&spec.validate(&net).unwrap());
    planted.insert("b", Permutation::new(vec![0, 1, 3, 2, 4, 5]).unwrap());
    let matching = matched(&spec, &net, &apply(&spec, &net, &planted).unwrap(), 0);
    assert_eq!((matching.moved["a"], matching.moved["b"]), (0, 2));
}

#[test]
fn extreme_magnitudes_are_matched_like_ordinary_ones() {
    let spec = mlp(&["h"]);
    let net = random_network(&[9, 8, 3], 0);
    let planted = random_permutations(&spec, &net, 1);
    // Products of such weights overflow f32.
    let huge = net.map(|_, w| w.iter().map(|x| x * 1e37).collect());
    let target = apply(&spec, &huge, &planted).unwrap();
    assert_eq!(matched(&spec, &huge, &target, 0).permutations, planted.inverse());
    // Products of such weights underflow f32; against large ones they still count.
    let tiny = apply(&spec, &net.map(|_, w| w.iter().map(|x| x * 1e-37).collect()), &planted).unwrap();
    assert_eq!(matched(&spec, &huge, &tiny, 0).permutations, planted.inverse());
}

#[test]
fn the_limit_on_sweeps_ends_the_search() {
    let spec = PermutationSpec::resnet(20).unwrap();
    let (a, b) = (random_resnet(&spec, 1, 0), random_resnet(&spec, 1, 1));
    let mut options = MatchingOptions::new(SeedTree::root(0));
    options.max_sweeps = 1;
    let matching = weight_matching(&spec, &a, &b, &options).unwrap();
    assert_eq!((matching.sweeps, matching.converged), (1, false));
    options.max_sweeps = 0;
    let none = weight_matching(&spec, &a, &b, &options).unwrap();
    assert!(none.permutations.is_identity() && none.objective_after() == none.objective_before);
}

#[test]
fn weights_that_are_not_finite_are_refused_by_name() {
    let (spec, good) = (mlp(&["h"]), random_network(&[2, 3, 2], 0));
    for bad in [f32::NAN, f32::INFINITY] {
        let mut broken = good.clone();
        broken.iter_mut().last().unwrap().1.data_mut()[1] = bad;
        let options = MatchingOptions::new(SeedTree::root(0));
        let error = |network| MatchingError::NonFinite { network, parameter: "1.bias".into() };
        let result = weight_matching(&spec, &good, &broken, &options);
        assert_eq!(result, Err(error(Network::Target)));
        let result = weight_matching(&spec, &broken, &good, &options);
        assert_eq!(result, Err(error(Network::Reference)));
    }
}

#[test]
fn networks_of_different_widths_and_foreign_specs_are_refused() {
    let options = MatchingOptions::new(SeedTree::root(0));
    let (narrow, wide) = (random_network(&[2, 3, 2], 0), random_network(&[2, 4, 2], 0));
    let error = weight_matching(&mlp(&["h"]), &narrow, &wide, &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "reference and target cannot be matched: the networks differ at 3 parameters:\n  0.weight: [3, 2] against [4, 2]\n  \
         0.bias: [3] against [4]\n  1.weight: [2, 3] against [2, 4]"
    );
    let resnet = PermutationSpec::resnet(20).unwrap();
    let error = weight_matching(&resnet, &narrow, &narrow, &options).unwrap_err();
    assert!(matches!(error, MatchingError::Spec(SpecError::Layout { .. })));
}

#[test]
fn a_layer_without_units_is_matched() {
    let net = random_network(&[2, 0, 3], 0);
    let matching = matched(&mlp(&["h"]), &net, &net, 0);
    assert_eq!(matching.moved["h"], 0);
}
