//! Joint and pairwise connectivity on landscapes whose accuracy is known in closed form.

use basin_core::{SeedTree, Simplex};
use basin_metrics::stats::{Summary, t_interval};
use basin_metrics::{ConnectivityError, choose_pairs, joint_connectivity, pairwise_connectivity};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::convert::Infallible;

fn seed() -> SeedTree {
    SeedTree::root(3).child("connectivity")
}

/// Accuracy that falls with the distance from the nearest member: a basin per member.
fn valley(point: &Simplex) -> Result<f64, Infallible> {
    Ok(point.weights().iter().fold(0.0, |best: f64, w| best.max(*w)))
}

proptest! {
    #[test]
    fn equal_members_in_a_flat_basin_have_q_exactly_zero(a in 0.0f64..=1.0, m in 2usize..=7, root in any::<u64>()) {
        let flat = |_: &Simplex| Ok::<f64, Infallible>(a);
        let got = joint_connectivity(&vec![a; m], 10, &SeedTree::root(root), flat).unwrap();
        prop_assert_eq!((got.mean, got.sd), (0.0, 0.0));
        prop_assert!(got.draws.iter().all(|draw| draw.q == 0.0));
    }

    #[test]
    fn the_ends_of_a_line_have_q_exactly_zero(a in 0.0f64..=1.0, b in 0.0f64..=1.0) {
        let curve = pairwise_connectivity(a, b, &[0.0, 1.0], |_| Err("never evaluated")).unwrap();
        prop_assert_eq!(curve.accuracy, vec![a, b]);
        prop_assert_eq!(curve.q, vec![0.0, 0.0]);
    }

    #[test]
    fn two_members_have_the_same_q_jointly_and_along_the_line(a in 0.0f64..=1.0, b in 0.0f64..=1.0) {
        let joint = joint_connectivity(&[a, b], 8, &seed(), valley).unwrap();
        let alphas: Vec<f64> = joint.draws.iter().map(|draw| draw.weights[1]).collect();
        let line = pairwise_connectivity(a, b, &alphas, valley).unwrap();
        for (draw, q) in joint.draws.iter().zip(&line.q) {
            prop_assert!((draw.q - q).abs() < 1e-15, "{} and {q}", draw.q);
        }
    }

    #[test]
    fn the_order_of_members_does_not_change_q_at_a_point(a in prop::collection::vec(0.0f64..=1.0, 3)) {
        // q by its definition, at the weights that were drawn, members in reverse.
        let got = joint_connectivity(&a, 5, &seed(), valley).unwrap();
        for draw in &got.draws {
            let members: f64 = draw.weights.iter().zip(&a).rev().map(|(w, acc)| w * acc).sum();
            prop_assert!((draw.q - (draw.accuracy - members)).abs() < 1e-15, "{draw:?}");
        }
    }
}

#[test]
fn a_linear_landscape_is_perfectly_connected() {
    let members = [0.9, 0.5, 0.7];
    let linear = |point: &Simplex| {
        Ok::<f64, Infallible>(point.weights().iter().zip(&members).map(|(w, a)| w * a).sum())
    };
    let got = joint_connectivity(&members, 20, &seed(), linear).unwrap();
    assert!(got.draws.iter().all(|draw| draw.q.abs() < 1e-15), "{got:?}");
}

#[test]
fn separate_basins_are_significantly_disconnected() {
    // Acc = max λ and Acc(θᵢ) = 1: E max λ over Dir(1,1,1) is (1 + 1/2 + 1/3)/3 = 11/18.
    let got = joint_connectivity(&[1.0; 3], 2000, &seed(), valley).unwrap();
    let interval = t_interval(&got.summary(), 0.9999).unwrap();
    let expected = 11.0 / 18.0 - 1.0;
    assert!(interval.low < expected && expected < interval.high, "{interval:?}, expected {expected}");
    assert!(interval.high < 0.0, "{interval:?}");
}

#[test]
fn the_mean_and_sd_are_those_of_the_draws() {
    let got = joint_connectivity(&[0.8, 0.6, 0.7], 50, &seed(), valley).unwrap();
    let q: Vec<f64> = got.draws.iter().map(|draw| draw.q).collect();
    assert_eq!(Summary::from_values(&q).unwrap(), got.summary());
}

#[test]
fn each_draw_is_evaluated_once_at_its_own_place_in_the_seed_tree() {
    let mut points = Vec::new();
    let record = |point: &Simplex| {
        points.push(point.clone());
        Ok::<f64, Infallible>(0.5)
    };
    let got = joint_connectivity(&[0.5; 4], 7, &seed(), record).unwrap();
    let expected: Vec<Simplex> = (0..7).map(|i| Simplex::dirichlet(4, &seed().index(i))).collect();
    assert_eq!(points, expected);
    assert!(got.draws.iter().zip(&expected).all(|(draw, point)| draw.weights == point.weights()));
}

#[test]
fn a_line_is_evaluated_only_between_its_ends() {
    let mut seen = Vec::new();
    let record = |point: &Simplex| {
        seen.push(point.weights()[1]);
        Ok::<f64, Infallible>(0.5)
    };
    let curve = pairwise_connectivity(0.9, 0.7, &[0.0, 0.25, 0.5, 1.0], record).unwrap();
    assert_eq!(seen, [0.25, 0.5]);
    assert_eq!(curve.accuracy, [0.9, 0.5, 0.5, 0.7]);
    // At α = 1/4 the line between the ends stands at 0.85: the lowest point lies 0.35 below.
    assert!((curve.barrier() - 0.35).abs() < 1e-15, "{}", curve.barrier());
}

#[test]
fn a_line_above_its_ends_has_no_barrier() {
    let better = |_: &Simplex| Ok::<f64, Infallible>(0.95);
    assert_eq!(pairwise_connectivity(0.9, 0.7, &[0.5], better).unwrap().barrier(), 0.0);
}

#[test]
fn pairs_are_distinct_and_more_pairs_keep_the_first() {
    let five = choose_pairs(8, 5, &seed());
    assert_eq!(five.len(), 5);
    assert!(five.iter().all(|(i, j)| i < j && *j < 8), "{five:?}");
    assert_eq!(five.iter().collect::<BTreeSet<_>>().len(), 5, "{five:?}");
    assert_eq!(choose_pairs(8, 12, &seed())[..5], five);
    assert_ne!(choose_pairs(8, 5, &seed().index(1)), five);
}

#[test]
fn all_pairs_come_when_there_are_fewer_than_asked_for() {
    let all: BTreeSet<_> = choose_pairs(3, 5, &seed()).into_iter().collect();
    assert_eq!(all, BTreeSet::from([(0, 1), (0, 2), (1, 2)]));
    assert_eq!((choose_pairs(1, 5, &seed()), choose_pairs(0, 5, &seed())), (vec![], vec![]));
}

#[test]
fn every_pair_is_equally_likely() {
    let mut counts = [0u32; 6];
    for i in 0..6000 {
        let (a, b) = choose_pairs(4, 1, &seed().index(i))[0];
        counts[[[9, 0, 1, 2], [9, 9, 3, 4], [9, 9, 9, 5]][a][b]] += 1;
    }
    // Six cells of expectation 1000: chi-square with 5 degrees of freedom exceeds 25.7 once in 10 000.
    let chi: f64 = counts.iter().map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
    assert!(chi < 25.7, "{counts:?}");
}

#[test]
fn an_evaluation_that_fails_stops_the_measurement_with_its_cause() {
    let mut calls = 0;
    let fails = |_: &Simplex| {
        calls += 1;
        if calls == 3 { Err(std::io::Error::other("disk gone")) } else { Ok(0.5) }
    };
    let error = joint_connectivity(&[0.5, 0.5], 50, &seed(), fails).unwrap_err();
    assert_eq!(error.to_string(), "evaluation 2 failed");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "disk gone");
    assert_eq!(calls, 3);
}

#[test]
fn connectivity_of_nothing_or_of_percentages_is_refused() {
    let flat = |_: &Simplex| Ok::<f64, Infallible>(0.5);
    let joint = |members: &[f64], draws| joint_connectivity(members, draws, &seed(), flat).unwrap_err();
    assert_eq!(joint(&[0.5], 50), ConnectivityError::Members { found: 1 });
    assert_eq!(joint(&[0.5, 0.5], 1), ConnectivityError::Draws { found: 1 });
    assert_eq!(joint(&[0.5, 93.0], 50), ConnectivityError::MemberAccuracy { member: 1, value: 93.0 });
    assert!(matches!(joint(&[f64::NAN, 0.5], 50), ConnectivityError::MemberAccuracy { member: 0, .. }));

    let percent = |_: &Simplex| Ok::<f64, Infallible>(50.0);
    let error = joint_connectivity(&[0.5, 0.5], 50, &seed(), percent).unwrap_err();
    assert_eq!(error, ConnectivityError::Accuracy { index: 0, value: 50.0 });
}

#[test]
fn points_off_the_line_are_refused_before_any_evaluation() {
    let line = |alphas: &[f64]| pairwise_connectivity(0.5, 0.5, alphas, |_| Err("evaluated")).unwrap_err();
    assert_eq!(line(&[0.5, 1.5]), ConnectivityError::Alpha { index: 1, alpha: 1.5 });
    assert_eq!(line(&[0.5, -0.5]), ConnectivityError::Alpha { index: 1, alpha: -0.5 });
    assert!(matches!(line(&[0.5, f64::NAN]), ConnectivityError::Alpha { index: 1, .. }));
    assert_eq!(line(&[]), ConnectivityError::NoAlphas);
}
