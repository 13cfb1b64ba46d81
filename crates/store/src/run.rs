//! A run directory: one process starts it, others may work on its nodes, anybody reads it, and it survives their being killed.

use crate::atomic::{parent, read_if_there, remove_orphans, write_below};
use crate::claim::{Claims, Lease};
use crate::lock::{self, Lock};
use crate::{Fs, Journal, NodeDir, StoreError, names};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A run directory, opened: to start or report it ([`open`](Self::open)), to work on its nodes beside others
/// ([`join`](Self::join)), or to read it ([`open_read_only`](Self::open_read_only)). The lock is held until this, its
/// clones, nodes and journals are all dropped.
#[derive(Clone, Debug)]
pub struct RunDir {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) path: PathBuf,
    /// Whether the journal is known to end with a whole line.
    pub(crate) journal_is_whole: Mutex<bool>,
    /// The journal that this process writes, below the run.
    pub(crate) journal: PathBuf,
    pub(crate) claims: Arc<Claims>,
    /// What claims say of this process beside its number.
    pub(crate) told: String,
    access: Access,
}

/// What an opening allows.
#[derive(Debug)]
enum Access {
    /// Everything.
    Whole { _lock: Lock },
    /// Nodes and a journal.
    Nodes,
    /// Nothing.
    Read,
}

impl Inner {
    /// Refuses unless this process started the run.
    pub(crate) fn check_writable(&self, path: &Path) -> Result<(), StoreError> {
        match self.access {
            Access::Whole { .. } => Ok(()),
            Access::Nodes | Access::Read => Err(StoreError::ReadOnly { path: path.to_owned() }),
        }
    }

    /// Refuses nodes and journals when the run was opened for reading.
    pub(crate) fn check_workable(&self, path: &Path) -> Result<(), StoreError> {
        match self.access {
            Access::Whole { .. } | Access::Nodes => Ok(()),
            Access::Read => Err(StoreError::ReadOnly { path: path.to_owned() }),
        }
    }
}

impl RunDir {
    /// Whether a run can have this name: one component of a path, the same on every system.
    ///
    /// # Errors
    /// [`StoreError::BadName`].
    pub fn check_name(name: &str) -> Result<(), StoreError> {
        names::check_name(name)
    }

    /// Opens the run `root/name` for writing plan, configuration and report, alone: creates it if need be, locks it, and
    /// removes the temporary files of writers that were killed. The lock is the operating system's and ends with the
    /// process. Nodes are shared with those who [join](Self::join): each is [claimed](NodeDir::claim) before it is worked on.
    /// Cost: one listing per directory of the run that is not a node.
    ///
    /// # Errors
    /// [`StoreError::BadName`], [`StoreError::InUse`] when another opening holds the lock,
    /// [`StoreError::Io`] when the directory cannot be written.
    pub fn open(root: &Path, name: &str, fs: Arc<dyn Fs>) -> Result<Self, StoreError> {
        names::check_name(name)?;
        let path = root.join(name);
        fs.create_dir_all(&path).map_err(StoreError::io("create the directory", &path))?;
        let above = parent(&path);
        fs.sync_dir(above).map_err(StoreError::io("flush", above))?;
        let lock = lock::acquire(&*fs, &path)?;
        remove_orphans(&*fs, &path)?;
        Ok(Self::new(fs, path, Access::Whole { _lock: lock }, names::JOURNAL.into(), String::new()))
    }

    /// Opens the run `root/name` for working on its nodes beside the process that started it and beside others, on this
    /// machine or elsewhere. Nothing but nodes and a journal of its own can be written. `told` is what claims say of this
    /// process beside machine and number, for people.
    ///
    /// # Errors
    /// [`StoreError::BadName`], [`StoreError::NoSuchRun`], [`StoreError::Io`].
    pub fn join(root: &Path, name: &str, fs: Arc<dyn Fs>, told: &str) -> Result<Self, StoreError> {
        let path = Self::existing(root, name, &*fs)?;
        let journal = Path::new(names::JOURNALS).join(own_journal());
        Ok(Self::new(fs, path, Access::Nodes, journal, told.to_owned()))
    }

    /// Opens the run `root/name` for reading: no lock, nothing is created, and every write is refused.
    /// Works while another process writes, and on a read-only disk.
    ///
    /// # Errors
    /// [`StoreError::BadName`], [`StoreError::NoSuchRun`], [`StoreError::Io`].
    pub fn open_read_only(root: &Path, name: &str, fs: Arc<dyn Fs>) -> Result<Self, StoreError> {
        let path = Self::existing(root, name, &*fs)?;
        Ok(Self::new(fs, path, Access::Read, names::JOURNAL.into(), String::new()))
    }

    fn existing(root: &Path, name: &str, fs: &dyn Fs) -> Result<PathBuf, StoreError> {
        names::check_name(name)?;
        let path = root.join(name);
        match fs.list(&path) {
            Ok(_) => Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(StoreError::NoSuchRun { path }),
            Err(error) => Err(StoreError::io("list", &path)(error)),
        }
    }

    fn new(fs: Arc<dyn Fs>, path: PathBuf, access: Access, journal: PathBuf, told: String) -> Self {
        let (journal_is_whole, claims) = (Mutex::new(false), Arc::default());
        Self { inner: Arc::new(Inner { fs, path, journal_is_whole, journal, claims, told, access }) }
    }

    /// How long a claim elsewhere holds without a sign of life, and how often this process gives signs of its own. To be
    /// the same for all who work on a run; set before the first claim.
    pub fn set_lease(&self, lease: Lease) {
        *self.inner.claims.lease.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = lease;
    }

    /// The directory, as `root/name`.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Writes a file below the run in one step, creating directories on the way. See [`write_below`].
    ///
    /// # Errors
    /// [`StoreError::Escapes`], [`StoreError::BadName`] for the store's own files,
    /// [`StoreError::ReadOnly`], [`StoreError::Foreign`], [`StoreError::Io`].
    pub fn write(&self, relative: impl AsRef<Path>, bytes: &[u8]) -> Result<(), StoreError> {
        let relative = relative.as_ref();
        names::check_relative_for_writing(relative)?;
        let path = self.inner.path.join(relative);
        self.inner.check_writable(&path)?;
        write_below(&*self.inner.fs, &self.inner.path, relative, bytes)
    }

    /// The content of a file below the run, `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Escapes`], [`StoreError::BadName`], [`StoreError::Io`].
    pub fn read(&self, relative: impl AsRef<Path>) -> Result<Option<Vec<u8>>, StoreError> {
        names::check_relative(relative.as_ref())?;
        read_if_there(&*self.inner.fs, &self.inner.path.join(relative))
    }

    /// The node `nodes/<readable>.<hash8>`; its directory is created by the first write.
    /// `readable` is for people, `hash8` are the first eight hexadecimal digits of the node's hash.
    ///
    /// # Errors
    /// [`StoreError::BadName`].
    pub fn node(&self, readable: &str, hash8: &str) -> Result<NodeDir, StoreError> {
        names::check_name(readable)?;
        names::check_hash8(hash8)?;
        Ok(NodeDir::new(Arc::clone(&self.inner), &format!("{readable}.{hash8}")))
    }

    /// Every node directory there is, finished or not, by name.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the disk does not tell.
    pub fn nodes(&self) -> Result<Vec<NodeDir>, StoreError> {
        let folder = self.inner.path.join(names::NODES);
        let entries = match self.inner.fs.list(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::io("list", &folder)(error)),
        };
        let is_node = |name: &str| {
            let (readable, hash8) = name.rsplit_once('.').unwrap_or_default();
            names::check_name(readable).is_ok() && names::check_hash8(hash8).is_ok()
        };
        let mut found: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
        found.retain(|name| is_node(name));
        found.sort();
        Ok(found.iter().map(|name| NodeDir::new(Arc::clone(&self.inner), name)).collect())
    }

    /// The run's history: `journal.jsonl` of who started it, and `journals/` of those who joined, each its own.
    pub fn journal(&self) -> Journal {
        Journal::new(Arc::clone(&self.inner))
    }
}

/// The name of a journal that no other process has: of its machine, number and beginning.
fn own_journal() -> String {
    let host = crate::claim::host();
    let host: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!("{host}-{}-{:x}.jsonl", std::process::id(), now.map_or(0, |since| since.as_secs()))
}
