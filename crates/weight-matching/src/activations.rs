//! Matching by what units compute rather than by their weights.

use crate::best_permutations::{Problem, best_permutations};
use crate::product::{Stored, add_product};
use crate::{AttentionGroup, Matching, Network, PermutationSpec, Permutations};
use basin_core::Array;
use std::collections::BTreeMap;
use thiserror::Error;

/// What the units of one permutation did on the same inputs in both networks, `[samples, units]` each. For a
/// convolution every pixel of every image is a sample.
#[derive(Clone, Copy, Debug)]
pub struct ActivationPair<'a> {
    /// In the network that stays.
    pub reference: &'a Array,
    /// In the network that is permuted.
    pub target: &'a Array,
}

/// Why activations cannot be matched.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ActivationError {
    /// A permutation of the spec has no activations.
    #[error(
        "no activations for permutation {permutation}, expected an array [samples, units] for each permutation"
    )]
    Missing {
        /// The permutation.
        permutation: String,
    },
    /// Activations for a permutation that the spec does not use.
    #[error("activations for {permutation}, which the spec does not use; leave them out or correct the name")]
    Unknown {
        /// The name.
        permutation: String,
    },
    /// The arrays are not of one shape `[samples, units]` with at least two samples.
    #[error(
        "activations of {permutation} are {reference:?} and {target:?}, expected [samples, units] twice, \
         with at least two samples"
    )]
    Shape {
        /// The permutation.
        permutation: String,
        /// Shape for the reference.
        reference: Vec<usize>,
        /// Shape for the target.
        target: Vec<usize>,
    },
    /// Permutations that must be of one size, as the two of an attention layer, have activations of another
    /// number of units.
    #[error("activations of {right} have {found} units, expected {expected} as those of {left}")]
    Pair {
        /// The first permutation.
        left: String,
        /// The second.
        right: String,
        /// Units of the first.
        expected: usize,
        /// Units of the second.
        found: usize,
    },
    /// The heads of an attention layer are not of one size.
    #[error("activations of {permutation} have {units} units, expected a multiple of its {heads} heads")]
    Heads {
        /// Permutation of queries and keys.
        permutation: String,
        /// Its number of units.
        units: usize,
        /// Number of heads.
        heads: usize,
    },
    /// An activation is NaN or infinite.
    #[error(
        "activations of {permutation} in the {network} hold a value that is not finite, expected finite numbers"
    )]
    NonFinite {
        /// The permutation.
        permutation: String,
        /// Which network.
        network: Network,
    },
}

/// Finds for each permutation the π with the largest Σ_i C[i, π(i)], where C holds the correlations between the
/// units of the reference and those of the target on the same inputs (Li et al., *Convergent Learning*, arXiv
/// 1511.07543; Ainsworth et al., arXiv 2209.04836, Section 3.1):
///
/// ```text
/// C[i, j] = Σ_s (x_si − x̄_i)(y_sj − ȳ_j) / √(Σ_s (x_si − x̄_i)² Σ_s (y_sj − ȳ_j)²)
/// ```
///
/// The permutations do not influence one another, so one assignment each solves the problem exactly: one sweep,
/// always converged. The two of an attention layer take whole heads in one order; theirs is solved exactly too, by
/// the two levels of [`weight_matching`](crate::weight_matching()). Record queries or keys for `….qk`, and values
/// or what the output projection reads for `….vo`.
///
/// The objective is the sum of the correlations of all matched units. A unit that is constant over all samples has
/// no correlation; 0 stands in for it. Among assignments that are equal within 1e-9, one with many units in place
/// is taken, so dead and duplicate units move only when others need their place.
///
/// In f64; a permutation of n units and s samples costs 2 s n² operations and an O(n³) assignment.
///
/// # Errors
/// [`ActivationError`] for missing or unknown permutations, shapes that differ, attention layers whose heads do not
/// divide their units, and values that are not finite.
pub fn activation_matching(
    spec: &PermutationSpec,
    activations: &BTreeMap<String, ActivationPair<'_>>,
) -> Result<Matching, ActivationError> {
    if let Some(unknown) = activations.keys().find(|name| spec.permutations().all(|p| p != *name)) {
        return Err(ActivationError::Unknown { permutation: unknown.clone() });
    }
    let (mut problems, mut correlations): (Vec<Problem<'_>>, Vec<Vec<f64>>) = Default::default();
    for name in spec.permutations() {
        let missing = || ActivationError::Missing { permutation: name.to_owned() };
        let pair = activations.get(name).ok_or_else(missing)?;
        let units = check(name, pair)?;
        let correlation = correlation(pair, units);
        // Units that tie, such as dead ones, stay where they are.
        let mut gain = correlation.clone();
        let bonus = 1e-9 / units.max(1) as f64;
        (0..units).for_each(|unit| gain[unit * units + unit] += bonus);
        problems.push((name, units, gain));
        correlations.push(correlation);
    }
    check_sizes(spec, &problems)?;
    let mut permutations = Permutations::new();
    let (mut before, mut after) = (0.0, 0.0);
    for ((permutation, (name, units, _)), correlation) in
        best_permutations(spec, &problems).into_iter().zip(&problems).zip(&correlations)
    {
        before += (0..*units).map(|unit| correlation[unit * units + unit]).sum::<f64>();
        after += permutation.iter().enumerate().map(|(i, j)| correlation[i * units + j]).sum::<f64>();
        permutations.insert(*name, permutation);
    }
    let moved = permutations.iter().map(|(name, p)| (name.to_owned(), p.moved())).collect();
    Ok(Matching {
        permutations,
        objective_before: before,
        objective_history: vec![after],
        sweeps: 1,
        converged: true,
        moved,
        searches: 1,
    })
}

fn check(name: &str, pair: &ActivationPair<'_>) -> Result<usize, ActivationError> {
    let permutation = name.to_owned();
    let (reference, target) = (pair.reference.shape(), pair.target.shape());
    match *reference {
        [samples, units] if reference == target && samples >= 2 => {
            for (network, array) in [(Network::Reference, pair.reference), (Network::Target, pair.target)] {
                if array.data().iter().any(|x| !x.is_finite()) {
                    return Err(ActivationError::NonFinite { permutation, network });
                }
            }
            Ok(units)
        }
        _ => Err(ActivationError::Shape {
            permutation,
            reference: reference.to_vec(),
            target: target.to_vec(),
        }),
    }
}

/// The sizes that a network would be refused for.
fn check_sizes(spec: &PermutationSpec, problems: &[Problem<'_>]) -> Result<(), ActivationError> {
    let units = |name: &str| problems.iter().find(|problem| problem.0 == name).map_or(0, |problem| problem.1);
    for (left, right) in spec.equal_pairs() {
        let (expected, found) = (units(left), units(right));
        if expected != found {
            let (left, right) = (left.to_owned(), right.to_owned());
            return Err(ActivationError::Pair { left, right, expected, found });
        }
    }
    for AttentionGroup { qk, heads, .. } in spec.groups() {
        let units = units(qk);
        if units % heads != 0 {
            return Err(ActivationError::Heads { permutation: qk.clone(), units, heads: *heads });
        }
    }
    Ok(())
}

/// C, `[units of the reference, units of the target]`.
fn correlation(pair: &ActivationPair<'_>, units: usize) -> Vec<f64> {
    let (x, y) = (standardised(pair.reference.data(), units), standardised(pair.target.data(), units));
    let samples = x.len().checked_div(units).unwrap_or(0);
    let mut correlation = vec![0.0; units * units];
    add_product([units, samples, units], Stored::Transposed(&x), Stored::Plain(&y), &mut correlation);
    correlation
}

/// Each column minus its mean, divided by its norm; a constant column becomes zero.
fn standardised(values: &[f32], units: usize) -> Vec<f64> {
    let mut out: Vec<f64> = values.iter().copied().map(f64::from).collect();
    let samples = values.len().checked_div(units).unwrap_or(0);
    for unit in 0..units {
        let column = || (0..samples).map(|sample| values[sample * units + unit]);
        // Comparing values is exact, while the mean of equal values may be rounded.
        let constant = column().all(|x| x == values[unit]);
        let mean = column().map(f64::from).sum::<f64>() / samples as f64;
        let norm = column().map(|x| (f64::from(x) - mean).powi(2)).sum::<f64>().sqrt();
        for sample in 0..samples {
            let value = &mut out[sample * units + unit];
            *value = if constant || norm == 0.0 { 0.0 } else { (*value - mean) / norm };
        }
    }
    out
}

#[cfg(test)]
mod tests;
