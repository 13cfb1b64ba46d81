//! Cycles of the learning rate after fine-tuning.

use basin_core::DataRef;
use basin_ensemble::{AtStart, NodeId, Objective, RecipeError, Schedule, Starting, Trajectory, WarmupCosine};
use std::sync::Arc;

/// Cycles whose length and rate are those of fine-tuning times a ratio: the paper's grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cycles {
    /// Length of a cycle over T; a cycle has ⌊length · T⌋ epochs.
    pub length: f64,
    /// Highest rate of a cycle over that of fine-tuning.
    pub rate: f64,
    /// Highest rate of fine-tuning.
    pub peak: f64,
}

impl Cycles {
    /// Epochs of a cycle after fine-tuning of so many.
    ///
    /// # Errors
    /// [`RecipeError::Parameter`] where it has no whole epoch.
    pub(super) fn epochs(self, tuning: u64) -> Result<u64, RecipeError> {
        let epochs = self.length * tuning as f64;
        match epochs >= 1.0 {
            true => Ok(epochs.floor() as u64),
            false => Err(RecipeError::Parameter {
                key: "transfer.cycle_length",
                expected: format!("a share of T = {tuning} epochs that has a whole epoch"),
                found: format!("{}, which is {epochs} epochs", self.length),
            }),
        }
    }

    /// Highest rate of a cycle.
    pub(super) fn high(self) -> f64 {
        self.rate * self.peak
    }

    /// A cycle of so many epochs along a cosine to zero, from a jump without warm-up.
    pub(super) fn cosine(self, start: u64, epochs: u64) -> Arc<dyn Schedule> {
        let schedule = WarmupCosine { peak: self.high(), epochs, warmup: 0.0, floor: None };
        Arc::new(Starting { epoch: start, schedule })
    }
}

/// Training that goes on from a fine-tuned network, the optimiser from zero.
pub(super) fn going_on(
    (name, method): (String, &str),
    from: NodeId,
    start_epoch: u64,
    order: String,
    schedule: Arc<dyn Schedule>,
    data: &DataRef,
) -> Trajectory {
    Trajectory {
        name,
        method: method.into(),
        from,
        start_epoch,
        order,
        schedule,
        objective: Objective::CrossEntropy,
        data: data.clone(),
        sides: Vec::new(),
        moments: AtStart::Reset,
    }
}
