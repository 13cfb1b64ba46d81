//! Our own memory of what was submitted: lines of JSON that are only ever added to.

use crate::folder::NOTES;
use crate::{ClusterError, Reason, RunFolder};
use serde::{Deserialize, Serialize};

/// A line of `cluster/submissions.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Note {
    /// An array is about to be submitted; its files are written.
    Submitting { array: String },
    /// Slurm took it.
    Accepted { array: String, id: u64 },
    /// Slurm refused it: it is not in the queue.
    Refused { array: String },
    /// A job, by its digest, ended before its work was done and is to be submitted again, with so much memory where that was raised.
    Ended {
        job: String,
        reason: Reason,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory: Option<u64>,
    },
    /// A job was withdrawn before it began, because what it waited for did not come: that is not a fault of its own.
    Withdrawn { job: String },
    /// A bundle failed for good: its tasks are tried one by one.
    Apart { job: String },
    /// A job is not submitted again by this watcher; the next one tries afresh.
    GivenUp { job: String, why: String },
}

/// All notes of a run. A last line that was cut short is left out: what it would have told is seen in the queue.
pub(crate) fn read(folder: &dyn RunFolder) -> Result<Vec<Note>, ClusterError> {
    let bytes = folder.read(NOTES).map_err(ClusterError::Folder)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let mut notes = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        match serde_json::from_str(line) {
            Ok(note) => notes.push(note),
            // A line that was cut short is ended before the next is added, so it may stand anywhere; it is not a whole object.
            Err(error) if error.is_eof() => {}
            Err(_) => return Err(ClusterError::BadNotes { file: NOTES, line: at + 1 }),
        }
    }
    Ok(notes)
}

/// Adds notes.
pub(crate) fn add(folder: &dyn RunFolder, notes: &[Note]) -> Result<(), ClusterError> {
    let mut lines = String::new();
    for note in notes {
        let line = serde_json::to_string(note).map_err(|error| ClusterError::Folder(error.into()))?;
        lines.push_str(&line);
        lines.push('\n');
    }
    folder.append(NOTES, &lines).map_err(ClusterError::Folder)
}
