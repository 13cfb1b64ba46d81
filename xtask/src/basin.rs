//! Builds a release binary and becomes it: the same flags, output and exit codes, and no lock on cargo
//! while it runs.

use crate::checks::cargo;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Builds `basin` and runs it with the task as its subcommand.
pub(crate) fn run(task: &str, arguments: &[String]) -> ExitCode {
    if !cargo(&["build", "--release", "--quiet", "--package", "basin-reproduce", "--bin", "basin"]) {
        return ExitCode::from(1);
    }
    let mut command = Command::new(binary("basin"));
    command.arg(task).args(arguments);
    become_command(command)
}

/// Builds `weight-matching` and runs it with the task as its subcommand.
pub(crate) fn run_weight_matching(task: &str, arguments: &[String]) -> ExitCode {
    let package = ["--package", "weight-matching", "--features", "cli", "--bin", "weight-matching"];
    if !cargo(&[&["build", "--release", "--quiet"][..], &package].concat()) {
        return ExitCode::from(1);
    }
    let mut command = Command::new(binary("weight-matching"));
    command.arg(task).args(arguments);
    become_command(command)
}

/// `target/release/NAME`, next to this task runner, which the same profile built.
fn binary(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

#[cfg(unix)]
fn become_command(mut command: Command) -> ExitCode {
    use std::os::unix::process::CommandExt;
    // Signals then go to the binary itself.
    let error = command.exec();
    eprintln!("error: {}: {error}", command.get_program().to_string_lossy());
    ExitCode::from(1)
}

#[cfg(not(unix))]
fn become_command(mut command: Command) -> ExitCode {
    match command.status() {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("error: {}: {error}", command.get_program().to_string_lossy());
            ExitCode::from(1)
        }
    }
}
