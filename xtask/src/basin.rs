//! Builds a release binary and becomes it: the same flags, output and exit codes, and no lock on cargo
//! while it runs.

use crate::checks::{cargo, cargo_with};
use crate::cuda_toolkit::Kit;
use basin_core::warn;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Builds `basin` and runs it with the task as its subcommand: with CUDA where the arguments ask for it or the task is
/// about it, and the kit is there.
pub(crate) fn run(task: &str, arguments: &[String]) -> ExitCode {
    // Without a kit the program itself says what is missing, with the exit code that means it.
    let kit = if wants_cuda(task, arguments) { Kit::find() } else { None };
    let mut build = vec!["build", "--release", "--package", "basin-cli", "--bin", "basin"];
    build.extend(if kit.is_some() { &["--features", "cuda"][..] } else { &[] });
    let variables = kit.as_ref().map_or(&[][..], Kit::variables);
    if !cargo_with(&build, variables) {
        return ExitCode::from(1);
    }
    let mut command = Command::new(binary("basin"));
    command.arg(task).args(arguments);
    if let Some(folders) = kit.and_then(|kit| std::env::join_paths(kit.library_folders()).ok())
        && std::env::var_os(LIBRARIES).is_none()
    {
        command.env(LIBRARIES, folders);
    }
    become_command(command)
}

/// Builds `basin` and writes the report of every folder in `results` again.
pub(crate) fn retell() -> ExitCode {
    if !cargo(&["build", "--release", "--package", "basin-cli", "--bin", "basin"]) {
        return ExitCode::from(1);
    }
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(results).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    folders.sort();
    for folder in folders.iter().filter(|folder| folder.join("results.json").is_file()) {
        let status = Command::new(binary("basin")).arg("report").arg(folder).stdout(Stdio::null()).status();
        if !status.is_ok_and(|status| status.success()) {
            warn(&format!("error: {} was not written again", folder.display()));
            return ExitCode::from(1);
        }
    }
    ExitCode::SUCCESS
}

/// Where the program looks first for CUDA's libraries.
const LIBRARIES: &str = "BASIN_CUDA_LIBRARIES";

/// Whether a task is to run in a build with CUDA.
fn wants_cuda(task: &str, arguments: &[String]) -> bool {
    let cuda = |value: &str| value == "cuda" || value.starts_with("cuda:");
    let key = |setting: &str| matches!(setting.split_once('='), Some(("run.device" | "device", value)) if cuda(value.trim()));
    let pair = |flag: &str, value: &str| match flag {
        "--device" => cuda(value),
        "--set" => key(value),
        _ => false,
    };
    let joined = |argument: &String| argument.split_once('=').is_some_and(|(flag, value)| pair(flag, value));
    let asked = arguments.windows(2).any(|two| pair(&two[0], &two[1])) || arguments.iter().any(joined);
    asked || matches!(task, "doctor" | "gpu-check")
}

/// Builds `weight-matching` and runs it with the task as its subcommand.
pub(crate) fn run_weight_matching(task: &str, arguments: &[String]) -> ExitCode {
    let package = ["--package", "weight-matching-cli", "--bin", "weight-matching"];
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
    warn(&format!("error: {}: {error}", command.get_program().to_string_lossy()));
    ExitCode::from(1)
}

#[cfg(not(unix))]
fn become_command(mut command: Command) -> ExitCode {
    match command.status() {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            warn(&format!("error: {}: {error}", command.get_program().to_string_lossy()));
            ExitCode::from(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_with_cuda_is_made_where_somebody_asks_for_the_device() {
        let wants = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            wants_cuda(&words[0], &words[1..])
        };
        for line in [
            "reproduce --device cuda",
            "reproduce --preset small --device=cuda",
            "reproduce --set run.device=cuda --width 4",
            "bench train-step --set=device=cuda",
            "doctor",
            "gpu-check --out runs",
        ] {
            assert!(wants(line), "{line}");
        }
        for line in
            ["reproduce", "reproduce --device cpu", "reproduce --name cuda", "reproduce --set run.name=cuda"]
        {
            assert!(!wants(line), "{line}");
        }
    }
}
