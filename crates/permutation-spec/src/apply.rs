//! Permuting the units of a network.

use crate::axis::{order, runs};
use crate::heads::order_of_heads;
use crate::{AttentionGroup, Permutation, PermutationSpec, Permutations, SpecError};
use basin_core::{Array, Params};
use rayon::prelude::*;
use std::collections::BTreeMap;
use thiserror::Error;

/// Why permutations cannot be applied to a network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The spec does not fit the network.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Missing, unknown or wrongly sized permutations, or such that tear attention heads apart: all of them,
    /// one per line.
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
/// missing, unknown, of another size, or mixes the heads of an attention layer.
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
    if problems.is_empty() {
        problems = spec.groups().iter().filter_map(|group| broken_heads(group, permutations)).collect();
    }
    if !problems.is_empty() {
        return Err(ApplyError::Permutations { problems });
    }
    let ids = spec.ids();
    let lists = spec.permutations().map(|name| permutations.get(name).map_or(&[][..], Permutation::as_slice));
    let lists: Vec<&[usize]> = lists.collect();
    let positions: BTreeMap<&str, usize> = spec.iter().map(|(name, _)| name).zip(0..).collect();
    let permuted = |&(name, array): &(&str, &Array)| {
        let mut permuted = array.clone();
        for axis in 0..array.shape().len() {
            let segments = spec.segments_at((positions[name], axis));
            if !segments.is_empty() {
                let runs = runs(&segments, array.shape()[axis], &sizes, &ids);
                take(&mut permuted, axis, &order(&runs, |id| lists[id]));
            }
        }
        (name.to_owned(), permuted)
    };
    let arrays: Vec<(&str, &Array)> = params.iter().collect();
    let permuted: Vec<(String, Array)> = arrays.par_iter().map(permuted).collect();
    Ok(permuted.into_iter().collect())
}

/// What a pair of permutations does that would mix the heads of its attention layer.
fn broken_heads(group: &AttentionGroup, permutations: &Permutations) -> Option<String> {
    let AttentionGroup { qk, vo, heads } = group;
    let order = |name: &str| {
        let permutation = permutations.get(name)?;
        Some(order_of_heads(permutation, *heads).map_err(|problem| format!("  {name} {problem}")))
    };
    match (order(qk)?, order(vo)?) {
        (Ok(left), Ok(right)) => {
            let head = (0..left.len()).find(|&head| left[head] != right[head])?;
            let (left, right) = (left[head], right[head]);
            Some(format!("  {vo} takes head {head} from head {right}, expected head {left} as in {qk}"))
        }
        (Err(problem), _) | (_, Err(problem)) => Some(problem),
    }
}

/// Reorders one axis in place.
fn take(array: &mut Array, axis: usize, order: &[usize]) {
    if order.iter().enumerate().all(|(new, &from)| new == from) {
        return;
    }
    let inner: usize = array.shape()[axis + 1..].iter().product();
    let slab = order.len() * inner;
    for block in array.data_mut().chunks_exact_mut(slab.max(1)) {
        let old = block.to_vec();
        for (new, from) in block.chunks_exact_mut(inner.max(1)).zip(order) {
            new.copy_from_slice(&old[from * inner..][..inner]);
        }
    }
}
