//! The price of a run before anything is bought: nodes, epochs, time on this machine, disk.

use crate::Experiment;
use crate::plan::{Plan, PlannedNode, PlannedWork};
use anyhow::Result;
use basin_store::{NodeStatus, RealFs, RunDir};
use basin_train::{Batch, Moments, Stepper, Teaching};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Steps to measure after one that warms up.
const STEPS: usize = 3;
/// Their learning rate; their result is thrown away.
const RATE: f64 = 1e-6;

/// Every node with its state and price, and the sums.
pub(crate) fn table(experiment: &Experiment, plan: &Plan, runs: &Path, name: &str) -> Result<String> {
    let run = match runs.join(name).is_dir() {
        true => Some(RunDir::open_read_only(runs, name, Arc::new(RealFs))?),
        false => None,
    };
    let seconds_per_image = seconds_per_image(experiment)?;
    let epoch = experiment.steps_per_epoch() as f64 * experiment.batch() as f64 * seconds_per_image;
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
        let mut seconds = node.passes() * epoch;
        let state = match status {
            NodeStatus::Done => "done".to_owned(),
            NodeStatus::ToDo { why } => {
                let kept =
                    dir.and_then(|dir| dir.load_state().transpose()).transpose()?.map(|(step, ..)| step);
                let share = kept.map_or(0.0, |step| share_done(node, step, experiment.steps_per_epoch()));
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
    let macs = experiment.network.macs() as f64;
    let passes: f64 = plan.nodes.iter().map(PlannedNode::passes).sum();
    let images = (experiment.steps_per_epoch() * experiment.batch() as u64) as f64;
    let measure = crate::measure::images_of(experiment) * plan.ensembles.len() as f64;
    let measure_seconds = measure * seconds_per_image / 3.0;
    let scalars: usize =
        experiment.network.layout().shapes().iter().map(|(_, s)| s.iter().product::<usize>()).sum();
    let trained = plan.nodes.iter().filter(|n| matches!(n.work, PlannedWork::Train { .. })).count();
    let disk = (plan.nodes.len() + trained) as f64 * scalars as f64 * 4.0
        + plan.nodes.iter().filter(|n| n.member).count() as f64
            * (experiment.test.len() * experiment.test.classes() * 4) as f64;
    out += &format!(
        "\ntraining {} epochs, {epochs_left} to do ({} if each method trained alone), {:.2e} FLOP\n\
         time on this machine about {} of training to do and at most {} of measuring, from {:.0} images/s measured now\n\
         disk about {:.0} MB in {}\n",
        plan.epochs(),
        plan.epochs_unshared,
        6.0 * macs * passes * images,
        time(left),
        time(measure_seconds),
        1.0 / seconds_per_image,
        disk / 1e6 + 1.0,
        runs.join(name).display()
    );
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

/// Measures a few real steps on the first training images.
fn seconds_per_image(experiment: &Experiment) -> Result<f64> {
    let (network, batch) = (&experiment.network, experiment.batch());
    let params = network.init(&basin_core::SeedTree::root(0));
    let mut stepper = Stepper::new(network, &params, &Moments::default(), experiment.optimiser())?;
    let train = &experiment.train;
    let mut images = vec![0.0; batch * train.size() * train.size() * 3];
    basin_data::fill_plain(train, 0..batch, &experiment.normalisation, &mut images);
    let dropout_seeds = if network.dropout() > 0.0 { vec![0; batch] } else { Vec::new() };
    let examples = Batch { images: &images, labels: &train.labels()[..batch], dropout_seeds: &dropout_seeds };
    let mut step = || stepper.step(examples, &Teaching::Labels, RATE);
    step()?;
    let start = Instant::now();
    for _ in 0..STEPS {
        step()?;
    }
    Ok(start.elapsed().as_secs_f64() / (STEPS * batch) as f64)
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
