//! A run's plan for a scheduler: its nodes as tasks, the run directory as jobs see it, and Slurm as the runner of a plan.

use crate::config::Slurm as Asked;
use crate::config::{Config, DeviceName};
use crate::exit::{Interrupted, JobsFailed};
use crate::history::History;
use crate::interrupt::Interrupt;
use crate::plan_file::{Node, plans, read_plan};
use crate::verify::split;
use anyhow::{Result, ensure};
use basin_cluster::{Class, FolderResult, Outcome, RunFolder, Session, Settings, Slurm, Task, TaskState};
use basin_store::{NodeStatus, RealFs, RunDir, StoreError, found};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A run directory as the cluster sees it.
struct Folder<'a> {
    /// None of a run that is not begun: nothing is done there.
    run: Option<&'a RunDir>,
    path: PathBuf,
}

impl<'a> Folder<'a> {
    fn new(run: &'a RunDir) -> Result<Self> {
        Ok(Self { run: Some(run), ..Self::at(run.path())? })
    }

    fn at(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).map_err(StoreError::io("find", path))?;
        Ok(Self { run: None, path })
    }
}

impl RunFolder for Folder<'_> {
    fn path(&self) -> &Path {
        &self.path
    }

    fn is_done(&self, task: &Task) -> FolderResult<bool> {
        let (readable, hash) = task.name.rsplit_once('.').unwrap_or((&task.name, ""));
        let Some(run) = self.run else { return Ok(false) };
        Ok(run.node(readable, hash)?.status()? == NodeStatus::Done)
    }

    fn read(&self, relative: &str) -> FolderResult<Option<Vec<u8>>> {
        Ok(self.run.map(|run| run.read(relative)).transpose()?.flatten())
    }

    fn write(&self, relative: &str, bytes: &[u8]) -> FolderResult<()> {
        Ok(self.run.map_or(Ok(()), |run| run.write(relative, bytes))?)
    }
}

/// The nodes of plans as tasks, each once, priced by `seconds` a pass.
pub(crate) fn tasks(nodes: &[Node], seconds: f64) -> Vec<Task> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut tasks: Vec<Task> = Vec::new();
    for node in nodes {
        if places.contains_key(node.key.as_str()) {
            continue;
        }
        places.insert(&node.key, tasks.len());
        tasks.push(Task {
            key: node.key.clone(),
            name: node.folder(),
            class: if node.is_trained() { Class::Training } else { Class::Short },
            seconds: node.passes * seconds,
            inputs: node.inputs.iter().filter_map(|key| places.get(key.as_str()).copied()).collect(),
        });
    }
    tasks
}

/// Seconds that a pass has taken in this run so far; 0 where nothing is known.
pub(crate) fn pace(run: &RunDir, nodes: &[Node]) -> Result<f64> {
    let mut done = (BTreeSet::new(), 0.0);
    for node in nodes.iter().filter(|node| node.passes > 0.0) {
        let (id, digest) = node.name_in_run();
        if run.node(&id, digest)?.status()? == NodeStatus::Done && done.0.insert(node.key.clone()) {
            done.1 += node.passes;
        }
    }
    let worked = History::read(run).seconds(&done.0);
    Ok(worked.filter(|_| done.1 > 0.0).map_or(0.0, |worked| worked / done.1))
}

/// All nodes of a run's plans.
fn planned(run: &Path) -> Result<Vec<Node>> {
    let mut nodes = Vec::new();
    for plan in plans(run)? {
        nodes.extend(read_plan(&plan)?.nodes);
    }
    Ok(nodes)
}

/// What is asked of Slurm.
pub(crate) fn settings(config: &Config) -> Settings {
    let Asked { partition, account, qos, gpus, cpus, memory, time, time_factor, time_least, .. } =
        config.slurm().clone();
    let asked = config.slurm();
    let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    // Whoever asks for CUDA asks for a GPU.
    let gpus = match (gpus.is_empty(), config.run().device) {
        (true, DeviceName::Cuda) => "1".to_owned(),
        _ => gpus,
    };
    let setup = Some(asked.setup.clone()).filter(|setup| !setup.is_empty());
    Settings {
        partition,
        account,
        qos,
        gpus,
        cpus: narrow(cpus),
        memory,
        time: narrow(time),
        time_factor,
        time_least: narrow(time_least),
        time_unknown: narrow(asked.time_unknown),
        extra: asked.extra.split_whitespace().map(str::to_owned).collect(),
        setup: setup.into_iter().collect(),
        array_limit: narrow(asked.array_limit),
        queue_limit: asked.queue_limit,
        ahead: asked.ahead,
        signal_seconds: narrow(asked.signal_seconds),
        requeues: narrow(asked.requeues),
        poll_seconds: asked.poll_seconds,
        settle_seconds: asked.settle_seconds,
        ..Settings::default()
    }
}

/// What a plan is handed to Slurm with.
struct Handed<'a> {
    plan: Vec<Task>,
    folder: Folder<'a>,
    settings: Settings,
    slurm: Slurm,
    exe: PathBuf,
}

impl<'a> Handed<'a> {
    fn new(folder: Folder<'a>, nodes: &[Node], seconds: f64, config: &Config) -> Self {
        let (plan, settings) = (tasks(nodes, seconds), settings(config));
        Self { plan, folder, settings, slurm: Slurm::default(), exe: program() }
    }

    fn session<'s>(&'s self, say: &'s dyn Fn(&str), interrupt: &'s dyn Fn() -> bool) -> Session<'s> {
        let Self { plan, folder, settings, slurm, exe } = self;
        Session { plan, folder, slurm, settings, exe, say, interrupt }
    }
}

/// Hands the nodes to Slurm and watches until all are done.
///
/// # Errors
/// [`basin_cluster::ClusterError`]; [`JobsFailed`] with everything that failed for good and what needs it; [`Interrupted`],
/// jobs staying in the queue.
pub(crate) fn carry_out(
    run: &RunDir,
    nodes: &[Node],
    seconds: f64,
    config: &Config,
    interrupt: &Interrupt,
    say: &dyn Fn(&str),
) -> Result<()> {
    let handed = Handed::new(Folder::new(run)?, nodes, seconds, config);
    let asked = || interrupt.requested();
    let outcome = basin_cluster::watch(&handed.session(say, &asked))?;
    let Outcome { failed, left_out, interrupted, .. } = outcome;
    ensure!(!interrupted, Interrupted);
    if failed.is_empty() && left_out.is_empty() {
        return Ok(());
    }
    let mut told = Vec::new();
    for failure in &failed {
        told.push(format!("{}: {}", failure.name, failure.why));
        told.extend(failure.log.iter().map(|line| format!("    {line}")));
    }
    let of = |(task, cause): &(usize, usize)| {
        format!("{}: not begun, it needs {}", handed.plan[*task].name, handed.plan[*cause].name)
    };
    told.extend(left_out.iter().map(of));
    Err(JobsFailed { run: handed.folder.path, told }.into())
}

/// What would be handed to Slurm for the run at `path`, which need not be there yet.
///
/// # Errors
/// As [`basin_cluster::dry_run`].
pub(crate) fn dry_run(path: &Path, nodes: &[Node], seconds: f64, config: &Config) -> Result<String> {
    let (root, name) = split(path)?;
    let run = RunDir::open_read_only(root, name, Arc::new(RealFs)).ok();
    let folder = Folder { run: run.as_ref(), ..Folder::at(path)? };
    let handed = Handed::new(folder, nodes, seconds, config);
    Ok(basin_cluster::dry_run(&handed.session(&|_| {}, &|| false))?)
}

/// `basin commands`: a command a line that carries out what is not done, or with `ready` what of it can be begun, and that may
/// be given any number of times; behind it, as a comment, what it asks for.
///
/// # Errors
/// When there is no run, a plan cannot be read, or the disk does not tell.
pub fn commands(path: &Path, ready: bool, config: &Config) -> Result<Vec<String>> {
    let (root, name) = split(path)?;
    let run = RunDir::open_read_only(root, name, Arc::new(RealFs))?;
    let nodes = planned(path)?;
    let plan = tasks(&nodes, pace(&run, &nodes)?);
    Ok(basin_cluster::commands(&plan, &Folder::new(&run)?, &program(), &settings(config), ready)?)
}

/// Where nodes stand in a batch system; nowhere in a run that was handed to none.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    /// By their keys.
    pub(crate) states: BTreeMap<String, TaskState>,
    /// Why the batch system could not be asked.
    pub(crate) note: Option<String>,
}

/// Where the nodes of a plan stand in the batch system that their run was handed to.
pub(crate) fn standing(run: &RunDir, nodes: &[Node]) -> Result<Jobs> {
    let folder = Folder::new(run)?;
    let handed = folder.path.join(basin_cluster::FOLDER);
    if found(&handed).map_err(StoreError::io("look at", &handed))?.is_none() {
        return Ok(Jobs::default());
    }
    let slurm = Slurm { call_limit: Duration::from_secs(10), ..Slurm::default() };
    let (queue, note) = match slurm.queue(&folder) {
        Ok(queue) => (Some(queue), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let plan = tasks(nodes, 0.0);
    let states = basin_cluster::view(&plan, &folder, queue.as_ref())?;
    Ok(Jobs { states: plan.into_iter().map(|task| task.key).zip(states).collect(), note })
}

/// This program, as it can be started again.
fn program() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| "basin".into())
}
