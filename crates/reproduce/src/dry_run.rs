//! The price of a run before anything is bought: nodes, epochs, arithmetic, disk; time where it is asked to be measured.

use crate::device::{self, OnDevice};
use crate::speed::seconds_per_image;
use crate::{Case, Study};
use anyhow::Result;
use basin_core::DataRef;
use basin_plan::Plan;
use basin_plan::sizes::parameters;
use basin_plan::{PlannedNode, PlannedWork, facts};
use basin_store::{NodeDir, NodeStatus, RealFs, RunDir, StoreError, found};
use std::path::Path;
use std::sync::Arc;

/// Every node with its state and price, and the sums. With `measure`, times rest on a few steps taken here and now: without,
/// the same run in the same state gives the same text.
pub(crate) fn table(
    study: &Study,
    plan: &Plan,
    (runs, name): (&Path, &str),
    measure: Option<Option<&OnDevice>>,
) -> Result<String> {
    let there = runs.join(name);
    let states = match found(&there).map_err(StoreError::io("look at", &there))? {
        Some(there) if there.is_dir() => {
            plan.states(&RunDir::open_read_only(runs, name, Arc::new(RealFs))?)?
        }
        _ => Vec::new(),
    };
    // The networks of a study are of one kind: all have the backend of the first.
    let backend = measure.map(|device| device::backend(&study.cases[0].network, device)).transpose()?;
    let speeds = measure.map(|device| seconds_per_image(study, device)).transpose()?;
    let head = if speeds.is_some() { "time" } else { "FLOP" };
    let mut out = line(["node", "seed", "state", "epochs", head].map(str::to_owned));
    let mut left = Left::default();
    for (i, node) in plan.nodes.iter().enumerate() {
        let case = study.case_of(node);
        let (state, share) = state(case, node, states.get(i))?;
        let images = images(study, node) * node.passes * (1.0 - share.unwrap_or(1.0));
        let seconds = speeds.as_ref().map(|speeds| images * speeds[node.case]);
        if share.is_some() {
            left.add(node, flop(case) * images, seconds.unwrap_or(0.0));
        }
        let price = match seconds {
            Some(seconds) => time(seconds),
            None => scientific(flop(case) * images),
        };
        out += &line([
            clip(&node.name, 38),
            node.seed.to_string(),
            clip(&state, 24),
            node.epochs().to_string(),
            price,
        ]);
    }
    let whole: f64 =
        plan.nodes.iter().map(|node| flop(study.case_of(node)) * images(study, node) * node.passes).sum();
    let disk: f64 = plan.nodes.iter().map(|node| bytes(study.case_of(node), node)).sum();
    out += &format!(
        "\ntraining {} epochs, {} to do ({} if each method trained alone)\narithmetic {whole:.2e} FLOP, {:.2e} to do by \
         training and at most {:.2e} by measuring\n",
        plan.epochs(),
        left.epochs,
        plan.epochs_unshared,
        left.training.flop,
        left.measuring.flop,
    );
    if let (Some(speeds), Some(backend)) = (speeds, backend) {
        let shown: Vec<String> = distinct(&speeds).iter().map(|s| format!("{:.0}", 1.0 / s)).collect();
        out += &format!(
            "time on {} about {} of training to do and at most {} of measuring, from {} images/s measured now\n",
            backend.name(),
            time(left.training.seconds),
            time(left.measuring.seconds),
            shown.join(", "),
        );
    } else {
        out += "time depends on where it is done: --measure takes a few steps here and tells it\n";
    }
    out += &format!("disk about {:.0} MB in {}\n", disk / 1e6 + 1.0, runs.join(name).display());
    if study.is_outlined() {
        out +=
            "without --data-dir: the official number of images, and what is finished already does not show\n";
    }
    Ok(out)
}

/// What is still to be done.
#[derive(Default)]
struct Left {
    epochs: u64,
    training: Work,
    measuring: Work,
}

#[derive(Default)]
struct Work {
    flop: f64,
    seconds: f64,
}

impl Left {
    fn add(&mut self, node: &PlannedNode, flop: f64, seconds: f64) {
        let work = match node.work {
            // What an operation costs is that its results are looked at.
            PlannedWork::Probe { .. } | PlannedWork::Transform { .. } => &mut self.measuring,
            _ => &mut self.training,
        };
        work.flop += flop;
        work.seconds += seconds;
        self.epochs += node.epochs();
    }
}

/// The state of a node in words, and the share of its work that is done; none where all of it is.
fn state(
    case: &Case,
    node: &PlannedNode,
    state: Option<&(NodeDir, NodeStatus)>,
) -> Result<(String, Option<f64>)> {
    let Some((dir, status)) = state else { return Ok(("to do: not started".to_owned(), Some(0.0))) };
    let why = match status {
        NodeStatus::Done => return Ok(("done".to_owned(), None)),
        NodeStatus::ToDo { why } | NodeStatus::Damaged { why } => why,
    };
    let share = dir.load_state()?.map_or(0.0, |(step, ..)| share_done(case, node, step));
    Ok(match share > 0.0 {
        true => (format!("to do: {:.0} % are done", 100.0 * share), Some(share)),
        false => (format!("to do: {why}"), Some(share)),
    })
}

fn line([name, seed, state, epochs, price]: [String; 5]) -> String {
    format!("{name:<38} {seed:>4}  {state:<24} {epochs:>6} {price:>9}\n")
}

/// Floating-point operations of an image's forward and backward pass.
fn flop(case: &Case) -> f64 {
    6.0 * case.network.macs() as f64
}

fn scientific(flop: f64) -> String {
    if flop > 0.0 { format!("{flop:.1e}") } else { "-".into() }
}

/// Images of a pass over the training set, which nodes are priced in; of a training without those that fill no batch.
fn images(study: &Study, node: &PlannedNode) -> f64 {
    let all = study.cases[node.case].count(&DataRef::train()) as f64;
    match &node.work {
        PlannedWork::Train { trajectory, .. } => {
            let (case, data) = (study.case_of(node), &trajectory.data);
            let used = case.steps_per_epoch(data) as f64 * case.batch() as f64;
            all * used / case.count(data).max(1) as f64
        }
        _ => all,
    }
}

/// Share of a node's steps that a kept state has behind it.
fn share_done(case: &Case, node: &PlannedNode, step: u64) -> f64 {
    match &node.work {
        PlannedWork::Train { .. } => {
            let stretch = facts::steps(case, &node.work);
            let done = step.saturating_sub(stretch.start);
            done as f64 / (stretch.end - stretch.start).max(1) as f64
        }
        PlannedWork::Transform { operation, .. } => {
            let tries = operation.acceptance().map_or(1, |rule| rule.tries);
            step as f64 / tries.max(1) as f64
        }
        _ => 0.0,
    }
}

/// Bytes that a node leaves on disk: parameters, moments of a training, the record of a measurement.
fn bytes(case: &Case, node: &PlannedNode) -> f64 {
    let scalars = parameters(case);
    match &node.work {
        PlannedWork::Train { .. } => 8.0 * scalars as f64,
        PlannedWork::Probe { probe, .. } => {
            probe.record_bytes(case.test.classes(), &|data| case.count(data)) as f64
        }
        _ => 4.0 * scalars as f64,
    }
}

/// The different values, in the order in which they first appear.
fn distinct(values: &[f64]) -> Vec<f64> {
    let mut distinct: Vec<f64> = Vec::new();
    values.iter().for_each(|value| {
        if !distinct.contains(value) {
            distinct.push(*value)
        }
    });
    distinct
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s <= 0.0 => "-".into(),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 48.0 * 3600.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

fn clip(text: &str, width: usize) -> String {
    match text.char_indices().nth(width - 1) {
        Some((end, _)) if text.chars().count() > width => format!("{}…", &text[..end]),
        _ => text.to_owned(),
    }
}
