//! Whether two sets of weights compute the same.

use super::program::Program;
use super::wiring::WiringError;
use basin_core::Params;
use rayon::prelude::*;

/// Largest difference of outputs, as a part of the largest output, that rounding in f64 explains.
const TOLERANCE: f64 = 1e-6;

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Checked {
    /// Random inputs that were tried.
    pub inputs: usize,
    /// Largest difference of outputs, as a part of the largest output.
    pub difference: f64,
    /// Whether all outputs were finite, so that the difference says something.
    pub finite: bool,
}

impl Checked {
    /// Whether the outputs are the same up to rounding.
    pub fn same(&self) -> bool {
        self.finite && self.difference <= TOLERANCE
    }
}

/// Compares what every program computes with the weights `before` and `after` on that many random inputs.
///
/// # Errors
/// [`WiringError`] when the weights are not those of the programs.
pub fn check(
    programs: &[Program],
    before: &Params,
    after: &Params,
    inputs: usize,
) -> Result<Checked, WiringError> {
    let mut checked = Checked { inputs, difference: 0.0, finite: true };
    for program in programs {
        let run = |seed: u64| rayon::join(|| program.outputs(before, seed), || program.outputs(after, seed));
        let runs: Vec<_> = (0..inputs as u64).into_par_iter().map(run).collect();
        for (left, right) in runs {
            let (left, right) = (left?, right?);
            let largest = left.iter().chain(&right).fold(0.0f64, |most, x| most.max(x.abs()));
            let difference = left.iter().zip(&right).fold(0.0f64, |most, (a, b)| most.max((a - b).abs()));
            checked.finite &= left.iter().chain(&right).all(|x| x.is_finite());
            if largest > 0.0 {
                checked.difference = checked.difference.max(difference / largest);
            }
        }
    }
    Ok(checked)
}
