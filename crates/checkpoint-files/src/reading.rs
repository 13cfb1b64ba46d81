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

/// A regular file of sensible size, of which the first bytes have been read.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) start: Vec<u8>,
    /// Size of the file.
    pub(crate) len: u64,
}

/// Opens a file that begins like a network in one of the known formats.
pub(crate) fn open_network(path: &Path) -> Result<Opened, Problem> {
    let opened = open(path)?;
    formats::check_start(&opened.start, opened.len)?;
    Ok(opened)
}

/// The whole of a regular file of sensible size.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    open(path)?.rest()
}

fn open(path: &Path) -> Result<Opened, Problem> {
    // Asked before opening: opening a pipe would wait for its writer.
    check_kind(path, &std::fs::metadata(path)?)?;
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    check_kind(path, &metadata)?;
    let len = metadata.len();
    match len {
        0 => return Err(Problem::Empty),
        1..=MOST_BYTES => {}
        _ => return Err(Problem::TooLarge { found: len, limit: MOST_BYTES }),
    }
    if let Some(there) = stored(&metadata).filter(|there| len >= LARGE && there * LEAST_STORED < len) {
        return Err(Problem::Sparse { found: len, there });
    }
    let mut start = Vec::new();
    file.by_ref().take(START).read_to_end(&mut start)?;
    Ok(Opened { file, start, len })
}

impl Opened {
    /// The whole of the file.
    pub(crate) fn rest(self) -> Result<Vec<u8>, Problem> {
        let Self { file, start: mut bytes, len } = self;
        bytes
            .try_reserve_exact((len as usize + 1).saturating_sub(bytes.len()))
            .map_err(|_| Problem::TooLarge { found: len, limit: MOST_BYTES })?;
        // As many as there were: a file that grows while it is read does not fill the memory.
        file.take(len.saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
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
