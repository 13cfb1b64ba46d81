//! Restarts and visiting orders.

use crate::networks::{each_family, inner_product, mlp, plain_residual_mlp, random_network};
use crate::networks::{random_permutations, residual_mlp};
use basin_core::SeedTree;
use rayon::prelude::*;
use std::ops::Range;
use weight_matching::{MatchingOptions, VisitingOrder, apply, weight_matching};

const ORDERS: [VisitingOrder; 4] =
    [VisitingOrder::Random, VisitingOrder::Forward, VisitingOrder::Backward, VisitingOrder::Alternate];

/// How many planted permutations are found again in random residual MLPs of width 30 to 50 and 3 to 5 blocks, one
/// for each seed. The fewer inputs and outputs, the less there is to begin with.
fn recovered(seeds: Range<u64>, ends: usize, restarts: usize) -> usize {
    let run = |seed: u64| {
        let (width, depth) = (30 + (seed as usize * 7) % 21, 3 + seed as usize % 3);
        let (spec, net) = plain_residual_mlp([ends, width, ends], depth, seed);
        let planted = random_permutations(&spec, &net, 1000 + seed);
        let target = apply(&spec, &net, &planted).unwrap();
        let mut options = MatchingOptions::new(SeedTree::root(seed));
        options.restarts = Some(restarts);
        weight_matching(&spec, &net, &target, &options).unwrap().permutations == planted.inverse()
    };
    seeds.into_par_iter().filter(|&seed| run(seed)).count()
}

/// The table of the README, run again. Another kind of processor rounds products differently, and with them a search may
/// end elsewhere now and then.
#[test]
fn the_recovery_table_of_the_readme_is_what_comes_out() {
    let readme = include_str!("../README.md");
    let rows = readme.lines().skip_while(|line| !line.starts_with("| inputs and outputs")).skip(2);
    let rows: Vec<Vec<usize>> = rows
        .map_while(|line| line.strip_prefix('|'))
        .map(|line| line.split('|').filter_map(|cell| cell.trim().parse().ok()).collect())
        .collect();
    assert_eq!(rows.len(), 3);
    for row in rows {
        let [ends, told @ ..] = &row[..] else { panic!("an empty row") };
        for (restarts, &told) in [1, 5, 10, 30].into_iter().zip(told) {
            let found = recovered(0..100, *ends, restarts);
            assert!(found.abs_diff(told) <= 2, "{ends} inputs, {restarts} searches: {found}, told {told}");
        }
    }
}

#[test]
fn restarts_find_the_best_of_all_permutations_of_tiny_networks() {
    let spec = mlp(&["a", "b"]);
    for seed in 0..20 {
        let (a, b) = (random_network(&[2, 4, 4, 2], 2 * seed), random_network(&[2, 4, 4, 2], 2 * seed + 1));
        let mut best = f64::NEG_INFINITY;
        each_family(&[("a", 4), ("b", 4)], &mut |family| {
            best = best.max(inner_product(&a, &apply(&spec, &b, family).unwrap()));
        });
        let mut options = MatchingOptions::new(SeedTree::root(seed));
        for order in ORDERS {
            options.order = order;
            options.restarts = Some(1);
            let one = weight_matching(&spec, &a, &b, &options).unwrap().objective_after();
            options.restarts = Some(40);
            let many = weight_matching(&spec, &a, &b, &options).unwrap().objective_after();
            assert!(
                one <= many + 1e-12 && (many - best).abs() < 1e-9,
                "{seed} {order:?}: {one} {many} {best}"
            );
        }
    }
}

#[test]
fn restarts_keep_the_promises_of_a_matching() {
    let (spec, a) = residual_mlp(20, 3, 1);
    let (_, b) = residual_mlp(20, 3, 2);
    let mut options = MatchingOptions::new(SeedTree::root(3));
    options.restarts = Some(1);
    let one = weight_matching(&spec, &a, &b, &options).unwrap();
    options.restarts = Some(0);
    assert_eq!(one, weight_matching(&spec, &a, &b, &options).unwrap());
    options.restarts = Some(10);
    let many = weight_matching(&spec, &a, &b, &options).unwrap();
    assert_eq!(many, weight_matching(&spec, &a, &b, &options).unwrap());
    assert!(many.objective_after() > one.objective_after());
    assert_eq!(many.objective_before, one.objective_before);
    assert!(many.objective_history.is_sorted() && many.converged);
    assert_eq!(many.sweeps, many.objective_history.len());
    let aligned = apply(&spec, &b, &many.permutations).unwrap();
    assert!((inner_product(&a, &aligned) - many.objective_after()).abs() < 1e-9);
    for (name, permutation) in many.permutations.iter() {
        assert_eq!(many.moved[name], permutation.moved());
    }
}

#[test]
fn without_a_number_three_searches_that_gain_nothing_end_the_restarts() {
    let (spec, a) = residual_mlp(20, 3, 1);
    let mut improved = 0;
    for seed in 0..10 {
        let (_, b) = residual_mlp(20, 3, 100 + seed);
        let mut options = MatchingOptions::new(SeedTree::root(seed));
        let found = weight_matching(&spec, &a, &b, &options).unwrap();
        let mut best_of = |searches: usize| {
            options.restarts = Some(searches);
            weight_matching(&spec, &a, &b, &options).unwrap()
        };
        let of_all = best_of(found.searches);
        assert_eq!(found, of_all);
        assert!(found.searches >= 4);
        // The last three gained nothing, the one before them did, and no three in a row before.
        let reached: Vec<f64> = (1..=found.searches).map(|n| best_of(n).objective_after()).collect();
        let gained: Vec<bool> = reached.windows(2).map(|pair| pair[1] > pair[0]).collect();
        let idle = |gained: &[bool]| gained.iter().all(|gained| !gained);
        let first = gained.windows(3).position(idle);
        assert_eq!(first, Some(gained.len() - 3), "{reached:?}");
        improved += u64::from(reached[found.searches - 1] > reached[0]);
    }
    assert!(improved >= 5, "{improved} of 10");
}

#[test]
fn a_search_that_makes_the_networks_equal_is_the_last() {
    let spec = mlp(&["a", "b"]);
    let net = random_network(&[20, 24, 18, 10], 0);
    let target = apply(&spec, &net, &random_permutations(&spec, &net, 1)).unwrap();
    let found = weight_matching(&spec, &net, &target, &MatchingOptions::new(SeedTree::root(0))).unwrap();
    assert_eq!((apply(&spec, &target, &found.permutations).unwrap(), found.searches), (net, 1));
}

#[test]
fn ties_are_won_by_the_first_search() {
    let (spec, net) = residual_mlp(12, 3, 0);
    // Every arrangement of equal units is as good as any other.
    let flat = net.map(|_, w| vec![0.5; w.len()]);
    let shifted = net.map(|_, w| vec![0.25; w.len()]);
    let mut options = MatchingOptions::new(SeedTree::root(0));
    options.restarts = Some(5);
    assert!(weight_matching(&spec, &flat, &shifted, &options).unwrap().permutations.is_identity());
    assert!(weight_matching(&spec, &net, &net, &options).unwrap().permutations.is_identity());
}

#[test]
fn every_order_ends_in_an_optimum_and_they_differ() {
    let (spec, a) = residual_mlp(20, 4, 5);
    let (_, b) = residual_mlp(20, 4, 6);
    let found = ORDERS.map(|order| {
        let mut options = MatchingOptions::new(SeedTree::root(0));
        options.order = order;
        options.restarts = Some(1);
        let first = weight_matching(&spec, &a, &b, &options).unwrap();
        assert_eq!(first, weight_matching(&spec, &a, &b, &options).unwrap(), "{order:?}");
        let again = weight_matching(&spec, &a, &apply(&spec, &b, &first.permutations).unwrap(), &options);
        assert!(first.converged && again.unwrap().permutations.is_identity(), "{order:?}");
        first.permutations
    });
    assert!(found.iter().skip(1).any(|permutations| *permutations != found[0]));
}
