//! Permutations in files: one vector of indices per permutation, in safetensors.

use crate::layout::{Layout, Stored};
use crate::reading::read_bytes;
use crate::safetensors::decode;
use crate::tensor::Raw;
use crate::{Element, FileError, Problem, Tensor};
use permutation_spec::{Permutation, Permutations};
use std::collections::BTreeMap;
use std::path::Path;

/// Safetensors bytes with one `i64` vector per permutation: `new[i] = old[vector[i]]`. The same permutations
/// give the same bytes.
pub fn encode_permutations(permutations: &Permutations) -> Vec<u8> {
    let tensors: BTreeMap<String, Tensor> = permutations
        .iter()
        .map(|(name, permutation)| {
            let bytes = permutation.iter().flat_map(|i| (i as u64).to_le_bytes()).collect();
            (name.to_owned(), Tensor { element: Element::I64, shape: vec![permutation.len()], bytes })
        })
        .collect();
    let tensors = tensors.iter().map(|(name, tensor)| (name.as_str(), Stored::Tensor(tensor))).collect();
    Layout::new(tensors, ("permutations", "new[i] = old[p[i]]")).bytes()
}

/// Reads what [`encode_permutations`] made, or the same from another program: vectors of `i64`, `u64`,
/// `i32` or `u32`.
///
/// # Errors
/// [`Problem::Permutation`] and [`Problem::Negative`] name the permutation and the entry that make it no
/// bijection, [`Problem::NotIndices`] the first tensor that is not a vector of indices.
pub fn decode_permutations(bytes: &[u8]) -> Result<Permutations, Problem> {
    let one = |(name, tensor): (String, Raw<'_>)| {
        let Raw { element, shape, source, .. } = tensor;
        let indices = element.to_i64(&source.into_bytes()?).filter(|_| shape.len() == 1);
        let Some(indices) = indices else {
            let found = format!("{} {shape:?}", element.name());
            return Err(Problem::NotIndices { name, found });
        };
        if let Some((index, &value)) = indices.iter().enumerate().find(|(_, value)| **value < 0) {
            return Err(Problem::Negative { name, index, value });
        }
        let indices = indices.into_iter().map(|i| usize::try_from(i).unwrap_or(usize::MAX)).collect();
        match Permutation::new(indices) {
            Ok(permutation) => Ok((name, permutation)),
            Err(source) => Err(Problem::Permutation { name, source }),
        }
    };
    decode(bytes)?.into_iter().map(one).collect()
}

/// [`decode_permutations`] for a file.
///
/// # Errors
/// [`FileError`] with the file and what is wrong with it.
pub fn read_permutations(path: &Path) -> Result<Permutations, FileError> {
    read_bytes(path).and_then(|bytes| decode_permutations(&bytes)).map_err(FileError::of(path))
}
