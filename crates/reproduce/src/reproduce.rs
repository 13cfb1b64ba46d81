//! One run from configuration to report.

use crate::config::{ConfigError, DeviceName, RunnerName};
use crate::device::OnDevice;
use crate::execute::Executor;
use crate::exit::{self, Usage};
use crate::findings::{citations, results, timing};
use crate::interrupt::Interrupt;
use crate::plan_file::{Node, Planned, read_plan};
use crate::progress::Progress;
use crate::request_file::{KeptRequest, REQUEST};
use crate::restart::changed_settings;
use crate::speed::seconds_per_image;
use crate::{cluster, dry_run, environment};
use anyhow::{Result, ensure};
use basin_core::DataRef;
use basin_plan::Asked;
use basin_plan::Plan;
use basin_plan::loading::Datasets;
use basin_plan::problem::{self, Problem};
use basin_plan::{Registry, Study, feasible, refusals, sizes};
use basin_report::{render, terminal_table};
use basin_results::environments_in_words;
use basin_store::{Fs, Lease, RealFs, RunDir, StoreError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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
    /// [`Usage`] when the name cannot be a folder's, or something that is not a folder is in its place; [`StoreError`] when the disk
    /// does not tell.
    pub fn check_place(&self) -> Result<()> {
        RunDir::check_name(&self.name).map_err(|error| Usage(format!("--name: {error}")))?;
        for place in [&self.runs, &self.runs.join(&self.name)] {
            // What is above decides where nothing is yet; a link that leads nowhere is in the way.
            for there in place.ancestors() {
                let kind = RealFs.kind(there).map_err(StoreError::io("look at", there))?;
                if kind.is_none() {
                    continue;
                }
                let found = basin_store::found(there).map_err(StoreError::io("look at", there))?;
                let (runs, name) = (self.runs.display(), &self.name);
                ensure!(
                    found.is_some_and(|found| found.is_dir()),
                    Usage(format!(
                        "--runs {runs} --name {name}: {} is not a folder; choose another place",
                        there.display()
                    ))
                );
                break;
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
    let kept = KeptRequest::of(request);
    run.write(format!("{folder}{REQUEST}"), &serde_json::to_vec_pretty(&kept)?)?;
    run.write(format!("{folder}plan.json"), &serde_json::to_vec_pretty(&plan.to_json())?)?;
    run.write(
        format!("{folder}environment.json"),
        &serde_json::to_vec_pretty(&environment::describe(request.device.as_ref()))?,
    )?;
    run.set_lease(Lease { expires: Duration::from_secs_f64(study.config().run().lease_seconds) });
    let executor = Executor::new(&study, &plan, &run, interrupt);

    let done = executor.done()?;
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
    let settings = executor.study.config().run();
    executor.clear(done)?;
    match settings.runner {
        RunnerName::Local => {
            executor.run(done, request.device.as_ref(), settings.concurrent, progress)?;
        }
        RunnerName::Slurm => {
            let nodes = read_plan(&run.path().join(format!("{folder}plan.json")))?.nodes;
            let seconds = seconds_per_pass(executor, request, &nodes)?;
            let config = executor.study.config();
            cluster::carry_out(run, &nodes, seconds, config, executor.interrupt, &|line| {
                progress.line(line)
            })?;
        }
        RunnerName::None => {
            let left = done.iter().filter(|done| !**done).count();
            ensure!(left == 0, exit::Unfinished { run: run.path().to_owned(), left });
        }
    }
    // Processes that were killed beside this one have left some.
    executor.clear(&executor.done()?)?;
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

/// What a pass costs, to ask for as time: as this run has taken so far, or a few steps here; 0 where neither tells.
fn seconds_per_pass(executor: &Executor<'_>, request: &Request, nodes: &[Node]) -> Result<f64> {
    let pace = cluster::pace(executor.run, nodes)?;
    match pace > 0.0 || executor.study.config().run().device != DeviceName::Cpu {
        true => Ok(pace),
        false => seconds_per_pass_here(executor.study, request),
    }
}

/// The same from a few steps here, of the slowest case.
fn seconds_per_pass_here(study: &Study, request: &Request) -> Result<f64> {
    let speeds = seconds_per_image(study, request.device.as_ref())?;
    let passes =
        study.cases.iter().zip(speeds).map(|(case, speed)| speed * case.count(&DataRef::train()) as f64);
    Ok(passes.fold(0.0, f64::max))
}

/// Prices the run: every node with its state, epochs, arithmetic, disk; nothing is written. With `measure`, also the time
/// where it would be computed, from a few steps taken there: seconds, and as much memory as training takes. Without, the same
/// run in the same state gives the same text.
///
/// # Errors
/// Whatever [`reproduce`] would refuse before it begins.
pub fn price(request: &Request, registry: &Registry, measure: bool) -> Result<String> {
    let (study, plan) = prepared(request, registry, Datasets::or_blank())?;
    let on = measure.then_some(request.device.as_ref());
    let mut table = dry_run::table(&study, &plan, (&request.runs, &request.name), on)?;
    let config = study.config();
    if config.run().runner == RunnerName::Slurm {
        let plan: Planned = serde_json::from_value(plan.to_json())?;
        let seconds = if measure { seconds_per_pass_here(&study, request)? } else { 0.0 };
        let handed = cluster::dry_run(&request.runs.join(&request.name), &plan.nodes, seconds, config)?;
        table = format!("{}\n\n{handed}", table.trim_end());
    }
    let notes: String = study.all_notes().iter().map(|note| format!("\nnote: {note}")).collect();
    Ok(table.trim_end().to_owned() + &notes)
}

/// A study and its plan, which can be carried out.
///
/// # Errors
/// Everything that stands in the way.
pub(crate) fn prepared(request: &Request, registry: &Registry, datasets: Datasets) -> Result<(Study, Plan)> {
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
    others.extend(request.check_place().err().map(|error| format!("  {error:#}")));
    refusals::refused(&request.asked, twice, others, registry, dry_run)
}

/// The epochs of every ensemble, from the plan alone.
///
/// # Errors
/// As [`price`].
pub fn cost(asked: &Asked, registry: &Registry) -> Result<String> {
    let study = Study::outline(asked)?;
    let plan = Plan::new(&study, registry)?;
    Ok(basin_plan::cost::table(&study, &plan))
}
