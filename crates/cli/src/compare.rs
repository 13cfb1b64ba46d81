//! `basin compare`.

use crate::typed::path;
use anyhow::Result;
use basin_reproduce::{Registry, compare};
use clap::Args;
use std::path::PathBuf;

/// What to compare.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder with a run's results.json
    #[arg(value_name = "RUN", value_parser = path())]
    a: PathBuf,
    /// Folder with another's
    #[arg(value_name = "RUN", value_parser = path())]
    b: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(
    options: &Options,
    registry: &Registry,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    let compared = compare(&options.a, &options.b, registry)?;
    say(&if options.json { format!("{:#}", compared.json()) } else { compared.text() })
}
