//! Carries out the plan's nodes: each once, resumable, its files sealed by DONE.

use crate::device::OnDevice;
use crate::interrupt::Interrupt;
use crate::plan::{NodeIndex, Plan, PlannedNode, PlannedWork};
use crate::progress::{Progress, Task};
use crate::{Experiment, Study, exit};
use anyhow::{Context, Result, ensure};
use basin_core::{Digest, Params, TensorFile};
use basin_data::fill_plain;
use basin_ensemble::{Objective, Trajectory};
use basin_store::{NodeDir, RunDir};
use basin_train::{
    EpochRow, Examples, KeptTargets, Moments, Outcome, Recipe, Segment, SegmentObserver, Teacher, Teaching,
    TrainState,
};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Parameters after the node's work, names and shapes as in PyTorch.
pub const FINAL: &str = "final.safetensors";
/// Momentum after the node's training, for trajectories that go on.
const MOMENTS: &str = "moments.safetensors";
/// One line per epoch.
pub(crate) const METRICS: &str = "metrics.jsonl";
/// What the node is.
const NODE: &str = "node.toml";
/// Images of the batch on which a transformed network must compute the same function.
const PROBE: usize = 64;

/// One line of metrics.jsonl.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochLine {
    /// Epochs of the schedule finished.
    pub epoch: u64,
    /// Global steps finished.
    pub step: u64,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Mean training loss.
    pub loss: f64,
    /// Training accuracy, a fraction.
    pub accuracy: f64,
}

impl EpochLine {
    fn row(self) -> EpochRow {
        let Self { epoch, step, learning_rate, loss, accuracy } = self;
        EpochRow { epoch, step, learning_rate, loss, accuracy }
    }
}

/// Carries out a plan in a run directory.
#[derive(Debug)]
pub struct Executor<'a> {
    /// Data, networks, settings.
    pub study: &'a Study,
    /// The work.
    pub plan: &'a Plan,
    /// Where results go.
    pub run: &'a RunDir,
    /// Asked after every step.
    pub interrupt: &'a Interrupt,
    /// Where to train and evaluate; None: on the processor.
    pub device: Option<&'a OnDevice>,
}

impl Executor<'_> {
    /// The case whose settings make a node.
    pub(crate) fn experiment(&self, node: &PlannedNode) -> &Experiment {
        &self.study.cases[node.case]
    }

    /// The directory of a node.
    ///
    /// # Errors
    /// When the name cannot be a directory's.
    pub fn dir(&self, node: &PlannedNode) -> Result<NodeDir> {
        Ok(self.run.node(&format!("s{}-{}", node.seed, node.name), &node.key.short())?)
    }

    /// Carries out every node that is not done, inputs first.
    ///
    /// # Errors
    /// The first failure; what was finished stays finished.
    pub fn run(&self, progress: &mut Progress) -> Result<()> {
        for node in &self.plan.nodes {
            let dir = self.dir(node)?;
            if dir.is_done()? {
                // A kill between the seal and the end of the clearing leaves some.
                dir.clear_states()?;
                continue;
            }
            self.interrupt.check()?;
            let clock = Stopwatch::start();
            self.journal(&node.name, &node.key, "start", None)?;
            let result = self.carry_out(node, &dir, progress, &clock);
            let event = if result.is_ok() { "done" } else { "stop" };
            self.journal(&node.name, &node.key, event, Some(clock.lap()))?;
            result.with_context(|| format!("node {}", dir.name()))?;
        }
        Ok(())
    }

    /// Notes an event; `seconds` are those worked since the piece of work's last line.
    pub(crate) fn journal(&self, name: &str, key: &Digest, event: &str, seconds: Option<f64>) -> Result<()> {
        let line =
            serde_json::json!({ "event": event, "name": name, "key": key.to_string(), "seconds": seconds });
        Ok(self.run.journal().append(&line)?)
    }

    fn carry_out(
        &self,
        node: &PlannedNode,
        dir: &NodeDir,
        progress: &mut Progress,
        clock: &Stopwatch,
    ) -> Result<()> {
        dir.write(NODE, self.describe(node).as_bytes())?;
        let experiment = self.experiment(node);
        match &node.work {
            PlannedWork::Init { path } => {
                let params = experiment.network.init(&experiment.seeds(node.seed).path(path));
                self.finish(dir, params, &[])
            }
            PlannedWork::Transform { operation, inputs, path } => {
                let inputs = inputs.iter().map(|&i| self.params(i)).collect::<Result<Vec<_>>>()?;
                let borrowed: Vec<&Params> = inputs.iter().collect();
                let seed = experiment.seeds(node.seed).path(path);
                let result = operation.apply(&borrowed, &seed)?;
                if let Some(original) = operation.preserves() {
                    assert_same_function(experiment, &inputs[original], &result)?;
                }
                self.finish(dir, result, &[])
            }
            PlannedWork::Train { trajectory, from, teachers, start, end } => {
                let recipe = self.recipe(node, trajectory, teachers, *end)?;
                let same_trajectory = *start > trajectory.start_epoch;
                let state = self.start(node, dir, (*from, same_trajectory), *start, progress)?;
                let per_epoch = experiment.steps_per_epoch();
                let (first, steps) = (start * per_epoch, (end - start) * per_epoch);
                let checkpoint = Duration::from_secs_f64(experiment.config.float("run.checkpoint_seconds"));
                let task = progress.begin(&node.name, node.passes(), steps, state.step - first);
                let mut observer = Observer { executor: self, node, dir, task, first, checkpoint, clock };
                let segment = Segment { state, end_epoch: *end };
                let network = &experiment.network;
                let outcome = match self.device {
                    None => basin_train::run(network, &recipe, segment, &mut observer)?,
                    Some(OnDevice { queue, precision }) => {
                        let queue = queue.clone();
                        basin_train::device::run(queue, *precision, network, &recipe, segment, &mut observer)?
                    }
                };
                match outcome {
                    Outcome::Interrupted => Err(exit::Interrupted.into()),
                    Outcome::Finished(state) => {
                        write_rows(dir, &state)?;
                        dir.write(MOMENTS, &state.moments.encode())?;
                        self.finish(dir, state.params, &[MOMENTS, METRICS])
                    }
                }
            }
        }
    }

    fn finish(&self, dir: &NodeDir, params: Params, others: &[&str]) -> Result<()> {
        dir.write(FINAL, &TensorFile { params, ..Default::default() }.encode())?;
        let files: Vec<&str> = [NODE, FINAL].into_iter().chain(others.iter().copied()).collect();
        dir.finish(&files)?;
        Ok(dir.clear_states()?)
    }

    /// The parameters of a finished node, in the network's order.
    ///
    /// # Errors
    /// When a file is damaged or does not fit the network.
    pub fn params(&self, node: NodeIndex) -> Result<Params> {
        let node = &self.plan.nodes[node];
        let dir = self.dir(node)?;
        let bytes = dir.read_verified(FINAL)?;
        let decoded =
            TensorFile::decode(&bytes).with_context(|| format!("{}/{FINAL}", dir.path().display()))?;
        Ok(self.experiment(node).network.check(&decoded.params)?)
    }

    /// The newest good rolling state of a node, or the state of the node that it continues; the log of a
    /// trajectory goes on where it is one trajectory, so that a node's files depend on its key alone.
    fn start(
        &self,
        node: &PlannedNode,
        dir: &NodeDir,
        (from, same_trajectory): (NodeIndex, bool),
        epoch: u64,
        progress: &Progress,
    ) -> Result<TrainState> {
        let experiment = self.experiment(node);
        let (first, layout) = (epoch * experiment.steps_per_epoch(), experiment.network.layout().shapes());
        match dir.load_state()? {
            Some((_, bytes, notes)) => {
                notes.iter().for_each(|note| progress.line(note));
                let state =
                    TrainState::decode(&bytes, &layout).with_context(|| dir.path().display().to_string())?;
                // A state from before a later plan split this trajectory may lie behind the split.
                if state.step >= first {
                    return Ok(state);
                }
            }
            None => dir.broken_states()?.iter().for_each(|note| progress.line(note)),
        }
        let mut state = TrainState::new(self.params(from)?, first);
        if let PlannedWork::Train { .. } = self.plan.nodes[from].work {
            let before = self.dir(&self.plan.nodes[from])?;
            state.moments = Moments::decode(&before.read_verified(MOMENTS)?, &layout)
                .with_context(|| format!("{}/{MOMENTS}", before.path().display()))?;
            if same_trajectory {
                state.rows =
                    before.read_rows::<EpochLine>(METRICS)?.into_iter().map(EpochLine::row).collect();
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
        let experiment = self.experiment(node);
        let Experiment { network, train, augment, normalisation, .. } = experiment;
        let taught = |&teacher: &NodeIndex| Ok(Arc::new(Teacher::new(network, &self.params(teacher)?)?));
        let mut teachers = teachers.iter().map(taught).collect::<Result<Vec<_>>>()?;
        let teaching = match &trajectory.objective {
            Objective::CrossEntropy => Teaching::Labels,
            Objective::Distillation { label_weight, temperature, replay, .. } => {
                ensure!(!teachers.is_empty(), "{} has no teacher", node.name);
                let (label_weight, temperature) = (*label_weight, *temperature);
                let kept = replay.map(|epochs| Arc::new(KeptTargets::new(train.len(), epochs.min(end))));
                Teaching::Teachers { teachers, label_weight, temperature, kept }
            }
            Objective::Custom { objective, .. } => {
                Teaching::Custom { objective: objective.clone(), teacher: teachers.pop() }
            }
        };
        Ok(Recipe {
            examples: Examples { images: train.clone(), augment: *augment, normalisation: *normalisation },
            batch: experiment.batch(),
            optimiser: experiment.optimiser(),
            schedule: trajectory.schedule.clone(),
            order: experiment.seeds(node.seed).path(&trajectory.order),
            teaching,
            replay: trajectory.objective.replay(),
        })
    }

    fn describe(&self, node: &PlannedNode) -> String {
        let inputs: Vec<String> = node.inputs().iter().map(|&i| self.plan.nodes[i].key.to_string()).collect();
        let work = match &node.work {
            PlannedWork::Init { path } => format!("work = \"init\"\nseed_path = {path:?}\n"),
            PlannedWork::Transform { operation, path, .. } => {
                format!("work = \"transform\"\noperation = {:?}\nseed_path = {path:?}\n", operation.id())
            }
            PlannedWork::Train { trajectory, start, end, .. } => format!(
                "work = \"train\"\nepochs = [{start}, {end}]\nschedule = {:?}\norder = {:?}\nobjective = {:?}\n",
                trajectory.schedule.id(),
                trajectory.order,
                node.objective()
            ),
        };
        let setting = self.experiment(node).setting(node.seed);
        format!(
            "name = {:?}\nkey = \"{}\"\ninputs = {inputs:?}\n{work}setting = {setting:?}\n",
            node.name, node.key
        )
    }
}

/// Invariant: a function-preserving operation preserves the function, on training images (the test split
/// takes no part in making a network).
fn assert_same_function(experiment: &Experiment, original: &Params, result: &Params) -> Result<()> {
    let Experiment { network, train, normalisation, .. } = experiment;
    let n = PROBE.min(train.len());
    let mut images = vec![0.0; n * train.size() * train.size() * 3];
    fill_plain(train, 0..n, normalisation, &mut images);
    let (before, after) = (network.logits(original, &images)?, network.logits(result, &images)?);
    let largest = before.values().iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let differences = before.values().iter().zip(after.values()).map(|(a, b)| (a - b).abs());
    let worst = differences.fold(0.0f32, f32::max);
    ensure!(
        worst <= 1e-4 * largest,
        "the permuted network does not compute the same function: logits differ by {worst} of {largest}, expected \
         at most 1e-4 of it. The permutation spec does not fit the network"
    );
    Ok(())
}

fn write_rows(dir: &NodeDir, state: &TrainState) -> Result<(), basin_store::StoreError> {
    let line = |r: &EpochRow| EpochLine {
        epoch: r.epoch,
        step: r.step,
        learning_rate: r.learning_rate,
        loss: r.loss,
        accuracy: r.accuracy,
    };
    dir.write_rows(METRICS, &state.rows.iter().map(line).collect::<Vec<_>>())
}

/// Time worked, told in laps, so that an interrupted attempt counts up to its last line in the journal.
#[derive(Debug)]
pub(crate) struct Stopwatch(Cell<Instant>);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Cell::new(Instant::now()))
    }

    /// Seconds since the last lap.
    pub(crate) fn lap(&self) -> f64 {
        self.0.replace(Instant::now()).elapsed().as_secs_f64()
    }

    fn since_lap(&self) -> Duration {
        self.0.get().elapsed()
    }
}

struct Observer<'a, 'p> {
    executor: &'a Executor<'a>,
    node: &'a PlannedNode,
    dir: &'a NodeDir,
    task: Task<'p>,
    first: u64,
    checkpoint: Duration,
    clock: &'a Stopwatch,
}

impl SegmentObserver for Observer<'_, '_> {
    fn step(&mut self, step: u64) -> bool {
        self.task.step(step - self.first);
        self.executor.interrupt.requested()
    }

    fn checkpoint_due(&mut self) -> bool {
        self.clock.since_lap() >= self.checkpoint
    }

    fn checkpoint(&mut self, state: &TrainState) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        write_rows(self.dir, state)?;
        self.dir.save_state(state.step, &state.encode())?;
        let Observer { executor, node, clock, .. } = self;
        Ok(executor.journal(&node.name, &node.key, "checkpoint", Some(clock.lap()))?)
    }
}
