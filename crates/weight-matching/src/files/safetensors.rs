//! Safetensors bytes with any element type this crate carries.

use crate::files::tensor::MOST_TENSORS;
use crate::files::{Element, Problem, Tensor};
use basin_core::Array;
use safetensors::tensor::{Dtype, SafeTensors, View};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// All tensors of the file by name.
pub(crate) fn decode(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, Problem> {
    let broken = |e: safetensors::SafeTensorError| Problem::Safetensors { reason: e.to_string() };
    let file = SafeTensors::deserialize(bytes).map_err(broken)?;
    if file.len() > MOST_TENSORS {
        let reason = format!("{} tensors, expected at most {MOST_TENSORS}", file.len());
        return Err(Problem::Safetensors { reason });
    }
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        let element = Element::of_dtype(view.dtype()).ok_or_else(|| Problem::Element {
            name: name.to_owned(),
            found: format!("{:?}", view.dtype()),
        })?;
        let tensor = Tensor::new(name, element, view.shape().to_vec(), view.data().to_vec())?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(tensors)
}

/// What goes into a file: a tensor as it was in another one, or weights.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stored<'a> {
    Tensor(&'a Tensor),
    Weights(&'a Array),
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Self::Tensor(tensor) => tensor.element.dtype(),
            Self::Weights(_) => Dtype::F32,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::Tensor(tensor) => &tensor.shape,
            Self::Weights(array) => array.shape(),
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Tensor(tensor) => Cow::Borrowed(&tensor.bytes),
            Self::Weights(array) => {
                let mut bytes = vec![0; self.data_len()];
                let (words, _) = bytes.as_chunks_mut();
                words.iter_mut().zip(array.data()).for_each(|(word, x)| *word = x.to_le_bytes());
                Cow::Owned(bytes)
            }
        }
    }

    fn data_len(&self) -> usize {
        match self {
            Self::Tensor(tensor) => tensor.bytes.len(),
            Self::Weights(array) => size_of_val(array.data()),
        }
    }
}

/// Encodes; the same tensors and note give the same bytes. The note is one entry of the header, because the
/// encoder writes several in no fixed order.
///
/// # Panics
/// Never: tensors are checked when they are made.
pub(crate) fn encode(tensors: BTreeMap<&str, Stored<'_>>, note: (&str, &str)) -> Vec<u8> {
    let metadata = HashMap::from([(note.0.to_owned(), note.1.to_owned())]);
    safetensors::serialize(tensors, Some(metadata)).expect("tensors are well formed")
}
