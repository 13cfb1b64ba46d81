//! Safetensors bytes with any element type this crate carries.

use crate::tensor::{MOST_TENSORS, Raw, check_name};
use crate::{Element, Problem, Tensor};
use basin_core::Array;
use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// All tensors of the file, sorted by name, without a copy of their bytes.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<(String, Raw<'_>)>, Problem> {
    let broken = |e: safetensors::SafeTensorError| {
        let reason = format!("{e}: {}", meaning(&e));
        Problem::Safetensors { reason }
    };
    let file = SafeTensors::deserialize(bytes).map_err(broken)?;
    if file.len() > MOST_TENSORS {
        let reason = format!("{} tensors, expected at most {MOST_TENSORS}", file.len());
        return Err(Problem::Safetensors { reason });
    }
    distinct(bytes)?;
    let mut tensors = Vec::with_capacity(file.len());
    for (name, view) in file.iter() {
        check_name(name)?;
        let element = Element::of_dtype(view.dtype()).ok_or_else(|| Problem::Element {
            name: name.to_owned(),
            found: format!("{:?}", view.dtype()),
        })?;
        let raw = Raw::new(name, element, view.shape().to_vec(), Cow::Borrowed(view.data()))?;
        tensors.push((name.to_owned(), raw));
    }
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(tensors)
}

/// What the decoder's words mean to who has the file.
fn meaning(error: &safetensors::SafeTensorError) -> &'static str {
    use safetensors::SafeTensorError::{HeaderTooSmall, InvalidHeaderLength, MetadataIncompleteBuffer};
    match error {
        HeaderTooSmall | InvalidHeaderLength => "the file ends within its header",
        MetadataIncompleteBuffer => "there are fewer or more bytes than its header says",
        _ => "its header is damaged",
    }
}

/// Refuses a header that names a tensor twice, of which the decoder would take the last.
fn distinct(bytes: &[u8]) -> Result<(), Problem> {
    let header = bytes.first_chunk().map_or(0, |len| u64::from_le_bytes(*len));
    let header = usize::try_from(header).ok().and_then(|len| bytes.get(8..)?.get(..len)).unwrap_or(&[]);
    let names: Names =
        serde_json::from_slice(header).map_err(|e| Problem::Safetensors { reason: e.to_string() })?;
    match names.twice {
        Some(name) => Err(Problem::Tensor { name, reason: "stands in it twice; save the file again".into() }),
        None => Ok(()),
    }
}

/// The keys of a JSON object, looked at for one that stands there twice.
struct Names {
    twice: Option<String>,
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let (mut seen, mut twice) = (BTreeSet::new(), None);
                while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
                    if let Some(again) = seen.replace(key) {
                        twice = twice.or(Some(again));
                    }
                }
                Ok(Names { twice })
            }
        }
        deserializer.deserialize_map(Keys)
    }
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
