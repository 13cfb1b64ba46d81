//! What every end-to-end test needs: the binary, what it said, and the files of a run.

use std::path::{Path, PathBuf};
use std::process::Output;

/// A run so small that it takes about a second: 96 images, a quarter-width net, two members.
pub const TINY: &[&str] = &[
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

/// The settings of a base without those that more arguments give, then these: a key may be given once.
pub fn over<'a>(base: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    // What follows the last dot names a key, and so do flags.
    fn last(key: &str) -> &str {
        key.trim_start_matches("--").rsplit('.').next().unwrap_or(key)
    }
    let set = |argument: &'a str| {
        argument.strip_prefix("--set=").unwrap_or(argument).split('=').next().unwrap_or_default()
    };
    let given: Vec<&str> = more.iter().map(|argument| last(set(argument))).collect();
    let kept = base.iter().copied().filter(|argument| !given.contains(&last(set(argument))));
    kept.chain(more.iter().copied()).collect()
}

/// The release binary next to this test.
///
/// # Panics
/// When it was not built.
pub fn basin() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    let path = path.join(format!("basin{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is missing: run `cargo xtask test`, which builds it", path.display());
    path
}

/// What a finished process wrote to its standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asserts a finished process's exit code.
///
/// # Panics
/// When it is another one; with what was written to standard error.
#[track_caller]
pub fn expect_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", stderr(output));
}

/// Of a run's files those that tell when, by whom and how long it was made: its journals, its lock, and its times. All
/// others are the same bytes whenever the same command is run.
pub const HISTORY: &[&str] = &["journal.jsonl", ".lock", "timing.json", "timing.html"];
const JOURNALS: &str = "journals";

/// Of the other files those that name settings and machine on which no result depends: threads, concurrency, device.
const SETTINGS: &[&str] =
    &["config.resolved.toml", "environment.json", "request.json", "results.json", "index.html"];

/// All files below a folder, by their paths in it, in order.
///
/// # Panics
/// When a file cannot be read.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
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
    walk(folder, folder, &mut files);
    files
}

/// All files of a run that must be a pure function of its command: everything but its history.
///
/// # Panics
/// As [`files`].
pub fn artefacts(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = files(run);
    let history = |path: &Path| HISTORY.iter().any(|name| path.ends_with(name)) || path.starts_with(JOURNALS);
    files.retain(|(path, _)| !history(path));
    files
}

/// All files of a run that must be the same with other threads, concurrency or an equal device.
///
/// # Panics
/// As [`artefacts`].
pub fn results_alone(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = artefacts(run);
    files.retain(|(path, _)| !SETTINGS.iter().any(|name| path.ends_with(name)));
    files
}
