//! The work of one node: from what it starts, what it does, what it leaves in its directory.

use super::Executor;
use super::observer::{EpochLine, METRICS, Observer, write_rows};
use super::transform::Operation;
use crate::device::{self, OnDevice};
use crate::environment::Maker;
use crate::laboratory::Bench;
use crate::progress::Progress;
use crate::{Case, exit};
use anyhow::{Context, Result, ensure};
use basin_core::{Params, TensorFile};
use basin_data::Order;
use basin_ensemble::{AtStart, Objective, Trajectory};
use basin_plan::{NodeIndex, PlannedNode, PlannedWork, facts};
use basin_store::NodeDir;
use basin_train::{Examples, KeptTargets, Moments, Outcome, Recipe, Segment, Teacher, Teaching, TrainState};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Parameters after the node's work, names and shapes as in PyTorch.
pub const FINAL: &str = "final.safetensors";
/// Momentum after the node's training, for trajectories that go on.
const MOMENTS: &str = "moments.safetensors";
/// What a measurement found.
pub(crate) const RECORD: &str = "record.safetensors";
/// What the node is.
pub(crate) const NODE: &str = "node.toml";
/// Where it was computed: one environment, or several in turn where an attempt went on from another's state.
pub(crate) const ENVIRONMENT: &str = "environment.json";

impl Executor<'_> {
    /// Does a node's work, going on where an earlier attempt left it, and seals its directory.
    pub(super) fn carry_out(
        &self,
        node: &PlannedNode,
        dir: &NodeDir,
        device: Option<&OnDevice>,
        progress: &Progress,
        stopped: &dyn Fn() -> bool,
    ) -> Result<()> {
        dir.write(NODE, self.describe(node).as_bytes())?;
        note_maker(dir, device)?;
        let case = self.case(node);
        match &node.work {
            PlannedWork::Init { path } => {
                let params = case.network.init(&case.seeds(node.seed).path(path));
                self.finish(dir, params, &[])
            }
            PlannedWork::Import { path, content, classes } => {
                let network = case.network_of(*classes)?;
                let params = basin_plan::import::params(path, *content, &network, &mut |note| {
                    progress.line(&format!("note: {note}"));
                })?;
                self.finish(dir, params, &[])
            }
            PlannedWork::Probe { probe, networks, records, path } => {
                let begin = |steps, at| progress.begin(&node.name, node.passes, steps, at);
                let bench = Bench {
                    executor: self,
                    case,
                    dir,
                    device,
                    networks,
                    records,
                    seeds: case.seeds(node.seed).path(path),
                    stopped,
                    begin: &begin,
                    say: &|text| progress.line(text),
                };
                let record = bench.measure(&**probe)?;
                dir.write(RECORD, &record.encode())?;
                dir.finish(&[NODE, ENVIRONMENT, RECORD])?;
                Ok(dir.clear_states()?)
            }
            PlannedWork::Transform { operation, inputs, path } => {
                let operation = Operation { operation: &**operation, inputs, path };
                let made = self.transform(node, operation, dir, device, progress, stopped)?;
                self.finish_with(dir, made, &[])
            }
            PlannedWork::Train { trajectory, from, teachers, start, end, early } => {
                // Within an epoch, training goes towards its end and is stopped on the way.
                let end_epoch = end + u64::from(early.is_some());
                let recipe = self.recipe(node, trajectory, teachers, end_epoch)?;
                let same_trajectory =
                    *start > trajectory.start_epoch || early.is_some_and(|early| early.after > 0);
                let Range { start: first, end: last } = facts::steps(case, &node.work);
                let goes_on = same_trajectory || trajectory.moments == AtStart::Continue;
                let from = From { node: *from, same_trajectory, goes_on };
                let state = self.start(node, dir, &from, first, progress)?;
                let checkpoint = Duration::from_secs_f64(case.config.run().checkpoint_seconds);
                let task = progress.begin(&node.name, node.passes, last - first, state.step - first);
                let kept = Instant::now();
                let (until, reached) = (early.map(|_| last), None);
                let mut observer = Observer {
                    executor: self,
                    node,
                    dir,
                    task,
                    first,
                    checkpoint,
                    kept,
                    stopped,
                    until,
                    reached,
                };
                let segment = Segment { state, end_epoch };
                let network = &case.network;
                let backend = device::backend(network, device)?;
                let outcome = basin_train::run(&*backend, network, &recipe, segment, &mut observer)?;
                match (outcome, observer.reached) {
                    (Outcome::Interrupted, None) => Err(exit::Interrupted.into()),
                    (Outcome::Interrupted, Some(state)) | (Outcome::Finished(state), _) => {
                        write_rows(dir, &state)?;
                        dir.write(MOMENTS, &state.moments.encode())?;
                        self.finish(dir, state.params, &[MOMENTS, METRICS])
                    }
                }
            }
        }
    }

    fn finish(&self, dir: &NodeDir, params: Params, others: &[&str]) -> Result<()> {
        self.finish_with(dir, TensorFile { params, ..Default::default() }, others)
    }

    fn finish_with(&self, dir: &NodeDir, file: TensorFile, others: &[&str]) -> Result<()> {
        dir.write(FINAL, &file.encode())?;
        let files: Vec<&str> = [NODE, ENVIRONMENT, FINAL].into_iter().chain(others.iter().copied()).collect();
        dir.finish(&files)?;
        Ok(dir.clear_states()?)
    }

    /// The newest good rolling state of a node, or the state of the node that it continues; the log of a
    /// trajectory goes on where it is one trajectory, so that a node's files depend on its key alone.
    fn start(
        &self,
        node: &PlannedNode,
        dir: &NodeDir,
        from: &From,
        first: u64,
        progress: &Progress,
    ) -> Result<TrainState> {
        let case = self.case(node);
        let layout = case.network.layout().shapes();
        match dir.load_state()? {
            Some((_, bytes, notes)) => {
                notes.iter().for_each(|note| progress.line(note));
                let state = TrainState::decode(&bytes, &layout).with_context(|| unfit_state(dir))?;
                // A state from before a later plan split this trajectory may lie behind the split.
                if state.step >= first {
                    return Ok(state);
                }
            }
            None => dir.broken_states()?.iter().for_each(|note| progress.line(note)),
        }
        let mut state = TrainState::new(self.params(from.node)?, first);
        let node = &self.plan.nodes[from.node];
        if let (PlannedWork::Train { .. }, true) = (&node.work, from.goes_on) {
            let before = self.dir(node)?;
            state.moments = Moments::decode(&before.read_verified(MOMENTS)?, &layout)
                .with_context(|| unfit_moments(&before))?;
            if from.same_trajectory {
                state.rows = before
                    .read_rows_verified::<EpochLine>(METRICS)?
                    .into_iter()
                    .map(EpochLine::row)
                    .collect();
            }
        }
        Ok(state)
    }

    /// What training towards epoch `end` needs.
    fn recipe(
        &self,
        node: &PlannedNode,
        trajectory: &Trajectory,
        teachers: &[NodeIndex],
        end: u64,
    ) -> Result<Recipe> {
        let case = self.case(node);
        let Case { network, augment, .. } = case;
        let (images, normalisation) = (case.images(&trajectory.data)?, case.normalisation(&trajectory.data)?);
        let taught = |&teacher: &NodeIndex| Ok(Arc::new(Teacher::new(network, &self.params(teacher)?)?));
        let mut teachers = teachers.iter().map(taught).collect::<Result<Vec<_>>>()?;
        let teaching = match &trajectory.objective {
            Objective::CrossEntropy => Teaching::Labels,
            Objective::Distillation { label_weight, temperature, replay, .. } => {
                ensure!(!teachers.is_empty(), "{} has no teacher", node.name);
                let (label_weight, temperature) = (*label_weight, *temperature);
                let kept = replay.map(|epochs| Arc::new(KeptTargets::new(images.len(), epochs.min(end))));
                Teaching::Teachers { teachers, label_weight, temperature, kept }
            }
            Objective::Custom { objective, .. } => {
                Teaching::Custom { objective: objective.clone(), teacher: teachers.pop() }
            }
        };
        Ok(Recipe {
            examples: Examples { images, augment: *augment, normalisation },
            batch: case.batch(),
            optimiser: case.optimiser(),
            schedule: trajectory.schedule.clone(),
            order: Order {
                seeds: case.seeds(node.seed).path(&trajectory.order),
                sampling: case.sampling(trajectory)?,
            },
            teaching,
            label_smoothing: case.config.train().label_smoothing,
            replay: trajectory.objective.replay(),
        })
    }

    fn describe(&self, node: &PlannedNode) -> String {
        let inputs: Vec<String> = node.inputs().iter().map(|&i| self.plan.nodes[i].key.to_string()).collect();
        let work = match &node.work {
            PlannedWork::Init { path } => format!("work = \"init\"\nseed_path = {path:?}\n"),
            PlannedWork::Import { path, content, .. } => {
                format!(
                    "work = \"import\"\nfile = {:?}\ncontent = \"{content}\"\n",
                    path.display().to_string()
                )
            }
            PlannedWork::Probe { probe, path, .. } => format!(
                "work = \"probe\"\nprobe = {:?}\nsettings = {:?}\ndata = {:?}\nseed_path = {path:?}\n",
                probe.id(),
                probe.settings(),
                probe.data().iter().map(basin_core::DataRef::id).collect::<Vec<_>>(),
            ),
            PlannedWork::Transform { operation, path, .. } => {
                let statistics = match self.case(node).statistics_images(&**operation) {
                    0 => String::new(),
                    n => format!("statistics_images = {n}\n"),
                };
                format!(
                    "work = \"transform\"\noperation = {:?}\nseed_path = {path:?}\n{statistics}",
                    operation.id()
                )
            }
            PlannedWork::Train { trajectory, start, end, early, .. } => {
                let within = early.map_or_else(String::new, |_| {
                    let steps = facts::steps(self.case(node), &node.work);
                    format!("steps = [{}, {}]\n", steps.start, steps.end)
                });
                format!(
                    "work = \"train\"\nepochs = [{start}, {end}]\n{within}schedule = {:?}\norder = {:?}\nobjective = {:?}\n",
                    trajectory.schedule.id(),
                    trajectory.order,
                    node.objective()
                )
            }
        };
        let setting = self.case(node).setting(node.seed);
        format!(
            "name = {:?}\nkey = \"{}\"\ninputs = {inputs:?}\n{work}setting = {setting:?}\n",
            node.name, node.key
        )
    }
}

/// Notes where a node is computed, beside where the state was that its computation goes on from.
fn note_maker(dir: &NodeDir, device: Option<&OnDevice>) -> Result<()> {
    let own = Maker::here(device);
    let before = dir.read(ENVIRONMENT)?.unwrap_or_default();
    let before: Vec<Maker> = serde_json::from_slice(&before).unwrap_or_default();
    let goes_on = before.iter().any(|maker| *maker != own) && dir.load_state()?.is_some();
    let mut makers = if goes_on { before } else { Vec::new() };
    if makers.last() != Some(&own) {
        makers.push(own);
    }
    let text = serde_json::to_string_pretty(&makers)? + "\n";
    Ok(dir.write(ENVIRONMENT, text.as_bytes())?)
}

/// Where the moments of a finished node do not fit: what to do about it.
fn unfit_moments(dir: &NodeDir) -> String {
    format!(
        "{0}/{MOMENTS} is not what this build can go on from; use the build that wrote it, or delete the directory {0} to \
         compute the node again",
        dir.path().display()
    )
}

/// Where a state that was kept whole does not fit: what to do about it.
pub(crate) fn unfit_state(dir: &NodeDir) -> String {
    format!(
        "the state kept in {} is not one that this build can go on from; use the build that kept it, or delete its state-* \
         files to compute the node from its beginning",
        dir.path().display()
    )
}

/// What a training goes on from.
struct From {
    node: NodeIndex,
    /// Whether it is an earlier state of the same trajectory.
    same_trajectory: bool,
    /// Whether the optimiser's moments go on.
    goes_on: bool,
}
