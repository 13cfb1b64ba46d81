//! Lanczos' method on operators whose spectrum is known.

use basin_core::SeedTree;
use basin_metrics::spectrum::{Lanczos, LanczosState, ProductError, Ritz, SpectrumError, lanczos};
use std::fmt;

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}

/// Q diag(values) Q for a reflection Q: a dense matrix whose spectrum is known.
fn operator(values: &[f64]) -> impl Fn(&[f64]) -> Result<Vec<f64>, fmt::Error> {
    let n = values.len();
    let mut axis: Vec<f64> = (0..n).map(|i| 1.0 + (i as f64).sin()).collect();
    let length = dot(&axis, &axis).sqrt();
    axis.iter_mut().for_each(|x| *x /= length);
    let values = values.to_vec();
    let reflect = move |v: &[f64]| {
        let along = 2.0 * dot(&axis, v);
        v.iter().zip(&axis).map(|(x, a)| x - along * a).collect::<Vec<f64>>()
    };
    move |v: &[f64]| {
        let inner: Vec<f64> = reflect(v).iter().zip(&values).map(|(x, value)| x * value).collect();
        Ok(reflect(&inner))
    }
}

fn all(values: &[f64], steps: usize) -> Vec<Ritz> {
    lanczos(values.len(), steps, SeedTree::root(0), operator(values)).unwrap()
}

#[test]
fn more_steps_than_dimensions_give_every_eigenvalue() {
    let values = [7.0, 4.5, 1.0, 0.0, -2.0];
    let got = all(&values, 50);
    assert_eq!(got.len(), 5);
    for (ritz, value) in got.iter().zip(values) {
        assert!((ritz.value - value).abs() < 1e-12 && ritz.error < 1e-12, "{ritz:?} {value}");
    }
    assert_eq!(all(&[3.0], 4), [Ritz { value: 3.0, error: 0.0 }]);
}

#[test]
fn copies_of_an_eigenvalue_are_found() {
    let values = [5.0, 5.0, 5.0, 1.0, 1.0, -1.0, -1.0];
    let got = all(&values, 7);
    for (ritz, value) in got.iter().zip(values) {
        assert!((ritz.value - value).abs() < 1e-12, "{got:?}");
    }
    // Three distinct values: the first three products have them all, once each.
    let three: Vec<f64> = all(&values, 3).iter().map(|ritz| ritz.value).collect();
    assert!(three.iter().zip([5.0, 1.0, -1.0]).all(|(a, b)| (a - b).abs() < 1e-12), "{three:?}");
}

#[test]
fn rank_one_and_nothing_at_all_are_no_trouble() {
    let mut values = [0.0; 40];
    values[0] = 9.0;
    let got = all(&values, 6);
    assert!((got[0].value - 9.0).abs() < 1e-12 && got[0].error < 1e-10, "{got:?}");
    assert!(got[1..].iter().all(|ritz| ritz.value.abs() < 1e-12), "{got:?}");
    assert!(all(&[0.0; 40], 6).iter().all(|ritz| *ritz == Ritz { value: 0.0, error: 0.0 }));
}

/// The estimate of the error holds at every step, and tends to 0 at the top.
#[test]
fn an_eigenvalue_lies_within_the_error() {
    let values: Vec<f64> = (0..200).map(|i| 100.0 / f64::from(1 + i) - 0.1).collect();
    for steps in [1, 3, 8, 20] {
        for ritz in all(&values, steps) {
            let off = values.iter().map(|v| (v - ritz.value).abs()).fold(f64::INFINITY, f64::min);
            assert!(off <= ritz.error + 1e-12, "{steps}: {ritz:?} is {off:e} off");
        }
    }
    assert!(all(&values, 20)[0].error < 1e-8);
}

/// Products with noise, as finite differences have: the error says so.
#[test]
fn the_error_holds_what_is_not_symmetric() {
    let values: Vec<f64> = (0..60).map(|i| 0.5f64.powi(i)).collect();
    let exact = operator(&values);
    let mut rng = SeedTree::root(9).rng();
    let noisy = |v: &[f64]| exact(v).map(|w| w.iter().map(|x| x + 1e-4 * rng.normal()).collect());
    let got = lanczos(60, 12, SeedTree::root(0), noisy).unwrap();
    assert!(got[0].error > 1e-4 && (got[0].value - 1.0).abs() < got[0].error, "{:?}", got[0]);
    assert!(lanczos(60, 12, SeedTree::root(0), exact).unwrap()[0].error < 1e-6);
}

#[test]
fn directions_stay_at_right_angles() {
    let values: Vec<f64> = (0..300).map(|i| 0.7f64.powi(i)).collect();
    let mut state = Lanczos::new(300, SeedTree::root(1), LanczosState::default()).unwrap();
    while state.products() < 80 {
        let product = operator(&values)(state.next_direction().unwrap()).unwrap();
        state.absorb(&product).unwrap();
    }
    let directions = &state.state().directions;
    for (i, a) in directions.iter().enumerate() {
        assert!((dot(a, a) - 1.0).abs() < 1e-13);
        assert!(directions[..i].iter().all(|b| dot(a, b).abs() < 1e-13), "{i}");
    }
}

/// Across a draw of a fresh direction, too: the operator has two distinct eigenvalues.
#[test]
fn a_state_goes_on_where_it_stopped() {
    let product = operator(&[2.0, 2.0, 2.0, 1.0, 1.0, 1.0]);
    let mut whole = Lanczos::new(6, SeedTree::root(3), LanczosState::default()).unwrap();
    while let Some(direction) = whole.next_direction() {
        let product = product(direction).unwrap();
        let mut again = Lanczos::new(6, SeedTree::root(3), whole.state().clone()).unwrap();
        whole.absorb(&product).unwrap();
        again.absorb(&product).unwrap();
        assert_eq!(whole, again);
    }
    assert_eq!(whole.products(), 6);
    assert!(Lanczos::new(6, SeedTree::root(3), whole.state().clone()).is_ok());
    assert_eq!(whole.absorb(&[0.0; 6]), Err(SpectrumError::Exhausted { dimension: 6 }));
}

#[test]
fn bad_products_and_states_are_refused() {
    let mut state = Lanczos::new(3, SeedTree::root(0), LanczosState::default()).unwrap();
    let before = state.clone();
    assert_eq!(state.absorb(&[1.0]), Err(SpectrumError::Length { index: 0, found: 1, expected: 3 }));
    assert_eq!(state.absorb(&[1.0, f64::NAN, 0.0]), Err(SpectrumError::NotFinite { index: 0 }));
    assert_eq!(state.absorb(&[1e200, 1e200, 1e200]), Err(SpectrumError::NotFinite { index: 0 }));
    assert_eq!(state, before);

    let whole = LanczosState { directions: vec![vec![1.0, 0.0]], ..LanczosState::default() };
    let said = |state| Lanczos::new(2, SeedTree::root(0), state).unwrap_err().to_string();
    let broken = |change: fn(&mut LanczosState)| {
        let mut state = whole.clone();
        change(&mut state);
        said(state)
    };
    assert!(Lanczos::new(2, SeedTree::root(0), whole.clone()).is_ok());
    assert_eq!(broken(|s| s.alphas = vec![0.0; 3]), "the stored state holds 3 alphas, expected 2");
    assert_eq!(broken(|s| s.betas.push(1.0)), "the stored state holds 1 betas, expected 0");
    assert_eq!(broken(|s| s.alphas.push(1.0)), "the stored state holds 0 betas, expected 1");
    assert_eq!(broken(|s| s.directions.push(vec![])), "the stored state holds 2 directions, expected 1");
    let short = "the stored state holds 1 numbers in a direction, expected 2";
    assert_eq!(broken(|s| s.directions = vec![vec![1.0]]), short);
    let infinite = "the stored state holds 1 numbers that are not finite, expected 0";
    assert_eq!(broken(|s| s.departure = f64::NAN), infinite);
    assert_eq!(Lanczos::new(0, SeedTree::root(0), LanczosState::default()), Err(SpectrumError::Dimension));
    let none = lanczos(2, 0, SeedTree::root(0), |v: &[f64]| Ok::<_, fmt::Error>(v.to_vec()));
    assert_eq!(none, Err(ProductError::Spectrum(SpectrumError::Products)));
    let failing = lanczos(2, 1, SeedTree::root(0), |_| Err::<Vec<f64>, _>(fmt::Error));
    assert_eq!(failing, Err(ProductError::Operator { index: 0, source: fmt::Error }));
}
