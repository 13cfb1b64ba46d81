//! What the matchings of more than two networks share: their result, their errors, their joint objective.

use crate::restarts::{arranged, composed};
use crate::{ApplyError, PermutationSpec, Permutations, SpecError, apply};
use basin_core::{Params, ParamsError};
use std::collections::BTreeMap;
use thiserror::Error;

/// Permutations that bring M networks into one common order of units.
///
/// The joint objective is J(π) = Σ_{i<j} ⟨π_i(w_i), π_j(w_j)⟩, the sum over all pairs. Since permutations keep
/// norms, a larger J is a smaller Σ_{i<j} ‖π_i(w_i) − π_j(w_j)‖².
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MultiMatching {
    /// Permutations of each network: `apply(spec, networks[i], &permutations[i])` is aligned to the others.
    pub permutations: Vec<Permutations>,
    /// J before anything moved.
    pub objective_before: f64,
    /// J after each sweep of the search that won, in f64. Never decreases.
    pub objective_history: Vec<f64>,
    /// Number of sweeps over the networks, the last one without progress included.
    pub sweeps: usize,
    /// Whether the last sweep found nothing to improve; otherwise the limit on sweeps ended the search.
    pub converged: bool,
    /// For each network, how many units of each permutation changed place.
    pub moved: Vec<BTreeMap<String, usize>>,
    /// How many searches were made.
    pub searches: usize,
}

impl MultiMatching {
    /// J for the permutations found.
    pub fn objective_after(&self) -> f64 {
        self.objective_history.last().copied().unwrap_or(self.objective_before)
    }

    /// Permutations that bring network `from` into the order of network `to` as it was given, π_to⁻¹ ∘ π_from;
    /// `None` when there is no such network.
    ///
    /// They are consistent around every cycle: from a to b and on to c is from a to c, bit for bit. Matchings of
    /// single pairs are not (Crisostomi et al., arXiv 2405.17897, Section 3).
    pub fn between(&self, to: usize, from: usize) -> Option<Permutations> {
        Some(composed(self.permutations.get(from)?, &self.permutations.get(to)?.inverse()))
    }

    /// The networks in the common order. Give all that were matched, in the same order; single ones go through
    /// [`apply`].
    ///
    /// # Errors
    /// [`MultiMatchingError::Count`] for more or fewer networks than were matched,
    /// [`MultiMatchingError::Apply`] for one that is not of their layout.
    pub fn align(
        &self,
        spec: &PermutationSpec,
        networks: &[&Params],
    ) -> Result<Vec<Params>, MultiMatchingError> {
        let (expected, found) = (self.permutations.len(), networks.len());
        if found != expected {
            return Err(MultiMatchingError::Count { expected, found });
        }
        let one = |(network, (params, family)): (usize, (&&Params, &Permutations))| {
            apply(spec, params, family).map_err(|source| MultiMatchingError::Apply { network, source })
        };
        networks.iter().zip(&self.permutations).enumerate().map(one).collect()
    }
}

/// Why several networks cannot be matched.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MultiMatchingError {
    /// Fewer than two networks.
    #[error("a matching needs at least two networks, found {found}")]
    TooFew {
        /// How many there are.
        found: usize,
    },
    /// The spec does not fit the first network.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A network has other parameters than the first.
    #[error("networks 0 and {network} cannot be matched: {source}")]
    Layout {
        /// Which network.
        network: usize,
        /// Where it differs.
        source: ParamsError,
    },
    /// A permutation acts on several axes of one array, so its step is not an assignment problem.
    #[error("a permutation acts on several axes of {parameter}, expected a spec without such parameters")]
    Tied {
        /// The first such parameter.
        parameter: String,
    },
    /// A weight is NaN or infinite.
    #[error(
        "parameter {parameter} of network {network} holds a value that is not finite, expected finite weights"
    )]
    NonFinite {
        /// Which network.
        network: usize,
        /// Its first such parameter.
        parameter: String,
    },
    /// Another number of networks than were matched.
    #[error("{found} networks, expected the {expected} that were matched")]
    Count {
        /// How many were matched.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// What was found for the matched networks does not fit one that was given.
    #[error("network {network} cannot be aligned: {source}")]
    Apply {
        /// Which network.
        network: usize,
        /// Where it differs.
        source: ApplyError,
    },
}

/// Checks that the networks can be matched and returns the size of each permutation.
pub(crate) fn check(
    spec: &PermutationSpec,
    networks: &[&Params],
) -> Result<BTreeMap<String, usize>, MultiMatchingError> {
    let [first, rest @ ..] = networks else { return Err(MultiMatchingError::TooFew { found: 0 }) };
    if rest.is_empty() {
        return Err(MultiMatchingError::TooFew { found: 1 });
    }
    let sizes = spec.validate(first)?;
    if let Some(parameter) = spec.first_tied() {
        return Err(MultiMatchingError::Tied { parameter: parameter.to_owned() });
    }
    for (network, params) in networks.iter().enumerate() {
        let same = first.check_same_layout(params);
        same.map_err(|source| MultiMatchingError::Layout { network, source })?;
        if let Some(parameter) = params.first_non_finite() {
            return Err(MultiMatchingError::NonFinite { network, parameter: parameter.to_owned() });
        }
    }
    Ok(sizes)
}

/// J of networks as they stand, in f64: half of what each has in common with the sum of the others. Networks of
/// equal bits give equal bits.
pub(crate) fn joint_objective(spec: &PermutationSpec, networks: &[Params]) -> f64 {
    let Some(first) = networks.first() else { return 0.0 };
    let mut total = 0.0;
    for (name, array) in first.iter().filter(|(name, _)| spec.is_matched(name)) {
        let arrays: Vec<&[f32]> = networks.iter().filter_map(|n| n.get(name)).map(|a| a.data()).collect();
        for at in 0..array.data().len() {
            let (mut sum, mut pairs) = (0.0f64, 0.0f64);
            for array in &arrays {
                let value = f64::from(array[at]);
                pairs += sum * value;
                sum += value;
            }
            total += pairs;
        }
    }
    total
}

/// The networks, each permuted by its family.
pub(crate) fn all_arranged(
    spec: &PermutationSpec,
    networks: &[&Params],
    families: &[Permutations],
) -> Vec<Params> {
    networks.iter().zip(families).map(|(network, family)| arranged(spec, network, family)).collect()
}

/// How many units of each permutation changed place, network by network.
pub(crate) fn moved(families: &[Permutations]) -> Vec<BTreeMap<String, usize>> {
    let of = |family: &Permutations| family.iter().map(|(name, p)| (name.to_owned(), p.moved())).collect();
    families.iter().map(of).collect()
}

#[cfg(test)]
mod tests;
