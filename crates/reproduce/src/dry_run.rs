//! The price of a run before anything is bought: nodes, epochs, time on this machine, disk.

use crate::device::OnDevice;
use crate::plan::{Plan, PlannedNode, PlannedWork};
use crate::speed::seconds_per_image;
use crate::{Experiment, Study};
use anyhow::Result;
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
    let speeds = seconds_per_image(study, device)?;
    let images = |case: &Experiment| case.steps_per_epoch() as f64 * case.batch() as f64;
    let epoch = |case: usize| images(&study.cases[case]) * speeds[case];
    let mut out = format!("{:<26} {:>4}  {:<34} {:>6} {:>9}\n", "node", "seed", "state", "epochs", "time");
    let (mut left, mut epochs_left) = (0.0, 0);
    for node in &plan.nodes {
        let dir = match &run {
            Some(run) => Some(run.node(&format!("s{}-{}", node.seed, node.name), &node.key.short())?),
            None => None,
        };
        let status = match &dir {
            Some(dir) => dir.status()?,
            None => NodeStatus::ToDo { why: "not started".into() },
        };
        let mut seconds = node.passes() * epoch(node.case);
        let state = match status {
            NodeStatus::Done => "done".to_owned(),
            NodeStatus::ToDo { why } => {
                let kept =
                    dir.and_then(|dir| dir.load_state().transpose()).transpose()?.map(|(step, ..)| step);
                let share =
                    kept.map_or(0.0, |step| share_done(node, step, study.cases[node.case].steps_per_epoch()));
                seconds *= 1.0 - share;
                left += seconds;
                epochs_left += node.epochs();
                match share > 0.0 {
                    true => format!("to do: {:.0} % are done", 100.0 * share),
                    false => format!("to do: {why}"),
                }
            }
        };
        out += &format!(
            "{:<26} {:>4}  {:<34} {:>6} {:>9}\n",
            node.name,
            node.seed,
            clip(&state, 34),
            node.epochs(),
            time(seconds)
        );
    }
    let flop = |node: &PlannedNode| {
        let case = &study.cases[node.case];
        6.0 * case.network.macs() as f64 * node.passes() * images(case)
    };
    let measuring = plan
        .ensembles
        .iter()
        .map(|ensemble| crate::measure::images_of(&study.cases[ensemble.case]) * speeds[ensemble.case] / 3.0);
    let disk: f64 = plan.nodes.iter().map(|node| bytes(&study.cases[node.case], node)).sum();
    let place = device.map_or("this machine's processor".into(), OnDevice::to_string);
    let shown: Vec<String> = distinct(&speeds).iter().map(|s| format!("{:.0}", 1.0 / s)).collect();
    out += &format!(
        "\ntraining {} epochs, {epochs_left} to do ({} if each method trained alone), {:.2e} FLOP\n\
         time on {place} about {} of training to do and at most {} of measuring, from {} images/s measured now\n\
         disk about {:.0} MB in {}\n",
        plan.epochs(),
        plan.epochs_unshared,
        plan.nodes.iter().map(flop).sum::<f64>(),
        time(left),
        time(measuring.sum()),
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

/// Share of a node's steps that a kept state has behind it.
fn share_done(node: &PlannedNode, step: u64, per_epoch: u64) -> f64 {
    match node.work {
        PlannedWork::Train { start, end, .. } if step >= start * per_epoch => {
            (step - start * per_epoch) as f64 / ((end - start) * per_epoch).max(1) as f64
        }
        _ => 0.0,
    }
}

/// Bytes that a node leaves on disk: parameters, moments of a training, logits of a member.
fn bytes(case: &Experiment, node: &PlannedNode) -> f64 {
    let shapes = case.network.layout().shapes();
    let scalars: usize = shapes.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    let copies = if matches!(node.work, PlannedWork::Train { .. }) { 2 } else { 1 };
    let logits = if node.member { case.test.len() * case.test.classes() } else { 0 };
    4.0 * (copies * scalars + logits) as f64
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
