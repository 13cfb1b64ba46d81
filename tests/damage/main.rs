//! What happens to files while and after a run works on them: every operation made to fail, every kind of file damaged.
//!
//! A sample of both belongs to the ordinary tests. All of it, some hours of two cores, is asked for by `EVERY=1 PLACES=12 cargo test
//! --release --package basin-tests --test damage -- --nocapture`; in a folder in memory (`TMPDIR`) it is done sooner.

mod census;
#[cfg(target_os = "linux")]
mod faults;

use basin_tests::{basin, expect_code, files};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// All methods on a handful of images, in a fraction of a second, by one thread, so that operations come in one order.
const SMALL: &[&str] = &[
    "--set=model.width=0.25",
    "--set=ensemble.members=2",
    "--set=data.train_images=32",
    "--set=data.test_images=16",
    "--set=train.epochs=2",
    "--set=train.batch=16",
    "--set=ensemble.split_epoch=1",
    "--set=metrics.draws=2",
    "--set=metrics.pairs=1",
    "--set=metrics.line_points=3",
    "--set=metrics.connectivity_images=0",
    "--set=run.threads=1",
    "--set=run.checkpoint_seconds=0",
];

/// The run `run` in a folder, ready to be started, with more arguments.
fn small(folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(basin());
    command.arg("reproduce").arg("--runs").arg(folder).args(["--name", "run"]).args(SMALL).args(more);
    command
}

/// Where every scene begins: folders with a run that is finished, and with one that was stopped half-way.
struct Begun {
    finished: tempfile::TempDir,
    half: tempfile::TempDir,
}

impl Begun {
    fn new(more: &[&str]) -> Self {
        let [finished, half] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        expect_code(&small(finished.path(), more).output().unwrap(), 0);
        stopped(half.path(), more);
        Self { finished, half }
    }
}

/// A run that was killed when it had finished some nodes and kept two states of another.
fn stopped(folder: &Path, more: &[&str]) {
    let nodes = |ending: &str| count(folder, ending);
    for _ in 0..50 {
        let mut child = small(folder, more).stderr(Stdio::null()).spawn().unwrap();
        while child.try_wait().unwrap().is_none() && (nodes("DONE") < 3 || nodes(".sha256") < 2) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if nodes(".sha256") >= 2 {
            return;
        }
        std::fs::remove_dir_all(folder.join("run")).unwrap();
    }
    panic!("never stopped between two checkpoints");
}

/// How many files below a folder end like this, while others come and go.
fn count(folder: &Path, ending: &str) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |path: PathBuf| match path.is_dir() {
        true => count(&path, ending),
        false => usize::from(path.to_string_lossy().ends_with(ending)),
    };
    entries.map(|entry| of(entry.path())).sum()
}

/// Copies all that is in a folder into another, which is there.
fn copy(from: &Path, to: &Path) {
    for (path, bytes) in files(from) {
        let path = to.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// The first file that two folders do not share to the byte.
fn difference(a: &[(PathBuf, Vec<u8>)], b: &[(PathBuf, Vec<u8>)]) -> Option<String> {
    let lacks = |a: &[(PathBuf, Vec<u8>)], b: &[(PathBuf, Vec<u8>)]| {
        a.iter().find(|file| !b.contains(file)).map(|(path, _)| path.display().to_string())
    };
    lacks(a, b).or_else(|| lacks(b, a))
}

/// What a process did, in one line.
fn told(output: &Output) -> String {
    format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim_end())
}

/// Does the jobs on all cores; their outcomes in the jobs' order.
fn on_all_cores<J: Sync, R: Send>(jobs: &[J], work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(at) else { break };
            let outcome = work(job);
            done.lock().unwrap().push((at, outcome));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(worker);
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}
