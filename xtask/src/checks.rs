//! Tests, all with the one release profile, so that nothing heavy compiles twice.

use crate::tidy;
use basin_core::warn;
use std::process::{Command, ExitCode};

/// Runs cargo; true when it succeeded.
pub(crate) fn cargo(arguments: &[&str]) -> bool {
    cargo_with(arguments, &[])
}

/// As [`cargo`], with variables in its environment.
pub(crate) fn cargo_with(arguments: &[&str], variables: &[(String, String)]) -> bool {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let variables = variables.iter().map(|(name, value)| (name, value));
    let mut command = Command::new(program);
    // What cargo tells this program about its package: build scripts that look at it would run again.
    let told = std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    });
    for name in told {
        command.env_remove(name);
    }
    match command.args(arguments).envs(variables).status() {
        Ok(status) => status.success(),
        Err(error) => {
            warn(&format!("error: cargo cannot be run: {error}"));
            false
        }
    }
}

/// The house rules, then every test of the workspace.
pub(crate) fn test(arguments: &[String]) -> ExitCode {
    if tidy::run() != ExitCode::SUCCESS {
        return ExitCode::from(1);
    }
    // With the features that tests of other crates ask for, so that the binary and the tests share what they are made of.
    let features = ["--features", "weight-matching/candle,basin-ensemble/conformance"];
    let select = |command: &'static str| [&[command, "--release", "--workspace"][..], &features[..]].concat();
    let mut test = select("test");
    test.extend(arguments.iter().map(String::as_str));
    // The end-to-end tests drive the binary itself.
    let build = [&select("build")[..], &["--bin", "basin"][..]].concat();
    verdict(cargo(&build) && cargo(&test) && cargo(&EMULATED))
}

/// The kernels of GPUs on a device that the host emulates; they want a C++ compiler. Apart from the rest, so that only what
/// they test is compiled with their features, and of the whole workspace, so that its dependencies keep the features that they
/// have in the rest and none is compiled twice.
const EMULATED: [&str; 8] = [
    "test",
    "--release",
    "--workspace",
    "--features",
    "weight-matching/candle,basin-ensemble/conformance,basin-gpu/emulator,basin-train/gpu-emulator",
    "--test=emulator",
    "--test=gpu",
    "--test=gpu_faults",
];

fn verdict(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
