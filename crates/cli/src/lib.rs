#![doc = include_str!("../README.md")]

mod commands;
mod compare;
mod data;
mod export;
mod fetch;
mod gather;
mod process;
mod reproduce;
mod shell;
mod slurm;
mod status;
mod typed;
mod work;

use basin_reproduce::{Registry, exit};
use clap::Parser;
use std::process::ExitCode;

/// The whole program: reads the command line, works with what is registered, prints, and ends with a documented exit code,
/// whatever the streams are.
pub fn main(registry: Registry) -> ExitCode {
    match run(&registry) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            basin_core::warn(&format!("error: {error:#}"));
            ExitCode::from(exit::code(&error))
        }
    }
}

fn run(registry: &Registry) -> anyhow::Result<()> {
    basin_reproduce::survive_file_size_limit()?;
    match commands::Cli::try_parse() {
        Ok(cli) => commands::run(cli, registry),
        // Help and version are results, the rest is bad usage.
        Err(told) if !told.use_stderr() => match told.print() {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(exit::Print(error).into()),
            _ => Ok(()),
        },
        Err(told) if told.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(exit::Usage(format!("no command was given\n\n{}", told.to_string().trim_end())).into())
        }
        Err(told) => {
            let text = told.to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned();
            Err(exit::Usage(text).into())
        }
    }
}
