//! One fetch at a time of an archive into a directory, held by the operating system so that it dies with the
//! process.

use crate::job::Job;
use crate::{FetchError, Packing};
use basin_store::Fs;
use std::fs::{File, TryLockError};
use std::path::PathBuf;

/// Held until dropped.
#[derive(Debug)]
pub(crate) struct Lock<'a> {
    fs: &'a dyn Fs,
    path: PathBuf,
    file: File,
}

impl Drop for Lock<'_> {
    /// The file goes while it is still locked, so that nobody else's is removed.
    fn drop(&mut self) {
        let _ = self.fs.remove(&self.path);
        let _ = self.file.unlock();
    }
}

/// Locks the archive's place in the directory, which must exist.
pub(crate) fn acquire<'a>(job: &Job<'a>) -> Result<Lock<'a>, FetchError> {
    let (fs, archive) = (job.request.fs, job.request.archive);
    let name = if archive.packing == Packing::Loose { archive.folder } else { job.published.file };
    let path = job.request.dir.join(format!(".{name}.lock"));
    let file = fs.open_lock(&path).map_err(FetchError::disk("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { fs, path, file }),
        Err(TryLockError::WouldBlock) => Err(FetchError::InUse { path: job.published_path() }),
        Err(TryLockError::Error(cause)) => Err(FetchError::disk("lock", &path)(cause)),
    }
}
