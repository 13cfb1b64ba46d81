//! The linear assignment solver against brute force and against its own optimality proof.

use basin_core::{Rng, SeedTree};
use proptest::prelude::*;
use weight_matching::{Assignment, AssignmentError, Objective, linear_sum_assignment};

const BOTH: [Objective; 2] = [Objective::Minimise, Objective::Maximise];

fn solve(cost: &[f64], rows: usize, cols: usize, objective: Objective) -> Assignment {
    linear_sum_assignment(cost, rows, cols, objective).unwrap()
}

/// Best total over all ways to give each of the fewer rows (or columns) a partner of its own.
fn brute_force(cost: &[f64], rows: usize, cols: usize, objective: Objective) -> f64 {
    fn best(i: usize, taken: &mut [bool], at: &dyn Fn(usize, usize) -> f64, short: usize) -> f64 {
        if i == short {
            return 0.0;
        }
        let mut least = f64::INFINITY;
        for j in 0..taken.len() {
            if !std::mem::replace(&mut taken[j], true) {
                least = least.min(at(i, j) + best(i + 1, taken, at, short));
                taken[j] = false;
            }
        }
        least
    }
    let sign = if objective == Objective::Minimise { 1.0 } else { -1.0 };
    let at = |i: usize, j: usize| sign * if rows <= cols { cost[i * cols + j] } else { cost[j * cols + i] };
    sign * best(0, &mut vec![false; rows.max(cols)], &at, rows.min(cols))
}

/// Asserts that the pairs are a matching and that the duals prove it optimal, within rounding of the entries.
fn assert_proved(cost: &[f64], rows: usize, cols: usize, objective: Objective, what: &str) {
    let solved = solve(cost, rows, cols, objective);
    let short = rows.min(cols);
    let mut used: Vec<usize> = solved.pairs().iter().map(|p| p.1).collect();
    used.sort_unstable();
    used.dedup();
    let rows_ascend = solved.pairs().windows(2).all(|w| w[0].0 < w[1].0);
    assert!(rows_ascend && used.len() == short && solved.pairs().len() == short, "{what}: no matching");
    let sign = if objective == Objective::Minimise { 1.0 } else { -1.0 };
    let largest = cost.iter().fold(1.0f64, |m, c| m.max(c.abs()));
    let tolerance = 1e-12 * largest * short.max(1) as f64;
    let (u, v) = (solved.row_duals(), solved.column_duals());
    assert_eq!((u.len(), v.len()), (rows, cols), "{what}");
    for i in 0..rows {
        for j in 0..cols {
            let slack = sign * (cost[i * cols + j] - u[i] - v[j]);
            assert!(slack >= -tolerance, "{what}: slack {slack} at ({i}, {j})");
        }
    }
    for &(i, j) in solved.pairs() {
        let slack = cost[i * cols + j] - u[i] - v[j];
        assert!(slack.abs() <= tolerance, "{what}: pair ({i}, {j}) has slack {slack}");
    }
    // The longer side: no dual may favour being left over, and those left over have none.
    let (long, matched): (&[f64], Vec<usize>) = if rows <= cols {
        (v, solved.pairs().iter().map(|p| p.1).collect())
    } else {
        (u, solved.pairs().iter().map(|p| p.0).collect())
    };
    if rows != cols {
        for (k, dual) in long.iter().enumerate() {
            assert!(sign * dual <= 0.0, "{what}: dual {dual} of {k}");
            assert!(matched.contains(&k) || *dual == 0.0, "{what}: dual {dual} of unmatched {k}");
        }
    }
    let gap = u.iter().chain(v).sum::<f64>() - solved.value();
    assert!(gap.abs() <= tolerance * short.max(1) as f64, "{what}: duality gap {gap}");
}

fn matrix(rows: usize, cols: usize, mut entry: impl FnMut(usize, usize) -> f64) -> Vec<f64> {
    (0..rows * cols).map(|k| entry(k / cols, k % cols)).collect()
}

fn random(seed: u64, len: usize, mut draw: impl FnMut(&mut Rng) -> f64) -> Vec<f64> {
    let mut rng = SeedTree::root(seed).rng();
    (0..len).map(|_| draw(&mut rng)).collect()
}

proptest! {
    #[test]
    fn small_matrices_equal_brute_force(
        (rows, cols) in (1usize..=7, 1usize..=7),
        entries in prop::collection::vec(-4i32..=4, 49),
        continuous in prop::collection::vec(-1e3..1e3f64, 49),
    ) {
        let ties: Vec<f64> = entries[..rows * cols].iter().map(|&c| f64::from(c)).collect();
        for objective in BOTH {
            prop_assert_eq!(solve(&ties, rows, cols, objective).value(), brute_force(&ties, rows, cols, objective));
            let cost = &continuous[..rows * cols];
            let (got, want) = (solve(cost, rows, cols, objective).value(), brute_force(cost, rows, cols, objective));
            prop_assert!((got - want).abs() < 1e-9, "{} against {}", got, want);
        }
    }
}

#[test]
fn duals_prove_every_kind_of_matrix_optimal() {
    let shapes =
        [(1, 1), (1, 9), (9, 1), (8, 8), (16, 17), (17, 16), (33, 90), (90, 33), (64, 64), (121, 121)];
    for (rows, cols) in shapes {
        let len = rows * cols;
        let factors = random(9, rows + cols, Rng::normal);
        let kinds = [
            ("gaussian", random(1, len, Rng::normal)),
            ("negative", random(2, len, |rng| -rng.exponential())),
            ("few values", random(3, len, |rng| f64::from(rng.below(3)))),
            ("zero or one", random(4, len, |rng| f64::from(rng.below(50) / 49))),
            ("constant", vec![2.5; len]),
            ("zero", vec![0.0; len]),
            ("rank one", matrix(rows, cols, |i, j| factors[i] * factors[rows + j])),
            ("product of indices", matrix(rows, cols, |i, j| ((i + 1) * (j + 1)) as f64)),
            ("sum of indices", matrix(rows, cols, |i, j| (i + j) as f64)),
            ("one large entry", matrix(rows, cols, |i, j| if i + j == 0 { 1e6 } else { 1.0 })),
            ("large", random(5, len, |rng| 1e299 * rng.uniform())),
            ("tiny", random(6, len, |rng| 1e-3 * rng.uniform())),
        ];
        for (kind, cost) in kinds {
            for objective in BOTH {
                assert_proved(&cost, rows, cols, objective, &format!("{kind} {rows} x {cols} {objective:?}"));
            }
        }
    }
}

#[test]
fn many_random_matrices_are_proved_optimal() {
    let mut sizes = SeedTree::root(0).child("sizes").rng();
    for seed in 0..300 {
        let (rows, cols) = (1 + sizes.below(40) as usize, 1 + sizes.below(40) as usize);
        let cost = random(seed, rows * cols, |rng| (rng.normal() * 4.0).round());
        for objective in BOTH {
            assert_proved(
                &cost,
                rows,
                cols,
                objective,
                &format!("seed {seed} {rows} x {cols} {objective:?}"),
            );
        }
    }
}

#[test]
fn maximising_is_minimising_the_negative() {
    let cost = random(3, 40 * 50, Rng::normal);
    let negative: Vec<f64> = cost.iter().map(|c| -c).collect();
    let (max, min) = (solve(&cost, 40, 50, BOTH[1]), solve(&negative, 40, 50, BOTH[0]));
    assert_eq!((max.pairs(), max.value()), (min.pairs(), -min.value()));
}

#[test]
fn an_empty_matrix_has_an_empty_assignment() {
    for (rows, cols) in [(0, 0), (0, 3), (3, 0)] {
        let solved = solve(&[], rows, cols, Objective::Minimise);
        assert!(solved.pairs().is_empty() && solved.value() == 0.0);
        assert_eq!((solved.row_duals().len(), solved.column_duals().len()), (rows, cols));
    }
}

#[test]
fn entries_that_are_not_usable_numbers_are_refused_with_their_place() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 2e300] {
        let mut cost = vec![0.0; 6];
        cost[4] = bad;
        let Err(AssignmentError::Entry { row, col, value }) =
            linear_sum_assignment(&cost, 2, 3, Objective::Minimise)
        else {
            panic!("{bad} was accepted");
        };
        assert_eq!((row, col, value.to_bits()), (1, 1, bad.to_bits()));
    }
    let error = linear_sum_assignment(&[0.0; 5], 2, 3, Objective::Minimise).unwrap_err();
    assert_eq!(error.to_string(), "a matrix of 2 x 3 has 6 entries, found 5");
    assert!(linear_sum_assignment(&[], usize::MAX, 2, Objective::Minimise).is_err());
}
