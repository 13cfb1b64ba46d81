//! Writing a file so that a reader, or a crash at any moment, meets the old content or the new, never a part.

use crate::fs::NewFile;
use crate::{Fs, Kind, StoreError, names};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const TEMP_PREFIX: &str = ".basin-tmp-";

/// Writes a file in one step: a temporary sibling is created, written, flushed to the disk and measured,
/// then takes the file's name, and the directory is flushed. The directory must exist. A symbolic link of
/// that name is replaced, not followed. Costs two flushes, some milliseconds on most disks.
///
/// # Errors
/// [`StoreError::Io`] with the step that failed; the temporary file is removed and the old content stands,
/// except when only the last flush failed: then the new content stands but may not outlive a power cut.
pub fn write_atomic(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    replace(fs, path, &mut |to| to.write_all(bytes), &mut || true)?;
    let directory = parent(path);
    fs.sync_dir(directory).map_err(StoreError::io("flush", directory))
}

/// [`write_atomic`] for content that is written a little at a time, without the last flush: a power cut right after it may
/// bring back what was there before, and never leaves a part. When all is on the disk, `may` is asked whether the file may
/// take the name.
///
/// # Errors
/// [`StoreError::Io`] with the step that failed, also when it may not; the temporary file is removed and the old content
/// stands.
pub(crate) fn replace(
    fs: &dyn Fs,
    path: &Path,
    content: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    may: &mut dyn FnMut() -> bool,
) -> Result<(), StoreError> {
    let temp = write_temp(fs, parent(path), content)?;
    let renamed = if may() { fs.rename(&temp, path) } else { Err(io::Error::other("it was called off")) };
    if let Err(cause) = renamed {
        // A temporary file that cannot be removed now is removed when the run is opened again.
        let _ = fs.remove(&temp);
        return Err(StoreError::io("replace", path)(cause));
    }
    Ok(())
}

/// A file that counts what it was given.
struct Counted<'a> {
    file: &'a mut dyn NewFile,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A temporary file in the directory, complete and on the disk.
fn write_temp(
    fs: &dyn Fs,
    directory: &Path,
    content: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> Result<PathBuf, StoreError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let (temp, mut file) = loop {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temp = directory.join(format!("{TEMP_PREFIX}{}-{number}", std::process::id()));
        match fs.create_new(&temp) {
            Ok(file) => break (temp, file),
            // Left by a killed process of the same number, which is common in containers.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(StoreError::io("create", &temp)(error)),
        }
    };
    let mut fill = || -> Result<(), StoreError> {
        let mut counted = Counted { file: &mut *file, bytes: 0 };
        content(&mut counted).map_err(StoreError::io("write", &temp))?;
        let expected = counted.bytes;
        file.sync().map_err(StoreError::io("flush", &temp))?;
        let size = fs.size(&temp).map_err(StoreError::io("measure", &temp))?;
        if size != expected {
            let lost = format!("{size} of {expected} bytes arrived");
            return Err(StoreError::io("write", &temp)(io::Error::new(io::ErrorKind::WriteZero, lost)));
        }
        Ok(())
    };
    let filled = fill();
    drop(file);
    match filled {
        Ok(()) => Ok(temp),
        Err(error) => {
            let _ = fs.remove(&temp);
            Err(error)
        }
    }
}

/// The directory a file is in; `.` for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

/// Writes the file `base/relative` in one step ([`write_atomic`]), creating directories on the way. Below `base`, which
/// exists, nothing is written through symbolic links, and only regular files are replaced.
///
/// # Errors
/// [`StoreError::Escapes`], [`StoreError::BadName`], [`StoreError::Foreign`] for a link or a device, [`StoreError::Io`].
pub fn write_below(fs: &dyn Fs, base: &Path, relative: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    names::check_relative(relative)?;
    match relative.parent() {
        Some(below) if !below.as_os_str().is_empty() => create_dirs(fs, base, below)?,
        _ => {}
    }
    let path = base.join(relative);
    check_own(fs, &path)?;
    write_atomic(fs, &path, bytes)
}

/// Refuses what has a name of ours and is a link, a pipe or a device. That a directory or a file is in the way the system
/// says.
pub(crate) fn check_own(fs: &dyn Fs, path: &Path) -> Result<(), StoreError> {
    let kind = match fs.kind(path).map_err(StoreError::io("look at", path))? {
        None | Some(Kind::File | Kind::Directory) => return Ok(()),
        Some(Kind::Link) => "a symbolic link",
        Some(Kind::Other) => "a pipe or a device",
    };
    Err(StoreError::Foreign { path: path.to_owned(), kind })
}

/// Creates the directory `base/below`, where `base` exists, and flushes every name on the way. None of them may be a
/// symbolic link.
pub(crate) fn create_dirs(fs: &dyn Fs, base: &Path, below: &Path) -> Result<(), StoreError> {
    let full = base.join(below);
    let mut here = base.to_owned();
    for part in below.components() {
        if let Component::Normal(part) = part {
            here.push(part);
        }
        check_own(fs, &here)?;
    }
    fs.create_dir_all(&full).map_err(StoreError::io("create the directory", &full))?;
    for level in full.ancestors().skip(1).take(below.components().count()) {
        fs.sync_dir(level).map_err(StoreError::io("flush", level))?;
    }
    Ok(())
}

/// Removes what writers that were killed left in a run directory and below, save for its nodes, which others may write;
/// nothing else is touched. Only whoever holds the run's lock may call this.
pub(crate) fn remove_orphans(fs: &dyn Fs, directory: &Path) -> Result<(), StoreError> {
    remove_temps(fs, directory)?;
    for entry in fs.list(directory).map_err(StoreError::io("list", directory))? {
        if entry.is_dir && entry.name != names::NODES {
            remove_orphans(fs, &directory.join(&entry.name))?;
        }
    }
    Ok(())
}

/// Removes temporary files of killed writers from one directory: whoever alone may write there.
pub(crate) fn remove_temps(fs: &dyn Fs, directory: &Path) -> Result<(), StoreError> {
    let entries = fs.list(directory).map_err(StoreError::io("list", directory))?;
    let temps = entries.iter().filter(|entry| !entry.is_dir && is_temp(&entry.name));
    temps.map(|entry| directory.join(&entry.name)).try_for_each(|path| remove_if_there(fs, &path))
}

fn is_temp(name: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    name.strip_prefix(TEMP_PREFIX)
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(pid, count)| number(pid) && number(count))
}

/// The content of a file, `None` when there is none.
pub(crate) fn read_if_there(fs: &dyn Fs, path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs.read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read", path)(error)),
    }
}

/// Removes a file; one that is not there is fine.
pub(crate) fn remove_if_there(fs: &dyn Fs, path: &Path) -> Result<(), StoreError> {
    match fs.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faulty::FaultyFs;

    #[test]
    fn content_is_flushed_before_it_takes_the_name_and_the_name_is_flushed_last() {
        let (dir, fs) = (tempfile::tempdir().unwrap(), FaultyFs::default());
        write_atomic(&fs, &dir.path().join("a"), b"content").unwrap();
        assert_eq!(fs.trace(), ["create_new", "write", "sync", "size", "rename", "sync_dir"]);
    }

    #[test]
    fn a_temporary_name_that_is_taken_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..200 {
            let taken = format!("{TEMP_PREFIX}{}-{number}", std::process::id());
            std::fs::write(dir.path().join(taken), "left behind").unwrap();
        }
        write_atomic(&crate::RealFs, &dir.path().join("a"), b"content").unwrap();
        assert_eq!(std::fs::read(dir.path().join("a")).unwrap(), b"content");
    }

    #[test]
    fn only_the_stores_own_temporary_names_count_as_such() {
        assert!(is_temp(".basin-tmp-12-0"));
        for other in [".basin-tmp-", ".basin-tmp-12", ".basin-tmp-12-x", ".basin-tmp-notes.txt", "x-1-2"] {
            assert!(!is_temp(other), "{other}");
        }
    }
}
