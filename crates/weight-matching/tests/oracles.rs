//! The linear assignment solver against two others, to the last bit.
//!
//! Kuhn–Munkres of the crate `pathfinding` and an auction work on integers; so do the matrices here, which `f64` adds
//! without rounding. Every total must be equal, not near.

use crate::auction::auction;
use basin_core::{Rng, SeedTree};
use pathfinding::prelude::{Matrix, kuhn_munkres};
use proptest::prelude::*;
use weight_matching::{Objective, linear_sum_assignment};

/// The largest total by Kuhn–Munkres, which wants at least as many columns as rows.
fn by_kuhn_munkres(gain: &[i64], rows: usize, cols: usize) -> i64 {
    let matrix = Matrix::from_vec(rows, cols, gain.to_vec()).unwrap();
    kuhn_munkres(&if rows <= cols { matrix } else { matrix.transposed() }).0
}

/// The total of the solver for the matrix times 2^exponent, over 2^exponent.
fn by_the_crate(gain: &[i64], rows: usize, cols: usize, objective: Objective, exponent: i32) -> f64 {
    let unit = 2f64.powi(exponent);
    let scaled: Vec<f64> = gain.iter().map(|&g| g as f64 * unit).collect();
    let solved = linear_sum_assignment(&scaled, rows, cols, objective).unwrap();
    let (mut taken_rows, mut taken_cols) = (vec![false; rows], vec![false; cols]);
    for &(i, j) in solved.pairs() {
        assert!(!std::mem::replace(&mut taken_rows[i], true) && !std::mem::replace(&mut taken_cols[j], true));
    }
    assert_eq!(solved.pairs().len(), rows.min(cols));
    let total: f64 = solved.pairs().iter().map(|&(i, j)| scaled[i * cols + j]).sum();
    assert_eq!(total, solved.value());
    total / unit
}

/// All solvers, both ways, at ordinary, huge and tiny magnitudes.
fn assert_agreement(gain: &[i64], rows: usize, cols: usize, what: &str) {
    for objective in [Objective::Maximise, Objective::Minimise] {
        let sign = if objective == Objective::Maximise { 1 } else { -1 };
        let signed: Vec<i64> = gain.iter().map(|g| sign * g).collect();
        let (first, second) = (by_kuhn_munkres(&signed, rows, cols), auction(&signed, rows, cols));
        assert_eq!(first, second, "the oracles disagree: {what} {rows} x {cols} {objective:?}");
        for exponent in [0, 900, -960] {
            let found = by_the_crate(gain, rows, cols, objective, exponent);
            assert_eq!(found, (sign * first) as f64, "{what} {rows} x {cols} {objective:?} 2^{exponent}");
        }
    }
}

fn matrix(rows: usize, cols: usize, mut entry: impl FnMut(usize, usize) -> i64) -> Vec<i64> {
    (0..rows * cols).map(|k| entry(k / cols, k % cols)).collect()
}

/// Inner products of random vectors, as in the gain matrices of weight matching, in steps of 2⁻²⁰.
fn gram(rows: usize, cols: usize, length: usize, likeness: f64, rng: &mut Rng) -> Vec<i64> {
    let left: Vec<f64> = (0..rows * length).map(|_| rng.normal()).collect();
    let of_right = |at: usize| likeness * left.get(at).copied().unwrap_or(0.0);
    let right: Vec<f64> =
        (0..cols * length).map(|at| of_right(at) + (1.0 - likeness) * rng.normal()).collect();
    matrix(rows, cols, |i, j| {
        let pairs = left[i * length..][..length].iter().zip(&right[j * length..][..length]);
        (pairs.map(|(x, y)| x * y).sum::<f64>() * f64::from(1 << 20)).round() as i64
    })
}

#[test]
fn three_solvers_agree_on_every_kind_of_matrix() {
    let shapes =
        [(1, 1), (1, 9), (9, 1), (2, 2), (7, 7), (8, 9), (17, 16), (33, 70), (70, 33), (64, 64), (119, 120)];
    for (seed, (rows, cols)) in (0..).zip(shapes) {
        let rng = &mut SeedTree::root(seed).child("entries").rng();
        let steps = |x: f64| (1e6 * x).round() as i64;
        let kinds = [
            ("gaussian", matrix(rows, cols, |_, _| steps(rng.normal()))),
            ("negative", matrix(rows, cols, |_, _| -steps(rng.exponential()))),
            ("few values", matrix(rows, cols, |_, _| i64::from(rng.below(3)))),
            ("sparse", matrix(rows, cols, |_, _| i64::from(rng.below(30) / 29))),
            ("wide range", matrix(rows, cols, |_, _| 1 << rng.below(36))),
            ("constant", vec![25; rows * cols]),
            ("zero", vec![0; rows * cols]),
            ("product of indices", matrix(rows, cols, |i, j| ((i + 1) * (j + 1)) as i64)),
            ("sum of indices", matrix(rows, cols, |i, j| (i + j) as i64)),
            ("equal rows", matrix(rows, cols, |_, j| (j * j % 11) as i64)),
            ("equal columns", matrix(rows, cols, |i, _| (i * i % 11) as i64)),
            ("one large entry", matrix(rows, cols, |i, j| if i + j == 0 { 1 << 36 } else { 1 })),
            ("gram", gram(rows, cols, 40, 0.0, rng)),
            ("gram of low rank", gram(rows, cols, 2, 0.0, rng)),
            ("gram of alike units", gram(rows, cols, 40, 0.6, rng)),
            ("gram of equal units", gram(rows, cols, 40, 1.0, rng)),
        ];
        for (kind, gain) in kinds {
            assert_agreement(&gain, rows, cols, kind);
        }
    }
}

#[test]
fn a_gram_matrix_of_120_units_is_solved_as_by_the_others() {
    let rng = &mut SeedTree::root(7).rng();
    for likeness in [0.0, 0.5, 0.9] {
        assert_agreement(&gram(120, 120, 300, likeness, rng), 120, 120, "gram");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn three_solvers_agree_on_random_integers(
        (rows, cols) in (1usize..=20, 1usize..=20),
        magnitude in prop::sample::select(vec![1i64, 3, 100, 1 << 36]),
        entries in prop::collection::vec(-1.0..1.0f64, 400),
    ) {
        let gain: Vec<i64> =
            entries[..rows * cols].iter().map(|x| (x * (magnitude as f64 + 0.5)).round() as i64).collect();
        assert_agreement(&gain, rows, cols, "random");
    }

    #[test]
    fn adding_to_a_row_or_a_column_changes_the_total_and_not_the_assignment(
        n in 2usize..=12,
        entries in prop::collection::vec(-1000i32..=1000, 144),
        shifts in prop::collection::vec(-1000i32..=1000, 24),
    ) {
        let gain: Vec<f64> = entries[..n * n].iter().map(|&x| f64::from(x)).collect();
        let shift = |at: usize| f64::from(shifts[at]);
        let moved: Vec<f64> =
            gain.iter().enumerate().map(|(k, g)| g + shift(k / n) + shift(12 + k % n)).collect();
        let total = |gain: &[f64], pairs: &[(usize, usize)]| pairs.iter().map(|&(i, j)| gain[i * n + j]).sum::<f64>();
        let solve = |gain: &[f64]| linear_sum_assignment(gain, n, n, Objective::Maximise).unwrap();
        let (plain, other) = (solve(&gain), solve(&moved));
        let constant: f64 = (0..n).map(|k| shift(k) + shift(12 + k)).sum();
        prop_assert_eq!(other.value(), plain.value() + constant);
        // Where ties leave several assignments, each is best for both.
        prop_assert_eq!(total(&gain, other.pairs()), plain.value());
        prop_assert_eq!(total(&moved, plain.pairs()), other.value());
    }
}
