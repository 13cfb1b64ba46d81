//! A network from a file and into one: weights as `f32`, everything else carried along.

use crate::files::safetensors::{Stored, decode, encode};
use crate::files::tensor::count;
use crate::files::{Element, FileError, Problem, Tensor, names, torch};
use basin_core::{Array, Params};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Most bytes of a file.
const MOST_BYTES: u64 = 1 << 36;

/// A network as it was in a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// The floating-point tensors as `f32`, sorted by name.
    pub params: Params,
    /// Tensors that are no weights, such as `num_batches_tracked`, as they were.
    pub kept: BTreeMap<String, Tensor>,
    /// Element types in the file, of all tensors.
    pub elements: BTreeMap<String, Element>,
    /// What was done to read it: conversions, prefixes taken off, entries left out. For the user's eyes.
    pub notes: Vec<String>,
}

impl Checkpoint {
    /// Reads safetensors, or a state dict that PyTorch saved, told apart by their content.
    ///
    /// A state dict may lie under `state_dict`, `model_state_dict`, `model` and the like. Prefixes such as
    /// `module.` that all names share are taken off. Nothing in the file is executed.
    ///
    /// # Errors
    /// [`FileError`] with the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        read_bytes(path).and_then(|bytes| Self::decode(&bytes)).map_err(FileError::of(path))
    }

    /// [`Checkpoint::read`] for bytes.
    ///
    /// # Errors
    /// [`Problem`] says what is wrong with them.
    pub fn decode(bytes: &[u8]) -> Result<Self, Problem> {
        let mut notes = Vec::new();
        let tensors = match bytes {
            // A safetensors header is JSON after its length in eight bytes; the others have numbers there.
            [_, _, _, _, _, _, _, _, b'{', ..] => decode(bytes)?,
            [b'P', b'K', 3, 4, ..] => torch::decode_archive(bytes, &mut notes)?,
            [0x80, 2..=5, ..] => torch::decode_legacy(bytes, &mut notes)?,
            _ => return Err(Problem::Unknown { start: bytes[..bytes.len().min(8)].to_vec() }),
        };
        let tensors = names::strip(tensors, &mut notes);
        if tensors.is_empty() {
            return Err(Problem::NoTensors { found: "found none".into() });
        }
        Self::assemble(tensors, notes)
    }

    fn assemble(tensors: BTreeMap<String, Tensor>, notes: Vec<String>) -> Result<Self, Problem> {
        let mut checkpoint = Self { notes, ..Self::default() };
        let mut converted: BTreeMap<Element, usize> = BTreeMap::new();
        let mut arrays = Vec::new();
        for (name, tensor) in tensors {
            checkpoint.elements.insert(name.clone(), tensor.element);
            let Some(values) = tensor.element.to_f32(&tensor.bytes) else {
                checkpoint.kept.insert(name, tensor);
                continue;
            };
            if tensor.element != Element::F32 {
                *converted.entry(tensor.element).or_default() += 1;
            }
            let array = Array::new(tensor.shape, values)
                .map_err(|e| Problem::Tensor { name: name.clone(), reason: e.to_string() })?;
            arrays.push((name, array));
        }
        checkpoint.params = arrays.into_iter().collect();
        let told = |(element, n): (&Element, &usize)| {
            format!("converted {n} tensors from {} to f32", element.name())
        };
        checkpoint.notes.extend(converted.iter().map(told));
        if !checkpoint.kept.is_empty() {
            let names: Vec<&str> = checkpoint.kept.keys().map(String::as_str).take(3).collect();
            let more = if checkpoint.kept.len() > 3 { ", …" } else { "" };
            checkpoint.notes.push(format!(
                "{} tensors are no weights and stay as they are: {}{more}",
                checkpoint.kept.len(),
                names.join(", ")
            ));
        }
        Ok(checkpoint)
    }

    /// Safetensors bytes of these parameters together with the tensors that `kept` carries along. The same
    /// content gives the same bytes.
    ///
    /// # Errors
    /// [`Problem::Tensor`] when an array's shape is out of all proportion.
    pub fn encode(params: &Params, kept: &BTreeMap<String, Tensor>) -> Result<Vec<u8>, Problem> {
        let mut tensors: BTreeMap<&str, Stored<'_>> = BTreeMap::new();
        tensors.extend(kept.iter().map(|(name, tensor)| (name.as_str(), Stored::Tensor(tensor))));
        for (name, array) in params.iter() {
            count(name, array.shape())?;
            tensors.insert(name, Stored::Weights(array));
        }
        Ok(encode(tensors, ("format", "pt")))
    }
}

/// The whole of a regular file of sensible size.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    // Asked before opening: opening a pipe would wait for its writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(Problem::NotAFile);
    }
    let file = File::open(path)?;
    let found = file.metadata()?.len();
    if found > MOST_BYTES {
        return Err(Problem::TooLarge { found, limit: MOST_BYTES });
    }
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(found as usize + 1)
        .map_err(|_| Problem::TooLarge { found, limit: MOST_BYTES })?;
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
