//! The history of a run: one JSON object per line, only ever added to.

use crate::atomic::{check_own, create_dirs, read_if_there, write_atomic};
use crate::run::Inner;
use crate::{Fs, StoreError, names};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// The journal of a run. It is history, not truth: no result depends on it.
///
/// A line is one write, so lines of several threads do not mix and a killed process loses at most the
/// line it was writing. Lines are not flushed one by one: a power cut may take the last seconds.
#[derive(Clone, Debug)]
pub struct Journal {
    run: Arc<Inner>,
    path: PathBuf,
}

/// What a journal tells.
#[derive(Clone, Debug, PartialEq)]
pub struct History<T> {
    /// The lines that could be read, in order.
    pub lines: Vec<T>,
    /// One note on each that could not.
    pub notes: Vec<String>,
}

impl Journal {
    pub(crate) fn new(run: Arc<Inner>) -> Self {
        let path = run.path.join(&run.journal);
        Self { run, path }
    }

    /// Adds a line. A line that a killed writer left unfinished is taken away first.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Encode`], [`StoreError::Io`]; readers never see a part of
    /// a line that failed.
    pub fn append(&self, event: &impl Serialize) -> Result<(), StoreError> {
        self.run.check_workable(&self.path)?;
        let line = to_line(event, &self.path)?;
        let mut whole = self.run.journal_is_whole.lock().unwrap_or_else(PoisonError::into_inner);
        if !*whole {
            if let Some(below) = self.run.journal.parent().filter(|below| !below.as_os_str().is_empty()) {
                create_dirs(&*self.run.fs, &self.run.path, below)?;
            }
            self.remove_torn_line()?;
        }
        *whole = false;
        let written =
            self.run.fs.append(&self.path, &line).map_err(StoreError::io("append to", &self.path))?;
        if written < line.len() {
            let cause = format!("{written} of {} bytes arrived", line.len());
            let cause = io::Error::new(io::ErrorKind::WriteZero, cause);
            return Err(StoreError::io("append to", &self.path)(cause));
        }
        *whole = true;
        Ok(())
    }

    /// All whole lines of all who worked on the run, each one's in order; none when there is no journal. An unfinished last
    /// line is left out, and a line that is no `T` is passed over with a note: nothing that is only history stops a report.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn read<T: DeserializeOwned>(&self) -> Result<History<T>, StoreError> {
        let (fs, run) = (&*self.run.fs, &self.run.path);
        let mut history = History { lines: Vec::new(), notes: Vec::new() };
        read_into(&mut history, fs, &run.join(names::JOURNAL))?;
        let others = run.join(names::JOURNALS);
        let names = match fs.list(&others) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(StoreError::io("list", &others)(error)),
        };
        let journals = names.iter().filter(|entry| !entry.is_dir && entry.name.ends_with(".jsonl"));
        journals
            .map(|entry| others.join(&entry.name))
            .try_for_each(|path| read_into(&mut history, fs, &path))?;
        Ok(history)
    }

    fn remove_torn_line(&self) -> Result<(), StoreError> {
        check_own(&*self.run.fs, &self.path)?;
        let bytes = read_if_there(&*self.run.fs, &self.path)?.unwrap_or_default();
        match whole_lines(&bytes) {
            whole if whole < bytes.len() => write_atomic(&*self.run.fs, &self.path, &bytes[..whole]),
            _ => Ok(()),
        }
    }
}

fn read_into<T: DeserializeOwned>(
    history: &mut History<T>,
    fs: &dyn Fs,
    path: &Path,
) -> Result<(), StoreError> {
    let bytes = read_if_there(fs, path)?.unwrap_or_default();
    let whole = &bytes[..whole_lines(&bytes)];
    for (index, line) in whole.split_inclusive(|&b| b == b'\n').enumerate() {
        match serde_json::from_slice(line.strip_suffix(b"\n").unwrap_or(line)) {
            Ok(line) => history.lines.push(line),
            Err(error) => {
                let (path, line) = (path.display(), index + 1);
                history.notes.push(format!("{path} line {line} passed over: {error}"));
            }
        }
    }
    Ok(())
}

/// How many bytes belong to lines that are finished.
fn whole_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&b| b == b'\n').map_or(0, |last| last + 1)
}

/// A value as one line of JSON.
pub(crate) fn to_line(value: &impl Serialize, path: &Path) -> Result<Vec<u8>, StoreError> {
    let encode = |e: serde_json::Error| StoreError::Encode { path: path.to_owned(), reason: e.to_string() };
    let mut line = serde_json::to_vec(value).map_err(encode)?;
    line.push(b'\n');
    Ok(line)
}

/// The values of a JSON-lines file.
pub(crate) fn parse_lines<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<Vec<T>, StoreError> {
    let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let parse = |(index, line)| {
        serde_json::from_slice(line).map_err(|error: serde_json::Error| StoreError::Line {
            path: path.to_owned(),
            line: index + 1,
            reason: error.to_string(),
        })
    };
    lines.split(|&b| b == b'\n').enumerate().map(parse).collect()
}
