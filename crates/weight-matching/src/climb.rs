//! One search: sweeps until nothing is gained any more.

use crate::descent::{Descent, Reuse};
use crate::matching::checked;
use crate::{Matching, MatchingError, MatchingOptions, PermutationSpec};
use basin_core::Params;

/// One search, which begins with the units as they are, and how many multiplications it took.
pub(crate) fn matching(
    spec: &PermutationSpec,
    reference: &Params,
    target: &Params,
    options: &MatchingOptions,
    reuse: Reuse,
) -> Result<(Matching, u64), MatchingError> {
    let checked = checked(spec, reference, target)?;
    let mut descent = Descent::new(spec, &checked, reference, target, options.progress_threshold, reuse);
    let objective_before = descent.objective();
    let course = climb(&mut descent, objective_before, options);
    Ok((found(&descent, objective_before, course, 1), descent.take_work()))
}

/// The objective after each sweep, and whether the last one made no progress.
pub(crate) type Course = (Vec<f64>, bool);

/// Sweeps until one makes no progress, from where the descent stands.
pub(crate) fn climb(descent: &mut Descent<'_>, from: f64, options: &MatchingOptions) -> Course {
    let (mut objective, mut history, mut converged) = (from, Vec::new(), false);
    while !converged && history.len() < options.max_sweeps {
        converged = !descent.sweep(options.order, &options.seed, history.len());
        // A gain that is smaller than the rounding of the whole does not show.
        objective = descent.objective().max(objective);
        history.push(objective);
    }
    (history, converged)
}

/// What a search that ended here has found.
pub(crate) fn found(
    descent: &Descent<'_>,
    objective_before: f64,
    (objective_history, converged): Course,
    searches: usize,
) -> Matching {
    let permutations = descent.permutations();
    let moved = permutations.iter().map(|(name, p)| (name.to_owned(), p.moved())).collect();
    let sweeps = objective_history.len();
    Matching { permutations, objective_before, objective_history, sweeps, converged, moved, searches }
}
