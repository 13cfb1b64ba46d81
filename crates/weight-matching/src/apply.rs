//! Permuting the units of a network.

use crate::{Permutation, PermutationSpec, Permutations, SpecError};
use basin_core::{Array, Params};
use thiserror::Error;

/// Why permutations cannot be applied to a network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The spec does not fit the network.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Missing, unknown or wrongly sized permutations: all of them, one per line.
    #[error("the permutations do not fit the spec:\n{}", .problems.join("\n"))]
    Permutations {
        /// One line per permutation.
        problems: Vec<String>,
    },
}

/// Takes every axis by its permutation: w'[…, i, …] = w[…, π(i), …]. The network computes the same function
/// as before. Values are moved, never recomputed, so applying the inverse permutations restores every bit.
///
/// # Errors
/// [`ApplyError::Spec`] when spec and network disagree, [`ApplyError::Permutations`] when a permutation is
/// missing, unknown or of another size.
pub fn apply(
    spec: &PermutationSpec,
    params: &Params,
    permutations: &Permutations,
) -> Result<Params, ApplyError> {
    let sizes = spec.validate(params)?;
    let mut problems = Vec::new();
    for (name, &expected) in &sizes {
        match permutations.get(name) {
            None => problems.push(format!("  missing {name}, expected {expected} units")),
            Some(p) if p.len() != expected => {
                problems.push(format!("  {name} permutes {} units, expected {expected}", p.len()));
            }
            Some(_) => {}
        }
    }
    let unknown = permutations.iter().filter(|(name, _)| !sizes.contains_key(*name));
    problems.extend(unknown.map(|(name, _)| format!("  unknown {name}, which the spec does not use")));
    if !problems.is_empty() {
        return Err(ApplyError::Permutations { problems });
    }
    let mut permuted = params.clone();
    for (name, array) in permuted.iter_mut() {
        for (axis, used) in spec.axes(name).into_iter().flatten().enumerate() {
            if let Some(permutation) = used.as_deref().and_then(|used| permutations.get(used)) {
                take(array, axis, permutation);
            }
        }
    }
    Ok(permuted)
}

/// Reorders one axis in place.
fn take(array: &mut Array, axis: usize, permutation: &Permutation) {
    if permutation.is_identity() {
        return;
    }
    let inner: usize = array.shape()[axis + 1..].iter().product();
    let slab = permutation.len() * inner;
    for block in array.data_mut().chunks_exact_mut(slab.max(1)) {
        let old = block.to_vec();
        for (new, from) in block.chunks_exact_mut(inner.max(1)).zip(permutation.iter()) {
            new.copy_from_slice(&old[from * inner..][..inner]);
        }
    }
}
