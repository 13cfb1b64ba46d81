//! The `weight-matching` binary: aligns and merges networks that are files.

mod activations;
mod align;
mod apply;
mod arguments;
mod failure;
mod input;
mod inspect;
mod merge;
mod output;
mod progress;
mod specs;
mod statistics;
mod streams;
mod verdict;

use arguments::{Cli, Command};
use basin_core::Isa;
use clap::Parser;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            streams::warn(&format!("error: {failure}"));
            ExitCode::from(failure.code())
        }
    }
}

fn run() -> Result<(), Failure> {
    basin_store::survive_file_size_limit()?;
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are results, the rest is bad usage.
        Err(told) if !told.use_stderr() => return streams::say(told.to_string().trim_end()),
        Err(told) => {
            let text = told.to_string();
            return Err(Failure::Usage(text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned()));
        }
    };
    // A set that this CPU does not have is refused, not passed over.
    Isa::requested().map_err(|error| Failure::Usage(error.to_string()))?;
    match cli.command {
        // On one of the pool's threads, which shares its work with the others and finds the memory it gave back.
        Command::Align(arguments) => rayon::scope(|_| align::run(&arguments)),
        Command::Merge(arguments) => rayon::scope(|_| merge::run(&arguments)),
        Command::Apply(arguments) => apply::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Spec(arguments) => specs::run(&arguments),
    }
}
