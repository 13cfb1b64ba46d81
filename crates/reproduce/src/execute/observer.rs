//! What a training node leaves while it works: its epochs' lines, rolling states, progress.

use super::Executor;
use crate::progress::Task;
use basin_plan::PlannedNode;
use basin_store::NodeDir;
use basin_train::{EpochRow, SegmentObserver, TrainState};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// One line per epoch.
pub(crate) const METRICS: &str = "metrics.jsonl";

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
    pub(super) fn row(self) -> EpochRow {
        let Self { epoch, step, learning_rate, loss, accuracy } = self;
        EpochRow { epoch, step, learning_rate, loss, accuracy }
    }
}

/// The epochs so far, beside the state that they lead to.
///
/// # Errors
/// The disk's.
pub(super) fn write_rows(dir: &NodeDir, state: &TrainState) -> Result<(), basin_store::StoreError> {
    let line = |r: &EpochRow| EpochLine {
        epoch: r.epoch,
        step: r.step,
        learning_rate: r.learning_rate,
        loss: r.loss,
        accuracy: r.accuracy,
    };
    dir.write_rows(METRICS, &state.rows.iter().map(line).collect::<Vec<_>>())
}

/// Watches over one node's training.
pub(super) struct Observer<'a> {
    pub(super) executor: &'a Executor<'a>,
    pub(super) node: &'a PlannedNode,
    pub(super) dir: &'a NodeDir,
    pub(super) task: Task<'a>,
    /// Steps of the trajectory before this node.
    pub(super) first: u64,
    /// Time between two rolling states, and when the last one was kept.
    pub(super) checkpoint: Duration,
    pub(super) kept: Instant,
    /// Whether work was stopped from elsewhere.
    pub(super) stopped: &'a dyn Fn() -> bool,
    /// The step within an epoch after which training is done, if it ends there, and the state once it is reached.
    pub(super) until: Option<u64>,
    pub(super) reached: Option<TrainState>,
}

impl SegmentObserver for Observer<'_> {
    fn step(&mut self, step: u64) -> bool {
        self.task.step(step - self.first);
        self.until == Some(step) || self.executor.interrupt.requested() || (self.stopped)()
    }

    fn checkpoint_due(&mut self) -> bool {
        self.kept.elapsed() >= self.checkpoint
    }

    fn checkpoint(&mut self, state: &TrainState) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if self.until == Some(state.step) {
            self.reached = Some(state.clone());
            return Ok(());
        }
        write_rows(self.dir, state)?;
        self.dir.save_state(state.step, &state.encode())?;
        self.kept = Instant::now();
        Ok(self.executor.journal(&self.node.name, &self.node.key, "checkpoint", None)?)
    }
}
