//! The run directory as a scheduler sees it.

use crate::{ClusterError, Task};
use std::error::Error;
use std::path::Path;

/// What a run directory's own errors become.
pub type FolderResult<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A run directory: what is done, and small files below it. The submitting process is the only writer of what it writes here; jobs
/// write their logs and exit codes themselves.
pub trait RunFolder {
    /// The directory, absolute, as jobs on other machines see it.
    fn path(&self) -> &Path;

    /// Whether a task is done and sealed. Asked of every open task at every poll, so it should cost no more than a look for a file.
    ///
    /// # Errors
    /// The folder's own.
    fn is_done(&self, task: &Task) -> FolderResult<bool>;

    /// The content of a file below the directory, `None` when there is none.
    ///
    /// # Errors
    /// The folder's own.
    fn read(&self, relative: &str) -> FolderResult<Option<Vec<u8>>>;

    /// Writes a file below the directory in one step, creating folders on the way.
    ///
    /// # Errors
    /// The folder's own.
    fn write(&self, relative: &str, bytes: &[u8]) -> FolderResult<()>;

    /// Adds lines at the end of a file, after ending a line that was cut short.
    ///
    /// # Errors
    /// The folder's own.
    fn append(&self, relative: &str, lines: &str) -> FolderResult<()> {
        let mut bytes = self.read(relative)?.unwrap_or_default();
        if bytes.last().is_some_and(|&last| last != b'\n') {
            bytes.push(b'\n');
        }
        bytes.extend(lines.as_bytes());
        self.write(relative, &bytes)
    }
}

/// Which tasks are done.
pub(crate) fn done(plan: &[Task], folder: &dyn RunFolder) -> Result<Vec<bool>, ClusterError> {
    plan.iter().map(|task| folder.is_done(task).map_err(ClusterError::Folder)).collect()
}

/// Where everything of this crate lies, below the run directory.
pub const FOLDER: &str = "cluster";

/// The file that proves to a job that it sees this run.
pub(crate) const MARKER: &str = "cluster/marker";

/// Our memory of what was submitted.
pub(crate) const NOTES: &str = "cluster/submissions.jsonl";

/// Folders that jobs write into; each holds a file so that it is there.
pub(crate) const WRITTEN_BY_JOBS: [&str; 2] = ["cluster/exit", "cluster/log"];

/// What names the run in comments of jobs: a digest of its path, 12 digits, so that a copy of a run is another run.
pub(crate) fn token(folder: &dyn RunFolder) -> String {
    basin_core::digest([folder.path().as_os_str().as_encoded_bytes()]).to_string()[..12].to_owned()
}

/// Writes the marker and the folders for jobs, where they are not yet there.
pub(crate) fn prepare(folder: &dyn RunFolder) -> Result<(), ClusterError> {
    let token = format!("{}\n", token(folder));
    if folder.read(MARKER).map_err(ClusterError::Folder)?.as_deref() != Some(token.as_bytes()) {
        folder.write(MARKER, token.as_bytes()).map_err(ClusterError::Folder)?;
    }
    for into in WRITTEN_BY_JOBS {
        let keep = format!("{into}/README");
        if folder.read(&keep).map_err(ClusterError::Folder)?.is_none() {
            folder.write(&keep, b"Written by jobs.\n").map_err(ClusterError::Folder)?;
        }
    }
    Ok(())
}
