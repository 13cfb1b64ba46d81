//! Reading safetensors with any element type this crate carries.

use crate::source::{Source, read_at};
use crate::tensor::{MOST_TENSORS, Raw, check_name};
use crate::{Element, Problem};
use safetensors::tensor::{Metadata, SafeTensors};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;

/// Where the data begins at the latest, as for the decoder.
const MOST_HEADER: u64 = 100_000_008;

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
    let header = bytes.first_chunk().map_or(0, |len| u64::from_le_bytes(*len));
    distinct(usize::try_from(header).ok().and_then(|len| bytes.get(8..)?.get(..len)).unwrap_or(&[]))?;
    let mut tensors = Vec::with_capacity(file.len());
    for (name, view) in file.iter() {
        check_name(name)?;
        let element = Element::of_dtype(view.dtype()).ok_or_else(|| Problem::Element {
            name: name.to_owned(),
            found: format!("{:?}", view.dtype()),
        })?;
        let raw = Raw::new(name, element, view.shape().to_vec(), Source::Memory(view.data().into()))?;
        tensors.push((name.to_owned(), raw));
    }
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(tensors)
}

/// All tensors of a file of `len` bytes, sorted by name, with their bytes left in it. `None` where the file cannot be read
/// at several places, or where anything is wrong with its header: [`decode`] then says what.
pub(crate) fn leave(file: &File, len: u64) -> Option<Vec<(String, Raw<'_>)>> {
    let mut start = [0; 8];
    read_at(file, &mut start, 0).ok()?;
    let header = u64::from_le_bytes(start);
    let data = header.checked_add(8).filter(|data| *data <= len.min(MOST_HEADER))?;
    let mut bytes = vec![0; usize::try_from(header).ok()?];
    read_at(file, &mut bytes, 8).ok()?;
    let metadata: Metadata = serde_json::from_slice(&bytes).ok()?;
    distinct(&bytes).ok()?;
    let names = metadata.offset_keys();
    if names.len() > MOST_TENSORS || data.checked_add(metadata.data_len() as u64) != Some(len) {
        return None;
    }
    let tensor = |name: String| -> Option<(String, Raw<'_>)> {
        check_name(&name).ok()?;
        let info = metadata.info(&name)?;
        let (from, to) = info.data_offsets;
        let source = Source::File { file, start: data + from as u64, len: to - from };
        let raw = Raw::new(&name, Element::of_dtype(info.dtype)?, info.shape.clone(), source).ok()?;
        Some((name, raw))
    };
    let mut tensors = names.into_iter().map(tensor).collect::<Option<Vec<_>>>()?;
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    Some(tensors)
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
fn distinct(header: &[u8]) -> Result<(), Problem> {
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
