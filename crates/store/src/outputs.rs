//! One rule for the files that a command writes because it was told their names: none of them replaces what it must
//! not.
//!
//! An output is never an input, never something that is no regular file (a link, a pipe, a device, a folder), never
//! inside a finished node, never a file that exists unless replacing was asked for, and no two outputs are one file.
//! Files are told apart by what they are, not by how they are spelled: `./a`, `b/../a` and a hard link of `a` are `a`.

use crate::atomic::{parent, replace};
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
    /// What has that name is no regular file.
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
    #[error("{} is no file name; give the name of a file", path.display())]
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
        Self { inputs: inputs.into_iter().map(known).collect(), outputs: Vec::new(), replace }
    }

    /// Adds an output whose folder exists.
    ///
    /// # Errors
    /// [`OutputError`] says what stands in the way.
    pub fn add(&mut self, path: &Path) -> Result<(), OutputError> {
        let folder = parent(path);
        if !folder.is_dir() {
            return Err(OutputError::NoFolder { path: path.to_owned() });
        }
        self.add_below(path)
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
        if let Some(node) = known.place.ancestors().skip(1).find(|folder| folder.join(names::DONE).is_file())
        {
            return Err(OutputError::Sealed { path: path.to_owned(), node: node.to_owned() });
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
        self.checked(path)?;
        Ok(replace(fs, path, content)?)
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

/// What something is that is no regular file, and what to do.
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
mod tests {
    use super::*;
    use crate::RealFs;
    use crate::faulty::FaultyFs;
    use std::fs;
    use tempfile::{TempDir, tempdir};

    fn folder() -> (TempDir, PathBuf) {
        let folder = tempdir().unwrap();
        let path = folder.path().to_owned();
        fs::create_dir(path.join("sub")).unwrap();
        fs::write(path.join("in"), "input").unwrap();
        fs::write(path.join("old"), "old").unwrap();
        (folder, path)
    }

    #[test]
    fn a_file_that_exists_is_replaced_only_when_asked_for() {
        let (_folder, dir) = folder();
        let refused = Outputs::new([], false).add(&dir.join("old"));
        assert!(matches!(refused, Err(OutputError::Exists { .. })), "{refused:?}");
        let mut outputs = Outputs::new([], true);
        outputs.add(&dir.join("old")).unwrap();
        outputs.write(&RealFs, &dir.join("old"), b"new").unwrap();
        assert_eq!(fs::read(dir.join("old")).unwrap(), b"new");
    }

    #[test]
    fn an_input_is_never_an_output_however_it_is_spelled() {
        let (_folder, dir) = folder();
        fs::hard_link(dir.join("in"), dir.join("hard")).unwrap();
        for name in ["in", "./in", "sub/../in", "hard"] {
            let mut outputs = Outputs::new([&*dir.join("in")], true);
            let refused = outputs.add(&dir.join(name));
            assert!(matches!(refused, Err(OutputError::Input { .. })), "{name}: {refused:?}");
        }
        // An input that is read through a link is the file behind it.
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("in", dir.join("link")).unwrap();
            let refused = Outputs::new([&*dir.join("link")], true).add(&dir.join("in"));
            assert!(matches!(refused, Err(OutputError::Input { .. })), "{refused:?}");
        }
        assert_eq!(fs::read(dir.join("in")).unwrap(), b"input");
    }

    #[test]
    fn two_outputs_are_two_files() {
        let (_folder, dir) = folder();
        for (first, second) in [("q", "./q"), ("q", "sub/../q"), ("new/q", "new/../new/q"), ("old", "old")] {
            let mut outputs = Outputs::new([], true);
            outputs.add_below(&dir.join(first)).unwrap();
            let refused = outputs.add_below(&dir.join(second));
            assert!(matches!(refused, Err(OutputError::Twice { .. })), "{second}: {refused:?}");
        }
        let mut outputs = Outputs::new([], true);
        outputs.add(&dir.join("q")).unwrap();
        outputs.add(&dir.join("sub/q")).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_never_replaced() {
        let (_folder, dir) = folder();
        std::os::unix::fs::symlink("old", dir.join("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.join("dangling")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap();
        for (path, word) in [
            (dir.join("link"), "a symbolic link"),
            (dir.join("dangling"), "a symbolic link"),
            (dir.join("sub"), "a folder"),
            (dir.join("socket"), "a pipe or a device"),
            ("/dev/null".into(), "a pipe or a device"),
        ] {
            let refused = Outputs::new([], true).add(&path).unwrap_err();
            assert!(refused.to_string().contains(word), "{refused}");
        }
        for path in [dir.join("sub/"), dir.join(".."), PathBuf::from("/")] {
            let refused = Outputs::new([], true).add(&path).unwrap_err();
            assert!(
                matches!(refused, OutputError::NoName { .. } | OutputError::NotAFile { .. }),
                "{refused}"
            );
        }
    }

    #[test]
    fn nothing_is_written_into_a_finished_node_or_a_folder_that_is_not_there() {
        let (_folder, dir) = folder();
        fs::create_dir_all(dir.join("node/inner")).unwrap();
        fs::write(dir.join("node/DONE"), "{}").unwrap();
        for path in ["node/x", "node/inner/x", "sub/../node/x", "node/new/x"] {
            let refused = Outputs::new([], true).add_below(&dir.join(path));
            assert!(matches!(refused, Err(OutputError::Sealed { .. })), "{path}: {refused:?}");
        }
        let refused = Outputs::new([], true).add(&dir.join("none/x"));
        assert!(matches!(refused, Err(OutputError::NoFolder { .. })), "{refused:?}");
    }

    #[test]
    fn content_is_on_the_disk_before_it_takes_the_name() {
        let (_folder, dir) = folder();
        let mut outputs = Outputs::new([], false);
        outputs.add(&dir.join("q")).unwrap();
        let fs = FaultyFs::default();
        let mut parts =
            |to: &mut dyn Write| [b"two ", b"part"].iter().try_for_each(|part| to.write_all(*part));
        outputs.write_with(&fs, &dir.join("q"), &mut parts).unwrap();
        assert_eq!(fs.trace(), ["create_new", "write", "write", "sync", "size", "rename"]);
        assert_eq!(fs::read(dir.join("q")).unwrap(), b"two part");
    }

    #[test]
    fn a_name_that_was_taken_since_is_not_replaced() {
        let (_folder, dir) = folder();
        let mut outputs = Outputs::new([], false);
        outputs.add(&dir.join("q")).unwrap();
        fs::write(dir.join("q"), "another's").unwrap();
        let refused = outputs.write(&RealFs, &dir.join("q"), b"mine");
        assert!(matches!(refused, Err(OutputError::Exists { .. })), "{refused:?}");
        assert_eq!(fs::read(dir.join("q")).unwrap(), b"another's");
    }
}
