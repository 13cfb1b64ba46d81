//! Weight matching: permute the units of one network so that its weights lie as near as possible to another's.

use crate::pair::Pair;
use crate::{PermutationSpec, Permutations, SpecError, VisitingOrder};
use basin_core::{Array, Params, ParamsError, SeedTree};
use rayon::prelude::*;
use std::collections::BTreeMap;
use thiserror::Error;

/// How [`weight_matching`](crate::weight_matching) searches. Made by [`MatchingOptions::new`]; change the fields as needed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct MatchingOptions {
    /// Decides the random visiting order, where sweep `s` shuffles the permutations with `seed.index(s)`, and
    /// the arrangements from which restarts begin.
    pub seed: SeedTree,
    /// At most this many sweeps over all permutations; 100 unless changed. Convergence takes 3 to 50.
    pub max_sweeps: usize,
    /// A permutation changes only if the objective gains more than this, 1e-12 unless changed, in the units
    /// of the objective. Negative values count as 0.
    pub progress_threshold: f64,
    /// Searches that begin at different arrangements of the units; 0 counts as 1. The first begins with the units as
    /// they are, the others in a random order; the largest objective wins, the first among equals. A search that
    /// makes the networks equal ends the restarts.
    ///
    /// `None`, the default: until three searches in a row gain nothing, but no search begins that would bring the
    /// work above 4 · 10¹⁰ multiplications if it is like the mean of those before, which is about a second on two
    /// cores. The work is counted, not timed, so the result is the same wherever it is computed: k · n² for a
    /// product of k weights of each of n units, 50 for each entry that an assignment looks at, and n² k for the assignments of n
    /// units within heads of k.
    pub restarts: Option<usize>,
    /// In which order a sweep visits the permutations, [`VisitingOrder::Random`] unless changed.
    pub order: VisitingOrder,
}

impl MatchingOptions {
    /// The defaults of Git Re-Basin, but for `restarts`, of which it has none (`Some(1)`).
    pub fn new(seed: SeedTree) -> Self {
        let order = VisitingOrder::Random;
        Self { seed, max_sweeps: 100, progress_threshold: 1e-12, restarts: None, order }
    }
}

/// What [`weight_matching`](crate::weight_matching) found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Matching {
    /// Permutations π for the target: `apply(spec, target, &permutations)` is the aligned network.
    pub permutations: Permutations,
    /// Σ⟨w_A, w_B⟩ over all parameters that count ([`PermutationSpec::is_matched`]) before anything moved.
    pub objective_before: f64,
    /// Σ⟨w_A, π(w_B)⟩ after each sweep of the search that won, in f64. Never decreases; the last entry repeats
    /// the one before it when the search converged.
    pub objective_history: Vec<f64>,
    /// Number of sweeps, the last one without progress included.
    pub sweeps: usize,
    /// Whether the last sweep found nothing to improve; otherwise the limit on sweeps ended the search.
    pub converged: bool,
    /// How many units of each permutation changed place.
    pub moved: BTreeMap<String, usize>,
    /// How many searches were made.
    pub searches: usize,
}

impl Matching {
    /// Σ⟨w_A, π(w_B)⟩ for the permutations found.
    pub fn objective_after(&self) -> f64 {
        self.objective_history.last().copied().unwrap_or(self.objective_before)
    }
}

/// One of the two networks of a matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The one that stays.
    Reference,
    /// The one that is permuted.
    Target,
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Reference => "reference",
            Self::Target => "target",
        })
    }
}

/// Why two networks cannot be matched.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MatchingError {
    /// The spec does not fit the reference.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The networks have different parameters.
    #[error("reference and target cannot be matched: {0}")]
    Layout(#[from] ParamsError),
    /// A permutation acts on several axes of one array, so its step is not an assignment problem.
    #[error("a permutation acts on several axes of {parameter}, expected a spec without such parameters")]
    Tied {
        /// The first such parameter.
        parameter: String,
    },
    /// A weight is NaN or infinite.
    #[error(
        "parameter {parameter} of the {network} holds a value that is not finite, expected finite weights"
    )]
    NonFinite {
        /// Which network.
        network: Network,
        /// Its first such parameter.
        parameter: String,
    },
}

/// What is known of two networks that can be matched.
#[derive(Debug)]
pub(crate) struct Checked<'a> {
    /// The size of each permutation.
    pub(crate) sizes: BTreeMap<String, usize>,
    /// What is known of each parameter.
    pub(crate) pairs: BTreeMap<&'a str, Pair>,
}

/// Checks that two networks can be matched.
pub(crate) fn checked<'a>(
    spec: &PermutationSpec,
    reference: &'a Params,
    target: &Params,
) -> Result<Checked<'a>, MatchingError> {
    reference.check_same_layout(target)?;
    let sizes = spec.validate(reference)?;
    if let Some(parameter) = spec.first_tied() {
        return Err(MatchingError::Tied { parameter: parameter.to_owned() });
    }
    let arrays: Vec<(&str, &Array)> = reference.iter().collect();
    let pair = |(name, a)| Some((name, Pair::of(a, target.get(name)?)));
    let pairs: Option<BTreeMap<&str, Pair>> = arrays.into_par_iter().map(pair).collect();
    let pairs = pairs.expect("both have the same names");
    for (side, (network, params)) in
        [(Network::Reference, reference), (Network::Target, target)].into_iter().enumerate()
    {
        let broken = params.iter().find(|(name, _)| !pairs[name].magnitudes[side].is_finite());
        if let Some((parameter, _)) = broken {
            return Err(MatchingError::NonFinite { network, parameter: parameter.to_owned() });
        }
    }
    Ok(Checked { sizes, pairs })
}

#[cfg(test)]
mod tests;
