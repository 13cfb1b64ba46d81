//! Bytes of a file: looked at before they are read, so that pipes, devices, holes and sizes out of reason cost
//! nothing.

use crate::{Problem, formats};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

/// Most bytes of a file.
const MOST_BYTES: u64 = 1 << 36;
/// Files from this size on are looked at for holes.
const LARGE: u64 = 1 << 28;
/// A large file has at least this part of its bytes on the disk, whatever the file system compresses.
const LEAST_STORED: u64 = 8;
/// Bytes at the beginning that tell the format.
const START: u64 = 512;

/// The whole of a regular file of sensible size that begins like a network in one of the known formats.
pub(crate) fn read_network_bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    read(path, formats::check_start)
}

/// The whole of a regular file of sensible size.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    read(path, |_, _| Ok(()))
}

/// The whole of a file, if the check of its first bytes and its size has no objection.
fn read(path: &Path, check: impl Fn(&[u8], u64) -> Result<(), Problem>) -> Result<Vec<u8>, Problem> {
    // Asked before opening: opening a pipe would wait for its writer.
    check_kind(path, &std::fs::metadata(path)?)?;
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    check_kind(path, &metadata)?;
    let found = metadata.len();
    match found {
        0 => return Err(Problem::Empty),
        1..=MOST_BYTES => {}
        _ => return Err(Problem::TooLarge { found, limit: MOST_BYTES }),
    }
    if let Some(there) = stored(&metadata).filter(|there| found >= LARGE && there * LEAST_STORED < found) {
        return Err(Problem::Sparse { found, there });
    }
    let mut bytes = Vec::new();
    file.by_ref().take(START).read_to_end(&mut bytes)?;
    check(&bytes, found)?;
    bytes
        .try_reserve_exact((found as usize + 1).saturating_sub(bytes.len()))
        .map_err(|_| Problem::TooLarge { found, limit: MOST_BYTES })?;
    // As many as there were: a file that grows while it is read does not fill the memory.
    file.take(found.saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check_kind(path: &Path, metadata: &Metadata) -> Result<(), Problem> {
    if metadata.is_dir() {
        return Err(Problem::Folder { hint: formats::folder(path) });
    }
    if metadata.is_file() { Ok(()) } else { Err(Problem::NotAFile { found: kind(metadata) }) }
}

#[cfg(unix)]
fn kind(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    match (kind.is_fifo(), kind.is_socket()) {
        (true, _) => "a pipe",
        (_, true) => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn kind(_: &Metadata) -> &'static str {
    "a device"
}

/// Bytes that take room on the disk, where the system tells.
#[cfg(unix)]
fn stored(metadata: &Metadata) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    // In units of 512 bytes whatever the file system's own.
    Some(metadata.blocks().saturating_mul(512))
}

#[cfg(not(unix))]
fn stored(_: &Metadata) -> Option<u64> {
    None
}
