//! PyTorch's two file formats: the zip archive since 1.6, and the row of pickles before it.

use crate::files::archive::Archive;
use crate::files::pickle_value::{Heap, Node, Value, View};
use crate::files::tensor::count;
use crate::files::{Problem, Tensor, pickle, state_dict};
use std::collections::BTreeMap;

/// `0x1950a86a20f9469cfc6c`, the first pickle of the old format.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// A file's tensors may be this many times as large as the file: shared storages are read out for each.
const MOST_SHARING: usize = 4;

/// Reads the archive format.
pub(crate) fn decode_archive(
    bytes: &[u8],
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, Tensor>, Problem> {
    let archive = Archive::open(bytes)?;
    let broken = |reason: &str| Problem::Archive { reason: reason.to_owned() };
    let is_root =
        |name: &str| name.strip_suffix("data.pkl").is_some_and(|root| root.matches('/').count() <= 1);
    let mut roots = archive.names().filter(|name| is_root(name));
    let main = roots.next().ok_or_else(|| broken("entry data.pkl is missing"))?.to_owned();
    if roots.next().is_some() {
        return Err(broken("it holds several data.pkl"));
    }
    let root = main.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    if archive.names().any(|name| name.strip_prefix(&root) == Some("constants.pkl")) {
        return Err(broken("it is a TorchScript program, not a state dict"));
    }
    let order = format!("{root}byteorder");
    if archive.names().any(|name| name == order) && archive.get(&order)? != b"little" {
        return Err(broken("its numbers are not little-endian"));
    }
    let mut heap = Heap::default();
    let (top, _) = pickle::read(archive.get(&main)?, &mut heap)?;
    let views = state_dict::find(&heap, top, notes)?;
    collect(&heap, views, bytes.len(), |key| archive.get(&format!("{root}data/{key}")))
}

/// Reads the old format: magic number, version, system, network, keys; then each storage with its length.
pub(crate) fn decode_legacy(
    bytes: &[u8],
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, Tensor>, Problem> {
    let mut heap = Heap::default();
    let mut at = 0;
    let mut next = |heap: &mut Heap| -> Result<(Value, usize), Problem> {
        let (value, len) = pickle::read(&bytes[at..], heap).map_err(|problem| shifted(problem, at))?;
        at += len;
        Ok((value, at))
    };
    let (magic, _) = next(&mut heap)?;
    if !matches!(heap.get(magic), Some(Node::Bytes(found)) if *found == MAGIC) {
        let reason = "it is a pickle without PyTorch's mark".to_owned();
        return Err(Problem::Pickle { at: 0, reason });
    }
    next(&mut heap)?;
    next(&mut heap)?;
    let (top, _) = next(&mut heap)?;
    let (keys, mut at) = next(&mut heap)?;
    let views = state_dict::find(&heap, top, notes)?;
    let broken = |at: usize, reason: &str| Problem::Pickle { at, reason: reason.to_owned() };
    let sizes: BTreeMap<&str, usize> = heap.storages().map(|s| (s.key.as_str(), s.element.size())).collect();
    let mut storages: BTreeMap<&str, &[u8]> = BTreeMap::new();
    let keys = heap.sequence(keys).ok_or_else(|| broken(at, "the list of storages is missing"))?;
    for &key in keys {
        let key = heap.name(key).ok_or_else(|| broken(at, "a storage without a name"))?;
        let size = sizes.get(key).copied();
        let size = size.ok_or_else(|| broken(at, "a storage that was not announced"))?;
        let stored = (|| {
            let header = bytes.get(at..at.checked_add(8)?)?;
            let len = u64::from_le_bytes(header.try_into().ok()?);
            let len = usize::try_from(len).ok()?.checked_mul(size)?;
            bytes.get(at + 8..(at + 8).checked_add(len)?)
        })();
        let stored = stored.ok_or_else(|| broken(at, "a storage ends in the middle, it may be truncated"))?;
        storages.insert(key, stored);
        at += 8 + stored.len();
    }
    let missing = |key: &str| Problem::Archive { reason: format!("storage {key} is missing") };
    collect(&heap, views, bytes.len(), |key| storages.get(key).copied().ok_or_else(|| missing(key)))
}

/// A problem's position counted from the beginning of the file.
fn shifted(problem: Problem, by: usize) -> Problem {
    match problem {
        Problem::Pickle { at, reason } => Problem::Pickle { at: at + by, reason },
        other => other,
    }
}

/// Reads every tensor out of its storage.
fn collect<'a>(
    heap: &Heap,
    views: BTreeMap<String, &View>,
    file_len: usize,
    storage_bytes: impl Fn(&str) -> Result<&'a [u8], Problem>,
) -> Result<BTreeMap<String, Tensor>, Problem> {
    let mut budget = file_len.saturating_mul(MOST_SHARING);
    let mut tensors = BTreeMap::new();
    for (name, view) in views {
        let refuse = |reason: String| Problem::Tensor { name: name.clone(), reason };
        let storage = heap.storage(view).ok_or_else(|| refuse("has no storage".into()))?;
        let size = storage.element.size();
        let elements = count(&name, &view.shape)?;
        budget = budget.checked_sub(elements.saturating_mul(size)).ok_or_else(|| {
            refuse(format!("brings the tensors to more than {MOST_SHARING} times the file's size"))
        })?;
        let bytes = storage_bytes(&storage.key)?;
        if storage.len.checked_mul(size) != Some(bytes.len()) {
            let (len, found) = (storage.len, bytes.len());
            return Err(refuse(format!("lies in a storage of {found} bytes, expected {len} elements")));
        }
        let read = if elements == 0 { Some(Vec::new()) } else { gather(view, bytes, size, elements) };
        let read = read.ok_or_else(|| {
            let View { offset, shape, strides, .. } = view;
            let len = storage.len;
            refuse(format!("{shape:?} with strides {strides:?} from {offset} leaves its {len} elements"))
        })?;
        tensors.insert(name.clone(), Tensor::new(&name, storage.element, view.shape.clone(), read)?);
    }
    Ok(tensors)
}

/// The elements of a view in row-major order; `None` when it leaves the storage.
fn gather(view: &View, bytes: &[u8], size: usize, elements: usize) -> Option<Vec<u8>> {
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
        return Some(bytes[view.offset * size..][..elements * size].to_vec());
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
    Some(out)
}
