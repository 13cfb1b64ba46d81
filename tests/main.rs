//! End-to-end tests: the release binary as a user runs it, on the synthetic data set, in temporary folders.
//!
//! `reproduce`: what a run writes and that it is a pure function of its configuration, however it is
//! interrupted and on however many threads. `refusals`: every bad input has its message and exit code.

mod bad_data;
mod contact_sheet;
mod data_shift;
mod experiments;
mod fetch;
mod from_outside;
mod gather;
mod landscape;
mod outputs;
mod parallel;
mod predict;
mod refusals;
mod reproduce;
mod resume;
mod run_commands;
mod run_files;
mod shell;
mod streams;
mod subspaces;
mod transfer;
mod workers;

use basin_tests::{TINY, artefacts, basin, expect_code, over, results_alone, stderr};
use std::path::Path;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(basin()).args(arguments).output().unwrap()
}

/// A tiny run in a folder, with more arguments.
fn tiny(runs: &Path, more: &[&str]) -> Output {
    let runs = runs.to_str().unwrap();
    run(&[&["reproduce", "--runs", runs, "--name", "run"], &over(TINY, more)[..]].concat())
}
