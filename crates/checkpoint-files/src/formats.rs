//! What a file is, told by how it begins: the formats that are read, and those that people have in their place.

use crate::Problem;
use crate::names::{listed, shown};
use std::collections::BTreeSet;
use std::path::Path;

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Safetensors,
    /// PyTorch's zip archive.
    Archive,
    /// PyTorch's row of pickles.
    Legacy,
}

/// Beginnings of other formats, what they are, and what to do.
const OTHERS: &[(&[u8], &str, &str)] = &[
    (
        b"version https://git-lfs",
        "a pointer of Git LFS, not the file it stands for",
        "fetch the file itself with git lfs pull",
    ),
    (b"\x1f\x8b", "compressed with gzip", "unpack it first"),
    (b"BZh", "compressed with bzip2", "unpack it first"),
    (b"\xfd7zXZ", "compressed with xz", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it first"),
    (b"Rar!", "a RAR archive", "unpack it first"),
    (b"\x89HDF", "an HDF5 file, as Keras writes it", "load the network and save its arrays as safetensors"),
    (b"GGUF", "a GGUF file", "take the file it was converted from"),
    (b"\x93NUMPY", "a NumPy array", "save the network as safetensors"),
    (b"\x80\x00", "a pickle of a format that does not exist", "save the state dict again"),
];

/// Advice for a page in place of a file.
const PAGE: &str = "it may say why: an error, a login, a size limit; download the file itself";

/// The format of the bytes.
pub(crate) fn format(bytes: &[u8]) -> Result<Format, Problem> {
    check_start(bytes, bytes.len() as u64)?;
    match bytes {
        [b'P', b'K', 3, 4, ..] => Ok(Format::Archive),
        [0x80, 2..=5, ..] if !is_safetensors(bytes) => Ok(Format::Legacy),
        [b'{', ..] if !is_safetensors(bytes) => Err(json(bytes)),
        _ => Ok(Format::Safetensors),
    }
}

/// A safetensors header is JSON after its length in eight bytes; the others have numbers or text there.
fn is_safetensors(bytes: &[u8]) -> bool {
    matches!(bytes, [_, _, _, _, _, _, _, 0, b'{', ..])
}

/// Refuses what is none of the formats by its first bytes, of a file of that size.
pub(crate) fn check_start(start: &[u8], file_len: u64) -> Result<(), Problem> {
    if file_len == 0 {
        return Err(Problem::Empty);
    }
    if is_safetensors(start) || matches!(start, [b'P', b'K', 3, 4, ..] | [0x80, 2..=5, ..] | [b'{', ..]) {
        return Ok(());
    }
    let other = |what: &str, advice| Err(Problem::OtherFormat { what: what.to_owned(), advice });
    if let Some((_, what, advice)) = OTHERS.iter().find(|(begin, ..)| start.starts_with(begin)) {
        return other(what, advice);
    }
    if start.get(257..262) == Some(b"ustar") {
        return other("a tar archive", "unpack it first");
    }
    let text = String::from_utf8_lossy(start).to_ascii_lowercase();
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if ["<!doctype html", "<html", "<head", "<body"].iter().any(|begin| text.starts_with(begin)) {
        return other("an HTML page", PAGE);
    }
    if text.starts_with("<?xml") {
        return other("an XML page", PAGE);
    }
    if file_len < 9 {
        let reason = format!("it has {file_len} bytes");
        return Err(Problem::Truncated { what: "a safetensors or PyTorch file", reason });
    }
    Err(Problem::Unknown { start: start[..start.len().min(8)].to_vec() })
}

/// JSON in place of a network: the index of a network in shards, or something else.
fn json(bytes: &[u8]) -> Problem {
    let text = std::str::from_utf8(bytes).unwrap_or("");
    if !text.contains("\"weight_map\"") {
        let what = "a JSON file".to_owned();
        return Problem::OtherFormat { what, advice: "give the file with the weights" };
    }
    let is_shard = |part: &&str| part.ends_with(".safetensors") || part.ends_with(".bin");
    let shards: BTreeSet<&str> = text.split('"').filter(is_shard).collect();
    let names: Vec<String> = shards.iter().map(|name| shown(name)).collect();
    let what = format!("the index of a network in {} shards ({})", shards.len(), listed(&names, 3));
    let advice = "join them into one file: load each with safetensors.torch.load_file into one dictionary, and save it";
    Problem::OtherFormat { what, advice }
}

/// What to give instead of a folder.
pub(crate) fn folder(path: &Path) -> String {
    let entries = std::fs::read_dir(path).into_iter().flatten().take(10_000);
    let names: BTreeSet<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let index = names.iter().find(|name| name.ends_with(".index.json"));
    if let Some(index) = index {
        return format!(
            "it holds a network in shards ({}); join them into one file: load each with \
             safetensors.torch.load_file into one dictionary, and save it",
            shown(index)
        );
    }
    let is_network = |name: &&String| {
        [".safetensors", ".pt", ".pth", ".bin", ".ckpt"].iter().any(|end| name.ends_with(end))
    };
    let networks: Vec<String> = names.iter().filter(is_network).map(|name| shown(name)).collect();
    if networks.is_empty() { "no network is in it".into() } else { format!("give {}", listed(&networks, 4)) }
}
