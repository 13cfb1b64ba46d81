//! The whole way in one page: is it there already, download, check, unpack, put in place.

use crate::job::{Event, Job, Request};
use crate::layout::{self, Contents};
use crate::{FetchError, checksum, download, lock, unpack};
use std::fs::Metadata;
use std::path::PathBuf;

/// A data set that is whole and in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The folder with the data set's files.
    pub folder: PathBuf,
    /// Whether it was there before, so that nothing had to be done.
    pub was_there: bool,
}

/// Puts a data set into its directory: `dir/<archive>` and `dir/<folder>`.
///
/// A folder that is there and whole is left as it is, and nothing is asked of the network. An archive that is
/// there is checked and unpacked. A download that was interrupted goes on where it stopped. The folder gets
/// its name in one step, after everything in it is written.
///
/// `stop` is asked many times a second, also from another thread; once it says true, the call ends with
/// [`FetchError::Interrupted`] at once. `tell` hears what happens.
///
/// # Errors
/// [`FetchError`] says what, where, what was expected and found, and what to do.
pub fn fetch(
    request: &Request<'_>,
    stop: &(dyn Fn() -> bool + Sync),
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Fetched, FetchError> {
    let mut job = Job { request: *request, stop, tell, kept: 0 };
    let addresses = download::addresses(&job)?;
    let folder = request.dir.join(request.archive.folder);
    if is_there(&job)? {
        return Ok(Fetched { folder, was_there: true });
    }
    let create = request.fs.create_dir_all(request.dir);
    create.map_err(FetchError::disk("create the directory", request.dir))?;
    let _lock = lock::acquire(&job)?;
    // Another process may have finished since.
    if is_there(&job)? {
        return Ok(Fetched { folder, was_there: true });
    }
    let archive = job.archive_path();
    if request.fs.kind(&archive).map_err(FetchError::disk("look at", &archive))?.is_some() {
        check_archive(&mut job)?;
    } else {
        download::download(&addresses, &mut job)?;
    }
    job.kept = request.archive.bytes;
    unpack::unpack(&folder, &mut job)?;
    Ok(Fetched { folder, was_there: false })
}

/// Whether the folder is whole; an error if something else has its name.
fn is_there(job: &Job<'_>) -> Result<bool, FetchError> {
    let path = job.request.dir.join(job.request.archive.folder);
    match layout::inspect(job.request.fs, &path, job.request.archive)? {
        Contents::Absent => Ok(false),
        Contents::Whole => Ok(true),
        Contents::Other(what) => Err(FetchError::Occupied { path, what }),
    }
}

/// An archive somebody put there, or one whose folder was deleted.
fn check_archive(job: &mut Job<'_>) -> Result<(), FetchError> {
    let (path, expected) = (job.archive_path(), job.request.archive.md5);
    // Looked at before it is read: a pipe would be waited for, and of a huge file all would be hashed.
    match std::fs::metadata(&path).as_ref().map(Metadata::is_file) {
        Ok(true) => {}
        _ => {
            let what = "is no regular file that can be read".to_owned();
            return Err(FetchError::Occupied { path, what });
        }
    }
    let (found, expected_bytes) =
        (job.request.fs.size(&path).map_err(FetchError::disk("measure", &path))?, job.request.archive.bytes);
    if found != expected_bytes {
        return Err(FetchError::Size { path, expected: expected_bytes, found });
    }
    let found = checksum::md5_of(&path, job)?;
    if found == expected {
        return Ok(());
    }
    Err(FetchError::Checksum { path, expected: expected.to_owned(), found })
}
