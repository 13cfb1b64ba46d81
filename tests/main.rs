//! End-to-end tests: the release binary as a user runs it, on the synthetic data set, in temporary folders.
//!
//! `reproduce`: what a run writes and that it is a pure function of its configuration, however it is
//! interrupted and on however many threads. `refusals`: every bad input has its message and exit code.

mod bad_data;
mod experiments;
mod fetch;
mod predict;
mod refusals;
mod reproduce;
mod resume;
mod run_commands;
mod run_files;
mod shell;

use basin_tests::{artefacts, basin, expect_code, stderr};
use std::path::Path;
use std::process::{Command, Output};

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
