//! Samples have the moments that their definitions ask for, and leave running statistics alone.

use crate::{ONE, golden, list, network, rows, states, weights};
use basin_core::{Params, SeedTree};
use basin_ensemble::ParamOp;
use basin_methods::{
    Average, DiagonalGaussian, DropWeights, LowRankGaussian, RandomDirection, Spread, SwagGaussian,
};

const VARIED: Spread = Spread { scale: 1.0, varied: true };

/// Samples of an operation on the six states.
fn samples(operation: &dyn ParamOp, n: u64) -> Vec<Vec<f64>> {
    let states = states();
    let inputs: Vec<&Params> = states.iter().collect();
    let seeds = SeedTree::root(1);
    (0..n).map(|i| weights(&operation.apply(&inputs, &seeds.index(i)).unwrap(), 5.0)).collect()
}

fn moments(samples: &[Vec<f64>]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let (n, d) = (samples.len() as f64, samples[0].len());
    let mean: Vec<f64> = (0..d).map(|i| samples.iter().map(|s| s[i]).sum::<f64>() / n).collect();
    let between = |i: usize, j: usize| {
        samples.iter().map(|s| (s[i] - mean[i]) * (s[j] - mean[j])).sum::<f64>() / (n - 1.0)
    };
    let covariance = (0..d).map(|i| (0..d).map(|j| between(i, j)).collect()).collect();
    (mean, covariance)
}

const DRAWS: u64 = 40_000;

/// Means and covariances of so many draws lie within five of their standard errors.
fn assert_moments(samples: &[Vec<f64>], mean: &[f64], covariance: &dyn Fn(usize, usize) -> f64) {
    let (own, spread) = moments(samples);
    let n = (samples.len() as f64).sqrt();
    for (i, row) in spread.iter().enumerate() {
        let error = covariance(i, i).sqrt() / n;
        assert!((own[i] - mean[i]).abs() < 5.0 * error, "mean {i}: {} for {}", own[i], mean[i]);
        for (j, found) in row.iter().enumerate() {
            let (expected, both) = (covariance(i, j), covariance(i, i) * covariance(j, j));
            let error = (both + expected * expected).sqrt() / n;
            assert!((found - expected).abs() < 5.0 * error, "covariance {i}, {j}: {found} for {expected}");
        }
    }
}

#[test]
fn an_average_is_numpy_s_mean() {
    for (own, mean) in samples(&Average, 1)[0].iter().zip(list(&golden("mean"))) {
        assert_eq!(*own, f64::from(mean as f32));
    }
    assert!(Average.new_statistics());
}

#[test]
fn the_diagonal_gaussian_has_the_population_s_deviations_times_its_scale() {
    let (mean, deviation) = (list(&golden("mean")), list(&golden("deviation")));
    let operation = DiagonalGaussian { spread: Spread { scale: 1.5, varied: false } };
    // With the sample's deviations variances would be a fifth larger; five errors are less than a twentieth.
    assert_moments(&samples(&operation, DRAWS), &mean, &|i, j| match i == j {
        true => (1.5 * deviation[i]).powi(2),
        false => 0.0,
    });
}

#[test]
fn swag_s_covariance_is_half_diagonal_and_half_low_rank() {
    let (mean, covariance) = (list(&golden("mean")), rows("swag covariance"));
    assert_moments(&samples(&SwagGaussian { spread: ONE }, DRAWS), &mean, &|i, j| covariance[i][j]);
}

#[test]
fn the_low_rank_gaussian_stays_on_the_components_with_raw_coordinates() {
    let (mean, components) = (list(&golden("mean")), rows("components"));
    let operation = LowRankGaussian { rank: 3, spread: Spread { scale: 2.0, varied: false } };
    let mut coordinates = Vec::new();
    for sample in samples(&operation, 2000) {
        let moved: Vec<f64> = sample.iter().zip(&mean).map(|(x, m)| x - m).collect();
        let along = |v: &Vec<f64>| v.iter().zip(&moved).map(|(v, x)| v * x).sum::<f64>();
        let own: Vec<f64> = components.iter().map(along).collect();
        for (i, x) in moved.iter().enumerate() {
            let again: f64 = (0..3).map(|k| own[k] * components[k][i]).sum();
            assert!((again - x).abs() < 1e-6, "weight {i}: {again} for {x}, which f32 tells to 2e-7");
        }
        coordinates.push(own[..3].to_vec());
    }
    // Alike on all three, although singular values differ.
    let singular = list(&golden("singular values"));
    assert!(singular[0] > 2.0 * singular[2]);
    assert_moments(&coordinates, &[0.0; 3], &|i, j| if i == j { 4.0 } else { 0.0 });
}

#[test]
fn a_varied_spread_draws_its_scale_for_every_sample() {
    let deviation = list(&golden("deviation"));
    // E[U² z²] is a third.
    let (_, covariance) = moments(&samples(&DiagonalGaussian { spread: VARIED }, DRAWS));
    for (i, deviation) in deviation.iter().enumerate() {
        let share = covariance[i][i] / deviation.powi(2);
        assert!((share - 1.0 / 3.0).abs() < 0.02, "{share}");
    }
    let states = states();
    let inputs: Vec<&Params> = states.iter().collect();
    for (fixed, varied) in [
        (
            &DiagonalGaussian { spread: ONE } as &dyn ParamOp,
            &DiagonalGaussian { spread: VARIED } as &dyn ParamOp,
        ),
        (&SwagGaussian { spread: ONE }, &SwagGaussian { spread: VARIED }),
        (&LowRankGaussian { rank: 2, spread: ONE }, &LowRankGaussian { rank: 2, spread: VARIED }),
    ] {
        assert_ne!(fixed.id(), varied.id());
        let seed = SeedTree::root(2);
        let away = |operation: &dyn ParamOp| {
            let sample = weights(&operation.apply(&inputs, &seed).unwrap(), 5.0);
            let moved = sample.iter().zip(list(&golden("mean"))).map(|(x, m)| (x - m).powi(2));
            moved.sum::<f64>().sqrt()
        };
        let share = away(varied) / away(fixed);
        let expected = seed.child("scale").rng().uniform();
        assert!((share - expected).abs() < 1e-5, "{share} for {expected}, of {}", varied.id());
    }
}

#[test]
fn a_random_direction_is_as_long_as_its_share_of_the_scale_and_uniform() {
    let solution = network(&list(&golden("mean")), 3.0);
    let operation = RandomDirection { scale: 10.0, acceptance: None };
    let at = weights(&solution, 3.0);
    let mut directions = Vec::new();
    for i in 0..DRAWS {
        let seed = SeedTree::root(4).index(i);
        let sample = weights(&operation.apply(&[&solution], &seed).unwrap(), 3.0);
        let moved: Vec<f64> = sample.iter().zip(&at).map(|(x, y)| x - y).collect();
        let length = moved.iter().map(|x| x * x).sum::<f64>().sqrt();
        let expected = 10.0 * seed.child("scale").rng().uniform();
        assert!((length - expected).abs() < 1e-5, "{length} for {expected}");
        if length > 0.1 {
            directions.push(moved.iter().map(|x| x / length).collect());
        }
    }
    // Of a uniform direction in d dimensions the variance along each is 1/d.
    let (mean, covariance) = moments(&directions);
    for (i, row) in covariance.iter().enumerate() {
        assert!(mean[i].abs() < 0.01, "{}", mean[i]);
        for (j, found) in row.iter().enumerate() {
            let expected = if i == j { 1.0 / 11.0 } else { 0.0 };
            assert!((found - expected).abs() < 0.005, "{i}, {j}: {found}");
        }
    }
    assert!(!operation.new_statistics());
}

#[test]
fn dropped_weights_are_zero_and_kept_ones_larger_so_that_the_mean_stays() {
    let solution = network(&list(&golden("mean")), 3.0);
    let at = weights(&solution, 3.0);
    let operation = DropWeights { rate: 0.4 };
    let (mut sums, mut dropped, mut rates) = (vec![0.0; 11], 0.0, 0.0);
    for i in 0..DRAWS {
        let seed = SeedTree::root(6).index(i);
        let rate = 0.4 * seed.child("scale").rng().uniform();
        rates += rate;
        let sample = weights(&operation.apply(&[&solution], &seed).unwrap(), 3.0);
        for ((sum, x), whole) in sums.iter_mut().zip(sample).zip(&at) {
            *sum += x / whole / DRAWS as f64;
            match x == 0.0 {
                true => dropped += 1.0 / 11.0,
                false => assert!((x * (1.0 - rate) / whole - 1.0).abs() < 1e-6, "{x} of {whole} at {rate}"),
            }
        }
    }
    assert!((dropped / rates - 1.0).abs() < 0.02, "{dropped} for {rates}");
    assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 0.02), "{sums:?}");
}
