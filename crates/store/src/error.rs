//! What can go wrong with files, one variant per thing the user can do about it.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why the store could not do what was asked. Whatever the variant, finished work is untouched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process works in the run directory: wait for it, or choose another name.
    #[error("run directory {} is in use by {}; wait for it to end, help it along (basin work), or choose another run name",
        path.display(), holder(*pid))]
    InUse {
        /// The run directory.
        path: PathBuf,
        /// The process that holds the lock, where the lock file tells.
        pid: Option<u32>,
    },
    /// The operating system refused a file operation: the message tells what to do for its kind.
    /// The cause is part of the message, so it is not repeated as a source.
    #[error("cannot {operation} {}: {cause}; {}", path.display(), next_step(cause.kind()))]
    Io {
        /// What was attempted, a verb such as `rename`.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason the operating system gave.
        cause: io::Error,
    },
    /// What has the name of a file or directory of the run is a link or a device: remove it.
    #[error("{} is {kind}, which is never written through; remove it and run the same command again", path.display())]
    Foreign {
        /// The file or directory.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A finished node's file changed on the disk: delete its node directory and run again.
    #[error("{} is not what was written: expected SHA-256 {expected}, found {found}; \
        delete the directory {} and start the run again to compute it anew", path.display(), node.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The node directory to delete.
        node: PathBuf,
        /// SHA-256 when it was written, 64 hexadecimal digits.
        expected: String,
        /// SHA-256 of what is there now.
        found: String,
    },
    /// A file that should be there is not: delete the node directory and run again.
    #[error("{} is missing; delete the directory {} and start the run again to compute it anew",
        path.display(), node.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The node directory to delete.
        node: PathBuf,
    },
    /// The DONE of a finished node cannot be right: delete the node directory and run again.
    #[error("node {} is damaged: {why}; delete the directory and start the run again to compute it anew",
        node.display())]
    Damaged {
        /// The node directory.
        node: PathBuf,
        /// What is wrong with its DONE.
        why: String,
    },
    /// The DONE of a node has a format that this build does not know: use the build that wrote it.
    #[error("node {} was finished by another build: DONE has format {found}, expected {expected}; use the build \
        that wrote it, or delete the directory and start the run again to compute it anew", node.display())]
    UnknownFormat {
        /// The node directory.
        node: PathBuf,
        /// The format that DONE tells.
        found: u64,
        /// The format that this build writes.
        expected: u64,
    },
    /// A line of a JSON-lines file cannot be read, although its bytes are those that were written: another build wrote it.
    #[error("{} line {line} cannot be read: {reason}; if another build wrote it, use that one, otherwise delete the \
        directory of the file and start the run again to compute it anew", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser found.
        reason: String,
    },
    /// A name cannot name a run, a node or a file: choose another.
    #[error("{name:?} cannot be used as a name: it {why}; choose another")]
    BadName {
        /// The name as given.
        name: String,
        /// What is wrong with it, to be read after "it".
        why: &'static str,
    },
    /// A relative path would leave the run directory: give one below it.
    #[error("{} leads out of the run directory; give a relative path without `..`", path.display())]
    Escapes {
        /// The path as given.
        path: PathBuf,
    },
    /// There is no run of that name: check the name, or start the run first.
    #[error("there is no run at {}; check the name or start the run first", path.display())]
    NoSuchRun {
        /// Where it would be.
        path: PathBuf,
    },
    /// The run was opened for reading: open it for writing instead.
    #[error("{} was opened for reading; open the run for writing to change it", path.display())]
    ReadOnly {
        /// What was to be written.
        path: PathBuf,
    },
    /// The node is finished, and finished nodes never change: delete its directory to compute it again.
    #[error("node {} is finished and does not change; delete the directory to compute it again",
        node.display())]
    Finished {
        /// The node directory.
        node: PathBuf,
    },
    /// The node was claimed by another process while this one worked on it and gave no sign of life: its work goes on there.
    #[error("node {} was taken over by another process, which had not heard of this one for a whole lease; nothing is lost, \
        its work goes on there", node.display())]
    TakenOver {
        /// The node directory.
        node: PathBuf,
    },
    /// The node is not finished, so nothing can be taken from it: run it first.
    #[error("node {} is not finished ({why}); start the run again to compute it", node.display())]
    NotFinished {
        /// The node directory.
        node: PathBuf,
        /// What is missing.
        why: String,
    },
    /// A value has no JSON form, for example a map whose keys are not text: change its type.
    #[error("a record for {} has no JSON form: {reason}; give it another type", path.display())]
    Encode {
        /// The file it was meant for.
        path: PathBuf,
        /// What the serialiser found.
        reason: String,
    },
}

impl StoreError {
    /// For `map_err`: an [`StoreError::Io`] that knows what was attempted, a verb such as `read`, and where.
    pub fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io { operation, path, cause }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn next_step(kind: io::ErrorKind) -> &'static str {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match kind {
        StorageFull | QuotaExceeded => {
            "free some space and run the same command again; nothing finished is lost"
        }
        FileTooLarge => {
            "raise the limit on the size of files (ulimit -f) and run the same command again; nothing finished is lost"
        }
        PermissionDenied | ReadOnlyFilesystem => {
            "make the directory writable or choose another, then run the same command again"
        }
        _ => "run the same command again and check the disk if it persists; nothing finished is lost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_with_path_cause_and_next_step() {
        let error = StoreError::io("write", Path::new("runs/a/x"))(io::ErrorKind::StorageFull.into());
        assert_eq!(
            error.to_string(),
            "cannot write runs/a/x: no storage space; \
             free some space and run the same command again; nothing finished is lost"
        );
    }

    #[test]
    fn a_run_in_use_is_told_with_its_process() {
        let error = StoreError::InUse { path: "runs/a".into(), pid: Some(7) };
        assert_eq!(
            error.to_string(),
            "run directory runs/a is in use by process 7; wait for it to end, help it along (basin work), or choose another run name"
        );
    }

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &StoreError) -> usize {
        match error {
            StoreError::InUse { .. } => 0,
            StoreError::Io { .. } => 1,
            StoreError::Corrupt { .. } => 2,
            StoreError::Missing { .. } => 3,
            StoreError::Damaged { .. } => 4,
            StoreError::UnknownFormat { .. } => 5,
            StoreError::Line { .. } => 6,
            StoreError::BadName { .. } => 7,
            StoreError::Escapes { .. } => 8,
            StoreError::NoSuchRun { .. } => 9,
            StoreError::ReadOnly { .. } => 10,
            StoreError::Finished { .. } => 11,
            StoreError::NotFinished { .. } => 12,
            StoreError::Encode { .. } => 13,
            StoreError::Foreign { .. } => 14,
            StoreError::TakenOver { .. } => 15,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (
                StoreError::InUse { path: "r/a".into(), pid: None },
                "run directory r/a is in use by another process; wait for it to end, help it along (basin work), or choose another run name",
            ),
            (
                StoreError::io("rename", Path::new("r/a/x"))(io::ErrorKind::PermissionDenied.into()),
                "cannot rename r/a/x: permission denied; make the directory writable or choose another, then run the same command again",
            ),
            (
                StoreError::io("read", Path::new("r/a/x"))(io::ErrorKind::TimedOut.into()),
                "cannot read r/a/x: timed out; run the same command again and check the disk if it persists; nothing finished is lost",
            ),
            (
                StoreError::Corrupt {
                    path: "n/f".into(),
                    node: "n".into(),
                    expected: "aa".into(),
                    found: "bb".into(),
                },
                "n/f is not what was written: expected SHA-256 aa, found bb; delete the directory n and start the run again to compute it anew",
            ),
            (
                StoreError::Missing { path: "n/f".into(), node: "n".into() },
                "n/f is missing; delete the directory n and start the run again to compute it anew",
            ),
            (
                StoreError::Damaged { node: "n".into(), why: "DONE lists no files".into() },
                "node n is damaged: DONE lists no files; delete the directory and start the run again to compute it anew",
            ),
            (
                StoreError::UnknownFormat { node: "n".into(), found: 2, expected: 1 },
                "node n was finished by another build: DONE has format 2, expected 1; use the build that wrote it, or delete the directory and start the run again to compute it anew",
            ),
            (
                StoreError::Line { path: "n/m.jsonl".into(), line: 3, reason: "no number".into() },
                "n/m.jsonl line 3 cannot be read: no number; if another build wrote it, use that one, otherwise delete the directory of the file and start the run again to compute it anew",
            ),
            (
                StoreError::BadName { name: "a/b".into(), why: "contains a separator" },
                "\"a/b\" cannot be used as a name: it contains a separator; choose another",
            ),
            (
                StoreError::Escapes { path: "../x".into() },
                "../x leads out of the run directory; give a relative path without `..`",
            ),
            (
                StoreError::NoSuchRun { path: "r/a".into() },
                "there is no run at r/a; check the name or start the run first",
            ),
            (
                StoreError::ReadOnly { path: "r/a/x".into() },
                "r/a/x was opened for reading; open the run for writing to change it",
            ),
            (
                StoreError::Finished { node: "n".into() },
                "node n is finished and does not change; delete the directory to compute it again",
            ),
            (
                StoreError::NotFinished { node: "n".into(), why: "it has no DONE".into() },
                "node n is not finished (it has no DONE); start the run again to compute it",
            ),
            (
                StoreError::TakenOver { node: "n".into() },
                "node n was taken over by another process, which had not heard of this one for a whole lease; nothing is lost, its work goes on there",
            ),
            (
                StoreError::Encode { path: "r/a/x".into(), reason: "key must be a string".into() },
                "a record for r/a/x has no JSON form: key must be a string; give it another type",
            ),
            (
                StoreError::Foreign { path: "r/a/report".into(), kind: "a symbolic link" },
                "r/a/report is a symbolic link, which is never written through; remove it and run the same command again",
            ),
            (
                StoreError::io("write", Path::new("r/a/x"))(io::ErrorKind::FileTooLarge.into()),
                "cannot write r/a/x: file too large; raise the limit on the size of files (ulimit -f) and run the same command again; nothing finished is lost",
            ),
        ];
        let mut seen = [false; 16];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 16], "every variant is told");
    }
}
