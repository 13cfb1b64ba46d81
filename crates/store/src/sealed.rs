//! Files with a seal: a sidecar `<file>.sha256` that tells whether the content is what was written.
//!
//! The sidecar has the format of the `sha256sum` tool, so `sha256sum -c` checks a file without Basin.
//! It is written before the content, and while content is being replaced it names the old hash and the
//! new one: whatever the moment of a crash, the content that stands is a content that was once complete,
//! and the seal knows it.

use crate::atomic::{read_if_there, write_atomic};
use crate::{Fs, StoreError, names};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// SHA-256 as 64 lower-case hexadecimal digits, as `sha256sum` prints it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a sealed file turned out to be.
#[derive(Debug)]
pub(crate) enum Sealed {
    Absent,
    Whole(Vec<u8>),
    /// Torn, flipped or without a seal; the reason, to be read after the file's name.
    Broken(String),
}

/// A file of the same directory that the sealed one was made from, with its SHA-256.
pub(crate) type Origin<'a> = Option<(&'a str, &'a str)>;

/// Writes `directory/file` and its seal.
pub(crate) fn write(
    fs: &dyn Fs,
    directory: &Path,
    file: &str,
    origin: Origin,
    bytes: &[u8],
) -> Result<(), StoreError> {
    let new = sha256(bytes);
    let old = match read(fs, directory, file, origin)? {
        Sealed::Whole(content) => Some(sha256(&content)).filter(|old| *old != new),
        Sealed::Absent | Sealed::Broken(_) => None,
    };
    let line = |hash: &str, name: &str| format!("{hash}  {name}\n");
    let origin = origin.map(|(name, hash)| line(hash, name)).unwrap_or_default();
    let seal = seal_path(directory, file);
    let settled = line(&new, file) + &origin;
    match old {
        None => {
            write_atomic(fs, &seal, settled.as_bytes())?;
            write_atomic(fs, &directory.join(file), bytes)
        }
        Some(old) => {
            write_atomic(fs, &seal, (line(&old, file) + &settled).as_bytes())?;
            write_atomic(fs, &directory.join(file), bytes)?;
            write_atomic(fs, &seal, settled.as_bytes())
        }
    }
}

/// Reads `directory/file` if its seal is intact and, where an origin is asked for, was made from it.
pub(crate) fn read(fs: &dyn Fs, directory: &Path, file: &str, origin: Origin) -> Result<Sealed, StoreError> {
    let Some(bytes) = read_if_there(fs, &directory.join(file))? else { return Ok(Sealed::Absent) };
    let Some(seal) = read_if_there(fs, &seal_path(directory, file))? else {
        return Ok(Sealed::Broken(format!("has no {}", names::SEAL)));
    };
    let seal = String::from_utf8_lossy(&seal);
    let lines: Vec<(&str, &str)> = seal.lines().filter_map(|line| line.split_once("  ")).collect();
    let found = sha256(&bytes);
    if !lines.contains(&(&found, file)) {
        let expected = lines.iter().find(|(_, name)| *name == file).map_or("none", |(hash, _)| hash);
        return Ok(Sealed::Broken(format!("has SHA-256 {found}, its seal says {expected}")));
    }
    match origin {
        Some((name, hash)) if !lines.contains(&(hash, name)) => {
            Ok(Sealed::Broken(format!("was made from another {name}")))
        }
        _ => Ok(Sealed::Whole(bytes)),
    }
}

/// Where the seal of a file is.
pub(crate) fn seal_path(directory: &Path, file: &str) -> PathBuf {
    directory.join(format!("{file}{}", names::SEAL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RealFs;
    use crate::faulty::{Failure, Fault, FaultyFs};

    #[test]
    fn the_seal_is_a_line_of_sha256sum() {
        let dir = tempfile::tempdir().unwrap();
        write(&RealFs, dir.path(), "a", None, b"abc").unwrap();
        assert_eq!(
            std::fs::read_to_string(dir.path().join("a.sha256")).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n"
        );
    }

    #[test]
    fn content_replaced_by_other_content_is_valid_at_every_step() {
        for lasting in [false, true] {
            for at in 1.. {
                let dir = tempfile::tempdir().unwrap();
                write(&RealFs, dir.path(), "a", None, b"old").unwrap();
                let fault = Fault { lasting, ..Fault::once(at, Failure::DiskFull) };
                let fs = FaultyFs::new(fault);
                let outcome = write(&fs, dir.path(), "a", None, b"new");
                let seen = read(&RealFs, dir.path(), "a", None).unwrap();
                match seen {
                    Sealed::Whole(content) if outcome.is_ok() => assert_eq!(content, b"new"),
                    Sealed::Whole(content) => assert!(content == b"old" || content == b"new"),
                    broken => panic!("operation {at}: {broken:?}"),
                }
                if !fs.fired() {
                    assert!(outcome.is_ok());
                    break;
                }
            }
        }
    }

    #[test]
    fn a_file_made_from_something_else_is_not_whole() {
        let dir = tempfile::tempdir().unwrap();
        write(&RealFs, dir.path(), "a", Some(("b", "h1")), b"abc").unwrap();
        assert!(matches!(
            read(&RealFs, dir.path(), "a", Some(("b", "h1"))).unwrap(),
            Sealed::Whole(bytes) if bytes == b"abc"
        ));
        assert!(matches!(read(&RealFs, dir.path(), "a", Some(("b", "h2"))).unwrap(), Sealed::Broken(_)));
    }
}
