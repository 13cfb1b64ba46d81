//! A file system that fails on purpose, to prove that what stands above it survives.
//!
//! The way to use it is a loop (after SQLite's tests): fail the first operation, then the second, and so
//! on, until the whole sequence passes without the fault being reached; after each round look at what a
//! fresh reader sees.

use crate::fs::{DirEntry, Fs, NewFile, RealFs};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What happens at the chosen operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The disk is full (ENOSPC). Half of what was to be written arrives.
    DiskFull,
    /// The device reports an error (EIO). Half of what was to be written arrives.
    Device,
    /// Permission denied (EACCES).
    Denied,
    /// The file system is mounted read-only (EROFS).
    ReadOnlyDisk,
    /// A write takes half of the bytes and says so, which is legal; other operations are unharmed.
    ShortWrite,
    /// A write takes half of the bytes and claims all; a read returns half; other operations are unharmed.
    SilentLoss,
}

/// Which operation fails, how, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The operation, counted from 1.
    pub at: u64,
    /// What happens there.
    pub failure: Failure,
    /// Whether all later operations fail too: a dead disk, or a process that was killed.
    pub lasting: bool,
    /// Whether operations that only read are neither counted nor harmed.
    pub spares_reads: bool,
}

impl Fault {
    /// One operation fails, those after it work again.
    pub fn once(at: u64, failure: Failure) -> Self {
        Self { at, failure, lasting: false, spares_reads: false }
    }

    /// This operation and all after it fail.
    pub fn from(at: u64, failure: Failure) -> Self {
        Self { lasting: true, ..Self::once(at, failure) }
    }

    /// A disk that can be read but not written.
    pub fn read_only_disk() -> Self {
        Self { spares_reads: true, ..Self::from(1, Failure::ReadOnlyDisk) }
    }
}

#[derive(Debug, Default)]
struct Script {
    fault: Option<Fault>,
    count: u64,
    fired: bool,
    trace: Vec<&'static str>,
}

/// [`RealFs`] with one [`Fault`]. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct FaultyFs {
    script: Arc<Mutex<Script>>,
}

impl FaultyFs {
    /// Files that work until the fault.
    pub fn new(fault: Fault) -> Self {
        let fs = Self::default();
        fs.set(Some(fault));
        fs
    }

    /// Arms another fault, or none, and counts from the beginning.
    pub fn set(&self, fault: Option<Fault>) {
        *self.script() = Script { fault, ..Script::default() };
    }

    /// Whether the fault was reached.
    pub fn fired(&self) -> bool {
        self.script().fired
    }

    /// The operations so far, in order, by the names of their functions.
    pub fn trace(&self) -> Vec<&'static str> {
        self.script().trace.clone()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation and says what is to happen to it.
    fn next(&self, operation: &'static str) -> Option<Failure> {
        let mut script = self.script();
        script.trace.push(operation);
        let fault = script.fault?;
        if fault.spares_reads && matches!(operation, "read" | "size" | "list") {
            return None;
        }
        script.count += 1;
        let hit = script.count == fault.at || (fault.lasting && script.count > fault.at);
        script.fired |= hit;
        hit.then_some(fault.failure)
    }

    /// An operation without content: it fails or it does not.
    fn gate(&self, operation: &'static str) -> io::Result<()> {
        self.next(operation).and_then(error).map_or(Ok(()), Err)
    }

    /// A write: what arrives, what is claimed.
    fn write_through(
        &self,
        operation: &'static str,
        bytes: &[u8],
        write: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let half = &bytes[..bytes.len().div_ceil(2)];
        match self.next(operation) {
            None => write(bytes),
            Some(Failure::ShortWrite) => write(half),
            Some(Failure::SilentLoss) => write(half).map(|_| bytes.len()),
            Some(failure @ (Failure::DiskFull | Failure::Device)) => {
                write(half)?;
                error(failure).map_or(Ok(half.len()), Err)
            }
            Some(failure) => error(failure).map_or(Ok(0), Err),
        }
    }
}

/// The error a failure shows itself by, if it does.
fn error(failure: Failure) -> Option<io::Error> {
    match failure {
        Failure::DiskFull => Some(io::ErrorKind::StorageFull.into()),
        Failure::Device => Some(io::Error::other("input/output error")),
        Failure::Denied => Some(io::ErrorKind::PermissionDenied.into()),
        Failure::ReadOnlyDisk => Some(io::ErrorKind::ReadOnlyFilesystem.into()),
        Failure::ShortWrite | Failure::SilentLoss => None,
    }
}

struct FaultyFile {
    file: Box<dyn NewFile>,
    fs: FaultyFs,
}

impl NewFile for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.fs.write_through("write", bytes, |part| self.file.write(part))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.fs.gate("sync")?;
        self.file.sync()
    }
}

impl Fs for FaultyFs {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        self.gate("create_new")?;
        Ok(Box::new(FaultyFile { file: RealFs.create_new(path)?, fs: self.clone() }))
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<usize> {
        self.write_through("append", bytes, |part| RealFs.append(path, part))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.gate("rename")?;
        RealFs.rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.gate("sync_dir")?;
        RealFs.sync_dir(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let failure = self.next("read");
        if let Some(error) = failure.and_then(error) {
            return Err(error);
        }
        let mut bytes = RealFs.read(path)?;
        if failure == Some(Failure::SilentLoss) {
            bytes.truncate(bytes.len() / 2);
        }
        Ok(bytes)
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        self.gate("size")?;
        RealFs.size(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.gate("remove")?;
        RealFs.remove(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.gate("create_dir_all")?;
        RealFs.create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.gate("list")?;
        RealFs.list(path)
    }

    fn open_lock(&self, path: &Path) -> io::Result<File> {
        self.gate("open_lock")?;
        RealFs.open_lock(path)
    }

    fn create_lock(&self, path: &Path) -> io::Result<File> {
        self.gate("create_lock")?;
        RealFs.create_lock(path)
    }

    fn open_claim(&self, path: &Path) -> io::Result<File> {
        self.gate("open_claim")?;
        RealFs.open_claim(path)
    }
}
