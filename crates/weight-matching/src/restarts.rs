//! Several searches from different arrangements, of which the best one counts.

use crate::descent::Reuse;
use crate::matching::{inner_product, matching};
use crate::solve::random;
use crate::{Matching, MatchingError, MatchingOptions, PermutationSpec, Permutations, apply};
use basin_core::Params;

impl Permutations {
    /// This family first, then `next`, name by name as [`crate::Permutation::compose`]. A name of one family
    /// only keeps its permutation, as if the other had the identity.
    ///
    /// # Errors
    /// [`crate::PermutationError::Size`] when the sizes of a name differ.
    pub fn compose(&self, next: &Self) -> Result<Self, crate::PermutationError> {
        let mut composed = next.clone();
        for (name, first) in self.iter() {
            let both = next.get(name).map_or(Ok(first.clone()), |next| first.compose(next))?;
            composed.insert(name, both);
        }
        Ok(composed)
    }
}

/// `apply` for permutations that were made for this spec and layout.
pub(crate) fn arranged(spec: &PermutationSpec, params: &Params, permutations: &Permutations) -> Params {
    apply(spec, params, permutations).expect("the permutations were made for this spec and layout")
}

/// `compose` for families of the same spec and layout.
pub(crate) fn composed(first: &Permutations, next: &Permutations) -> Permutations {
    first.compose(next).expect("both families are of one layout")
}

/// The best of `options.restarts` searches. Restart r > 0 begins at a random arrangement ρ of the target, which
/// finds π for ρ(w_B) and thereby π ∘ ρ for w_B.
pub(crate) fn best_matching(
    spec: &PermutationSpec,
    reference: &Params,
    target: &Params,
    options: &MatchingOptions,
) -> Result<Matching, MatchingError> {
    let mut best = matching(spec, reference, target, options, Reuse::Yes)?;
    if options.restarts <= 1 {
        return Ok(best);
    }
    let sizes = spec.validate(reference)?;
    let aligned = arranged(spec, target, &best.permutations);
    // Recomputed from the weights, so that equal arrangements have equal objectives to the last bit.
    let mut objective = inner_product(spec, reference, &aligned);
    let mut equal = aligned == *reference;
    for restart in 1..options.restarts {
        if equal {
            break;
        }
        let seed = options.seed.child("restart").index(restart as u64);
        let start = random(spec, &sizes, &seed);
        let from = arranged(spec, target, &start);
        let found = matching(spec, reference, &from, &MatchingOptions { seed, ..*options }, Reuse::Yes)?;
        let aligned = arranged(spec, &from, &found.permutations);
        let reached = inner_product(spec, reference, &aligned);
        if reached > objective + options.progress_threshold.max(0.0) {
            objective = reached;
            equal = aligned == *reference;
            let permutations = composed(&start, &found.permutations);
            let moved = permutations.iter().map(|(name, p)| (name.to_owned(), p.moved())).collect();
            best = Matching { permutations, moved, objective_before: best.objective_before, ..found };
        }
    }
    Ok(best)
}
