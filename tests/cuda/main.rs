//! The binary that was built with CUDA, end to end, on a CUDA that is the host: the same calls through the same bindings as
//! on a GPU, from `doctor` to the report. `.ci/cuda` builds the binary and runs this.
//!
//! The kernels run in the emulator and the products in plain loops, so networks and data are as small as they can be. What
//! this cannot show is what only a device knows: speed, and whether NVIDIA's libraries do what their documentation says.
//! On a machine with CUDA of its own, the two tests that take a library away would find that one instead.

#[path = "../../crates/cuda/tests/fake_cuda/mod.rs"]
mod fake_cuda;
mod faults;
mod measuring;
mod training;

use basin_tests::{basin, over, results_alone};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Images of 16 × 16, a ResNet20 of 4, 8 and 16 channels, two epochs of two steps, two members: seconds on the host.
const TINY: &[&str] = &[
    "--set=model.width=0.25",
    "--set=data.halved=yes",
    "--set=ensemble.members=2",
    "--set=data.train_images=32",
    "--set=data.test_images=20",
    "--set=train.epochs=2",
    "--set=train.batch=16",
    "--set=split_epoch=1",
    "--set=draws=2",
    "--set=line_points=3",
    "--set=connectivity_images=20",
    "--set=run.checkpoint_seconds=0",
];

/// The folder of the libraries.
fn libraries() -> PathBuf {
    fake_cuda::build(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

/// The binary with these libraries. `faults` are told to them by `FAKE_CUDA_...`, see `driver.cc`.
fn command(arguments: &[&str], faults: &[(&str, &str)]) -> Command {
    let libraries = libraries();
    let mut command = Command::new(basin());
    command.args(arguments);
    command.env("BASIN_CACHE_DIR", libraries.join("cache")).env("BASIN_CUDA_LIBRARIES", libraries);
    command.envs(faults.iter().copied());
    command
}

fn run(arguments: &[&str], faults: &[(&str, &str)]) -> Output {
    command(arguments, faults).output().unwrap()
}

/// The command line of a tiny run in a folder.
fn tiny<'a>(runs: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    [&["reproduce", "--runs", runs.to_str().unwrap(), "--name", "run"], &over(TINY, more)[..]].concat()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Starts a tiny run and waits until a node in training has kept a state that was not there before.
fn started(runs: &Path, more: &[&str]) -> Child {
    let before = states(runs);
    let mut command = command(&tiny(runs, more), &[]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while states(runs).is_subset(&before) {
        assert!(start.elapsed() < Duration::from_secs(600), "no state was kept");
        assert_eq!(child.try_wait().unwrap(), None, "the run was over");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

/// The seals of the states that nodes without a seal of their own keep to go on from.
fn states(runs: &Path) -> BTreeSet<PathBuf> {
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let open = entries(&runs.join("run/nodes")).into_iter().filter(|node| !node.join("DONE").exists());
    let sealed = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("state-") && name.ends_with(".sha256")
    };
    open.flat_map(|node| entries(&node)).filter(sealed).collect()
}

/// Asserts that two runs have the same files with the same bytes, but for those that name times and the device.
#[track_caller]
fn same(a: &Path, b: &Path) {
    let [a, b] = [a, b].map(|runs| results_alone(&runs.join("run")));
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|f| f.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&a), names(&b));
    for (x, y) in a.iter().zip(&b) {
        assert!(x.1 == y.1, "{} differs", x.0.display());
    }
}
