//! `basin status`: where a run stands, from its own files: also while another process works, and on a read-only disk.

use crate::cluster::{self, Jobs};
use crate::history::{Event, History};
use crate::plan_file::{Planned, plans, read_plan};
use crate::verify::split;
use anyhow::Result;
use basin_cluster::TaskState;
use basin_report::LastCheck;
use basin_store::{NodeStatus, RealFs, RunDir};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What the journal tells of one node.
#[derive(Clone, Debug, Default)]
struct Past {
    seconds: f64,
    last: String,
    error: Option<String>,
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// In lines, for the eye.
    pub text: String,
    /// Whether every node is done.
    pub done: bool,
}

/// Nodes by state, time worked and left, who has what in hand, what waits in a batch system's queue, failures: of every
/// experiment of the run at `path`.
///
/// # Errors
/// When there is no run or no plan in it, or the disk does not tell.
pub fn status(path: &Path) -> Result<Standing> {
    let (root, name) = split(path)?;
    let run = RunDir::open_read_only(root, name, Arc::new(RealFs))?;
    let plans = plans(path)?;
    if plans.is_empty() {
        let what = format!("{} holds no plan.json, expected a run that was started", path.display());
        return Err(crate::exit::Usage(what).into());
    }
    let history = History::read(&run);
    let mut text = format!("run {}\n", path.display());
    history.notes.iter().for_each(|note| text += &format!("note: {note}\n"));
    if let Some(LastCheck { at, damaged, .. }) = history.verified() {
        text += &format!("every file last checked {at}: {damaged} nodes damaged\n");
    }
    let mut histories: BTreeMap<String, Past> = BTreeMap::new();
    for Event { event, key, seconds, error, .. } in history.events {
        let past = histories.entry(key).or_default();
        past.seconds += seconds;
        past.error = if event == "stop" { error } else { None };
        past.last = event;
    }
    let mut done = true;
    for plan in plans {
        let told = told(&run, &plan, &histories)?;
        text += &told.text;
        done &= told.done;
    }
    Ok(Standing { text: text.trim_end().to_owned(), done })
}

/// One experiment: a line for each kind of work, then what is in hand, waits or failed.
fn told(run: &RunDir, plan: &Path, histories: &BTreeMap<String, Past>) -> Result<Standing> {
    let Planned { nodes } = read_plan(plan)?;
    let mut out = format!("\n{}\n", plan.display());
    let mut kinds: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let (mut worked, mut done_passes, mut left_passes, mut in_hand) = (0.0, 0.0, 0.0, 0);
    let (mut other, mut queued) = (String::new(), BTreeMap::<String, usize>::new());
    let mut damaged = false;
    let Jobs { states: jobs, note } = cluster::standing(run, &nodes)?;
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
                let line = match (dir.holder()?, jobs.get(&node.key), &history.error, history.last.as_str()) {
                    (Some(holder), ..) => {
                        in_hand += 1;
                        format!("in the hands of {holder}{at}")
                    }
                    (_, Some(TaskState::Running { job, node, elapsed }), ..) => {
                        format!("Slurm job {job} runs on {node} for {elapsed}{at}")
                    }
                    (_, Some(TaskState::Queued { reason, .. }), ..) => {
                        *queued.entry(reason.clone()).or_default() += 1;
                        continue;
                    }
                    (_, Some(TaskState::Failed { why, log }), ..) => {
                        let log: String = log.iter().map(|line| format!("\n    {line}")).collect();
                        format!("failed: {why}{log}")
                    }
                    (.., Some(error), _) => format!("failed: {error}"),
                    (.., "start" | "checkpoint") => format!("begun{at}"),
                    (.., "stop" | "taken over") => format!("stopped{at}"),
                    _ if why != "not finished yet" => why,
                    _ => continue,
                };
                other += &format!("  {} of seed {}: {line}\n", node.name, node.seed);
            }
        }
    }
    for (kind, [done, all]) in &kinds {
        out += &format!("  {kind:<10} {done:>5} of {all} done\n");
    }
    let left = match done_passes > 0.0 {
        true => {
            let left = worked * left_passes / done_passes;
            let together = match in_hand {
                0 | 1 => String::new(),
                several => format!(", {} with {several} at work as now", time(left / several as f64)),
            };
            format!("about {} left at this pace{together}", time(left))
        }
        false => "no pace to tell what is left by".into(),
    };
    out += &format!("  worked {}, {left}\n", time(worked));
    for (reason, count) in &queued {
        out += &format!("  {count} in the queue: {reason}\n");
    }
    if let Some(note) = note {
        out += &format!("  note: {note}\n");
    }
    if damaged {
        other +=
            "  basin verify --repair takes the seals of damaged nodes off, so that they are computed again\n";
    }
    let done = kinds.values().all(|[done, all]| done == all);
    Ok(Standing { text: out + &other, done })
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
