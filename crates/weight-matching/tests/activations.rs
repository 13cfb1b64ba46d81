//! Matching by activations.

use crate::networks::mlp;
use basin_core::{Array, SeedTree};
use std::collections::BTreeMap;
use weight_matching::{
    ActivationError, ActivationPair, Matching, Network, Permutation, PermutationSpec, activation_matching,
};

const SAMPLES: usize = 60;

/// Units with offsets, scales and correlations of their own.
fn activations(units: usize, seed: u64) -> Array {
    let mut rng = SeedTree::root(seed).rng();
    let offsets: Vec<f64> = (0..units).map(|_| 5.0 * rng.normal()).collect();
    let mut values = Vec::new();
    for _ in 0..SAMPLES {
        let shared = rng.normal();
        values.extend(offsets.iter().map(|offset| (offset + offset * (rng.normal() + 0.5 * shared)) as f32));
    }
    Array::new(vec![SAMPLES, units], values).unwrap()
}

/// Column j of the result is `scale` times column π(j), plus noise and an offset.
fn disguised(array: &Array, pi: &Permutation, noise: f64, seed: u64) -> Array {
    let mut rng = SeedTree::root(seed).rng();
    let units = pi.len();
    let mut out = array.clone();
    for sample in 0..SAMPLES {
        for (j, from) in pi.iter().enumerate() {
            let value = f64::from(array.data()[sample * units + from]);
            out.data_mut()[sample * units + j] = (0.3 * value + noise * rng.normal() - 7.0) as f32;
        }
    }
    out
}

fn matched(spec: &PermutationSpec, pairs: &[(&str, &Array, &Array)]) -> Result<Matching, ActivationError> {
    let pair =
        |&(name, reference, target): &(&str, _, _)| (name.to_owned(), ActivationPair { reference, target });
    activation_matching(spec, &pairs.iter().map(pair).collect::<BTreeMap<_, _>>())
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let covariance: f64 = x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum();
    let norm = |x: &[f64], m: f64| x.iter().map(|x| (x - m).powi(2)).sum::<f64>().sqrt();
    covariance / (norm(x, mx) * norm(y, my))
}

#[test]
fn planted_permutations_are_recovered_from_noisy_activations() {
    let spec = mlp(&["a", "b"]);
    let order = |n: usize, seed: u64| {
        let mut indices: Vec<usize> = (0..n).collect();
        SeedTree::root(seed).rng().shuffle(&mut indices);
        Permutation::new(indices).unwrap()
    };
    let (a, b) = (activations(30, 0), activations(20, 1));
    let (pi, rho) = (order(30, 2), order(20, 3));
    let (ta, tb) = (disguised(&a, &pi, 0.02, 4), disguised(&b, &rho, 0.02, 5));
    let found = matched(&spec, &[("a", &a, &ta), ("b", &b, &tb)]).unwrap();
    assert_eq!(*found.permutations.get("a").unwrap(), pi.inverse());
    assert_eq!(*found.permutations.get("b").unwrap(), rho.inverse());
    assert_eq!((found.sweeps, found.converged, found.objective_history.len()), (1, true, 1));
    assert_eq!(found.moved["a"], pi.moved());
    // The objective, from the definition.
    let column = |array: &Array, unit: usize| -> Vec<f64> {
        let units = array.shape()[1];
        (0..SAMPLES).map(|s| f64::from(array.data()[s * units + unit])).collect()
    };
    let sum = |x: &Array, y: &Array, pi: &Permutation| -> f64 {
        pi.iter().enumerate().map(|(i, j)| correlation(&column(x, i), &column(y, j))).sum()
    };
    let after = sum(&a, &ta, &pi.inverse()) + sum(&b, &tb, &rho.inverse());
    let before = sum(&a, &ta, &Permutation::identity(30)) + sum(&b, &tb, &Permutation::identity(20));
    assert!((found.objective_after() - after).abs() < 1e-9);
    assert!((found.objective_before - before).abs() < 1e-9);
}

#[test]
fn dead_and_duplicate_units_stay_where_they_can() {
    let spec = mlp(&["h"]);
    let mut net = activations(6, 0);
    for sample in 0..SAMPLES {
        // Two dead units, of a value whose mean is rounded, and a duplicate.
        net.data_mut()[sample * 6 + 1] = 0.1;
        net.data_mut()[sample * 6 + 4] = 0.0;
        net.data_mut()[sample * 6 + 5] = net.data()[sample * 6];
    }
    let found = matched(&spec, &[("h", &net, &net)]).unwrap();
    assert!(found.permutations.is_identity());
    assert!((found.objective_after() - 4.0).abs() < 1e-9);
    let all_dead = Array::full(vec![SAMPLES, 6], 0.1);
    let found = matched(&spec, &[("h", &net, &all_dead)]).unwrap();
    assert!(found.permutations.is_identity() && found.objective_after() == 0.0);
    let swap = Permutation::new(vec![0, 2, 1, 3, 4, 5]).unwrap();
    let found = matched(&spec, &[("h", &net, &disguised(&net, &swap, 0.0, 0))]).unwrap();
    assert_eq!(*found.permutations.get("h").unwrap(), swap);
}

#[test]
fn activations_that_do_not_fit_are_refused() {
    let (spec, good) = (mlp(&["h"]), activations(4, 0));
    let error = |pairs: &[(&str, &Array, &Array)]| matched(&spec, pairs).unwrap_err();
    let permutation = || "h".to_owned();
    assert_eq!(error(&[]), ActivationError::Missing { permutation: permutation() });
    let unknown = error(&[("h", &good, &good), ("z", &good, &good)]);
    assert_eq!(unknown, ActivationError::Unknown { permutation: "z".into() });
    let short = Array::full(vec![1, 4], 0.0);
    for (reference, target) in [
        (&good, &activations(5, 0)),
        (&good, &Array::full(vec![SAMPLES + 1, 4], 0.0)),
        (&short, &short),
        (&Array::full(vec![8], 0.0), &Array::full(vec![8], 0.0)),
    ] {
        assert!(matches!(error(&[("h", reference, target)]), ActivationError::Shape { .. }));
    }
    let mut broken = good.clone();
    broken.data_mut()[3] = f32::NAN;
    let expected = ActivationError::NonFinite { permutation: permutation(), network: Network::Target };
    assert_eq!(error(&[("h", &good, &broken)]), expected);
    let attention = PermutationSpec::builder().attention("a", None, 4).build().unwrap();
    let (six, eight) = (activations(6, 0), activations(8, 0));
    let refused =
        |qk, vo| matched(&attention, &[("a.qk", qk, qk), ("a.vo", vo, vo)]).unwrap_err().to_string();
    assert_eq!(refused(&eight, &six), "activations of a.vo have 6 units, expected 8 as those of a.qk");
    assert_eq!(refused(&six, &six), "activations of a.qk have 6 units, expected a multiple of its 4 heads");
    let empty = Array::full(vec![SAMPLES, 0], 0.0);
    assert_eq!(matched(&spec, &[("h", &empty, &empty)]).unwrap().moved["h"], 0);
}
