//! `basin status`: where a run stands, from its own files: also while another process works, and on a read-only disk.

use crate::history::{Event, History};
use crate::verify::{folders, split};
use anyhow::Result;
use basin_report::LastCheck;
use basin_store::{Fs, NodeStatus, RealFs, RunDir, StoreError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One experiment of a run, as `plan.json` tells.
#[derive(Debug, Deserialize)]
pub(crate) struct Planned {
    pub(crate) nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    key: String,
    pub(crate) seed: u64,
    /// Empty in plans of earlier builds.
    #[serde(default)]
    work: String,
    #[serde(default)]
    pub(crate) objective: String,
    #[serde(default)]
    passes: f64,
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
    fn name_in_run(&self) -> (String, &str) {
        (format!("s{}-{}", self.seed, self.name), self.key.get(..8).unwrap_or(&self.key))
    }
}

/// What the journal tells of one node.
#[derive(Clone, Debug, Default)]
struct Past {
    seconds: f64,
    last: String,
    error: Option<String>,
}

/// Nodes by state, time worked and left, failures: of every experiment of the run at `path`.
///
/// # Errors
/// When there is no run or no plan in it, or the disk does not tell.
pub fn status(path: &Path) -> Result<String> {
    let (root, name) = split(path)?;
    let run = RunDir::open_read_only(root, name, Arc::new(RealFs))?;
    let plans = plans(path)?;
    if plans.is_empty() {
        let what = format!("{} holds no plan.json, expected a run that was started", path.display());
        return Err(crate::exit::Usage(what).into());
    }
    let history = History::read(&run);
    let mut out = format!("run {}\n", path.display());
    history.notes.iter().for_each(|note| out += &format!("note: {note}\n"));
    if let Some(LastCheck { at, damaged, .. }) = history.verified() {
        out += &format!("every file last checked {at}: {damaged} nodes damaged\n");
    }
    let mut histories: BTreeMap<String, Past> = BTreeMap::new();
    for Event { event, key, seconds, error, .. } in history.events {
        let past = histories.entry(key).or_default();
        past.seconds += seconds;
        past.error = if event == "stop" { error } else { None };
        past.last = event;
    }
    for plan in plans {
        out += &told(&run, &plan, &histories)?;
    }
    Ok(out.trim_end().to_owned())
}

/// The plans of a run: its own, and those of experiments in folders below it.
fn plans(path: &Path) -> Result<Vec<PathBuf>> {
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
    let text = basin_core::read_regular(plan, crate::retell::MOST_BYTES);
    let text = text.map_err(|error| crate::retell::unread(plan, error))?;
    Ok(serde_json::from_slice(&text).map_err(|error| crate::exit::Unreadable::new(plan, &error))?)
}

/// One experiment: a line for each kind of work, then what is in hand or failed.
fn told(run: &RunDir, plan: &Path, histories: &BTreeMap<String, Past>) -> Result<String> {
    let Planned { nodes } = read_plan(plan)?;
    let mut out = format!("\n{}\n", plan.display());
    let mut kinds: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let (mut worked, mut done_passes, mut left_passes, mut other) = (0.0, 0.0, 0.0, String::new());
    let mut damaged = false;
    for node in &nodes {
        let (id, digest) = node.name_in_run();
        let dir = run.node(&id, digest)?;
        let history = histories.get(&node.key).cloned().unwrap_or_default();
        let [done, all] = kinds.entry(&node.work).or_default();
        *all += 1;
        worked += history.seconds;
        match dir.status()? {
            NodeStatus::Done => {
                *done += 1;
                done_passes += node.passes;
            }
            NodeStatus::Damaged { why } => {
                left_passes += node.passes;
                other += &format!("  {} of seed {}: damaged: {why}\n", node.name, node.seed);
                damaged = true;
            }
            NodeStatus::ToDo { why } => {
                left_passes += node.passes;
                let at = dir.load_state()?.map(|(step, ..)| format!(", kept at step {step}"));
                let at = at.unwrap_or_default();
                let line = match (&history.error, history.last.as_str()) {
                    (Some(error), _) => format!("failed: {error}"),
                    (None, "start" | "checkpoint") => format!("begun{at}"),
                    (None, "stop") => format!("stopped{at}"),
                    (None, _) if why != "not finished yet" => why,
                    (None, _) => continue,
                };
                other += &format!("  {} of seed {}: {line}\n", node.name, node.seed);
            }
        }
    }
    for (kind, [done, all]) in &kinds {
        out += &format!("  {kind:<10} {done:>5} of {all} done\n");
    }
    let left = match done_passes > 0.0 {
        true => format!("about {} left at this pace", time(worked * left_passes / done_passes)),
        false => "no pace to tell what is left by".into(),
    };
    out += &format!("  worked {}, {left}\n", time(worked));
    if damaged {
        other +=
            "  basin verify --repair takes the seals of damaged nodes off, so that they are computed again\n";
    }
    Ok(out + &other)
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
