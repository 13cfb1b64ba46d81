//! The exclusive lock of a run directory, held by the operating system so that it dies with the process.

use crate::{Fs, StoreError, names};
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Closing the file would do, were it not for a process that is just being started elsewhere in this
    /// one: until it has its own program it has our open files, and with them the lock.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Locks a run directory for this process and notes the process in the lock file.
pub(crate) fn acquire(fs: &dyn Fs, run: &Path) -> Result<Lock, StoreError> {
    let path = run.join(names::LOCK);
    let mut file = fs.open_lock(&path).map_err(StoreError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::InUse { path: run.to_owned(), pid: holder(&mut file) });
        }
        Err(TryLockError::Error(cause)) => return Err(StoreError::io("lock", &path)(cause)),
    }
    // Only a hint for the next one's message: the lock is the lock, the number is not.
    let mut note = || {
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(std::process::id().to_string().as_bytes())
    };
    note().map_err(StoreError::io("write", &path))?;
    Ok(Lock { file })
}

/// The number in the lock file. Where locks are mandatory the file cannot be read, and there is none.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
