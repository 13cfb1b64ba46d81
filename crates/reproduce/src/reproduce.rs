//! One run from configuration to report.

use crate::device::OnDevice;
use crate::execute::{EpochLine, Executor, METRICS};
use crate::interrupt::Interrupt;
use crate::plan::{NodeIndex, Plan, PlannedNode, PlannedWork};
use crate::progress::Progress;
use crate::rows::rows;
use crate::study::Asked;
use crate::{Registry, Study, design, dry_run, environment};
use anyhow::Result;
use basin_core::Citation;
use basin_report::{Case, Cost, Results, TrainingCurve, TrainingPoint, render, terminal_table};
use basin_store::{RealFs, RunDir};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// What to run and where to put it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The experiment and its settings.
    pub asked: Asked,
    /// Folder of all runs.
    pub runs: PathBuf,
    /// Name of this run's folder.
    pub name: String,
    /// Where to train and evaluate; None: on the processor.
    pub device: Option<OnDevice>,
}

/// What a finished run has to show.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The run directory.
    pub dir: PathBuf,
    /// The report's page.
    pub report: PathBuf,
    /// The table for the terminal.
    pub table: String,
}

/// Runs or continues to the end.
///
/// # Errors
/// Typed causes, which [`crate::exit::code`] maps to exit codes.
pub fn reproduce(request: &Request, registry: &Registry, interrupt: &Interrupt) -> Result<Finished> {
    let study = Study::load(&request.asked)?;
    let plan = Plan::new(&study, registry)?;
    check_batches(&study)?;
    let run = RunDir::open(&request.runs, &request.name, Arc::new(RealFs))?;
    let folder = study.design.folder();
    run.write(format!("{folder}config.resolved.toml"), study.to_toml().as_bytes())?;
    run.write(format!("{folder}plan.json"), &serde_json::to_vec_pretty(&plan.to_json())?)?;
    run.write(
        format!("{folder}environment.json"),
        &serde_json::to_vec_pretty(&environment::describe(request.device.as_ref()))?,
    )?;
    let executor = Executor::new(&study, &plan, &run, interrupt);

    let mut done = 0.0;
    let mut total = 0.0;
    for node in &plan.nodes {
        total += node.passes;
        done += if executor.dir(node)?.is_done()? { node.passes } else { 0.0 };
    }
    let progress = Progress::new(total, done);
    progress.line(&format!("run directory {}", run.path().display()));
    let result = finish(&executor, &progress, request);
    drop(progress);
    result
}

fn finish(executor: &Executor<'_>, progress: &Progress, request: &Request) -> Result<Finished> {
    let (plan, run, folder) = (executor.plan, executor.run, executor.study.design.folder());
    let concurrent = executor.study.config().int("run.concurrent") as usize;
    executor.run(request.device.as_ref(), concurrent, progress)?;
    executor.interrupt.check()?;
    let results = results(executor, request)?;
    for artifact in render(&results, &citations(executor.study, plan))? {
        run.write(format!("{folder}{}", artifact.path), &artifact.bytes)?;
    }
    let report = run.path().join(format!("{folder}report/index.html"));
    Ok(Finished { dir: run.path().to_owned(), report, table: terminal_table(&results, 80)? })
}

/// Prices the run: every node with its state, epochs, time where it would be computed, disk.
///
/// # Errors
/// As [`reproduce`], except that nothing is written.
pub fn price(request: &Request, registry: &Registry) -> Result<String> {
    let study = Study::outline(&request.asked)?;
    let plan = Plan::new(&study, registry)?;
    check_batches(&study)?;
    dry_run::table(&study, &plan, (&request.runs, &request.name), request.device.as_ref())
}

/// The epochs of every ensemble, from the plan alone.
///
/// # Errors
/// As [`price`].
pub fn cost(asked: &Asked, registry: &Registry) -> Result<String> {
    let study = Study::outline(asked)?;
    let plan = Plan::new(&study, registry)?;
    Ok(crate::cost::table(&study, &plan))
}

fn check_batches(study: &Study) -> Result<()> {
    let sizes = study.cases.iter().map(|case| (case.batch(), case.train.len()));
    match sizes.into_iter().find(|(batch, images)| batch > images) {
        Some((batch, images)) => Err(basin_train::TrainError::Batch { batch, images }.into()),
        None => Ok(()),
    }
}

/// Works to cite: the paper, those of methods and measurements, REPAIR where it is used.
fn citations(study: &Study, plan: &Plan) -> Vec<Citation> {
    let repaired = study.cases.iter().any(|case| case.config.int("metrics.repair_images") > 0);
    let repair = repaired.then_some(weight_matching::REPAIR_CITATION);
    let paper = [Citation::SINGLE_BASIN].into_iter();
    let mut all: Vec<_> = paper.chain(plan.citations.iter().copied()).chain(repair).collect();
    all.sort();
    all.dedup();
    all
}

fn results(executor: &Executor<'_>, request: &Request) -> Result<Results> {
    let (study, plan) = (executor.study, executor.plan);
    let images_of = |node: &PlannedNode| {
        let (experiment, data) = (executor.experiment(node), node.training_data());
        node.epochs() * data.map_or(0, |data| experiment.steps_per_epoch(data)) * experiment.batch() as u64
    };
    let images = plan.nodes.iter().map(images_of).sum();
    let (rows, pairwise) = rows(executor)?;
    Ok(Results {
        name: request.name.clone(),
        experiment: study.design.name.to_owned(),
        config: study.config().to_json(),
        cases: cases(study),
        rows,
        training: training_curves(executor)?,
        pairwise,
        cost: Cost { epochs: plan.epochs() as f64, images, wall_seconds: wall_seconds(executor)? },
        environment: environment::describe(request.device.as_ref()),
    })
}

/// The configuration of every case, by its label.
fn cases(study: &Study) -> Vec<Case> {
    let case = |experiment: &crate::Experiment| Case {
        label: design::label(&experiment.varied),
        model: experiment.config.text("model.name").to_owned(),
        config: experiment.config.to_json(),
    };
    study.cases.iter().map(case).collect()
}

/// Seconds worked on everything in the plan, from the journal: attempts that were stopped count up to their
/// last line there.
fn wall_seconds(executor: &Executor<'_>) -> Result<f64> {
    let wanted: BTreeSet<String> = executor.plan.nodes.iter().map(|node| node.key.to_string()).collect();
    let lines = executor.run.journal().read::<serde_json::Value>()?.lines;
    let ours = lines.iter().filter(|line| line["key"].as_str().is_some_and(|key| wanted.contains(key)));
    Ok(ours.filter_map(|line| line["seconds"].as_f64()).sum())
}

/// One curve per trajectory that nothing continues.
fn training_curves(executor: &Executor<'_>) -> Result<Vec<TrainingCurve>> {
    let nodes = &executor.plan.nodes;
    let continued: BTreeSet<NodeIndex> = nodes.iter().filter_map(continues).collect();
    let mut curves = Vec::new();
    for (_, node) in nodes.iter().enumerate().filter(|(i, _)| !continued.contains(i)) {
        if let PlannedWork::Train { trajectory, .. } = &node.work {
            let number = trajectory.name.find(|c: char| c.is_ascii_digit()).unwrap_or(trajectory.name.len());
            let experiment = executor.experiment(node);
            curves.push(TrainingCurve {
                node: node.name.clone(),
                model: experiment.config.text("model.name").to_owned(),
                case: design::label(&experiment.varied),
                method: trajectory.name[..number].trim_end_matches('-').to_owned(),
                seed: node.seed,
                points: training_points(executor, node)?,
            });
        }
    }
    Ok(curves)
}

/// The earlier state of the same trajectory that a node goes on from.
fn continues(node: &PlannedNode) -> Option<NodeIndex> {
    match &node.work {
        PlannedWork::Train { trajectory, from, start, .. } if *start > trajectory.start_epoch => Some(*from),
        _ => None,
    }
}

fn training_points(executor: &Executor<'_>, node: &PlannedNode) -> Result<Vec<TrainingPoint>> {
    let lines: Vec<EpochLine> = executor.dir(node)?.read_rows_verified(METRICS)?;
    let point = |line: &EpochLine| TrainingPoint {
        epoch: line.epoch as f64,
        loss: line.loss,
        accuracy: line.accuracy,
        learning_rate: line.learning_rate,
    };
    Ok(lines.iter().map(point).collect())
}
