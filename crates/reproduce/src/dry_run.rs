//! The price of a run before anything is bought: nodes, epochs, time on this machine, disk.

use crate::device::{self, OnDevice};
use crate::plan::{Plan, PlannedNode, PlannedWork};
use crate::speed::seconds_per_image;
use crate::{Experiment, Study};
use anyhow::Result;
use basin_core::DataRef;
use basin_store::{NodeStatus, RealFs, RunDir};
use std::path::Path;
use std::sync::Arc;

/// Every node with its state and price, and the sums.
pub(crate) fn table(
    study: &Study,
    plan: &Plan,
    (runs, name): (&Path, &str),
    device: Option<&OnDevice>,
) -> Result<String> {
    let run = match runs.join(name).is_dir() {
        true => Some(RunDir::open_read_only(runs, name, Arc::new(RealFs))?),
        false => None,
    };
    let backend = device::backend(device);
    let speeds = seconds_per_image(study, &*backend)?;
    let epoch = |node: &PlannedNode| images(&study.cases[node.case], node) * speeds[node.case];
    let mut out = format!("{:<38} {:>4}  {:<24} {:>6} {:>9}\n", "node", "seed", "state", "epochs", "time");
    let (mut left, mut measuring, mut epochs_left) = (0.0, 0.0, 0);
    for node in &plan.nodes {
        let dir = match &run {
            Some(run) => Some(run.node(&format!("s{}-{}", node.seed, node.name), &node.key.short())?),
            None => None,
        };
        let status = match &dir {
            Some(dir) => dir.status()?,
            None => NodeStatus::ToDo { why: "not started".into() },
        };
        let mut seconds = node.passes * epoch(node);
        let state = match status {
            NodeStatus::Done => "done".to_owned(),
            NodeStatus::ToDo { why } => {
                let kept =
                    dir.and_then(|dir| dir.load_state().transpose()).transpose()?.map(|(step, ..)| step);
                let share = kept.map_or(0.0, |step| share_done(&study.cases[node.case], node, step));
                seconds *= 1.0 - share;
                match node.work {
                    PlannedWork::Probe { .. } => measuring += seconds,
                    _ => left += seconds,
                }
                epochs_left += node.epochs();
                match share > 0.0 {
                    true => format!("to do: {:.0} % are done", 100.0 * share),
                    false => format!("to do: {why}"),
                }
            }
        };
        out += &format!(
            "{:<38} {:>4}  {:<24} {:>6} {:>9}\n",
            clip(&node.name, 38),
            node.seed,
            clip(&state, 24),
            node.epochs(),
            time(seconds)
        );
    }
    let flop = |node: &PlannedNode| {
        let case = &study.cases[node.case];
        6.0 * case.network.macs() as f64 * node.passes * images(case, node)
    };
    let disk: f64 = plan.nodes.iter().map(|node| bytes(&study.cases[node.case], node)).sum();
    let place = backend.name();
    let shown: Vec<String> = distinct(&speeds).iter().map(|s| format!("{:.0}", 1.0 / s)).collect();
    out += &format!(
        "\ntraining {} epochs, {epochs_left} to do ({} if each method trained alone), {:.2e} FLOP\n\
         time on {place} about {} of training to do and at most {} of measuring, from {} images/s measured now\n\
         disk about {:.0} MB in {}\n",
        plan.epochs(),
        plan.epochs_unshared,
        plan.nodes.iter().map(flop).sum::<f64>(),
        time(left),
        time(measuring),
        shown.join(", "),
        disk / 1e6 + 1.0,
        runs.join(name).display()
    );
    if study.outlined {
        out +=
            "without --data-dir: the official number of images, and what is finished already does not show\n";
    }
    Ok(out)
}

/// Images of one pass over what a node trains on; measurements are priced in passes over the training set.
fn images(case: &Experiment, node: &PlannedNode) -> f64 {
    match &node.work {
        PlannedWork::Train { trajectory, .. } => {
            case.steps_per_epoch(&trajectory.data) as f64 * case.batch() as f64
        }
        _ => case.count(&DataRef::train()) as f64,
    }
}

/// Share of a node's steps that a kept state has behind it.
fn share_done(case: &Experiment, node: &PlannedNode, step: u64) -> f64 {
    match &node.work {
        PlannedWork::Train { trajectory, start, end, .. } => {
            let per_epoch = case.steps_per_epoch(&trajectory.data);
            let done = step.saturating_sub(start * per_epoch);
            done as f64 / ((end - start) * per_epoch).max(1) as f64
        }
        _ => 0.0,
    }
}

/// Bytes that a node leaves on disk: parameters, moments of a training, the record of a measurement.
fn bytes(case: &Experiment, node: &PlannedNode) -> f64 {
    let shapes = case.network.layout().shapes();
    let scalars: usize = shapes.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
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
