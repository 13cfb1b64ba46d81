//! Several searches from different arrangements, of which the best one counts.

use crate::best_permutations::random_permutations;
use crate::climb::{climb, found};
use crate::descent::{Descent, Reuse};
use crate::matching::checked;
use crate::objective::inner_product;
use crate::searches::Searches;
use crate::{Matching, MatchingError, MatchingOptions, PermutationSpec, Permutations, apply};
use basin_core::Params;

/// `apply` for permutations that were made for this spec and layout.
pub(crate) fn arranged(spec: &PermutationSpec, params: &Params, permutations: &Permutations) -> Params {
    apply(spec, params, permutations).expect("the permutations were made for this spec and layout")
}

/// `compose` for families of the same spec and layout.
pub(crate) fn composed(first: &Permutations, next: &Permutations) -> Permutations {
    first.compose(next).expect("both families are of one layout")
}

/// Objectives round by a smaller part of the product of the networks' norms.
const ROUNDING: f64 = 1e-9;

/// Finds permutations π of the target's units that make Σ⟨w_A, π(w_B)⟩ large, hence ‖w_A − π(w_B)‖ small,
/// by permutation coordinate descent (Ainsworth et al., arXiv 2209.04836, Algorithm 1).
///
/// Each sweep visits the permutations in a fresh random order and solves each exactly, the others held fixed,
/// as a linear assignment problem; a sweep without progress ends the search. The result is a local optimum, the best
/// of several searches ([`MatchingOptions::restarts`]); more of them and other seeds may find better ones. It is a
/// function of the arguments, not of the number of threads.
///
/// An assignment begins with the column duals of the last one of its permutation in the same search. That saves most
/// of its work and leaves its total as it is; which one of several assignments of equal total is taken may
/// depend on it.
///
/// Cost of a sweep: about 2 · numel · n multiplications for every array and every permuted axis of n units,
/// in f32 on all cores, plus an O(n³) assignment per permutation, or O(h² k³ + h³) for an attention layer of h
/// heads of k units, whose two permutations are solved together and exactly; permutations whose neighbours did not change
/// since they were last solved cost nothing, and where few units of these changed, only what they change is computed.
/// Memory: n² values for each permutation of n units and each of its neighbourhoods; no copies of the networks, but of
/// arrays whose magnitudes are all above 10⁶ or below 10⁻⁶.
///
/// # Errors
/// [`MatchingError::Layout`] when names or shapes of the networks differ, [`MatchingError::Spec`] when the
/// spec does not fit them, [`MatchingError::Tied`] when it has a permutation on two axes of one array,
/// [`MatchingError::NonFinite`] for NaN or infinite weights.
#[doc(alias = "git re-basin")]
#[doc(alias = "permutation_coordinate_descent")]
#[doc(alias = "PCD")]
pub fn weight_matching(
    spec: &PermutationSpec,
    reference: &Params,
    target: &Params,
    options: &MatchingOptions,
) -> Result<Matching, MatchingError> {
    // Inside the pool of threads: from outside, each of the many short parallel steps would wait to be woken.
    rayon::scope(|_| best_of_all(spec, reference, target, options))
}

/// All searches use one descent, with the weights stacked once.
fn best_of_all(
    spec: &PermutationSpec,
    reference: &Params,
    target: &Params,
    options: &MatchingOptions,
) -> Result<Matching, MatchingError> {
    let checked = checked(spec, reference, target)?;
    let mut descent = Descent::new(spec, &checked, reference, target, options.progress_threshold, Reuse::Yes);
    let before = descent.objective();
    let mut searches = Searches::of(options);
    let course = climb(&mut descent, before, options);
    let mut best = found(&descent, before, course, 1);
    searches.count(true, descent.take_work());
    if !searches.another() {
        return Ok(best);
    }
    let squared = inner_product(spec, reference, reference);
    let margin = ROUNDING * (squared * inner_product(spec, target, target)).sqrt();
    let equal = |found: &Matching| {
        // The objective of equal networks is the square of their norm, and looking at it costs nothing.
        (found.objective_after() - squared).abs() <= margin
            && arranged(spec, target, &found.permutations) == *reference
    };
    let mut ended = equal(&best);
    while !ended && searches.another() {
        let seed = options.seed.child("restart").index(searches.made() as u64);
        descent.begin(&random_permutations(spec, &checked.sizes, &seed));
        let options = MatchingOptions { seed, ..*options };
        let from = descent.objective();
        let course = climb(&mut descent, from, &options);
        let objective = course.0.last().copied().unwrap_or(from);
        let better = objective > best.objective_after() + options.progress_threshold.max(0.0);
        searches.count(better, descent.take_work());
        if better {
            best = found(&descent, before, course, 0);
            ended = equal(&best);
        }
    }
    best.searches = searches.made();
    Ok(best)
}
