//! Exit codes hold whatever the streams are, signals end work in order, and limits of the system are errors.
#![cfg(unix)]

use crate::{TINY, basin, expect_code, run, stderr};
use basin_tests::over;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Ways in which a stream cannot be written. A closed one is made by the shell.
const UNWRITABLE: [&str; 3] = ["full", "pipe", "closed"];

/// A stream of that kind.
fn stream(kind: &str) -> Stdio {
    match kind {
        "full" => File::options().write(true).open("/dev/full").unwrap().into(),
        // Its reader is gone when this function returns.
        _ => std::io::pipe().unwrap().1.into(),
    }
}

/// Runs with one of the two streams in such a state; the other is heard.
fn with(arguments: &[&str], output: bool, kind: &str) -> Output {
    let mut command = Command::new(basin());
    if kind == "closed" {
        command = Command::new("sh");
        command
            .args(["-c", if output { "exec \"$0\" \"$@\" >&-" } else { "exec \"$0\" \"$@\" 2>&-" }])
            .arg(basin());
    }
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    match (kind, output) {
        ("closed", _) => {}
        (_, true) => drop(command.stdout(stream(kind))),
        (_, false) => drop(command.stderr(stream(kind))),
    }
    command.spawn().unwrap().wait_with_output().unwrap()
}

#[test]
fn a_standard_error_that_cannot_be_written_changes_no_exit_code() {
    let cases: [(&[&str], i32); 7] = [
        (&["frobnicate"], 2),
        (&[], 2),
        (&["reproduce", "--set", "nonsense=1"], 2),
        (&["report", "/nowhere"], 2),
        (&["predict", "--checkpoint", "/nowhere", "--dataset", "synthetic", "--out", "nothing"], 4),
        (&["reproduce", "--device", "cuda", "--dry-run", "--experiment", "nothing"], 2),
        (&["keys"], 0),
    ];
    for (arguments, code) in cases {
        for kind in UNWRITABLE {
            let output = with(arguments, false, kind);
            assert_eq!(output.status.code(), Some(code), "{arguments:?} with {kind}");
        }
    }
}

#[test]
fn a_standard_output_that_is_full_is_a_failure_of_storage_and_a_reader_who_left_is_none() {
    let cases: [&[&str]; 6] = [
        &["keys"],
        &["--help"],
        &["--version"],
        &["completions", "bash"],
        &["man"],
        &["doctor", "--device", "cpu"],
    ];
    for arguments in cases {
        let full = with(arguments, true, "full");
        expect_code(&full, 8);
        assert!(stderr(&full).contains("cannot write the standard output"), "{}", stderr(&full));
        for kind in ["pipe", "closed"] {
            expect_code(&with(arguments, true, kind), 0);
        }
    }
}

/// A run that trains for minutes, with a standard error of that kind.
fn training(runs: &Path, program: &str, error: Stdio) -> std::process::Child {
    let mut command = match program {
        "" => Command::new(basin()),
        wrapper => Command::new(wrapper),
    };
    if !program.is_empty() {
        command.arg(basin());
    }
    let long = over(TINY, &["--set", "train.epochs=4000", "--set", "run.checkpoint_seconds=0"]);
    command.args(["reproduce", "--runs", runs.to_str().unwrap(), "--name", "run"]).args(long);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(error);
    let child = command.spawn().unwrap();
    let start = Instant::now();
    while !keeps_a_state(runs) {
        assert!(start.elapsed() < Duration::from_secs(600), "nothing began");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

/// Whether a node of the run has a checkpoint.
fn keeps_a_state(runs: &Path) -> bool {
    let nodes = std::fs::read_dir(runs.join("run/nodes")).into_iter().flatten().flatten();
    let mut files = nodes.flat_map(|node| std::fs::read_dir(node.path()).into_iter().flatten().flatten());
    files.any(|file| file.file_name().to_string_lossy().starts_with("state-"))
}

fn kill(signal: &str, child: &std::process::Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// Whether these tests themselves run under `nohup`, whose children ignore hang-ups too.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}

#[test]
fn signals_end_training_with_their_code_whatever_becomes_of_the_terminal() {
    let all = [("-TERM", "pipe"), ("-TERM", "full"), ("-HUP", "pipe"), ("-USR2", "full")];
    for (signal, kind) in all.into_iter().filter(|(signal, _)| *signal != "-HUP" || !ignores_hangups()) {
        let folder = tempfile::tempdir().unwrap();
        let mut child = training(folder.path(), "", stream(kind));
        kill(signal, &child);
        assert_eq!(child.wait().unwrap().code(), Some(75), "{signal} with {kind}");
        assert!(keeps_a_state(folder.path()), "{signal}");
    }
}

#[test]
fn a_hangup_that_nohup_had_ignored_stays_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = training(folder.path(), "nohup", Stdio::null());
    kill("-HUP", &child);
    std::thread::sleep(Duration::from_millis(1500));
    assert!(child.try_wait().unwrap().is_none(), "it ended");
    kill("-TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(75));
}

#[test]
fn reading_and_making_data_ends_at_the_first_signal() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(basin());
    let many = over(TINY, &["--set", "data.train_images=1000000"]);
    command.args(["reproduce", "--runs", folder.path().to_str().unwrap(), "--name", "run"]).args(many);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(700));
    kill("-TERM", &child);
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    expect_code(&output, 75);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(stderr(&output).contains("interrupted"), "{}", stderr(&output));
    assert!(!folder.path().join("run").exists(), "it had begun");
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_with_the_code_of_storage() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let checkpoint = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/resnet8.safetensors");
    let predict = ["predict", "--checkpoint", checkpoint, "--model", "resnet8", "--width", "0.125"];
    let (runs, out) = (at("runs"), at("out"));
    let cases = [
        [&["reproduce", "--runs", &runs, "--name", "run"], TINY].concat(),
        [&predict[..], &["--dataset", "synthetic", "--out", &out]].concat(),
    ];
    for arguments in cases {
        let mut command = Command::new("sh");
        // In units of half a kilobyte or one, as the shell pleases.
        command.args(["-c", "ulimit -f 8; exec \"$0\" \"$@\""]).arg(basin()).args(arguments);
        let output = command.output().unwrap();
        expect_code(&output, 8);
        assert!(stderr(&output).contains("ulimit -f"), "{}", stderr(&output));
    }
    assert!(!folder.path().join("out").exists());
    expect_code(&run(&["keys"]), 0);
}
