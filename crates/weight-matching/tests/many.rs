//! Joint matchings of several networks: Multi-PCD and MergeMany.

use crate::networks::{
    VitShape, each_family, inner_product, mlp, random_network, random_permutations, random_vit, residual_mlp,
};
use basin_core::{Array, Params, SeedTree};
use std::collections::BTreeMap;
use weight_matching::{
    FrankWolfeOptions, MatchingOptions, MultiMatching, MultiMatchingError, Objective, Permutation,
    PermutationSpec, Permutations, SpecError, VisitingOrder, apply, frank_wolfe, linear_sum_assignment,
    merge_many, multi_pcd,
};

/// One search.
fn options(seed: u64) -> MatchingOptions {
    let mut options = MatchingOptions::new(SeedTree::root(seed));
    options.restarts = Some(1);
    options
}

/// Σ_{i<j} ⟨w_i, w_j⟩.
pub(crate) fn joint(networks: &[Params]) -> f64 {
    let pairs = (0..networks.len()).flat_map(|j| (0..j).map(move |i| (i, j)));
    pairs.map(|(i, j)| inner_product(&networks[i], &networks[j])).sum()
}

/// The largest [`joint`] over all orders of the second and third of three networks; the first may stay as it is.
pub(crate) fn best_of_three(spec: &PermutationSpec, sizes: &[(&str, usize)], networks: &[Params]) -> f64 {
    let mut best = f64::NEG_INFINITY;
    each_family(sizes, &mut |second| {
        let second = apply(spec, &networks[1], second).unwrap();
        each_family(sizes, &mut |third| {
            let third = apply(spec, &networks[2], third).unwrap();
            best = best.max(joint(&[networks[0].clone(), second.clone(), third]));
        });
    });
    best
}

/// Networks that are one network in several orders, and those orders' inverses.
pub(crate) fn planted(
    spec: &PermutationSpec,
    net: &Params,
    count: u64,
    seed: u64,
) -> (Vec<Params>, Vec<Permutations>) {
    let mut orders = vec![Permutations::identity(&spec.validate(net).unwrap())];
    orders.extend((1..count).map(|i| random_permutations(spec, net, 100 * seed + i)));
    let networks = orders.iter().map(|order| apply(spec, net, order).unwrap()).collect();
    (networks, orders.iter().map(Permutations::inverse).collect())
}

/// What every result promises, whatever the networks.
pub(crate) fn check_promises(spec: &PermutationSpec, networks: &[&Params], found: &MultiMatching) {
    let owned: Vec<Params> = networks.iter().map(|&n| n.clone()).collect();
    assert!((found.objective_before - joint(&owned)).abs() < 1e-8);
    let aligned = found.align(spec, networks).unwrap();
    assert!((found.objective_after() - joint(&aligned)).abs() < 1e-8);
    assert!(found.objective_history.is_sorted(), "{:?}", found.objective_history);
    for (family, moved) in found.permutations.iter().zip(&found.moved) {
        let expected: BTreeMap<String, usize> =
            family.iter().map(|(name, p)| (name.to_owned(), p.moved())).collect();
        assert_eq!(*moved, expected);
    }
    for a in 0..networks.len() {
        assert!(found.between(a, a).unwrap().is_identity());
        for b in 0..networks.len() {
            for c in 0..networks.len() {
                let via = found.between(b, c).unwrap().compose(&found.between(a, b).unwrap()).unwrap();
                assert_eq!(via, found.between(a, c).unwrap());
            }
        }
    }
    assert_eq!(found.between(0, networks.len()), None);
}

/// Multi-PCD in f64 from the definition, for the order forward: arrays of arrays, every product a loop.
fn naive_multi_pcd(spec: &PermutationSpec, networks: &[&Params]) -> (Vec<Permutations>, usize) {
    let sizes = spec.validate(networks[0]).unwrap();
    let mut families = vec![Permutations::identity(&sizes); networks.len()];
    let arranged = |families: &[Permutations], i: usize| apply(spec, networks[i], &families[i]).unwrap();
    let at = |array: &Array, axis: usize, unit: usize| -> Vec<f64> {
        let inner: usize = array.shape()[axis + 1..].iter().product();
        let of_unit = |index: &usize| (index / inner) % array.shape()[axis] == unit;
        (0..array.data().len()).filter(of_unit).map(|index| f64::from(array.data()[index])).collect()
    };
    for sweep in 1.. {
        let mut progress = false;
        for i in 1..networks.len() {
            loop {
                let mut inner_progress = false;
                for p in spec.permutations() {
                    let n = sizes[p];
                    let mut without = families[i].clone();
                    without.insert(p, Permutation::identity(n));
                    let own = apply(spec, networks[i], &without).unwrap();
                    let mut gain = vec![0.0; n * n];
                    for j in (0..networks.len()).filter(|&j| j != i) {
                        let other = arranged(&families, j);
                        for (parameter, axis) in spec.uses(p) {
                            let (other, own) = (other.get(parameter).unwrap(), own.get(parameter).unwrap());
                            for (k, gain) in gain.iter_mut().enumerate() {
                                let (x, y) = (at(other, axis, k / n), at(own, axis, k % n));
                                *gain += x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
                            }
                        }
                    }
                    let best = linear_sum_assignment(&gain, n, n, Objective::Maximise).unwrap();
                    let old: f64 =
                        families[i].get(p).unwrap().iter().enumerate().map(|(r, c)| gain[r * n + c]).sum();
                    if best.value() > old + 1e-6 {
                        let indices = best.pairs().iter().map(|pair| pair.1).collect();
                        families[i].insert(p, Permutation::new(indices).unwrap());
                        inner_progress = true;
                    }
                }
                progress |= inner_progress;
                if !inner_progress {
                    break;
                }
            }
        }
        if !progress {
            return (families, sweep);
        }
    }
    unreachable!("the loop has no other end")
}

#[test]
fn multi_pcd_takes_the_steps_of_its_definition() {
    for (seed, count) in [(0, 3), (1, 4), (2, 2)] {
        let (spec, _) = residual_mlp(9, 2, 0);
        let networks: Vec<Params> = (0..count).map(|i| residual_mlp(9, 2, 10 * seed + i).1).collect();
        let networks: Vec<&Params> = networks.iter().collect();
        let mut options = options(seed);
        options.order = VisitingOrder::Forward;
        let found = multi_pcd(&spec, &networks, &options).unwrap();
        let (families, sweeps) = naive_multi_pcd(&spec, &networks);
        assert_eq!((&found.permutations, found.sweeps), (&families, sweeps));
        assert!(found.converged && found.permutations[0].is_identity());
        check_promises(&spec, &networks, &found);
    }
}

#[test]
fn planted_permutations_of_several_networks_are_recovered() {
    let spec = mlp(&["a", "b"]);
    for seed in 0..10 {
        let net = random_network(&[20, 24, 30, 10], seed);
        let (networks, inverses) = planted(&spec, &net, 4, seed);
        let networks: Vec<&Params> = networks.iter().collect();
        let mut options = options(seed);
        options.restarts = Some(2);
        let found = multi_pcd(&spec, &networks, &options).unwrap();
        assert_eq!(found.permutations, inverses, "seed {seed}");
        let merged = merge_many(&spec, &networks, &options).unwrap();
        for (i, inverse) in inverses.iter().enumerate() {
            assert_eq!(merged.matching.between(0, i).unwrap(), *inverse, "seed {seed}");
        }
        let home = apply(&spec, &merged.mean, &merged.matching.permutations[0].inverse()).unwrap();
        assert_eq!(home, net, "seed {seed}");
    }
}

#[test]
fn the_best_of_all_permutations_is_never_beaten_and_reached_with_restarts() {
    let spec = mlp(&["a", "b"]);
    for seed in 0..6 {
        let networks: Vec<Params> = (0..3).map(|i| random_network(&[2, 3, 3, 2], 10 * seed + i)).collect();
        let best = best_of_three(&spec, &[("a", 3), ("b", 3)], &networks);
        let networks: Vec<&Params> = networks.iter().collect();
        let mut options = options(seed);
        let one = multi_pcd(&spec, &networks, &options).unwrap().objective_after();
        options.restarts = Some(50);
        let many = multi_pcd(&spec, &networks, &options).unwrap().objective_after();
        let merged = merge_many(&spec, &networks, &options).unwrap().matching.objective_after();
        assert!(one <= many + 1e-12 && many <= best + 1e-9 && merged <= best + 1e-9, "{one} {many} {best}");
        assert!((many - best).abs() < 1e-9 && (merged - best).abs() < 1e-9, "{many} {merged} {best}");
    }
}

#[test]
fn merging_returns_the_mean_of_networks_none_of_which_can_come_nearer() {
    let (spec, _) = residual_mlp(16, 3, 0);
    let networks: Vec<Params> = (0..4).map(|seed| residual_mlp(16, 3, seed).1).collect();
    let networks: Vec<&Params> = networks.iter().collect();
    let merged = merge_many(&spec, &networks, &options(0)).unwrap();
    assert!(
        merged.matching.converged && merged.matching.objective_after() > merged.matching.objective_before
    );
    check_promises(&spec, &networks, &merged.matching);
    let aligned = merged.matching.align(&spec, &networks).unwrap();
    for (name, mean) in merged.mean.iter() {
        for (at, &mean) in mean.data().iter().enumerate() {
            let sum: f64 = aligned.iter().map(|n| f64::from(n.get(name).unwrap().data()[at])).sum();
            assert!((f64::from(mean) - sum / 4.0).abs() < 1e-6);
        }
    }
    let aligned: Vec<&Params> = aligned.iter().collect();
    let again = merge_many(&spec, &aligned, &options(1)).unwrap();
    assert!(again.matching.permutations.iter().all(Permutations::is_identity));
    assert_eq!((again.matching.sweeps, again.mean), (1, merged.mean));
}

#[test]
fn identical_networks_stay_as_they_are() {
    let (spec, net) = residual_mlp(12, 3, 0);
    let flat = net.map(|_, w| vec![0.5; w.len()]);
    for net in [net, flat] {
        for restarts in [1, 4] {
            let mut options = options(0);
            options.restarts = Some(restarts);
            let networks = [&net, &net, &net];
            let found = multi_pcd(&spec, &networks, &options).unwrap();
            assert!(found.permutations.iter().all(Permutations::is_identity) && found.sweeps == 1);
            let merged = merge_many(&spec, &networks, &options).unwrap();
            assert!(merged.matching.permutations.iter().all(Permutations::is_identity));
            assert_eq!(merged.mean, net);
        }
    }
}

#[test]
fn two_networks_are_matched_as_a_pair_would_be() {
    let (spec, a) = residual_mlp(16, 3, 0);
    let (_, b) = residual_mlp(16, 3, 1);
    let mut options = options(0);
    options.order = VisitingOrder::Backward;
    let pair = weight_matching::weight_matching(&spec, &a, &b, &options).unwrap();
    let many = multi_pcd(&spec, &[&a, &b], &options).unwrap();
    assert_eq!(many.permutations[1], pair.permutations);
    assert!((many.objective_after() - pair.objective_after()).abs() < 1e-8);
    assert_eq!(many, multi_pcd(&spec, &[&a, &b], &options).unwrap());
}

#[test]
fn the_limit_on_sweeps_ends_a_joint_search() {
    let (spec, _) = residual_mlp(16, 3, 0);
    let networks: Vec<Params> = (0..4).map(|seed| residual_mlp(16, 3, seed).1).collect();
    let networks: Vec<&Params> = networks.iter().collect();
    let mut options = options(0);
    options.max_sweeps = 0;
    let found = multi_pcd(&spec, &networks, &options).unwrap();
    assert_eq!((found.sweeps, found.converged), (0, false));
    assert_eq!(found.objective_after(), found.objective_before);
}

#[test]
fn networks_that_cannot_be_matched_are_refused() {
    let (spec, options) = (mlp(&["h"]), options(0));
    let (good, wide) = (random_network(&[2, 3, 2], 0), random_network(&[2, 4, 2], 0));
    let mut broken = good.clone();
    broken.iter_mut().last().unwrap().1.data_mut()[1] = f32::NAN;
    let refused = |networks: &[&Params]| {
        let error = multi_pcd(&spec, networks, &options).unwrap_err();
        assert_eq!(merge_many(&spec, networks, &options).unwrap_err(), error);
        let relaxed = weight_matching::FrankWolfeOptions::new(SeedTree::root(0));
        assert_eq!(weight_matching::frank_wolfe(&spec, networks, &relaxed).unwrap_err(), error);
        error
    };
    assert_eq!(refused(&[]), MultiMatchingError::TooFew { found: 0 });
    assert_eq!(refused(&[&good]), MultiMatchingError::TooFew { found: 1 });
    let parameter = "1.bias".to_owned();
    assert_eq!(refused(&[&good, &good, &broken]), MultiMatchingError::NonFinite { network: 2, parameter });
    assert_eq!(
        refused(&[&good, &wide]).to_string(),
        "networks 0 and 1 cannot be matched: the networks differ at 3 parameters:\n  0.weight: [3, 2] against [4, 2]\n  \
         0.bias: [3] against [4]\n  1.weight: [2, 3] against [2, 4]"
    );
    let foreign = PermutationSpec::resnet(20).unwrap();
    let error = multi_pcd(&foreign, &[&good, &good], &options).unwrap_err();
    assert!(matches!(error, MultiMatchingError::Spec(SpecError::Layout { .. })));
}

#[test]
fn only_the_networks_that_were_matched_are_aligned() {
    let (spec, net) = (mlp(&["h"]), random_network(&[2, 3, 2], 0));
    let found = multi_pcd(&spec, &[&net, &net, &net], &options(0)).unwrap();
    for given in [0, 2, 4] {
        let error = found.align(&spec, &vec![&net; given]).unwrap_err();
        assert_eq!(error, MultiMatchingError::Count { expected: 3, found: given });
    }
    let wide = random_network(&[2, 4, 2], 0);
    let error = found.align(&spec, &[&net, &wide, &net]).unwrap_err();
    assert!(matches!(error, MultiMatchingError::Apply { network: 1, .. }), "{error}");
}

/// Attention heads move as blocks in joint matchings too.
#[test]
fn transformers_in_three_orders_are_brought_together() {
    let shape = VitShape { dim: 16, heads: 4, hidden: 24, layers: 2, patch: 12, tokens: 5, classes: 3 };
    let spec = PermutationSpec::vit(shape.layers, shape.heads).unwrap();
    let net = random_vit(shape, 1);
    let (networks, _) = planted(&spec, &net, 3, 7);
    let networks: Vec<&Params> = networks.iter().collect();
    let mut options = options(0);
    options.restarts = Some(4);
    let mut relaxed = FrankWolfeOptions::new(SeedTree::root(0));
    relaxed.restarts = Some(4);
    for found in [
        multi_pcd(&spec, &networks, &options).unwrap(),
        merge_many(&spec, &networks, &options).unwrap().matching,
        frank_wolfe(&spec, &networks, &relaxed).unwrap().matching,
    ] {
        check_promises(&spec, &networks, &found);
        let aligned = found.align(&spec, &networks).unwrap();
        assert!(aligned[1] == aligned[0] && aligned[2] == aligned[0]);
    }
}
