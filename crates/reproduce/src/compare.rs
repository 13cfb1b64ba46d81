//! `basin compare`: two finished runs side by side, from their results alone.

use crate::Registry;
use crate::retell::read;
use anyhow::Result;
use basin_report::{Comparison, terminal_comparison};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Two runs that were compared.
#[derive(Clone, Debug)]
pub struct Compared {
    folders: [PathBuf; 2],
    names: [String; 2],
    /// The plain text below the heads.
    body: String,
    /// What was found.
    pub comparison: Comparison,
}

/// Compares the runs, or experiments of runs, whose folders hold these `results.json`.
///
/// # Errors
/// [`crate::exit::Usage`] when a folder holds none, [`crate::exit::Unreadable`] when one does not parse.
pub fn compare(a: &Path, b: &Path, registry: &Registry) -> Result<Compared> {
    let [in_a, in_b] = [read(a, registry)?, read(b, registry)?];
    let comparison = basin_report::compare((&in_a.results, in_a.paper), (&in_b.results, in_b.paper));
    Ok(Compared {
        folders: [a, b].map(Path::to_owned),
        body: terminal_comparison(&comparison, in_a.paper, 80),
        names: [in_a.results.name, in_b.results.name],
        comparison,
    })
}

impl Compared {
    /// As plain text.
    pub fn text(&self) -> String {
        let [a, b] = self.folders.each_ref().map(|folder| folder.display());
        format!("A  {a}\nB  {b}\n\n{}", self.body).trim_end().to_owned()
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let run = |i: usize| json!({"folder": self.folders[i].display().to_string(), "name": self.names[i]});
        let mut value = json!(self.comparison);
        value["a"] = run(0);
        value["b"] = run(1);
        value
    }
}
