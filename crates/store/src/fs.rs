//! The few file operations the store is made of, as a trait, so that each of them can be made to fail.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The name alone, without the directory.
    pub name: String,
    /// Whether it is a directory itself (a symbolic link is not).
    pub is_dir: bool,
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
    /// Opens the file for appending, creates it if need be, and writes once; returns the bytes written.
    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<usize>;
    /// Gives a file another name in one step, replacing what had that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Returns when the names in a directory are on the disk.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// The whole content of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// The size of a file in bytes.
    fn size(&self, path: &Path) -> io::Result<u64>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Creates a directory and those above it; one that is there already is fine.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// The entries of a directory, sorted by name. Names that are not UTF-8 are left out: none is ours.
    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// Opens a lock file for reading and writing without changing it, and creates it if need be.
    fn open_lock(&self, path: &Path) -> io::Result<File>;
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
        Write::write(&mut OpenOptions::new().append(true).create(true).open(path)?, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Directories cannot be opened, and need no flush, on systems other than Unix.
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
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
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
    }
}
