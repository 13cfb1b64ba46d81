//! Files and folders from outside: pipes in the place of files are not waited for, links in a run are not written
//! through, and names do not speak to the terminal.
#![cfg(unix)]

use crate::{basin, expect_code, run, stderr, tiny};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Runs, and fails if it waits.
#[track_caller]
fn at_once(arguments: &[&str]) -> Output {
    let mut command = Command::new(basin());
    let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("{arguments:?} waits");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

#[test]
fn pipes_in_the_place_of_files_are_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let a_pipe = at("pipe");
    pipe(Path::new(&a_pipe));
    fs::create_dir_all(at("run/nodes/deep-1.00000000")).unwrap();
    for name in ["run/results.json", "run/plan.json", "run/journal.jsonl", "run/nodes/deep-1.00000000/DONE"] {
        pipe(Path::new(&at(name)));
    }
    fs::create_dir(at("data")).unwrap();
    for name in
        ["data/test_batch.bin", "data/data_batch_1.bin", "data/wnids.txt", "data/cifar-100-binary.tar.gz"]
    {
        pipe(Path::new(&at(name)));
    }
    let [run_folder, data, runs, out] = ["run", "data", "runs", "out"].map(at);
    let predict = |checkpoint: &str, dataset: &str, dir: &str| {
        let files =
            ["predict", "--checkpoint", checkpoint, "--out", &out, "--dataset", dataset, "--data-dir", dir];
        at_once(&files)
    };
    let network = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/resnet8.safetensors");
    expect_code(&at_once(&["reproduce", "--config", &a_pipe, "--runs", &runs]), 2);
    expect_code(&at_once(&["reproduce", "--config", "/dev/zero", "--runs", &runs]), 2);
    expect_code(&at_once(&["report", &run_folder]), 3);
    expect_code(&at_once(&["compare", &run_folder, &run_folder]), 3);
    expect_code(&predict(&a_pipe, "synthetic", &data), 4);
    for dataset in ["cifar10", "cifar100", "tiny-imagenet", "mnist", "fashion-mnist", "eurosat", "svhn"] {
        for dir in [&data, &a_pipe, "/dev/zero"] {
            expect_code(&predict(network, dataset, dir), 3);
        }
    }
    for command in ["status", "verify"] {
        let output = at_once(&[command, &run_folder]);
        assert!(output.status.code().is_some_and(|code| code != 0 && code != 101), "{}", stderr(&output));
    }
    assert!(!Path::new(&out).exists() && !Path::new(&runs).exists());
}

#[test]
fn nothing_is_written_through_links_in_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    for name in [".lock", "journal.jsonl", "config.resolved.toml", "results.csv", "report", "nodes"] {
        let run = folder.path().join("run");
        fs::create_dir(&run).unwrap();
        let target = if matches!(name, "report" | "nodes") { folder.path() } else { &victim };
        symlink(target, run.join(name)).unwrap();
        let refused = tiny(folder.path(), &["--methods=deep"]);
        expect_code(&refused, 8);
        assert!(stderr(&refused).contains("symbolic link"), "{name}: {}", stderr(&refused));
        assert_eq!(fs::read(&victim).unwrap(), b"mine", "{name}");
        fs::remove_dir_all(&run).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{name}");
    }
}

#[test]
fn a_path_does_not_speak_to_the_terminal() {
    for arguments in [
        &["status", "\u{1b}[31mred"][..],
        &["\u{1b}[31mred"],
        &["reproduce", "--set", "\u{1b}[31mred=1"],
        &["predict", "--checkpoint", "\u{1b}[31mred", "--dataset=synthetic", "--out", "x"],
    ] {
        let output = run(arguments);
        assert_ne!(output.status.code(), Some(0));
        let said = stderr(&output);
        assert!(said.contains("red") && !said.contains('\u{1b}'), "{said:?}");
    }
}
