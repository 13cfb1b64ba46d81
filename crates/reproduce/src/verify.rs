//! `basin verify`: every byte of every finished node of a run against what was written, and the results.

use crate::history::note_check;
use anyhow::{Context, Result};
use basin_report::{Artifact, LastCheck, Timing};
use basin_results::check_content;
use basin_store::{Fs, NodeCheck, RealFs, RunDir, StoreError};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// What a look at a run found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Nodes whose every file is what was written.
    pub whole: usize,
    /// Nodes that are not finished.
    pub unfinished: usize,
    /// Nodes that are damaged, by name, and results, by file, with all that is wrong.
    pub damaged: Vec<(String, Vec<String>)>,
    /// Whether the damaged ones were unsealed, so that the next start computes them again.
    pub repaired: bool,
    /// Why the look could not be noted in the run, for its report to tell.
    pub unrecorded: Option<String>,
}

impl Verified {
    /// What was found, in lines.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (node, problems) in &self.damaged {
            out += &format!("damaged {node}\n");
            problems.iter().for_each(|problem| out += &format!("  {problem}\n"));
        }
        let Self { whole, unfinished, damaged, repaired, unrecorded } = self;
        out += &format!("{whole} nodes are whole, {unfinished} unfinished, {} damaged", damaged.len());
        out += match (damaged.is_empty(), repaired) {
            (true, _) => "",
            (false, true) => "; their seals are off, and the command of the run computes them again",
            (false, false) => {
                "; --repair takes their seals off, and the command of the run computes them again"
            }
        };
        if let Some(why) = unrecorded {
            out += &format!("\nnote: the report will not tell of this look: {why}");
        }
        out
    }
}

/// Checks a run at `path`, and notes in its journal and beside its reports when that was and what was found. With `repair`,
/// takes the seals of damaged nodes off. Of a run that is worked on, or that cannot be written, nothing changes.
///
/// Cost: every file of every finished node is read once.
///
/// # Errors
/// When there is no run, it is in use (with `repair`), or the disk does not tell.
pub fn verify(path: &Path, repair: bool) -> Result<Verified> {
    let (root, name) = split(path)?;
    let fs = Arc::new(RealFs);
    // A run that is not there must not be created by looking at it.
    let looked_at = RunDir::open_read_only(root, name, fs.clone())?;
    let run = if repair { RunDir::open(root, name, fs)? } else { looked_at };
    let mut found = Verified { repaired: repair, ..Verified::default() };
    for node in run.nodes()? {
        match node.check()? {
            NodeCheck::Whole => found.whole += 1,
            NodeCheck::Unfinished => found.unfinished += 1,
            NodeCheck::Damaged { problems } => {
                if repair {
                    node.unseal()?;
                }
                found.damaged.push((node.name().to_owned(), problems));
            }
        }
    }
    found.damaged.extend(results(&run)?);
    drop(run);
    found.unrecorded = record(root, name, &found).err().map(|error| format!("{error:#}"));
    Ok(found)
}

/// The results of a run's experiments that are not what was written, by file. The run's command writes them again, from its
/// nodes.
fn results(run: &RunDir) -> Result<Vec<(String, Vec<String>)>> {
    let mut damaged = Vec::new();
    for folder in folders(run.path())? {
        let file = folder.strip_prefix(run.path()).unwrap_or(&folder).join("results.json");
        let Some(bytes) = run.read(&file)? else { continue };
        let read = serde_json::from_slice(&bytes).map_err(|error| format!("it cannot be read: {error}"));
        if let Err(why) = read.and_then(|results| check_content(&results)) {
            damaged.push((file.display().to_string(), vec![why]));
        }
    }
    Ok(damaged)
}

/// Notes a look at a run in its history and on its reports' pages of times.
fn record(root: &Path, name: &str, found: &Verified) -> Result<()> {
    let run = RunDir::open(root, name, Arc::new(RealFs))?;
    let check = LastCheck {
        at: basin_store::utc(SystemTime::now()),
        whole: found.whole as u64,
        unfinished: found.unfinished as u64,
        damaged: found.damaged.len() as u64,
    };
    note_check(&run, &check)?;
    for folder in folders(run.path())? {
        let below = folder.strip_prefix(run.path()).unwrap_or(&folder);
        let Some(bytes) = run.read(below.join(Timing::FILE))? else { continue };
        let before: Timing = serde_json::from_slice(&bytes).unwrap_or_default();
        let timing = Timing { verified: Some(check.clone()), ..before };
        for Artifact { path, bytes } in timing.artifacts(name)? {
            run.write(below.join(path), &bytes)?;
        }
    }
    Ok(())
}

/// The folders of a run in which an experiment's report may stand: its own, and those below it.
pub(crate) fn folders(run: &Path) -> Result<Vec<PathBuf>> {
    let below = RealFs.list(run).map_err(StoreError::io("list", run))?;
    let folders = below.iter().filter(|entry| entry.is_dir).map(|entry| run.join(&entry.name));
    Ok([run.to_owned()].into_iter().chain(folders).collect())
}

/// The folder of runs, and the name of a run in it.
pub(crate) fn split(path: &Path) -> Result<(&Path, &str)> {
    let name = path.file_name().and_then(OsStr::to_str);
    let name = name.with_context(|| format!("{} names no run directory", path.display()));
    let name = name.map_err(|error| crate::exit::Usage(error.to_string()))?;
    let root = path.parent().filter(|root| !root.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((root, name))
}
