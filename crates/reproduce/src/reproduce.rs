//! One run from configuration to report.

use crate::device::OnDevice;
use crate::execute::{EpochLine, Executor, METRICS};
use crate::exit::Usage;
use crate::history::History;
use crate::interrupt::Interrupt;
use crate::plan::{NodeIndex, Plan, PlannedNode, PlannedWork};
use crate::progress::Progress;
use crate::rows::rows;
use crate::study::Asked;
use crate::{Registry, Study, dry_run, environment, feasible};
use anyhow::Result;
use basin_core::Citation;
use basin_ensemble::Trajectory;
use basin_report::{CaseConfig, Cost, Results, Timing, TrainingCurve, TrainingPoint, render, terminal_table};
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

impl Request {
    /// Whether a run can be there, before anything is read or computed.
    ///
    /// # Errors
    /// [`Usage`] when the name cannot be a folder's, or something that is no folder is in its place.
    pub fn check_place(&self) -> Result<(), Usage> {
        RunDir::check_name(&self.name).map_err(|error| Usage(format!("--name: {error}")))?;
        if self.name.len() > 255 {
            let (name, found) = (&self.name, self.name.len());
            return Err(Usage(format!(
                "--name {name} has {found} bytes, expected at most 255, as in a file's name"
            )));
        }
        for place in [&self.runs, &self.runs.join(&self.name)] {
            // What is above decides where nothing is yet.
            let there = place.ancestors().find(|place| std::fs::symlink_metadata(place).is_ok());
            if let Some(file) = there.filter(|there| !there.is_dir()) {
                return Err(Usage(format!(
                    "--runs {} --name {}: {} is no folder; choose another place",
                    self.runs.display(),
                    self.name,
                    file.display()
                )));
            }
        }
        Ok(())
    }
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
    request.check_place()?;
    let study = Study::load(&request.asked)?;
    let plan = checked(&study, registry, request.device.is_some())?;
    let run = RunDir::open(&request.runs, &request.name, Arc::new(RealFs))?;
    let folder = study.folder();
    run.write(format!("{folder}config.resolved.toml"), study.to_toml().as_bytes())?;
    run.write(format!("{folder}plan.json"), &serde_json::to_vec_pretty(&plan.to_json())?)?;
    run.write(
        format!("{folder}environment.json"),
        &serde_json::to_vec_pretty(&environment::describe(request.device.as_ref()))?,
    )?;
    let executor = Executor::new(&study, &plan, &run, interrupt);

    let finished = executor.done()?.into_iter().zip(&plan.nodes).filter(|(done, _)| *done);
    let done = finished.map(|(_, node)| node.passes).sum();
    let total = plan.nodes.iter().map(|node| node.passes).sum();
    let progress = Progress::new(total, done);
    progress.line(&format!("run directory {}", run.path().display()));
    let result = finish(&executor, &progress, request);
    drop(progress);
    result
}

fn finish(executor: &Executor<'_>, progress: &Progress, request: &Request) -> Result<Finished> {
    let (plan, run, folder) = (executor.plan, executor.run, executor.study.folder());
    let concurrent = executor.study.config().run().concurrent;
    executor.run(request.device.as_ref(), concurrent, progress)?;
    executor.interrupt.check()?;
    let results = results(executor, request)?;
    for artifact in render(&results, executor.study.paper, &citations(executor.study, plan))? {
        run.write(format!("{folder}{}", artifact.path), &artifact.bytes)?;
    }
    for artifact in timing(executor, progress).artifacts(&request.name)? {
        run.write(format!("{folder}{}", artifact.path), &artifact.bytes)?;
    }
    let report = run.path().join(format!("{folder}report/index.html"));
    Ok(Finished {
        dir: run.path().to_owned(),
        report,
        table: terminal_table(&results, executor.study.paper, 80)?,
    })
}

/// Prices the run: every node with its state, epochs, arithmetic, disk; nothing is written. With `measure`, also the time
/// where it would be computed, from a few steps taken there: seconds, and as much memory as training takes. Without, the same
/// run in the same state gives the same text.
///
/// # Errors
/// Whatever [`reproduce`] would refuse before it begins.
pub fn price(request: &Request, registry: &Registry, measure: bool) -> Result<String> {
    request.check_place()?;
    let study = Study::outline(&request.asked)?;
    let plan = checked(&study, registry, request.device.is_some())?;
    let measure = measure.then_some(request.device.as_ref());
    dry_run::table(&study, &plan, (&request.runs, &request.name), measure)
}

/// The plan of a study that can be carried out.
fn checked(study: &Study, registry: &Registry, on_device: bool) -> Result<Plan> {
    let plan = Plan::new(study, registry)?;
    feasible::check(study, &plan, on_device)?;
    Ok(plan)
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

/// Works to cite: the paper, those of methods and measurements, REPAIR where it is used.
fn citations(study: &Study, plan: &Plan) -> Vec<Citation> {
    let repaired = study.cases.iter().any(|case| case.config.metrics().repair_images > 0);
    let repair = repaired.then_some(weight_matching::REPAIR_CITATION);
    let paper = [study.paper.citation()].into_iter();
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
    let (ensembles, pairwise) = rows(executor)?;
    Ok(Results {
        name: request.name.clone(),
        paper: study.paper.id().to_owned(),
        experiment: study.experiment.name.to_owned(),
        config: study.config().to_json(),
        cases: cases(study),
        ensembles,
        training: training_curves(executor)?,
        pairwise,
        cost: Cost { epochs: plan.epochs() as f64, images },
        environment: environment::describe(request.device.as_ref()),
    })
}

/// The configuration of every case, by what it varies.
fn cases(study: &Study) -> Vec<CaseConfig> {
    let case = |(place, experiment): (usize, &crate::Experiment)| CaseConfig {
        case: study.case_keys(place),
        model: experiment.config.model().name.clone(),
        config: experiment.config.to_json(),
    };
    study.cases.iter().enumerate().map(case).collect()
}

/// Seconds worked on everything in the plan, and the last check of its files, from the journal: attempts that were stopped
/// count up to their last line there.
fn timing(executor: &Executor<'_>, progress: &Progress) -> Timing {
    let wanted: BTreeSet<String> = executor.plan.nodes.iter().map(|node| node.key.to_string()).collect();
    let history = History::of(executor.run);
    history.notes.iter().for_each(|note| progress.line(&format!("note: {note}")));
    Timing { wall_seconds: history.seconds(&wanted), verified: history.verified().cloned() }
}

/// One curve per trajectory that nothing continues, shown as the method that trains like this.
fn training_curves(executor: &Executor<'_>) -> Result<Vec<TrainingCurve>> {
    let curve = |(node, trajectory): (&PlannedNode, &Trajectory)| {
        Ok(TrainingCurve {
            node: node.name.clone(),
            model: executor.experiment(node).config.model().name.clone(),
            case: executor.study.case_keys(node.case),
            method: trajectory.method.clone(),
            seed: node.seed,
            points: training_points(executor, node)?,
        })
    };
    ends(&executor.plan.nodes).into_iter().map(curve).collect()
}

/// The last planned state of every trajectory.
fn ends(nodes: &[PlannedNode]) -> Vec<(&PlannedNode, &Trajectory)> {
    let continued: BTreeSet<NodeIndex> = nodes.iter().filter_map(continues).collect();
    let last = nodes.iter().enumerate().filter(|(i, _)| !continued.contains(i)).map(|(_, node)| node);
    last.filter_map(|node| match &node.work {
        PlannedWork::Train { trajectory, .. } => Some((node, trajectory)),
        _ => None,
    })
    .collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::DataRef;
    use basin_ensemble::{AtStart, EnsembleMethod, Objective, PlanContext, Recipe, RecipeError};

    /// A method whose id ends in digits and holds one.
    #[derive(Debug)]
    struct C2m3;

    impl EnsembleMethod for C2m3 {
        fn id(&self) -> &'static str {
            "c2m3"
        }

        fn citations(&self) -> Vec<Citation> {
            Vec::new()
        }

        fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
            let mut recipe = Recipe::new();
            for i in 1..=cx.members {
                let from = recipe.init(format!("member/{i}/init"));
                let trajectory = Trajectory {
                    // A name is for people: it may be anything.
                    name: format!("c2m3-{i}"),
                    method: self.id().to_owned(),
                    from,
                    start_epoch: 0,
                    order: format!("c2m3/{i}/order"),
                    schedule: cx.schedule.clone(),
                    objective: Objective::CrossEntropy,
                    data: DataRef::train(),
                    moments: AtStart::Continue,
                };
                let member = recipe.train(trajectory, cx.epochs)?;
                recipe.member(member);
            }
            Ok(recipe)
        }
    }

    #[test]
    fn curves_are_shown_as_their_methods_whatever_digits_these_have() {
        let registry = Registry::default().with("c2m3", |_| Ok(Box::new(C2m3)));
        let paper = registry.papers()[0];
        let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let settings = vec![
            set("ensemble.methods", "c2m3,constrained,distilled"),
            set("data.train_images", "64"),
            set("data.test_images", "32"),
            set("metrics.connectivity_images", "0"),
        ];
        let (preset, experiment) = (&paper.presets()[0], &paper.experiments()[0]);
        let (file, keys) = (Vec::new(), registry.keys().unwrap());
        let study = Study::load(&Asked { paper, experiment, preset, file, settings, keys }).unwrap();
        let plan = Plan::new(&study, &registry).unwrap();
        let mut methods: Vec<&str> =
            ends(&plan.nodes).into_iter().map(|(_, trajectory)| trajectory.method.as_str()).collect();
        methods.sort_unstable();
        methods.dedup();
        assert_eq!(methods, ["c2m3", "constrained", "deep", "distilled"]);
    }
}
