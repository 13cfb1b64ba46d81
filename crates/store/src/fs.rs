//! The few file operations the store is made of, as a trait, so that each of them can be made to fail.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The name alone, without the directory.
    pub name: String,
    /// Whether it is a directory itself (a symbolic link is not).
    pub is_dir: bool,
}

/// What has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, whatever it leads to.
    Link,
    /// A pipe, a socket or a device.
    Other,
}

/// A file that was just created and that nobody else knows of.
pub trait NewFile {
    /// Writes some of the bytes at the end and returns how many, like [`std::io::Write::write`].
    ///
    /// # Errors
    /// Those of the operating system.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Returns when the content is on the disk (fsync).
    ///
    /// # Errors
    /// Those of the operating system.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file system as the store sees it. [`RealFs`] is the operating system's;
/// [`crate::faulty::FaultyFs`] fails on purpose.
///
/// Every operation returns the operating system's error as it came: context is added by the caller.
pub trait Fs: Debug + Send + Sync {
    /// Creates a file that must not exist yet.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn NewFile>>;
    /// Opens the regular file for appending, creates it if need be, and writes once; returns the bytes written. A
    /// symbolic link is not followed.
    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<usize>;
    /// Gives a file another name in one step, replacing what had that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Returns when the names in a directory are on the disk.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// The whole content of a file; of a pipe or a device nothing is read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// The size of a file in bytes.
    fn size(&self, path: &Path) -> io::Result<u64>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Creates a directory and those above it; one that is there already is fine.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// The entries of a directory, sorted by name. Names that are not UTF-8 are left out: none is ours.
    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// Opens a lock file for reading and writing without changing it, and creates it if need be. A symbolic link is
    /// not followed.
    fn open_lock(&self, path: &Path) -> io::Result<File>;
    /// Creates a file that must not exist yet, to hold a claim and the lock on it.
    fn create_lock(&self, path: &Path) -> io::Result<File>;
    /// Opens a claim to read it and to try its lock, for writing, too, where that is allowed: some systems lock nothing
    /// else. A symbolic link is not followed.
    fn open_claim(&self, path: &Path) -> io::Result<File>;
    /// What has that name, without following a symbolic link; `None` when nothing has.
    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        kind_of(path)
    }
}

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

impl NewFile for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

impl Fs for RealFs {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        Ok(Box::new(OpenOptions::new().write(true).create_new(true).open(path)?))
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<usize> {
        Write::write(&mut open_own(OpenOptions::new().append(true).create(true), path)?, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Directories cannot be opened, and need no flush, on systems other than Unix.
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        // Asked before opening: opening a pipe would wait for its writer.
        let found = fs::metadata(path)?;
        if !found.is_file() && !found.is_dir() {
            return Err(irregular());
        }
        fs::read(path)
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(DirEntry { name, is_dir: entry.file_type()?.is_dir() });
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn open_lock(&self, path: &Path) -> io::Result<File> {
        open_own(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)
    }

    fn create_lock(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    fn open_claim(&self, path: &Path) -> io::Result<File> {
        open_own(OpenOptions::new().read(true).write(true), path).or_else(|error| match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                open_own(OpenOptions::new().read(true), path)
            }
            _ => Err(error),
        })
    }
}

/// What a name stands for, links followed; none when nothing is there. A disk that does not tell is an error, never an answer.
///
/// # Errors
/// Those of the system.
pub fn found(path: &Path) -> io::Result<Option<fs::Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

fn kind_of(path: &Path) -> io::Result<Option<Kind>> {
    let kind = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    Ok(Some(if kind.is_file() {
        Kind::File
    } else if kind.is_dir() {
        Kind::Directory
    } else if kind.is_symlink() {
        Kind::Link
    } else {
        Kind::Other
    }))
}

/// Opens a file of our own, to be written in place: nothing but a regular file, and no symbolic link to one.
#[cfg(unix)]
fn open_own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // A pipe without a reader is an error at once instead of a wait for one.
    let opened = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    match opened {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Ok(_) => Err(irregular()),
        // What a link that is not followed is called differs between systems.
        Err(error) => Err(match kind_of(path) {
            Ok(Some(Kind::Link)) => {
                let what = "it is a symbolic link, which is not followed when writing; remove the link";
                io::Error::new(ErrorKind::InvalidInput, what)
            }
            Ok(Some(Kind::Other)) => irregular(),
            _ => error,
        }),
    }
}

#[cfg(not(unix))]
fn open_own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.open(path)
}

fn irregular() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "it is a pipe or a device, expected a regular file")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_not_followed_by_what_writes_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let (victim, link, absent) =
            (dir.path().join("victim"), dir.path().join("link"), dir.path().join("absent"));
        fs::write(&victim, "mine").unwrap();
        symlink(&victim, &link).unwrap();
        let dangling = dir.path().join("dangling");
        symlink(&absent, &dangling).unwrap();
        for path in [&link, &dangling] {
            assert!(RealFs.append(path, b"x").unwrap_err().to_string().contains("symbolic link"));
            assert!(RealFs.open_lock(path).unwrap_err().to_string().contains("symbolic link"));
            assert_eq!(RealFs.kind(path).unwrap(), Some(Kind::Link));
        }
        assert_eq!(fs::read(&victim).unwrap(), b"mine");
        assert_eq!(RealFs.kind(&absent).unwrap(), None);
        RealFs.append(&absent, b"x").unwrap();
        RealFs.append(&absent, b"y").unwrap();
        assert_eq!(fs::read(&absent).unwrap(), b"xy");
    }

    #[test]
    fn devices_and_pipes_are_neither_read_nor_written() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), Path::new("/dev/null")] {
            for refused in [
                RealFs.read(path).map(drop),
                RealFs.append(path, b"x").map(drop),
                RealFs.open_lock(path).map(drop),
            ] {
                assert!(
                    refused.unwrap_err().to_string().contains("a pipe or a device"),
                    "{}",
                    path.display()
                );
            }
            assert_eq!(RealFs.kind(path).unwrap(), Some(Kind::Other));
        }
    }
}
