//! One run from configuration to report.

use crate::config::ConfigError;
use crate::device::OnDevice;
use crate::execute::Executor;
use crate::exit::Usage;
use crate::findings::{citations, results, timing};
use crate::interrupt::Interrupt;
use crate::loading::Datasets;
use crate::plan::Plan;
use crate::problem::{self, Problem};
use crate::progress::Progress;
use crate::restart::changed_settings;
use crate::study::Asked;
use crate::{Registry, Study, dry_run, environment, feasible, refusals, sizes};
use anyhow::Result;
use basin_report::{environments_in_words, render, terminal_table};
use basin_store::{NodeStatus, RealFs, RunDir};
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
    /// Where to train and evaluate; None: on the CPU.
    pub device: Option<OnDevice>,
}

impl Request {
    /// Whether a run can be there, before anything is read or computed.
    ///
    /// # Errors
    /// [`Usage`] when the name cannot be a folder's, or something that is no folder is in its place.
    pub fn check_place(&self) -> Result<(), Usage> {
        RunDir::check_name(&self.name).map_err(|error| Usage(format!("--name: {error}")))?;
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
    let (study, plan) = interrupt.at_once(|| prepared(request, registry, Datasets::default()))?;
    let run = RunDir::open(&request.runs, &request.name, Arc::new(RealFs))?;
    let folder = study.folder();
    let written = study.to_toml();
    let changed = changed_settings(&run, &format!("{folder}config.resolved.toml"), &written)?;
    run.write(format!("{folder}config.resolved.toml"), written.as_bytes())?;
    run.write(format!("{folder}plan.json"), &serde_json::to_vec_pretty(&plan.to_json())?)?;
    run.write(
        format!("{folder}environment.json"),
        &serde_json::to_vec_pretty(&environment::describe(request.device.as_ref()))?,
    )?;
    let executor = Executor::new(&study, &plan, &run, interrupt);

    let done: Vec<bool> = plan.states(&run)?.iter().map(|(_, status)| *status == NodeStatus::Done).collect();
    let finished = plan.nodes.iter().zip(&done).filter(|(_, done)| **done);
    let total = plan.nodes.iter().map(|node| node.passes).sum();
    let progress = Progress::new(total, finished.map(|(node, _)| node.passes).sum());
    progress.line(&format!("run directory {}", run.path().display()));
    study.all_notes().iter().for_each(|note| progress.line(&format!("note: {note}")));
    changed.iter().for_each(|line| progress.line(line));
    let result = finish(&executor, &done, &progress, request);
    drop(progress);
    result
}

fn finish(
    executor: &Executor<'_>,
    done: &[bool],
    progress: &Progress,
    request: &Request,
) -> Result<Finished> {
    let (plan, run, folder) = (executor.plan, executor.run, executor.study.folder());
    let concurrent = executor.study.config().run().concurrent;
    executor.run(done, request.device.as_ref(), concurrent, progress)?;
    executor.interrupt.check()?;
    let results = results(executor, request)?;
    if let Some(differ) = environments_in_words(&results) {
        progress.line(&format!("note: {differ}"));
    }
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
    let (study, plan) = prepared(request, registry, Datasets::or_blank())?;
    let measure = measure.then_some(request.device.as_ref());
    let table = dry_run::table(&study, &plan, (&request.runs, &request.name), measure)?;
    let notes: String = study.all_notes().iter().map(|note| format!("\nnote: {note}")).collect();
    Ok(table.trim_end().to_owned() + &notes)
}

/// A study and its plan, which can be carried out.
///
/// # Errors
/// Everything that stands in the way.
fn prepared(request: &Request, registry: &Registry, datasets: Datasets) -> Result<(Study, Plan)> {
    let configs = request.asked.configs()?;
    let mut problems: Vec<Problem> =
        request.check_place().err().map(|error| Problem::new(&[], error)).into_iter().collect();
    let study = match Study::attempt(&request.asked, configs.clone(), datasets) {
        Ok(study) => study,
        Err(more) => {
            problems.extend(configs.iter().flat_map(|(_, config)| refusals::of_methods(registry, config)));
            problems.extend(more);
            return Err(problem::refusal(problems));
        }
    };
    match Plan::attempt(&study, registry) {
        Ok(plan) if problems.is_empty() => {
            feasible::check(&study, &plan)?;
            Ok((study, plan))
        }
        plan => {
            problems.extend(plan.err().into_iter().flatten());
            problems.extend(sizes::check(&study).err().map(|error| Problem::new(&[], error)));
            Err(problem::refusal(problems))
        }
    }
}

/// Everything that is wrong with a request whose values alone are refused, in one list: its own problems, keys that were
/// given more than once (as [`crate::config::Keys::twice`] tells them), `others`, and what would be refused after them.
pub fn refused(
    request: &Request,
    twice: Vec<(&'static str, String)>,
    mut others: Vec<String>,
    registry: &Registry,
    dry_run: bool,
) -> ConfigError {
    others.extend(request.check_place().err().map(|error| format!("  {error}")));
    refusals::refused(&request.asked, twice, others, registry, dry_run)
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
