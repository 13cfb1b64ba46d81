#![doc = include_str!("../README.md")]
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod commands;
mod compare;
mod export;
mod fetch;
mod shell;
mod typed;

use basin_reproduce::{Registry, exit};
use clap::Parser;
use std::process::ExitCode;

/// The whole program: reads the command line, works with what is registered, prints, and ends with a documented exit code.
pub fn main(registry: Registry) -> ExitCode {
    match commands::run(commands::Cli::parse(), &registry) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(exit::code(&error))
        }
    }
}
