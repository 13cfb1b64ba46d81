//! A run's report again, from its results alone: nothing is trained or measured.

use crate::Registry;
use crate::config::Config;
use crate::exit::{Unreadable, Usage};
use anyhow::Result;
use basin_core::Citation;
use basin_papers::Paper;
use basin_report::{Artifact, Timing, render, terminal_table};
use basin_results::{Results, check, check_content};
use basin_store::{RealFs, StoreError, write_below};
use serde_json::Value;
use std::io::{self, ErrorKind};
use std::path::Path;

/// More than any results have.
pub(crate) const MOST_BYTES: u64 = 1 << 30;

/// The report of one folder of results.
#[derive(Clone, Debug)]
pub struct Retold {
    /// Files below the folder.
    pub artifacts: Vec<Artifact>,
    /// The table for the terminal.
    pub table: String,
    /// What of the run's history could not be read, a line each.
    pub notes: Vec<String>,
}

impl Retold {
    /// Writes every file below the folder, each as a whole. They are the run's own, so that those of an earlier telling
    /// are replaced; links, pipes and devices are not.
    ///
    /// # Errors
    /// When what has one of the names is not a regular file, or the disk refuses.
    pub fn write(&self, folder: &Path) -> Result<()> {
        for Artifact { path, bytes } in &self.artifacts {
            write_below(&RealFs, folder, Path::new(path), bytes)?;
        }
        Ok(())
    }
}

/// Renders the report of the folder that holds a `results.json`, of this build or an earlier one.
///
/// # Errors
/// When there is none, it does not parse, or its paper is unknown.
pub fn retell(folder: &Path, registry: &Registry) -> Result<Retold> {
    let Finding { results, paper, citations, wall_seconds } = read(folder, registry)?;
    let mut artifacts = render(&results, paper, &citations)?;
    let mut notes = Vec::new();
    let timing = timing(folder, wall_seconds, &mut notes);
    artifacts.extend(timing.artifacts(&results.name)?);
    Ok(Retold { artifacts, table: terminal_table(&results, paper, 80)?, notes })
}

/// The times that stand beside the results, or in results of earlier builds.
fn timing(folder: &Path, earlier: Option<f64>, notes: &mut Vec<String>) -> Timing {
    let file = folder.join(Timing::FILE);
    let read = match basin_core::read_regular(&file, MOST_BYTES) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Timing { wall_seconds: earlier, ..Timing::default() };
        }
        read => read.map_err(|error| error.to_string()),
    };
    let timing = read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()));
    timing.unwrap_or_else(|error| {
        notes.push(format!("{} passed over: {error}", file.display()));
        Timing { wall_seconds: earlier, ..Timing::default() }
    })
}

/// Why a file of a run was not read: it is none that could be one, or the disk refuses.
pub(crate) fn unread(file: &Path, error: io::Error) -> anyhow::Error {
    match error.kind() {
        // Bytes that are not text do not parse, either.
        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::FileTooLarge => {
            Unreadable::new(file, &error).into()
        }
        _ => StoreError::io("read", file)(error).into(),
    }
}

/// What a `results.json` holds.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) results: Results,
    pub(crate) paper: &'static dyn Paper,
    /// The works that it cites.
    pub(crate) citations: Vec<Citation>,
    /// Seconds worked, where an earlier build noted them among the results.
    wall_seconds: Option<f64>,
}

/// Reads the `results.json` of a folder, of this build or an earlier one.
///
/// # Errors
/// When there is none, it does not parse, contradicts itself or is not what was written, or its paper is unknown.
pub(crate) fn read(folder: &Path, registry: &Registry) -> Result<Finding> {
    let file = folder.join("results.json");
    let text = match basin_core::read_regular_text(&file, MOST_BYTES) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(Usage(format!(
                "{} does not exist, expected the folder of a finished run",
                file.display()
            ))
            .into());
        }
        read => read.map_err(|error| unread(&file, error))?,
    };
    let mut results: Results = serde_json::from_str(&text).map_err(|error| Unreadable::new(&file, &error))?;
    let raw: Value = serde_json::from_str(&text).map_err(|error| Unreadable::new(&file, &error))?;
    check_content(&raw).map_err(|error| Unreadable::new(&file, &error))?;
    let first = registry.papers().first().map(|paper| paper.id()).unwrap_or_default();
    if results.paper.is_empty() {
        // Earlier builds knew one paper.
        first.clone_into(&mut results.paper);
    }
    let paper = registry.paper(&results.paper)?;
    check(&results, paper).map_err(|error| Unreadable::new(&file, &error))?;
    let cited: Vec<&str> =
        raw["citations"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let known = known(registry, paper)?;
    let citations = known.into_iter().filter(|citation| cited.contains(&citation.key)).collect();
    let wall_seconds = raw.pointer("/cost/wall_seconds").and_then(Value::as_f64);
    Ok(Finding { results, paper, citations, wall_seconds })
}

/// Every work that a run can cite.
fn known(registry: &Registry, paper: &dyn Paper) -> Result<Vec<Citation>> {
    let mut all = vec![paper.citation(), weight_matching::REPAIR_CITATION];
    all.extend(basin_metrics::CITATIONS.iter().map(|(_, citation)| *citation));
    if let Some(preset) = paper.presets().first() {
        let config = Config::resolve(&registry.keys()?, preset, &[], &[])?;
        for id in registry.methods() {
            all.extend(registry.method(id, &config)?.citations());
        }
    }
    all.sort();
    all.dedup();
    Ok(all)
}
