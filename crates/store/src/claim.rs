//! Who works on a node: one process at a time, known to be there or known to be gone.
//!
//! A claim is a file `.claim-<n>` in the node's directory, created exclusively, so that of several processes on any number
//! of machines one has it. Numbers only grow while a node is unfinished: who finds claim *n* abandoned creates claim
//! *n* + 1, and the holder of *n*, should it still be alive, writes nothing more. Whether a holder is gone is known in two ways:
//!
//! - **On the same kernel** by the operating system's lock on the file, which ends with the process.
//! - **Elsewhere** by its lease: a holder adds a byte to the file every few seconds; a file that has not grown for as long as
//!   a lease runs, by the clock of who looks, is abandoned. No clocks are compared.

use crate::atomic::{check_own, remove_if_there, remove_temps};
use crate::journal::to_line;
use crate::run::Inner;
use crate::{Fs, NodeDir, StoreError, names};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a claim holds of which nothing is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Time without a sign of life after which the holder on another machine is taken to be gone.
    pub expires: Duration,
}

impl Default for Lease {
    fn default() -> Self {
        Self { expires: Duration::from_secs(60) }
    }
}

impl Lease {
    /// Time between signs of life: a sixth, so that a few may be late.
    pub(crate) fn beat(&self) -> Duration {
        self.expires / 6
    }
}

/// Who holds a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Holder {
    /// The machine's name.
    pub host: String,
    /// The process on it.
    pub pid: u32,
    /// What tells this start of the machine's kernel from all others; empty where the system does not tell.
    kernel: String,
    /// Whether the operating system's lock on the claim tells of its end.
    locked: bool,
    /// What else it said of itself, for example a batch job's number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub told: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.host.is_empty(), self.told.is_empty()) {
            (true, _) => write!(f, "another process"),
            (false, true) => write!(f, "process {} on {}", self.pid, self.host),
            (false, false) => write!(f, "process {} on {} ({})", self.pid, self.host, self.told),
        }
    }
}

impl Holder {
    /// This process.
    fn here(told: &str) -> Self {
        Self { host: host(), pid: std::process::id(), kernel: kernel(), locked: false, told: told.to_owned() }
    }

    /// Whether it is on the machine of this process, where locks are seen by both.
    pub(crate) fn is_near(&self) -> bool {
        let here = Self::here("");
        !self.kernel.is_empty() && (&self.kernel, &self.host) == (&here.kernel, &here.host)
    }
}

/// What became of an attempt to claim a node.
#[derive(Debug)]
pub enum Claiming {
    /// It is this process's until the claim is dropped.
    Mine(Claim),
    /// Another works on it, or may: it is worth asking again.
    Held(Holder),
}

/// A node in hand. Dropped, it is given back.
#[derive(Debug)]
pub struct Claim {
    held: Arc<Held>,
    run: Arc<Inner>,
}

/// The claim of this process on one node.
#[derive(Debug)]
pub(crate) struct Held {
    node: PathBuf,
    number: u64,
    file: File,
    lost: AtomicBool,
}

/// Claims of one run: those of this process, and what it saw of others'.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    held: Mutex<Vec<Arc<Held>>>,
    /// Number and length of others' claims, and when this length was first seen.
    seen: Mutex<BTreeMap<PathBuf, (u64, u64, Instant)>>,
    pub(crate) lease: Mutex<Lease>,
    beating: AtomicBool,
}

impl Claim {
    /// Whether another process has taken the node over: then this one is to stop.
    pub fn lost(&self) -> bool {
        self.held.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Claim {
    /// The file stays while the node is unfinished, so that no number is used twice; what it says is that nobody is there.
    fn drop(&mut self) {
        lock(&self.run.claims.held).retain(|held| !Arc::ptr_eq(held, &self.held));
        let Held { node, number, file, .. } = &*self.held;
        if matches!(self.run.fs.kind(&node.join(names::DONE)), Ok(Some(_))) {
            (1..=*number).for_each(|number| drop(remove_if_there(&*self.run.fs, &path(node, number))));
        } else {
            let _ = (&*file).write_all(RELEASED);
        }
        let _ = file.unlock();
    }
}

impl Held {
    /// A sign of life, as long as nobody has taken the node over.
    fn beat(&self, fs: &dyn Fs) {
        if !self.is_lost(fs) {
            // A disk that is full or away for a while does not end the work; if it stays so, others take over.
            let _ = (&self.file).write_all(b".");
        }
    }

    /// Whether there is a later claim, or none at all any more because who took over has finished the node.
    fn is_lost(&self, fs: &dyn Fs) -> bool {
        let [own, next] = [0, 1].map(|later| fs.kind(&path(&self.node, self.number + later)));
        if matches!(own, Ok(None)) || matches!(next, Ok(Some(_))) {
            self.lost.store(true, Ordering::Relaxed);
        }
        self.lost.load(Ordering::Relaxed)
    }
}

impl Claims {
    /// Adds a claim, which from now on gives signs of life until it is dropped.
    fn hold(claims: &Arc<Self>, held: Arc<Held>, fs: &Arc<dyn Fs>) {
        lock(&claims.held).push(held);
        if claims.beating.swap(true, Ordering::Relaxed) {
            return;
        }
        let (fs, lease, claims) = (Arc::clone(fs), *lock(&claims.lease), Arc::downgrade(claims));
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(lease.beat());
                // Ends when the run is closed.
                let Some(claims) = claims.upgrade() else { return };
                let held = lock(&claims.held).clone();
                held.iter().for_each(|held| held.beat(&*fs));
            }
        });
    }

    /// Whether somebody has taken over a node that this process had claimed; looks at the disk.
    pub(crate) fn taken_over(&self, fs: &dyn Fs, node: &Path) -> bool {
        let held = lock(&self.held).iter().find(|held| held.node == node).cloned();
        held.is_some_and(|held| held.is_lost(fs))
    }

    /// Whether a claim elsewhere has been as it is for as long as a lease runs.
    fn has_expired(&self, node: &Path, number: u64, length: u64) -> bool {
        let mut seen = lock(&self.seen);
        let now = Instant::now();
        let entry = seen.entry(node.to_owned()).or_insert((number, length, now));
        if (entry.0, entry.1) != (number, length) {
            *entry = (number, length, now);
        }
        now.duration_since(entry.2) >= lock(&self.lease).expires
    }
}

impl NodeDir {
    /// Takes the node for this process, unless another has it. One that is gone loses it: on this machine at once,
    /// elsewhere when it has not been heard of for [`Lease::expires`] since this run was first asked. Temporary files of
    /// killed writers go.
    ///
    /// Whoever got the claim looks again whether the node is done before it works.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Foreign`], [`StoreError::Io`].
    pub fn claim(&self) -> Result<Claiming, StoreError> {
        self.check_writable()?;
        self.create()?;
        let run = self.run();
        let number = match self.newest()? {
            None => 1,
            Some(number) => match self.holder_of(number)? {
                Some(holder) => return Ok(Claiming::Held(holder)),
                None => number + 1,
            },
        };
        let path = path(self.path(), number);
        let file = match self.fs().create_lock(&path) {
            Ok(file) => file,
            // Another was faster, and is to be seen soon.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Ok(Claiming::Held(Holder::default()));
            }
            Err(error) => return Err(StoreError::io("create", &path)(error)),
        };
        // Locked before it says so; who looks at it in between may hold the lock for a moment.
        let holder = Holder { locked: file.lock().is_ok(), ..Holder::here(&run.told) };
        if let Err(error) = to_line(&holder, &path)
            .and_then(|line| (&file).write_all(&line).map_err(StoreError::io("write", &path)))
        {
            // Nobody takes a claim that says nothing for abandoned before its lease ends.
            let _ = self.fs().remove(&path);
            return Err(error);
        }
        remove_temps(self.fs(), self.path())?;
        let held =
            Arc::new(Held { node: self.path().to_owned(), number, file, lost: AtomicBool::new(false) });
        Claims::hold(&run.claims, Arc::clone(&held), &run.fs);
        Ok(Claiming::Mine(Claim { held, run: Arc::clone(run) }))
    }

    /// Who works on the node, as far as can be told at a glance: nobody where a lock says so or it was given back. What is
    /// elsewhere counts as there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.newest()?.map_or(Ok(None), |number| self.holder_of(number))
    }

    /// Removes the claims that processes left on a finished node because they were killed right after they sealed it.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Io`].
    pub fn clear_claims(&self) -> Result<(), StoreError> {
        self.check_writable()?;
        let Some(newest) = self.newest()? else { return Ok(()) };
        if self.holder_of(newest)?.is_some() || !self.is_done()? {
            return Ok(());
        }
        (1..=newest).try_for_each(|number| remove_if_there(self.fs(), &path(self.path(), number)))
    }

    /// The highest number of a claim.
    fn newest(&self) -> Result<Option<u64>, StoreError> {
        let entries = match self.fs().list(self.path()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("list", self.path())(error)),
        };
        Ok(entries.iter().filter_map(|entry| number(&entry.name)).max())
    }

    /// Who is behind a claim, none where it is abandoned.
    fn holder_of(&self, number: u64) -> Result<Option<Holder>, StoreError> {
        let path = path(self.path(), number);
        check_own(self.fs(), &path)?;
        let mut file = match self.fs().open_claim(&path) {
            Ok(file) => file,
            // Its node was finished meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("open", &path)(error)),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(StoreError::io("read", &path))?;
        let (line, beats) = bytes.split_at(bytes.iter().position(|&b| b == b'\n').map_or(0, |end| end + 1));
        let holder: Holder = serde_json::from_slice(line).unwrap_or_default();
        // A sign of life that was already on its way may follow.
        if beats.windows(RELEASED.len()).any(|said| said == RELEASED) {
            return Ok(None);
        }
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(Some(holder)),
            Ok(()) => {
                let _ = file.unlock();
                if holder.locked && holder.is_near() {
                    return Ok(None);
                }
            }
            // There are no locks here: the lease alone tells.
            Err(TryLockError::Error(_)) => {}
        }
        let expired = self.run().claims.has_expired(self.path(), number, bytes.len() as u64);
        Ok(if expired { None } else { Some(holder) })
    }
}

/// What the holder of a claim writes when it gives the node back unfinished.
const RELEASED: &[u8] = b"released\n";

/// The name of this machine, where the system tells.
pub(crate) fn host() -> String {
    static HOST: LazyLock<String> = LazyLock::new(|| told_by("/proc/sys/kernel/hostname", &["hostname"]));
    HOST.clone()
}

/// What no other start of a machine has, where the system tells: on Linux a file does, on the BSDs and macOS the time of the
/// start.
fn kernel() -> String {
    static KERNEL: LazyLock<String> =
        LazyLock::new(|| told_by("/proc/sys/kernel/random/boot_id", &["sysctl", "-n", "kern.boottime"]));
    KERNEL.clone()
}

/// The line of a file, or what a command says on systems that have no such file; nothing where neither tells.
fn told_by(file: &str, command: &[&str]) -> String {
    let said = || {
        let said = std::process::Command::new(command[0]).args(&command[1..]).output().ok()?;
        said.status.success().then(|| String::from_utf8_lossy(&said.stdout).into_owned())
    };
    let line = std::fs::read_to_string(file).ok().or_else(said).unwrap_or_default();
    line.trim().to_owned()
}

fn path(node: &Path, number: u64) -> PathBuf {
    node.join(format!("{}{number}", names::CLAIM))
}

fn number(name: &str) -> Option<u64> {
    let number = name.strip_prefix(names::CLAIM)?.parse().ok()?;
    (format!("{}{number}", names::CLAIM) == name).then_some(number)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
