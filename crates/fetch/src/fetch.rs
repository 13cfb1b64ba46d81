//! The whole way in one page: is it there already, download, check, unpack, put in place.

use crate::job::{Event, Job, Request};
use crate::layout::{self, Contents};
use crate::{FetchError, Packing, checksum, download, lock, unpack};
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// A data set that is whole and in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The folder with the data set's files.
    pub folder: PathBuf,
    /// Whether it was there before, so that nothing had to be done.
    pub was_there: bool,
}

/// Puts a data set into its directory: `dir/<archive>` and `dir/<folder>`. Files that are not packed are gathered in
/// `dir/<folder>.part`, which then gets the folder's name.
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
    let (archive, folder) = (request.archive, request.dir.join(request.archive.folder));
    let Some(published) = archive.published.first() else {
        return Err(FetchError::Lacks { path: folder, what: "is published nowhere".to_owned() });
    };
    let mut job = Job { request: *request, stop, tell, published, before: 0, kept: 0 };
    download::addresses(&job)?;
    if is_there(&job)? {
        return Ok(Fetched { folder, was_there: true });
    }
    let place = job.place();
    let create = request.fs.create_dir_all(&place);
    create.map_err(FetchError::disk("create the directory", &place))?;
    let _lock = lock::acquire(&job)?;
    // Another process may have finished since.
    if is_there(&job)? {
        return Ok(Fetched { folder, was_there: true });
    }
    for published in archive.published {
        (job.published, job.kept) = (published, 0);
        let path = job.published_path();
        if request.fs.kind(&path).map_err(FetchError::disk("look at", &path))?.is_some() {
            check_published(&mut job)?;
        } else {
            download::download(&download::addresses(&job)?, &mut job)?;
        }
        job.before += published.bytes;
    }
    job.kept = 0;
    match archive.packing {
        Packing::Loose => place_loose(&folder, &job)?,
        Packing::TarGz | Packing::Zip => unpack::unpack(&folder, &mut job)?,
    }
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

/// Gives the folder of files that are not packed its name.
fn place_loose(folder: &Path, job: &Job<'_>) -> Result<(), FetchError> {
    let (fs, place) = (job.request.fs, job.place());
    if let Contents::Other(what) = layout::inspect(fs, &place, job.request.archive)? {
        return Err(FetchError::Lacks { path: place, what });
    }
    fs.sync_dir(&place).map_err(FetchError::disk("flush", &place))?;
    fs.rename(&place, folder).map_err(FetchError::disk("create", folder))?;
    fs.sync_dir(job.request.dir).map_err(FetchError::disk("flush", job.request.dir))
}

/// A file somebody put there, or an archive whose folder was deleted.
fn check_published(job: &mut Job<'_>) -> Result<(), FetchError> {
    let (path, expected) = (job.published_path(), job.published.md5);
    // Looked at before it is read: a pipe would be waited for, and of a huge file all would be hashed.
    match std::fs::metadata(&path).as_ref().map(Metadata::is_file) {
        Ok(true) => {}
        _ => {
            let what = "is not a regular file that can be read".to_owned();
            return Err(FetchError::Occupied { path, what });
        }
    }
    let (found, expected_bytes) =
        (job.request.fs.size(&path).map_err(FetchError::disk("measure", &path))?, job.published.bytes);
    if found != expected_bytes {
        return Err(FetchError::Size { path, expected: expected_bytes, found });
    }
    let found = checksum::md5_of(&path, job)?;
    if found == expected {
        return Ok(());
    }
    Err(FetchError::Checksum { path, expected: expected.to_owned(), found })
}
