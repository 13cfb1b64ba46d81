//! Exit codes hold whatever the streams are: full, closed, or with nobody at the other end.

use crate::refusals::folder;
use std::path::Path;
use std::process::{Command, Stdio};

/// The exit code of the program with its streams redirected by a shell.
fn code(dir: &Path, command: &str) -> Option<i32> {
    let program = env!("CARGO_BIN_EXE_weight-matching");
    let output =
        Command::new("sh").args(["-c", &command.replace("WM", program)]).current_dir(dir).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked"), "{command}: {said}");
    output.status.code()
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_error_changes_no_exit_code() {
    let folder = folder();
    let dir = folder.path();
    let align = "WM align a.safetensors b.safetensors --out c.safetensors --force";
    for (command, expected) in [
        ("WM align 2>/dev/full", 2),
        ("WM --nonsense 2>/dev/full", 2),
        ("WM inspect none 2>/dev/full", 4),
        ("WM align a.safetensors b.safetensors --out a.safetensors --force 2>/dev/full", 2),
        (&format!("{align} 2>/dev/full"), 0),
        (&format!("{align} 2>&-"), 0),
        (&format!("{align} >&- 2>&-"), 0),
        ("WM inspect none 2>&-", 4),
        ("WM inspect none >/dev/full 2>/dev/full", 4),
    ] {
        assert_eq!(code(dir, command), Some(expected), "{command}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_an_output_that_failed() {
    let folder = folder();
    let dir = folder.path();
    for command in [
        "WM inspect a.safetensors >/dev/full",
        "WM spec list >/dev/full",
        "WM --help >/dev/full",
        "WM --version >/dev/full",
        "WM align a.safetensors b.safetensors --out c.safetensors --force >/dev/full",
        "WM inspect a.safetensors >/dev/full 2>/dev/full",
    ] {
        assert_eq!(code(dir, command), Some(8), "{command}");
    }
    // What was asked for is there all the same.
    assert!(dir.join("c.safetensors").exists());
}

#[test]
fn a_reader_who_went_away_is_no_error() {
    let folder = folder();
    let mut child = Command::new(env!("CARGO_BIN_EXE_weight-matching"))
        .args(["inspect", "a.safetensors"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_on_the_size_of_files_is_an_output_that_failed() {
    let folder = folder();
    let dir = folder.path();
    let align = "WM align a.safetensors b.safetensors --out limited.safetensors";
    // Half a kilobyte, or a whole one.
    assert_eq!(code(dir, &format!("ulimit -f 1; {align}")), Some(8));
    assert!(!dir.join("limited.safetensors").exists());
}

#[cfg(unix)]
#[test]
fn a_pipe_in_the_place_of_a_spec_is_not_waited_for() {
    let folder = folder();
    let dir = folder.path();
    for command in [
        "mkfifo spec.toml; WM align a.safetensors b.safetensors --out c.safetensors --spec spec.toml",
        "WM inspect a.safetensors --spec spec.toml",
        "ln -s /dev/zero zero.toml; WM inspect a.safetensors --spec zero.toml",
    ] {
        assert_eq!(code(dir, command), Some(2), "{command}");
    }
}
