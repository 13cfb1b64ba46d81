//! The linear assignment problem: which row goes with which column so that the total is best.

use crate::shortest_path;
use thiserror::Error;

/// Whether the total of the chosen entries is to be small or large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Objective {
    /// Smallest total cost.
    Minimise,
    /// Largest total gain.
    Maximise,
}

/// Largest magnitude of an entry; sums along any path of an assignment then stay finite.
const LARGEST: f64 = 1e300;

/// Why a matrix is not an assignment problem.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum AssignmentError {
    /// Number of entries and shape disagree.
    #[error("a matrix of {rows} x {cols} has {expected} entries, found {found}", expected = rows.saturating_mul(*cols))]
    Shape {
        /// Number of rows.
        rows: usize,
        /// Number of columns.
        cols: usize,
        /// Number of entries given.
        found: usize,
    },
    /// An entry is NaN, infinite or larger than 1e300 in magnitude.
    #[error("entry ({row}, {col}) is {value}, expected a finite number of magnitude at most 1e300")]
    Entry {
        /// Its row.
        row: usize,
        /// Its column.
        col: usize,
        /// Its value.
        value: f64,
    },
}

/// An optimal assignment together with the dual values that prove it optimal.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    pairs: Vec<(usize, usize)>,
    value: f64,
    row_duals: Vec<f64>,
    column_duals: Vec<f64>,
}

impl Assignment {
    /// The `min(rows, cols)` chosen (row, column), by row. Each row and column occurs at most once.
    pub fn pairs(&self) -> &[(usize, usize)] {
        &self.pairs
    }

    /// Sum of the chosen entries, in the order of the rows.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Dual values `u`, `[rows]`. When minimising, `u[i] + v[j] <= cost[i][j]` up to rounding, with equality
    /// on the chosen pairs, and 0 for rows left over (all others then are <= 0); when maximising the
    /// inequalities turn round. The sum of all duals is the value.
    pub fn row_duals(&self) -> &[f64] {
        &self.row_duals
    }

    /// Dual values `v`, `[cols]`; see [`Assignment::row_duals`].
    pub fn column_duals(&self) -> &[f64] {
        &self.column_duals
    }
}

/// Solves the linear assignment problem exactly: over all ways to pick `min(rows, cols)` entries with no two
/// in a row or column, the one of best sum.
///
/// `cost` is row-major, `[rows, cols]`, either may be the larger. Row-reduction by bidding followed by shortest
/// augmenting paths (Jonker & Volgenant 1987; rectangular form of Crouse 2016), O(n³) at worst, in f64.
/// Among equal optima the result is some fixed one: it depends on the entries alone.
///
/// ```
/// use weight_matching::{Objective, linear_sum_assignment};
/// let cost = [4.0, 1.0, 3.0, 2.0, 0.0, 5.0, 3.0, 2.0, 2.0];
/// let best = linear_sum_assignment(&cost, 3, 3, Objective::Minimise)?;
/// assert_eq!((best.pairs(), best.value()), (&[(0, 1), (1, 0), (2, 2)][..], 5.0));
/// # Ok::<(), weight_matching::AssignmentError>(())
/// ```
///
/// # Errors
/// [`AssignmentError::Shape`] when the entries do not fill the matrix, [`AssignmentError::Entry`] at the
/// first entry that is NaN, infinite or beyond 1e300.
pub fn linear_sum_assignment(
    cost: &[f64],
    rows: usize,
    cols: usize,
    objective: Objective,
) -> Result<Assignment, AssignmentError> {
    if rows.checked_mul(cols) != Some(cost.len()) {
        return Err(AssignmentError::Shape { rows, cols, found: cost.len() });
    }
    if let Some(index) = first_unusable(cost) {
        return Err(AssignmentError::Entry { row: index / cols, col: index % cols, value: cost[index] });
    }
    let transposed: Vec<f64>;
    let (wide, short, long) = if rows <= cols {
        (cost, rows, cols)
    } else {
        transposed = (0..cost.len()).map(|k| cost[(k % rows) * cols + k / rows]).collect();
        (&transposed[..], cols, rows)
    };
    let solution = match objective {
        Objective::Minimise => shortest_path::solve::<false>(wide, short, long),
        Objective::Maximise => shortest_path::solve::<true>(wide, short, long),
    };
    let mut pairs: Vec<(usize, usize)> = solution.column_of.iter().copied().enumerate().collect();
    let (mut row_duals, mut column_duals) = (solution.row_duals, solution.column_duals);
    if rows > cols {
        pairs.iter_mut().for_each(|pair| *pair = (pair.1, pair.0));
        pairs.sort_unstable();
        std::mem::swap(&mut row_duals, &mut column_duals);
    }
    let value = pairs.iter().map(|&(i, j)| cost[i * cols + j]).sum();
    Ok(Assignment { pairs, value, row_duals, column_duals })
}

/// Column of each row in an assignment of largest total of a square matrix of usable entries, found from the column
/// duals of an earlier one, which make way for those of this one; from none if there are not `n` of them.
///
/// The total is the largest whatever the duals; among equal totals they decide which one is found. The second number is how many
/// entries were looked at, which is what the time goes by: 5 to 10 n² where gains are random, 470 n² for the 1280 last units of
/// a MobileNetV2.
pub(crate) fn largest_from(gain: &[f64], n: usize, duals: &mut Vec<f64>) -> (Vec<usize>, u64) {
    let mut start = std::mem::take(duals);
    // A constant does not matter to the solution, but a series of solutions could carry it far away.
    let least = start.iter().copied().fold(f64::INFINITY, f64::min);
    start.iter_mut().for_each(|dual| *dual -= least);
    if start.len() != n || !start.iter().all(|dual| dual.is_finite()) {
        start = vec![0.0; n];
    }
    let solution = shortest_path::solve_from::<true>(gain, n, n, start);
    *duals = solution.column_duals;
    (solution.column_of, solution.scanned)
}

/// Position of the first entry outside ±1e300, NaN included. The fold has no branches, so it runs at the
/// speed of memory; the search starts only when there is something to find.
fn first_unusable(cost: &[f64]) -> Option<usize> {
    let usable = |c: &f64| c.abs() <= LARGEST;
    let all = |chunk: &[f64]| chunk.iter().fold(true, |all, c| all & usable(c));
    if cost.chunks(4096).all(all) { None } else { cost.iter().position(|c| !usable(c)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::SeedTree;

    #[test]
    fn the_total_is_the_largest_whatever_the_duals_to_begin_with() {
        for (seed, n) in [1, 2, 3, 8, 20, 50].into_iter().cycle().take(60).enumerate() {
            let mut rng = SeedTree::root(seed as u64).rng();
            // Every other problem is of small whole numbers, which leave many ties.
            let mut draw = |_: usize| if seed % 2 == 0 { rng.normal() } else { f64::from(rng.below(4)) };
            let gain: Vec<f64> = (0..n * n).map(&mut draw).collect();
            let near: Vec<f64> = gain.iter().map(|x| x + 0.1 * draw(0)).collect();
            let far: Vec<f64> = (0..n).map(|_| 1e3 * draw(0)).collect();
            let expected = linear_sum_assignment(&gain, n, n, Objective::Maximise).unwrap().value();
            let mut of_near = Vec::new();
            largest_from(&near, n, &mut of_near);
            let odd = [vec![f64::NAN; n], vec![f64::INFINITY; n], vec![0.0; n + 1]];
            for mut duals in [Vec::new(), of_near, far].into_iter().chain(odd) {
                // Once from these, once from those of the solution.
                for _ in 0..2 {
                    let (columns, _) = largest_from(&gain, n, &mut duals);
                    let mut taken = columns.clone();
                    taken.sort_unstable();
                    assert!(taken.into_iter().eq(0..n), "{seed}");
                    let value: f64 = columns.iter().enumerate().map(|(i, j)| gain[i * n + j]).sum();
                    assert!((value - expected).abs() < 1e-9, "{seed}: {value} {expected}");
                    // With rows' duals of what their columns leave, no pair gains more: the proof of the optimum.
                    let rest = |i: usize, j: usize| gain[i * n + j] - duals[j];
                    for (i, j) in (0..n * n).map(|at| (at / n, at % n)) {
                        assert!(rest(i, j) <= rest(i, columns[i]) + 1e-9, "{seed}");
                    }
                }
            }
        }
    }

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &AssignmentError) -> usize {
        match error {
            AssignmentError::Shape { .. } => 0,
            AssignmentError::Entry { .. } => 1,
        }
    }

    #[test]
    fn what_was_looked_at_tells_hard_problems_from_easy_ones() {
        let n = 200;
        let mut rng = SeedTree::root(0).rng();
        let [a, b] = [(); 2].map(|()| (0..n).map(|_| rng.normal()).collect::<Vec<f64>>());
        let random: Vec<f64> = (0..n * n).map(|_| rng.normal()).collect();
        let of_one_weight: Vec<f64> = a.iter().flat_map(|a| b.iter().map(move |b| a * b)).collect();
        let scanned = |gain: &[f64]| largest_from(gain, n, &mut Vec::new()).1;
        let each = (n * n) as u64;
        assert!((each..20 * each).contains(&scanned(&random)));
        assert!(scanned(&of_one_weight) > 4 * scanned(&random));
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (
                AssignmentError::Shape { rows: 2, cols: 3, found: 5 },
                "a matrix of 2 x 3 has 6 entries, found 5",
            ),
            (
                AssignmentError::Entry { row: 1, col: 2, value: f64::NAN },
                "entry (1, 2) is NaN, expected a finite number of magnitude at most 1e300",
            ),
        ];
        let mut seen = [false; 2];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 2], "every variant is told");
    }
}
