//! `basin export`: what a finished run found, in the formats of other tools, from its files alone.

mod events;
mod model_card;
mod tensorboard;

use crate::Registry;
use crate::retell::read;
use anyhow::{Context, Result};
use basin_report::Artifact;
use basin_store::{Fs, Outputs, RealFs};
use std::path::{Path, PathBuf};

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An event file per trained network, with its loss, accuracy and learning rate by epoch.
    TensorBoard,
    /// A model card in Markdown per trained network that is a member of some ensemble.
    ModelCard,
}

impl Target {
    /// As after `--to`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TensorBoard => "tensorboard",
            Self::ModelCard => "model-card",
        }
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The folder of all files.
    pub folder: PathBuf,
    /// How many there are.
    pub files: usize,
}

/// Exports the run, or experiment of a run, at `path` into `out`, or else into `export/` within it. Files that are there are
/// replaced only with `replace`; each is written as a whole, none before all of them may be.
///
/// # Errors
/// When the run has no results or no plan, they do not parse, a file is there, or the disk refuses.
pub fn export(
    path: &Path,
    target: Target,
    out: Option<&Path>,
    replace: bool,
    registry: &Registry,
) -> Result<Exported> {
    let finding = read(path, registry)?;
    let artifacts = match target {
        Target::TensorBoard => tensorboard::files(&finding.results),
        Target::ModelCard => model_card::files(&finding, path)?,
    };
    let folder = out.map_or_else(|| path.join("export").join(target.name()), Path::to_owned);
    let inputs = [path.join("results.json"), path.join("plan.json")];
    let mut outputs = Outputs::new(inputs.iter().map(PathBuf::as_path), replace);
    for Artifact { path, .. } in &artifacts {
        outputs.add_below(&folder.join(path))?;
    }
    for Artifact { path, bytes } in &artifacts {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            RealFs.create_dir_all(parent).map_err(|cause| basin_store::StoreError::Io {
                operation: "create the directory",
                path: parent.to_owned(),
                cause,
            })?;
        }
        outputs.write(&RealFs, &path, bytes).with_context(|| path.display().to_string())?;
    }
    Ok(Exported { folder, files: artifacts.len() })
}
