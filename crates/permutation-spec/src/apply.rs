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
    apply_into(spec, params, permutations, Params::new())
}

/// [`apply`] with the memory of a network that nobody needs any more: arrays of the same names and shapes serve again, the
/// rest is dropped.
///
/// # Errors
/// Those of [`apply`].
pub fn apply_into(
    spec: &PermutationSpec,
    params: &Params,
    permutations: &Permutations,
    memory: Params,
) -> Result<Params, ApplyError> {
    let sizes = checked(spec, params, permutations)?;
    let ids = spec.ids();
    let lists = spec.permutations().map(|name| permutations.get(name).map_or(&[][..], Permutation::as_slice));
    let lists: Vec<&[usize]> = lists.collect();
    let positions: BTreeMap<&str, usize> = spec.iter().map(|(name, _)| name).zip(0..).collect();
    let permuted = |((name, array), to): ((&str, &Array), Option<Array>)| {
        let orders = (0..array.shape().len()).filter_map(|axis| {
            let segments = spec.segments_at((positions[name], axis));
            let runs = runs(&segments, array.shape()[axis], &sizes, &ids);
            let order = order(&runs, |id| lists[id]);
            let moves = !segments.is_empty() && order.iter().enumerate().any(|(new, &from)| new != from);
            moves.then_some((axis, order))
        });
        let mut orders = orders.collect::<Vec<_>>().into_iter();
        let permuted = match (to.filter(|to| to.shape() == array.shape()), orders.next()) {
            (None, None) => array.clone(),
            (Some(mut to), None) => {
                to.data_mut().copy_from_slice(array.data());
                to
            }
            (to, Some((axis, order))) => {
                let mut to = to.unwrap_or_else(|| Array::full(array.shape().to_vec(), 0.0));
                take(array.data(), array.shape(), axis, &order, to.data_mut());
                to
            }
        };
        let permuted = orders.fold(permuted, |mut permuted, (axis, order)| {
            take_in_place(&mut permuted, axis, &order);
            permuted
        });
        (name.to_owned(), permuted)
    };
    let mut memory: BTreeMap<String, Array> = memory.into_iter().collect();
    let arrays: Vec<_> = params.iter().map(|(name, array)| ((name, array), memory.remove(name))).collect();
    let permuted: Vec<(String, Array)> = arrays.into_par_iter().map(permuted).collect();
    Ok(permuted.into_iter().collect())
}

/// Checks that the permutations are those of the spec for this network. Returns the size of each.
fn checked(
    spec: &PermutationSpec,
    params: &Params,
    permutations: &Permutations,
) -> Result<BTreeMap<String, usize>, ApplyError> {
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
    if problems.is_empty() { Ok(sizes) } else { Err(ApplyError::Permutations { problems }) }
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

/// Reorders one axis.
fn take(from: &[f32], shape: &[usize], axis: usize, order: &[usize], to: &mut [f32]) {
    let inner: usize = shape[axis + 1..].iter().product();
    let slab = (order.len() * inner).max(1);
    for (to, from) in to.chunks_exact_mut(slab).zip(from.chunks_exact(slab)) {
        for (to, at) in to.chunks_exact_mut(inner.max(1)).zip(order) {
            to.copy_from_slice(&from[at * inner..][..inner]);
        }
    }
}

/// Reorders one axis in place.
fn take_in_place(array: &mut Array, axis: usize, order: &[usize]) {
    let shape = array.shape()[axis..].to_vec();
    let mut old = Vec::new();
    for block in array.data_mut().chunks_exact_mut(shape.iter().product::<usize>().max(1)) {
        old.clear();
        old.extend_from_slice(block);
        take(&old, &shape, 0, order, block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &ApplyError) -> usize {
        match error {
            ApplyError::Spec(_) => 0,
            ApplyError::Permutations { .. } => 1,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (
                ApplyError::Spec(SpecError::Layout { problems: vec!["  missing a".into()] }),
                "the spec does not fit the network:\n  missing a",
            ),
            (
                ApplyError::Permutations { problems: vec!["  missing h, expected 3 units".into()] },
                "the permutations do not fit the spec:\n  missing h, expected 3 units",
            ),
        ];
        let mut seen = [false; 2];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 2], "every variant is told");
    }
}
