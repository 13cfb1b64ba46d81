//! A power cut at any operation: what was not flushed is lost, or not, at the disk's whim.

use crate::{node_of, open, reader};
use basin_store::{DirEntry, Fs, NewFile, RealFs, RunDir, StoreError};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

type Content = Arc<Mutex<Inode>>;

/// A file: what programs see, and what is on the platter.
#[derive(Debug, Default)]
struct Inode {
    seen: Vec<u8>,
    flushed: Vec<u8>,
}

/// A change of a name that the directory has not been flushed for.
#[derive(Debug)]
struct Change {
    path: PathBuf,
    now: Option<Content>,
}

#[derive(Debug, Default)]
struct Disk {
    /// The names programs see.
    seen: BTreeMap<PathBuf, Content>,
    /// The names on the platter.
    flushed: BTreeMap<PathBuf, Content>,
    /// Changes of names still in memory, oldest first.
    pending: Vec<Change>,
    /// Operations left until the power goes.
    left: u64,
}

/// A disk that keeps in memory whatever was not flushed. Directories exist at once: only names of files
/// are at risk here.
#[derive(Clone, Debug, Default)]
struct VolatileFs(Arc<Mutex<Disk>>);

impl VolatileFs {
    fn until(operations: u64) -> Self {
        Self(Arc::new(Mutex::new(Disk { left: operations, ..Disk::default() })))
    }

    /// Counts an operation that changes the disk; fails once the power is gone.
    fn step<T>(&self, f: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        let mut disk = self.0.lock().unwrap();
        if disk.left == 0 {
            return Err(io::Error::other("the power is gone"));
        }
        disk.left -= 1;
        f(&mut disk)
    }

    /// Writes to real files what is left after the cut. Each bit of `whim` decides for one change of a name
    /// whether it arrived, and for one unflushed content how much of it did.
    fn after_the_cut(&self, mut whim: u64) {
        let mut disk = self.0.lock().unwrap();
        let mut decide = || {
            whim = whim.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            whim >> 33
        };
        let pending = std::mem::take(&mut disk.pending);
        for change in pending {
            if decide() % 2 == 0 {
                set(&mut disk.flushed, change.path, change.now);
            }
        }
        for (path, content) in &disk.flushed {
            let inode = content.lock().unwrap();
            let bytes = match decide() % 3 {
                _ if inode.seen == inode.flushed => inode.flushed.clone(),
                0 => inode.flushed.clone(),
                1 => vec![0; inode.seen.len()],
                _ => inode.seen[..decide() as usize % (inode.seen.len() + 1)].to_vec(),
            };
            std::fs::write(path, bytes).unwrap();
        }
    }
}

fn set(names: &mut BTreeMap<PathBuf, Content>, path: PathBuf, content: Option<Content>) {
    match content {
        Some(content) => drop(names.insert(path, content)),
        None => drop(names.remove(&path)),
    }
}

fn change(disk: &mut Disk, path: &Path, now: Option<Content>) {
    set(&mut disk.seen, path.to_owned(), now.clone());
    disk.pending.push(Change { path: path.to_owned(), now });
}

struct VolatileFile(VolatileFs, Content);

impl NewFile for VolatileFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.step(|_| {
            self.1.lock().unwrap().seen.extend_from_slice(bytes);
            Ok(bytes.len())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.step(|_| {
            let mut inode = self.1.lock().unwrap();
            inode.flushed = inode.seen.clone();
            Ok(())
        })
    }
}

impl Fs for VolatileFs {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        self.step(|disk| {
            let content = Content::default();
            change(disk, path, Some(content.clone()));
            Ok(Box::new(VolatileFile(self.clone(), content)) as Box<dyn NewFile>)
        })
    }

    fn append(&self, _: &Path, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|disk| {
            let content = disk.seen.get(from).cloned().ok_or(io::ErrorKind::NotFound)?;
            // Kinder disks keep the two together; nothing may depend on that.
            change(disk, to, Some(content));
            change(disk, from, None);
            Ok(())
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step(|disk| {
            let (here, elsewhere) = std::mem::take(&mut disk.pending)
                .into_iter()
                .partition::<Vec<_>, _>(|change| change.path.parent() == Some(path));
            disk.pending = elsewhere;
            here.into_iter().for_each(|change| set(&mut disk.flushed, change.path, change.now));
            Ok(())
        })
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let disk = self.0.lock().unwrap();
        let content = disk.seen.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(content.lock().unwrap().seen.clone())
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        Ok(self.read(path)?.len() as u64)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(|disk| {
            disk.seen.get(path).ok_or(io::ErrorKind::NotFound)?;
            change(disk, path, None);
            Ok(())
        })
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        RealFs.create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let disk = self.0.lock().unwrap();
        let below = disk.seen.keys().filter(|file| file.parent() == Some(path));
        let name = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().to_owned();
        Ok(below.map(|file| DirEntry { name: name(file), is_dir: false }).collect())
    }

    fn open_lock(&self, path: &Path) -> io::Result<File> {
        RealFs.open_lock(path)
    }

    fn create_lock(&self, path: &Path) -> io::Result<File> {
        RealFs.create_lock(path)
    }

    fn open_claim(&self, path: &Path) -> io::Result<File> {
        RealFs.open_claim(path)
    }
}

fn state(step: u64) -> Vec<u8> {
    format!("state after {step} steps {}", "x".repeat(step as usize)).into_bytes()
}

/// Trains an imaginary member and reports how far it got: steps saved for certain, and whether finished.
fn work(fs: VolatileFs, root: &Path) -> (u64, bool) {
    let mut saved = 0;
    let mut train = || -> Result<(), StoreError> {
        let node = node_of(&RunDir::open(root, "run", Arc::new(fs.clone()))?);
        for step in 1..=4 {
            node.save_state(step, &state(step))?;
            saved = step;
        }
        // The same step again with another content, as after falling back.
        node.save_state(4, b"state after 4 steps, other")?;
        node.write("final", b"weights")?;
        node.finish(&["final"])?;
        node.clear_states()
    };
    let finished = train().is_ok();
    (saved, finished)
}

#[test]
fn what_was_reported_as_saved_survives_a_power_cut_at_any_operation() {
    let mut rounds = 0;
    for left in 1.. {
        let mut finished = false;
        for whim in 0..12 {
            let root = tempfile::tempdir().unwrap();
            let fs = VolatileFs::until(left);
            let saved;
            (saved, finished) = work(fs.clone(), root.path());
            fs.after_the_cut(whim);
            rounds += 1;
            let round = format!("cut after {left} operations, whim {whim}, {saved} steps saved");
            if !root.path().join("run").exists() {
                assert_eq!(saved, 0, "{round}");
                continue;
            }
            let node = reader(root.path());
            if node.is_done().unwrap() {
                assert_eq!(node.read_verified("final").unwrap(), b"weights", "{round}");
                node_of(&open(root.path())).verify().unwrap();
                continue;
            }
            assert!(!finished, "{round}: a node that was finished is not");
            match node.load_state().unwrap() {
                Some((step, bytes, _)) => {
                    assert!(step >= saved, "{round}: back at {step}");
                    assert!(bytes == state(step) || bytes == b"state after 4 steps, other", "{round}");
                }
                None => assert_eq!(saved, 0, "{round}"),
            }
        }
        if finished {
            break;
        }
    }
    assert!(rounds > 500, "only {rounds} power cuts");
}
