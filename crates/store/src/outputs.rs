//! One rule for the files that a command writes because it was told their names: none of them replaces what it must
//! not.
//!
//! An output is never an input, never something that is not a regular file (a link, a pipe, a device, a folder), never
//! inside a finished node, never a file that exists unless replacing was asked for, and no two outputs are one file.
//! Files are told apart by what they are, not by how they are spelled: `./a`, `b/../a` and a hard link of `a` are `a`.

use crate::atomic::{parent, replace};
use crate::fs::found;
use crate::{Fs, StoreError, names};
use std::ffi::OsString;
use std::fs::Metadata;
use std::io::{ErrorKind, Write};
use std::path::{Component, Path, PathBuf};
use thiserror::Error;

/// Why a file must not be written under that name. Nothing was written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutputError {
    /// A file of that name is there, and replacing was not asked for.
    #[error("{} exists; give another name, or --force to replace it", path.display())]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// The output is one of the files that are read.
    #[error("{} is {}, which is read; give the output another name", path.display(), same(path, input))]
    Input {
        /// The output.
        path: PathBuf,
        /// The input, as it was given.
        input: PathBuf,
    },
    /// Two outputs are one file.
    #[error("{} is to be written twice{}; give each output a name of its own", path.display(), also(path, other))]
    Twice {
        /// The later output.
        path: PathBuf,
        /// The earlier one.
        other: PathBuf,
    },
    /// What has that name is not a regular file.
    #[error("{} is {kind}, expected a regular file or a free name; {advice}", path.display())]
    NotAFile {
        /// The output.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
        /// What to give instead.
        advice: &'static str,
    },
    /// The path ends in no name.
    #[error("{} is not a file name; give the name of a file", path.display())]
    NoName {
        /// The output.
        path: PathBuf,
    },
    /// The folder is not there.
    #[error("{}: its folder does not exist; create it, or choose another", path.display())]
    NoFolder {
        /// The output.
        path: PathBuf,
    },
    /// The output lies in a finished node of a run, which never changes.
    #[error("{} lies in {}, which is finished and never changes; choose another folder", path.display(), node.display())]
    Sealed {
        /// The output.
        path: PathBuf,
        /// The node.
        node: PathBuf,
    },
    /// The operating system does not say what is there.
    #[error("cannot look at {}: {cause}; choose another folder", path.display())]
    Unseen {
        /// The output, or what is above it.
        path: PathBuf,
        /// Its reason.
        cause: std::io::Error,
    },
    /// Writing failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn same(path: &Path, input: &Path) -> String {
    if path == input {
        "one of the files".to_owned()
    } else if input.is_dir() {
        format!("a file in {}", input.display())
    } else {
        format!("the same file as {}", input.display())
    }
}

fn also(path: &Path, other: &Path) -> String {
    if path == other { String::new() } else { format!(", also as {}", other.display()) }
}

/// The outputs of one command, checked before it begins and again when each is written.
#[derive(Debug)]
pub struct Outputs {
    inputs: Vec<Known>,
    /// Folders that are read.
    folders: Vec<Known>,
    outputs: Vec<Known>,
    replace: bool,
}

/// A file: as it was given, where it is, and which one it is if it exists.
#[derive(Debug)]
struct Known {
    given: PathBuf,
    place: PathBuf,
    id: Option<Id>,
}

/// Device and number of a file, where the system has them.
type Id = (u64, u64);

impl Outputs {
    /// For a command that reads these files, and may replace files that exist, or not. Inputs that do not exist are
    /// no fault here: whoever reads them says so.
    pub fn new<'a>(inputs: impl IntoIterator<Item = &'a Path>, replace: bool) -> Self {
        let known = |path: &Path| Known {
            given: path.to_owned(),
            place: resolved(path).unwrap_or_else(|_| path.to_owned()),
            id: path.metadata().ok().and_then(|metadata| id(&metadata)),
        };
        let inputs = inputs.into_iter().map(known).collect();
        Self { inputs, folders: Vec::new(), outputs: Vec::new(), replace }
    }

    /// For a command that also reads what lies in this folder, or this file: no file in it is replaced.
    #[must_use]
    pub fn reading(mut self, folder: &Path) -> Self {
        let place = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        self.folders.push(Known { given: folder.to_owned(), place, id: None });
        self
    }

    /// Adds an output whose folder exists.
    ///
    /// # Errors
    /// [`OutputError`] says what stands in the way.
    pub fn add(&mut self, path: &Path) -> Result<(), OutputError> {
        match found(parent(path)) {
            Ok(Some(folder)) if folder.is_dir() => self.add_below(path),
            Ok(_) => Err(OutputError::NoFolder { path: path.to_owned() }),
            Err(cause) => Err(OutputError::Unseen { path: path.to_owned(), cause }),
        }
    }

    /// Adds an output whose folder may still have to be created.
    ///
    /// # Errors
    /// [`OutputError`] says what stands in the way.
    pub fn add_below(&mut self, path: &Path) -> Result<(), OutputError> {
        let known = self.checked(path)?;
        if let Some(other) = self.outputs.iter().find(|other| is_same(other, &known)) {
            return Err(OutputError::Twice { path: path.to_owned(), other: other.given.clone() });
        }
        self.outputs.push(known);
        Ok(())
    }

    /// What an output may be, whatever the others are.
    fn checked(&self, path: &Path) -> Result<Known, OutputError> {
        let unseen = |cause| OutputError::Unseen { path: path.to_owned(), cause };
        if path.file_name().is_none() || path.as_os_str().to_string_lossy().ends_with(['/', '\\']) {
            return Err(OutputError::NoName { path: path.to_owned() });
        }
        let known = Known { given: path.to_owned(), place: resolved(path).map_err(unseen)?, id: None };
        for folder in known.place.ancestors().skip(1) {
            // A disk that does not tell is no reason to take a node for unfinished.
            if found(&folder.join(names::DONE)).map_err(unseen)?.is_some_and(|done| done.is_file()) {
                return Err(OutputError::Sealed { path: path.to_owned(), node: folder.to_owned() });
            }
        }
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.not_an_input(known);
            }
            Err(error) => return Err(unseen(error)),
        };
        let known = Known { id: id(&metadata), ..known };
        let known = self.not_an_input(known)?;
        if let Some(folder) = self.folders.iter().find(|folder| known.place.starts_with(&folder.place)) {
            return Err(OutputError::Input { path: known.given, input: folder.given.clone() });
        }
        if let Some((kind, advice)) = kind(&metadata) {
            return Err(OutputError::NotAFile { path: path.to_owned(), kind, advice });
        }
        if self.replace { Ok(known) } else { Err(OutputError::Exists { path: path.to_owned() }) }
    }

    fn not_an_input(&self, known: Known) -> Result<Known, OutputError> {
        match self.inputs.iter().find(|input| is_same(input, &known)) {
            Some(input) => Err(OutputError::Input { path: known.given, input: input.given.clone() }),
            None => Ok(known),
        }
    }

    /// Writes one of the outputs in one step, when it still may be written. See [`Outputs::write_with`].
    ///
    /// # Errors
    /// [`OutputError`], also when something took the name since the output was added.
    pub fn write(&self, fs: &dyn Fs, path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
        self.write_with(fs, path, &mut |to| to.write_all(bytes))
    }

    /// Writes one of the outputs in one step, when it still may be written, with content that is written a little at a
    /// time. The content is flushed to the disk before it takes the name, so that a power cut at any moment leaves what
    /// was there, or the whole output. The name is not flushed, unlike in [`crate::write_atomic`]: a power cut soon after
    /// the command may undo it as a whole, and the command can be given again.
    ///
    /// # Errors
    /// [`OutputError`], also when something took the name since the output was added.
    pub fn write_with(
        &self,
        fs: &dyn Fs,
        path: &Path,
        content: &mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<(), OutputError> {
        self.write_when(fs, path, content, &mut || true)
    }

    /// [`Outputs::write_with`] for content that something may still forbid: `may` is asked when all is on the disk, and
    /// unless it says yes, what was there before stands.
    ///
    /// # Errors
    /// [`OutputError`], also when it says no.
    pub fn write_when(
        &self,
        fs: &dyn Fs,
        path: &Path,
        content: &mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>,
        may: &mut dyn FnMut() -> bool,
    ) -> Result<(), OutputError> {
        self.checked(path)?;
        Ok(replace(fs, path, content, may)?)
    }
}

fn is_same(a: &Known, b: &Known) -> bool {
    a.place == b.place || a.id.is_some() && a.id == b.id
}

/// The path without links, `.` and `..`, as far as it exists; the last name stays what it is.
fn resolved(path: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let mut parts: Vec<OsString> = Vec::new();
    let mut here = absolute.as_path();
    if let Some(name) = here.file_name() {
        parts.push(name.to_owned());
        here = here.parent().unwrap_or(Path::new("/"));
    }
    loop {
        match here.canonicalize() {
            Ok(mut whole) => {
                for part in parts.iter().rev() {
                    match Path::new(part).components().next() {
                        Some(Component::ParentDir) => drop(whole.pop()),
                        _ => whole.push(part),
                    }
                }
                return Ok(whole);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let last = here.components().next_back();
                let Some((last, above)) = last.zip(here.parent()) else { return Err(error) };
                parts.push(last.as_os_str().to_owned());
                here = above;
            }
            Err(error) => return Err(error),
        }
    }
}

/// What something is that is not a regular file, and what to do.
fn kind(metadata: &Metadata) -> Option<(&'static str, &'static str)> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return None;
    }
    Some(if kind.is_symlink() {
        ("a symbolic link", "give the name of the file itself")
    } else if kind.is_dir() {
        ("a folder", "give the name of a file in it")
    } else {
        ("a pipe or a device", "write a file and copy it there")
    })
}

#[cfg(unix)]
fn id(metadata: &Metadata) -> Option<Id> {
    use std::os::unix::fs::MetadataExt;
    // Folders have links of their own that are no other names of a file.
    metadata.is_file().then(|| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn id(_: &Metadata) -> Option<Id> {
    None
}

#[cfg(test)]
mod tests;
