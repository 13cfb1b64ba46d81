//! The `weight-matching` binary: aligns and merges networks that are files.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod activations;
mod align;
mod apply;
mod arguments;
mod failure;
mod inspect;
mod merge;
mod output;
mod progress;
mod specs;

use arguments::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Align(arguments) => align::run(&arguments),
        Command::Merge(arguments) => merge::run(&arguments),
        Command::Apply(arguments) => apply::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Spec(arguments) => specs::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.code())
        }
    }
}
