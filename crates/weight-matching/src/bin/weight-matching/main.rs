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
use basin_core::Isa;
use clap::Parser;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn run(command: &Command) -> Result<(), Failure> {
    // A set that this processor does not have is refused, not passed over.
    Isa::requested().map_err(|error| Failure::Usage(error.to_string()))?;
    match command {
        Command::Align(arguments) => align::run(arguments),
        Command::Merge(arguments) => merge::run(arguments),
        Command::Apply(arguments) => apply::run(arguments),
        Command::Inspect(arguments) => inspect::run(arguments),
        Command::Spec(arguments) => specs::run(arguments),
    }
}
