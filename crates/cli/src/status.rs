//! `basin status`: where a run stands, once or again and again.

use crate::typed;
use anyhow::Result;
use basin_reproduce::{Standing, status};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Time between two looks of `status --watch`.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Run directory
    #[arg(value_parser = typed::path())]
    run: PathBuf,
    /// Look again every few seconds and print what changed, until all is done
    #[arg(long)]
    watch: bool,
}

pub(crate) fn run(options: &Options, say: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    let mut told = String::new();
    loop {
        let Standing { text, done } = status(&options.run)?;
        if text != told {
            say(&text)?;
            told = text;
        }
        if done || !options.watch {
            return Ok(());
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}
