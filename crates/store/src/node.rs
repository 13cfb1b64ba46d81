//! A node directory: the files of one piece of work, which count only once DONE lists them.

use crate::atomic::{check_own, create_dirs, read_if_there, remove_if_there, write_atomic};
use crate::done::{self, Content, Done, Marker, NodeStatus};
use crate::journal::{parse_lines, to_line};
use crate::run::Inner;
use crate::sealed::{self, Sealed};
use crate::{Fs, StoreError, names};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The directory of one node. One thread writes a node at a time, of a process that has [claimed](Self::claim) it where
/// others may work on the run; any number read it.
///
/// The life of a node: [`save_state`](Self::save_state) while it is computed, [`write`](Self::write) its
/// results, [`finish`](Self::finish). From then on its files never change; what is computed from them
/// later is added by [`write_derived`](Self::write_derived).
#[derive(Debug)]
pub struct NodeDir {
    run: Arc<Inner>,
    path: PathBuf,
    name: String,
    exists: AtomicBool,
    /// What this handle wrote, so that `finish` never certifies what the disk made of it.
    written: Mutex<BTreeMap<String, Content>>,
}

/// What a look at every byte of a node's files tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeCheck {
    /// All files are what they were when the node was finished.
    Whole,
    /// It has no DONE: work in progress, or none yet.
    Unfinished,
    /// It was finished, and something about it is no longer as it was.
    Damaged {
        /// One line per thing that is wrong.
        problems: Vec<String>,
    },
}

impl NodeDir {
    pub(crate) fn new(run: Arc<Inner>, name: &str) -> Self {
        let path = run.path.join(names::NODES).join(name);
        Self { run, path, name: name.to_owned(), exists: false.into(), written: Mutex::default() }
    }

    /// The directory, which may not exist yet.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `<readable>.<hash8>`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the node has to be computed, and why. Looks at DONE and at sizes, not at contents.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the disk does not tell; a DONE that is missing or does not hold is not an error.
    pub fn status(&self) -> Result<NodeStatus, StoreError> {
        done::status(self.fs(), &self.path, &done::load(self.fs(), &self.path)?)
    }

    /// Whether DONE exists, parses, and lists files that are there with the listed sizes.
    ///
    /// # Errors
    /// As [`status`](Self::status).
    pub fn is_done(&self) -> Result<bool, StoreError> {
        Ok(self.status()? == NodeStatus::Done)
    }

    /// Reads every file that DONE lists and checks its SHA-256.
    ///
    /// # Errors
    /// [`StoreError::NotFinished`], [`StoreError::Damaged`], [`StoreError::UnknownFormat`], [`StoreError::Missing`],
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn verify(&self) -> Result<(), StoreError> {
        let (done, _) = self.listing()?;
        done.files.iter().try_for_each(|(file, content)| self.read_checked(file, content).map(|_| ()))
    }

    /// As [`verify`](Self::verify), telling apart what was never finished from what was finished and is no longer what
    /// it was, with everything that is wrong with it.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the disk does not tell; damage is not an error.
    pub fn check(&self) -> Result<NodeCheck, StoreError> {
        let done = match done::load(self.fs(), &self.path)? {
            Marker::Absent => return Ok(NodeCheck::Unfinished),
            Marker::Malformed(why) => return Ok(NodeCheck::Damaged { problems: vec![why] }),
            Marker::Foreign { format } => {
                return Ok(NodeCheck::Damaged { problems: vec![done::foreign(format)] });
            }
            Marker::Listing { done, .. } => done,
        };
        let mut problems = Vec::new();
        for (file, content) in &done.files {
            match self.read(file)? {
                None => problems.push(format!("{file} is missing")),
                Some(bytes) if Content::of(&bytes) != *content => {
                    let found = Content::of(&bytes).sha256;
                    problems.push(format!("{file} has SHA-256 {found}, DONE says {}", content.sha256));
                }
                Some(_) => {}
            }
        }
        Ok(if problems.is_empty() { NodeCheck::Whole } else { NodeCheck::Damaged { problems } })
    }

    /// Takes the seal off: the node counts as unfinished from then on, and is computed again when it is next needed.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Io`].
    pub fn unseal(&self) -> Result<(), StoreError> {
        self.check_writable()?;
        remove_if_there(self.fs(), &self.path.join(names::DONE))?;
        self.fs().sync_dir(&self.path).map_err(StoreError::io("flush", &self.path))
    }

    /// Writes a file of an unfinished node in one step.
    ///
    /// # Errors
    /// [`StoreError::BadName`], [`StoreError::ReadOnly`], [`StoreError::Finished`], [`StoreError::Io`].
    pub fn write(&self, file: &str, bytes: &[u8]) -> Result<(), StoreError> {
        names::check_node_file(file)?;
        self.prepare()?;
        // After a failure either content may stand, so neither is held against the disk.
        self.written().remove(file);
        write_atomic(self.fs(), &self.path.join(file), bytes)?;
        self.written().insert(file.to_owned(), Content::of(bytes));
        Ok(())
    }

    /// The content of a file, unchecked; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::BadName`], [`StoreError::Io`].
    pub fn read(&self, file: &str) -> Result<Option<Vec<u8>>, StoreError> {
        names::check_name(file)?;
        read_if_there(self.fs(), &self.path.join(file))
    }

    /// Writes rows as JSON lines, replacing those that were there. Called at each checkpoint with all
    /// rows so far: after a resume at step s the caller reads them, keeps those up to s and goes on.
    ///
    /// # Errors
    /// As [`write`](Self::write), and [`StoreError::Encode`].
    pub fn write_rows<T: Serialize>(&self, file: &str, rows: &[T]) -> Result<(), StoreError> {
        let path = self.path.join(file);
        let lines = rows.iter().map(|row| to_line(row, &path)).collect::<Result<Vec<_>, _>>()?;
        self.write(file, &lines.concat())
    }

    /// The rows of a file written by [`write_rows`](Self::write_rows); none when there is no file.
    ///
    /// # Errors
    /// As [`read`](Self::read), and [`StoreError::Line`].
    pub fn read_rows<T: DeserializeOwned>(&self, file: &str) -> Result<Vec<T>, StoreError> {
        parse_lines(&self.read(file)?.unwrap_or_default(), &self.path.join(file))
    }

    /// The rows of a file of a finished node, checked against the SHA-256 in DONE.
    ///
    /// # Errors
    /// As [`read_verified`](Self::read_verified), and [`StoreError::Line`].
    pub fn read_rows_verified<T: DeserializeOwned>(&self, file: &str) -> Result<Vec<T>, StoreError> {
        parse_lines(&self.read_verified(file)?, &self.path.join(file))
    }

    /// Declares the node finished with these files, at least one: reads them back and writes DONE, the last of all.
    /// Finishing again with the same contents changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Corrupt`] when the disk does not return what this handle
    /// wrote, [`StoreError::Finished`], [`StoreError::BadName`], [`StoreError::ReadOnly`],
    /// [`StoreError::Io`]. The node is unfinished then, except when only the last flush failed.
    pub fn finish(&self, files: &[&str]) -> Result<(), StoreError> {
        if files.is_empty() {
            let why = "it has no files to finish with".to_owned();
            return Err(StoreError::NotFinished { node: self.path.clone(), why });
        }
        let mut listed = BTreeMap::new();
        for &file in files {
            names::check_node_file(file)?;
            let content = match self.written().get(file).cloned() {
                Some(content) => self.read_checked(file, &content).map(|_| content)?,
                None => Content::of(&self.read(file)?.ok_or_else(|| self.missing(file))?),
            };
            listed.insert(file.to_owned(), content);
        }
        let done = Done::new(listed).to_bytes();
        if self.read(names::DONE)?.as_deref() != Some(&done) {
            self.prepare()?;
        }
        self.run.check_workable(&self.path)?;
        write_atomic(self.fs(), &self.path.join(names::DONE), &done)
    }

    /// The content of a file of a finished node, checked against the SHA-256 in DONE.
    ///
    /// # Errors
    /// [`StoreError::NotFinished`], [`StoreError::Damaged`] also for a file that DONE does not list,
    /// [`StoreError::UnknownFormat`], [`StoreError::Missing`], [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn read_verified(&self, file: &str) -> Result<Vec<u8>, StoreError> {
        let (done, _) = self.listing()?;
        let unlisted =
            || StoreError::Damaged { node: self.path.clone(), why: format!("DONE does not list {file}") };
        self.read_checked(file, done.files.get(file).ok_or_else(unlisted)?)
    }

    /// As [`read_verified`](Self::read_verified); `None` for a file that DONE does not list, as one of a later build.
    ///
    /// # Errors
    /// As [`read_verified`](Self::read_verified).
    pub fn read_listed(&self, file: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (done, _) = self.listing()?;
        done.files.get(file).map(|content| self.read_checked(file, content)).transpose()
    }

    /// Adds a file computed from a finished node, with a seal over its content and over DONE: torn,
    /// flipped, or made from another version of the node, it does not count.
    ///
    /// # Errors
    /// [`StoreError::BadName`] also for a file that DONE lists, [`StoreError::NotFinished`],
    /// [`StoreError::ReadOnly`], [`StoreError::Io`].
    pub fn write_derived(&self, file: &str, bytes: &[u8]) -> Result<(), StoreError> {
        names::check_node_file(file)?;
        self.run.check_workable(&self.path)?;
        let node = self.path.clone();
        match self.status()? {
            NodeStatus::Done => {}
            NodeStatus::ToDo { why } => return Err(StoreError::NotFinished { node, why }),
            NodeStatus::Damaged { why } => return Err(StoreError::Damaged { node, why }),
        }
        let (done, sha256) = self.listing()?;
        if done.files.contains_key(file) {
            return Err(StoreError::BadName { name: file.to_owned(), why: "is listed in DONE" });
        }
        sealed::write(self.fs(), &self.path, file, Some((names::DONE, &sha256)), bytes)
    }

    /// A derived file, or `None` when it has to be computed (again).
    ///
    /// # Errors
    /// [`StoreError::BadName`], [`StoreError::Io`]. A broken seal is not an error.
    pub fn read_derived(&self, file: &str) -> Result<Option<Vec<u8>>, StoreError> {
        names::check_node_file(file)?;
        let marker = done::load(self.fs(), &self.path)?;
        let status = done::status(self.fs(), &self.path, &marker)?;
        let (Marker::Listing { sha256, .. }, NodeStatus::Done) = (marker, status) else { return Ok(None) };
        match sealed::read(self.fs(), &self.path, file, Some((names::DONE, &sha256)))? {
            Sealed::Whole(bytes) => Ok(Some(bytes)),
            Sealed::Absent | Sealed::Broken(_) => Ok(None),
        }
    }

    pub(crate) fn fs(&self) -> &dyn Fs {
        &*self.run.fs
    }

    pub(crate) fn run(&self) -> &Arc<Inner> {
        &self.run
    }

    /// Refuses in a run that is read, and where the node's place is a link: what is written and removed stays in the run.
    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        self.run.check_workable(&self.path)?;
        check_own(self.fs(), &self.run.path.join(names::NODES))?;
        check_own(self.fs(), &self.path)
    }

    /// Makes the directory ready for a write to an unfinished node. A DONE that does not hold is taken
    /// away first: files written under it one by one could make it true before the work is.
    pub(crate) fn prepare(&self) -> Result<(), StoreError> {
        self.check_writable()?;
        if self.run.claims.taken_over(self.fs(), &self.path) {
            return Err(StoreError::TakenOver { node: self.path.clone() });
        }
        let marker = done::load(self.fs(), &self.path)?;
        if let Marker::Foreign { format } = marker {
            // Of a newer build, perhaps: its work is not thrown away unasked.
            return Err(done::refuse_format(&self.path, format));
        }
        if !matches!(marker, Marker::Absent) {
            if done::status(self.fs(), &self.path, &marker)? == NodeStatus::Done {
                return Err(StoreError::Finished { node: self.path.clone() });
            }
            remove_if_there(self.fs(), &self.path.join(names::DONE))?;
            self.fs().sync_dir(&self.path).map_err(StoreError::io("flush", &self.path))?;
        }
        self.create()
    }

    /// Creates the directory, once.
    pub(crate) fn create(&self) -> Result<(), StoreError> {
        if !self.exists.load(Ordering::Acquire) {
            create_dirs(self.fs(), &self.run.path, &Path::new(names::NODES).join(&self.name))?;
            self.exists.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// DONE and its SHA-256.
    fn listing(&self) -> Result<(Done, String), StoreError> {
        let node = self.path.clone();
        match done::load(self.fs(), &self.path)? {
            Marker::Listing { done, sha256 } => Ok((done, sha256)),
            Marker::Malformed(why) => Err(StoreError::Damaged { node, why }),
            Marker::Foreign { format } => Err(done::refuse_format(&node, format)),
            Marker::Absent => Err(StoreError::NotFinished { node, why: "it has no DONE".to_owned() }),
        }
    }

    fn read_checked(&self, file: &str, content: &Content) -> Result<Vec<u8>, StoreError> {
        let bytes = self.read(file)?.ok_or_else(|| self.missing(file))?;
        content.check(&self.path.join(file), &bytes)?;
        Ok(bytes)
    }

    fn missing(&self, file: &str) -> StoreError {
        StoreError::Missing { path: self.path.join(file), node: self.path.clone() }
    }

    fn written(&self) -> MutexGuard<'_, BTreeMap<String, Content>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
