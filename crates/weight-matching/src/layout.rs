//! Does a spec fit a network: every axis of every parameter covered once, all sizes equal.

use crate::{PermutationSpec, SpecError};
use basin_core::{Array, Params};
use std::collections::BTreeMap;

impl PermutationSpec {
    /// Checks the spec against a network and returns the size of each permutation.
    ///
    /// # Errors
    /// [`SpecError::Layout`] lists at once every parameter that is missing, unexpected or has another number
    /// of axes than the spec says, and every axis whose size differs from the other axes of its permutation.
    pub fn validate(&self, params: &Params) -> Result<BTreeMap<String, usize>, SpecError> {
        let arrays: BTreeMap<&str, &Array> = params.iter().collect();
        let mut problems = Vec::new();
        // Size of a permutation, with the place that set it.
        let mut sizes: BTreeMap<&str, (usize, &str, usize)> = BTreeMap::new();
        for (name, axes) in self.iter() {
            let Some(array) = arrays.get(name) else {
                problems.push(format!("  missing {name}, expected {} axes", axes.len()));
                continue;
            };
            let shape = array.shape();
            if shape.len() != axes.len() {
                problems.push(format!("  {name} is {shape:?}, expected {} axes", axes.len()));
                continue;
            }
            for (axis, (permutation, &size)) in axes.iter().zip(shape).enumerate() {
                let Some(permutation) = permutation else { continue };
                let &mut (expected, by, at) = sizes.entry(permutation).or_insert((size, name, axis));
                if size != expected {
                    problems.push(format!(
                        "  {name} axis {axis} has {size} units, expected {expected} for permutation \
                         {permutation} as on axis {at} of {by}"
                    ));
                }
            }
        }
        let described: BTreeMap<&str, ()> = self.iter().map(|(name, _)| (name, ())).collect();
        let unexpected = params.iter().filter(|(name, _)| !described.contains_key(name));
        problems.extend(unexpected.map(|(name, array)| {
            format!("  unexpected {name} {:?}, which the spec does not describe", array.shape())
        }));
        if !problems.is_empty() {
            return Err(SpecError::Layout { problems });
        }
        Ok(sizes.into_iter().map(|(name, (size, ..))| (name.to_owned(), size)).collect())
    }
}
