//! Linear assignments of any costs: a one-to-one assignment that its own dual values prove, or a refusal. The first two bytes
//! are rows and columns; costs are small whole numbers or, for odd third bytes, any bits.
#![no_main]

use basin_fuzz::{USUAL, bounded, told};
use libfuzzer_sys::fuzz_target;
use weight_matching::{Objective, linear_sum_assignment};

fuzz_target!(|bytes: &[u8]| {
    let [rows, cols, how, entries @ ..] = bytes else { return };
    let (rows, cols) = (usize::from(rows % 24), usize::from(cols % 24));
    let any = |eight: &[u8]| f64::from_le_bytes(eight.try_into().expect("eight bytes"));
    let mut costs: Vec<f64> = match how % 2 {
        0 => entries.iter().map(|b| f64::from(*b as i8)).collect(),
        _ => entries.chunks_exact(8).map(any).collect(),
    };
    // The last of the bytes that there are is repeated; what is beyond the matrix goes, but sometimes by one too few.
    costs.resize(rows * cols + usize::from(*how > 250), costs.last().copied().unwrap_or(0.0));
    let objective = if how & 2 == 0 { Objective::Minimise } else { Objective::Maximise };
    match bounded(bytes.len(), USUAL, || linear_sum_assignment(&costs, rows, cols, objective)) {
        Ok(best) => {
            assert_eq!(best.pairs().len(), rows.min(cols));
            let distinct = |of: fn(&(usize, usize)) -> usize| {
                let mut seen: Vec<usize> = best.pairs().iter().map(of).collect();
                seen.sort_unstable();
                seen.dedup();
                seen.len() == best.pairs().len()
            };
            assert!(distinct(|pair| pair.0) && distinct(|pair| pair.1));
            proven(&best, &costs, (rows, cols), objective);
        }
        Err(error) => told(&error),
    }
});

/// No entry is better than the sum of its dual values, and those of the pairs are as good, where whole numbers leave no
/// rounding.
fn proven(
    best: &weight_matching::Assignment,
    costs: &[f64],
    (rows, cols): (usize, usize),
    objective: Objective,
) {
    if costs.iter().any(|cost| cost.fract() != 0.0 || cost.abs() > 1e6) || rows * cols == 0 {
        return;
    }
    let sign = if objective == Objective::Minimise { 1.0 } else { -1.0 };
    let slack =
        |i: usize, j: usize| sign * (costs[i * cols + j] - best.row_duals()[i] - best.column_duals()[j]);
    assert!((0..rows).all(|i| (0..cols).all(|j| slack(i, j) >= -1e-9)));
    assert!(best.pairs().iter().all(|&(i, j)| slack(i, j).abs() <= 1e-9));
}
