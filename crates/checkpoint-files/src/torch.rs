//! PyTorch's two file formats: the zip archive since 1.6, and the row of pickles before it.

use crate::archive::Archive;
use crate::names::{listed, shown};
use crate::pickle_value::{Heap, Node, View};
use crate::source::Source;
use crate::state_dict::Found;
use crate::tensor::{Raw, count};
use crate::{Problem, pickle, state_dict};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// `0x1950a86a20f9469cfc6c`, the first pickle of the old format.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// A file's tensors may be this many times as large as the file, and so much larger: shared storages are read out
/// for each, and one number may be seen through a large view.
const MOST_SHARING: usize = 4;
const ALLOWANCE: usize = 1 << 26;

/// What was found in a file, with the bytes of its tensors.
pub(crate) struct Decoded<'a> {
    /// In the order of the dictionary.
    pub(crate) tensors: Vec<(String, Raw<'a>)>,
    /// Whether PyTorch Lightning wrote the file.
    pub(crate) lightning: bool,
}

/// Reads the archive format.
pub(crate) fn decode_archive<'a>(
    bytes: &'a [u8],
    key: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Decoded<'a>, Problem> {
    let archive = Archive::open(bytes)?;
    let broken = |reason: String| Problem::Archive { reason };
    let is_root =
        |name: &str| name.strip_suffix("data.pkl").is_some_and(|root| root.matches('/').count() <= 1);
    let mut roots = archive.names().filter(|name| is_root(name));
    let Some(main) = roots.next().map(str::to_owned) else { return Err(other_archive(&archive)) };
    if roots.next().is_some() {
        return Err(broken("it holds several data.pkl".into()));
    }
    let root = main.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    if archive.names().any(|name| name.strip_prefix(&root) == Some("constants.pkl")) {
        return Err(Problem::TorchScript);
    }
    let order = format!("{root}byteorder");
    if archive.names().any(|name| name == order) && archive.get(&order)? != b"little" {
        return Err(broken("its numbers are not little-endian".into()));
    }
    let mut heap = Heap::new(archive.get(&main)?, bytes.len());
    let (top, _) = pickle::read(&mut heap, 0)?;
    let found = state_dict::find(&heap, top, key, notes)?;
    collect(found, bytes.len(), |key| archive.get(&format!("{root}data/{key}")))
}

/// A zip archive that is none of PyTorch's.
fn other_archive(archive: &Archive<'_>) -> Problem {
    let names: Vec<String> = archive.names().take(4).map(shown).collect();
    let what = match names.iter().any(|name| name.ends_with(".npy")) {
        true => "a NumPy archive".to_owned(),
        false => format!("a zip archive without PyTorch's data.pkl (in it: {})", listed(&names, 3)),
    };
    let advice = "unpack it and give the network in it as a state dict";
    Problem::OtherFormat { what, advice }
}

/// Reads the old format: magic number, version, system, network, keys; then each storage with its length.
pub(crate) fn decode_legacy<'a>(
    bytes: &'a [u8],
    key: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Decoded<'a>, Problem> {
    let mut heap = Heap::new(bytes, bytes.len());
    let broken = |at: usize, reason: &str| Problem::Pickle { at, reason: reason.to_owned() };
    let (magic, at) = pickle::read(&mut heap, 0)?;
    if !matches!(heap.get(magic), Some(Node::Bytes(found)) if heap.raw(*found) == MAGIC) {
        let what = "a pickle without PyTorch's mark".to_owned();
        return Err(Problem::OtherFormat { what, advice: "save the state dict with torch.save" });
    }
    let (_, at) = pickle::read(&mut heap, at)?;
    let (_, at) = pickle::read(&mut heap, at)?;
    let (top, at) = pickle::read(&mut heap, at)?;
    let (keys, mut at) = pickle::read(&mut heap, at)?;
    let found = state_dict::find(&heap, top, key, notes)?;
    let sizes: BTreeMap<&str, Option<usize>> =
        heap.storages().map(|storage| (storage.key, storage.element.map(|element| element.size()))).collect();
    let mut storages: BTreeMap<&str, &[u8]> = BTreeMap::new();
    let keys = heap.sequence(keys).ok_or_else(|| broken(at, "the list of storages is missing"))?;
    for &key in keys {
        let key = heap.name(key).ok_or_else(|| broken(at, "a storage without a name"))?;
        let size = *sizes.get(key).ok_or_else(|| broken(at, "a storage that was not announced"))?;
        let size = size.ok_or_else(|| broken(at, "a storage of a type that is not known here"))?;
        let stored = (|| {
            let header = bytes.get(at..at.checked_add(8)?)?;
            let len = u64::from_le_bytes(header.try_into().ok()?);
            let len = usize::try_from(len).ok()?.checked_mul(size)?;
            bytes.get(at + 8..(at + 8).checked_add(len)?)
        })();
        let stored = stored.ok_or_else(|| Problem::Truncated {
            what: "a PyTorch file",
            reason: format!("the storage at byte {at} ends in the middle"),
        })?;
        storages.insert(key, stored);
        at += 8 + stored.len();
    }
    let missing = |key: &str| Problem::Archive { reason: format!("storage {} is missing", shown(key)) };
    collect(found, bytes.len(), |key| storages.get(key).copied().ok_or_else(|| missing(key)))
}

/// Reads every tensor out of its storage.
fn collect<'a>(
    found: Found<'_>,
    file_len: usize,
    storage_bytes: impl Fn(&str) -> Result<&'a [u8], Problem>,
) -> Result<Decoded<'a>, Problem> {
    let mut budget = file_len.saturating_mul(MOST_SHARING).saturating_add(ALLOWANCE);
    let mut tensors = Vec::with_capacity(found.tensors.len());
    for (name, view) in found.tensors {
        let refuse = |reason: String| Problem::Tensor { name: name.clone(), reason };
        let element =
            view.element.ok_or_else(|| Problem::Element { name: name.clone(), found: view.kind.into() })?;
        let unit = view.storage.element.unwrap_or(element).size();
        let size = element.size();
        let elements = count(&name, &view.shape)?;
        budget = budget.checked_sub(elements.saturating_mul(size)).ok_or_else(|| {
            refuse(format!(
                "brings the tensors to more than {MOST_SHARING} times the file's size; if it is an expanded view, \
                 leave it out or save a copy of it"
            ))
        })?;
        let bytes = storage_bytes(view.storage.key)?;
        if view.storage.len.checked_mul(unit) != Some(bytes.len()) {
            let (len, found) = (view.storage.len, bytes.len());
            return Err(refuse(format!("lies in a storage of {found} bytes, expected {len} elements")));
        }
        let read =
            if elements == 0 { Some(Cow::Borrowed(&[][..])) } else { gather(&view, bytes, size, elements) };
        let read = read.ok_or_else(|| {
            let View { offset, shape, strides, .. } = &view;
            let len = bytes.len() / size;
            refuse(format!("{shape:?} with strides {strides:?} from {offset} leaves its {len} elements"))
        })?;
        let moves = view.shape.iter().zip(&view.strides).any(|(&extent, &stride)| extent > 1 && stride > 0);
        let mut raw = Raw::new(&name, element, view.shape, Source::Memory(read))?;
        raw.expanded = !moves;
        tensors.push((name, raw));
    }
    Ok(Decoded { tensors, lightning: found.lightning })
}

/// The elements of a view in row-major order; `None` when it leaves the storage.
fn gather<'a>(view: &View<'_>, bytes: &'a [u8], size: usize, elements: usize) -> Option<Cow<'a, [u8]>> {
    let mut last = view.offset;
    for (&extent, &stride) in view.shape.iter().zip(&view.strides) {
        last = last.checked_add((extent - 1).checked_mul(stride)?)?;
    }
    if last >= bytes.len() / size {
        return None;
    }
    let mut contiguous = 1;
    let axes = view.shape.iter().zip(&view.strides).rev();
    let dense = axes.into_iter().all(|(&extent, &stride)| {
        let fits = extent == 1 || stride == contiguous;
        contiguous *= extent;
        fits
    });
    if dense {
        return Some(bytes[view.offset * size..][..elements * size].into());
    }
    let mut out = Vec::with_capacity(elements * size);
    let mut index = vec![0; view.shape.len()];
    let mut at = view.offset;
    for _ in 0..elements {
        out.extend_from_slice(&bytes[at * size..][..size]);
        for axis in (0..index.len()).rev() {
            if index[axis] + 1 < view.shape[axis] {
                index[axis] += 1;
                at += view.strides[axis];
                break;
            }
            at -= view.strides[axis] * index[axis];
            index[axis] = 0;
        }
    }
    Some(out.into())
}
