//! End-to-end tests: the release binary as a user runs it, on the synthetic data set, in temporary folders.
//!
//! `reproduce`: what a run writes and that it is a pure function of its configuration, however it is
//! interrupted and on however many threads. `refusals`: every bad input has its message and exit code.

mod bad_data;
mod experiments;
mod fetch;
mod refusals;
mod reproduce;
mod resume;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The release binary next to this test.
fn basin() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    let path = path.join(format!("basin{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is missing: run `cargo xtask test`, which builds it", path.display());
    path
}

/// A run so small that it takes about a second: 96 images, a quarter-width net, two members.
const TINY: &[&str] = &[
    "--set=model.width=0.25",
    "--set=ensemble.members=2",
    "--set=data.train_images=96",
    "--set=data.test_images=60",
    "--set=train.epochs=3",
    "--set=train.batch=16",
    "--set=split_epoch=1",
    "--set=draws=4",
    "--set=line_points=3",
    "--set=connectivity_images=40",
];

fn run(arguments: &[&str]) -> Output {
    Command::new(basin()).args(arguments).output().unwrap()
}

/// A tiny run in a folder, with more arguments.
fn tiny(runs: &Path, more: &[&str]) -> Output {
    let runs = runs.to_str().unwrap();
    run(&[&["reproduce", "--runs", runs, "--name", "run"], TINY, more].concat())
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn expect_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", stderr(output));
}

/// All files of a run that must be a pure function of the configuration: everything but logs with times in
/// them and the record of the machine.
fn artefacts(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    fn walk(folder: &Path, root: &Path, out: &mut Vec<(PathBuf, Vec<u8>)>) {
        let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, root, out);
            } else {
                out.push((path.strip_prefix(root).unwrap().to_owned(), std::fs::read(&path).unwrap()));
            }
        }
    }
    let mut files = Vec::new();
    walk(run, run, &mut files);
    let timed = [
        "journal.jsonl",
        ".lock",
        "environment.json",
        "results.json",
        "index.html",
        "tables.md",
        "tables.tex",
    ];
    files.retain(|(path, _)| !timed.iter().any(|name| path.ends_with(name)));
    files
}
