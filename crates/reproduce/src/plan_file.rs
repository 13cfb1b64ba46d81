//! The plans of a run, as its `plan.json` files tell.

use crate::exit::Unreadable;
use crate::retell;
use crate::verify::folders;
use anyhow::Result;
use basin_store::{Fs, RealFs, StoreError};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// One experiment of a run, as `plan.json` tells.
#[derive(Debug, Deserialize)]
pub(crate) struct Planned {
    pub(crate) nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) seed: u64,
    /// Empty in plans of earlier builds.
    #[serde(default)]
    pub(crate) work: String,
    #[serde(default)]
    pub(crate) objective: String,
    #[serde(default)]
    pub(crate) passes: f64,
    /// Keys of what it needs.
    #[serde(default)]
    pub(crate) inputs: Vec<String>,
}

impl Node {
    /// Whether it is a network that was trained.
    pub(crate) fn is_trained(&self) -> bool {
        self.work == "train" || self.work.is_empty() && !self.objective.is_empty()
    }

    /// The name of its folder.
    pub(crate) fn folder(&self) -> String {
        let (id, digest) = self.name_in_run();
        format!("{id}.{digest}")
    }

    /// What names it in a run: seed and name, beginning of its key.
    pub(crate) fn name_in_run(&self) -> (String, &str) {
        (format!("s{}-{}", self.seed, self.name), self.key.get(..8).unwrap_or(&self.key))
    }
}

/// The plans of a run: its own, and those of experiments in folders below it.
pub(crate) fn plans(path: &Path) -> Result<Vec<PathBuf>> {
    let mut plans = Vec::new();
    for plan in folders(path)?.into_iter().map(|folder| folder.join("plan.json")) {
        // What is there and no file is refused where it is read.
        if RealFs.kind(&plan).map_err(StoreError::io("look at", &plan))?.is_some() {
            plans.push(plan);
        }
    }
    Ok(plans)
}

/// Reads a `plan.json`.
pub(crate) fn read_plan(plan: &Path) -> Result<Planned> {
    let text = basin_core::read_regular(plan, retell::MOST_BYTES);
    let text = text.map_err(|error| retell::unread(plan, error))?;
    Ok(serde_json::from_slice(&text).map_err(|error| Unreadable::new(plan, &error))?)
}
