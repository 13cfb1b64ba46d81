//! `basin export`.

use crate::typed::path;
use anyhow::Result;
use basin_reproduce::{Registry, Target, export};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What to export, and where to.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder with the run's results.json
    #[arg(value_parser = path())]
    run: PathBuf,
    /// What to write
    #[arg(long, value_enum)]
    to: To,
    /// Folder to write into [default: export/tensorboard or export/model-card in the run]
    #[arg(long, value_parser = path())]
    out: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum To {
    /// An event file per trained network: loss, accuracy and learning rate by epoch
    Tensorboard,
    /// A model card per trained network, in Markdown
    ModelCard,
}

pub(crate) fn run(
    options: &Options,
    registry: &Registry,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    let target = match options.to {
        To::Tensorboard => Target::TensorBoard,
        To::ModelCard => Target::ModelCard,
    };
    let done = export(&options.run, target, options.out.as_deref(), options.force, registry)?;
    say(&format!("{} files in {}", done.files, done.folder.display()))
}
