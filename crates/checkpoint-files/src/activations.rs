//! Activations in files: one array `[samples, units]` per permutation, in safetensors.

use crate::reading::read_bytes;
use crate::safetensors::decode;
use crate::{FileError, Problem};
use basin_core::Array;
use std::collections::BTreeMap;
use std::path::Path;
use thiserror::Error;

/// What the units of a network did on some inputs: for each permutation an array `[samples, units]`, as
/// matching by activations wants it.
pub type Activations = BTreeMap<String, Array>;

/// One way in which recorded activations differ from what a network or the other file asks for.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what each field is")]
pub enum ActivationMisfit {
    /// A permutation without activations.
    #[error("missing {tensor}, expected [samples, {units}]")]
    Missing { tensor: String, units: usize },
    /// Activations that belong to no permutation.
    #[error("unexpected {tensor} {found:?}, which is not a permutation of the spec")]
    Unexpected { tensor: String, found: Vec<usize> },
    /// Not one row per sample.
    #[error("{tensor} is {found:?}, expected the 2 axes [samples, {units}]")]
    Axes { tensor: String, found: Vec<usize>, units: usize },
    /// Another number of units than the network has.
    #[error("{tensor} axis 1 has {found} units, expected {expected} as in the network")]
    Units { tensor: String, found: usize, expected: usize },
    /// A correlation needs two samples.
    #[error("{tensor} axis 0 has {found} samples, expected at least 2")]
    TooFew { tensor: String, found: usize },
    /// Another number of samples than were recorded in the other network.
    #[error("{tensor} axis 0 has {found} samples, expected {expected} as in the other file")]
    Samples { tensor: String, found: usize, expected: usize },
    /// NaN, infinite, or beyond the range of `f32`.
    #[error("{tensor} is {value} at sample {sample}, unit {unit}, expected a finite number")]
    NonFinite { tensor: String, sample: usize, unit: usize, value: f32 },
}

/// Reads arrays of `f32`, `f64`, `f16` or `bf16` from safetensors bytes; all become `f32`.
///
/// # Errors
/// [`Problem::NotFloats`] names the first array of another type, [`Problem::Safetensors`] broken bytes.
pub fn decode_activations(bytes: &[u8]) -> Result<Activations, Problem> {
    let mut activations = Activations::new();
    for (name, tensor) in decode(bytes)? {
        let Some(values) = tensor.source.to_f32(tensor.element)? else {
            let found = format!("{} {:?}", tensor.element.name(), tensor.shape);
            return Err(Problem::NotFloats { name, found });
        };
        let array = Array::new(tensor.shape, values);
        let array = array.map_err(|e| Problem::Tensor { name: name.clone(), reason: e.to_string() })?;
        activations.insert(name, array);
    }
    Ok(activations)
}

/// [`decode_activations`] for a file.
///
/// # Errors
/// [`FileError`] with the file and what is wrong with it.
pub fn read_activations(path: &Path) -> Result<Activations, FileError> {
    read_bytes(path).and_then(|bytes| decode_activations(&bytes)).map_err(FileError::of(path))
}

/// Everything in which activations differ from the permutations of a network, whose `sizes`
/// [`permutation_spec::PermutationSpec::validate`] returns, and from those of the `other` network, if given: the same
/// inputs in the same order give the same number of samples. Empty when all is well. Reads every value once.
pub fn activation_misfits(
    activations: &Activations,
    sizes: &BTreeMap<String, usize>,
    other: Option<&Activations>,
) -> Vec<ActivationMisfit> {
    let mut misfits = Vec::new();
    for (name, &units) in sizes {
        let tensor = name.clone();
        let Some(array) = activations.get(name) else {
            misfits.push(ActivationMisfit::Missing { tensor, units });
            continue;
        };
        let &[samples, found] = array.shape() else {
            misfits.push(ActivationMisfit::Axes { tensor, found: array.shape().to_vec(), units });
            continue;
        };
        let expected = other.and_then(|other| other.get(name)?.shape().first().copied());
        let broken = array.data().iter().position(|x| !x.is_finite());
        if found != units {
            misfits.push(ActivationMisfit::Units { tensor, found, expected: units });
        } else if samples < 2 {
            misfits.push(ActivationMisfit::TooFew { tensor, found: samples });
        } else if let Some(expected) = expected.filter(|expected| *expected != samples) {
            misfits.push(ActivationMisfit::Samples { tensor, found: samples, expected });
        } else if let Some(at) = broken {
            let (sample, unit, value) = (at / units, at % units, array.data()[at]);
            misfits.push(ActivationMisfit::NonFinite { tensor, sample, unit, value });
        }
    }
    let unexpected = activations.iter().filter(|(name, _)| !sizes.contains_key(*name));
    misfits.extend(unexpected.map(|(name, array)| ActivationMisfit::Unexpected {
        tensor: name.clone(),
        found: array.shape().to_vec(),
    }));
    misfits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &ActivationMisfit) -> usize {
        match error {
            ActivationMisfit::Missing { .. } => 0,
            ActivationMisfit::Unexpected { .. } => 1,
            ActivationMisfit::Axes { .. } => 2,
            ActivationMisfit::Units { .. } => 3,
            ActivationMisfit::TooFew { .. } => 4,
            ActivationMisfit::Samples { .. } => 5,
            ActivationMisfit::NonFinite { .. } => 6,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let h = || "h".to_owned();
        let told = [
            (ActivationMisfit::Missing { tensor: h(), units: 6 }, "missing h, expected [samples, 6]"),
            (
                ActivationMisfit::Unexpected { tensor: h(), found: vec![2, 6] },
                "unexpected h [2, 6], which is not a permutation of the spec",
            ),
            (
                ActivationMisfit::Axes { tensor: h(), found: vec![12], units: 6 },
                "h is [12], expected the 2 axes [samples, 6]",
            ),
            (
                ActivationMisfit::Units { tensor: h(), found: 5, expected: 6 },
                "h axis 1 has 5 units, expected 6 as in the network",
            ),
            (
                ActivationMisfit::TooFew { tensor: h(), found: 1 },
                "h axis 0 has 1 samples, expected at least 2",
            ),
            (
                ActivationMisfit::Samples { tensor: h(), found: 3, expected: 4 },
                "h axis 0 has 3 samples, expected 4 as in the other file",
            ),
            (
                ActivationMisfit::NonFinite { tensor: h(), sample: 1, unit: 2, value: f32::NAN },
                "h is NaN at sample 1, unit 2, expected a finite number",
            ),
        ];
        let mut seen = [false; 7];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 7], "every variant is told");
    }
}
