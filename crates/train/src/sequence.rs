//! The steps of a segment in order, each done when it is begun: what trainers on a host share.

use crate::segment::extent;
use crate::{Batch, Batches, Recipe, Segment, StepSum, TrainError};
use basin_models::Network;

/// Where a segment is, and the batches of the steps that remain.
#[derive(Debug)]
pub struct Sequence<'a> {
    recipe: &'a Recipe,
    batches: Batches,
    per_epoch: u64,
    step: u64,
    end: u64,
}

impl<'a> Sequence<'a> {
    /// Goes on from the segment's state; `dropout` says whether batches come with seeds of masks.
    ///
    /// # Errors
    /// [`TrainError`] when recipe, state and network do not fit together.
    pub fn new(
        network: &Network,
        recipe: &'a Recipe,
        segment: &Segment,
        dropout: bool,
    ) -> Result<Self, TrainError> {
        let (per_epoch, end) = extent(network, recipe, segment)?;
        let step = segment.state.step;
        Ok(Self { recipe, batches: Batches::new(recipe, step..end, dropout), per_epoch, step, end })
    }

    /// Hands the next batch and its learning rate to what updates.
    ///
    /// # Errors
    /// [`TrainError::Beyond`] after the last step, [`TrainError::Assembly`], and those of `update`.
    pub fn step(
        &mut self,
        update: impl FnOnce(Batch<'_>, f64) -> candle_core::Result<StepSum>,
    ) -> Result<Vec<StepSum>, TrainError> {
        let (step, end) = (self.step, self.end);
        if step >= end {
            return Err(TrainError::Beyond { step: step + 1, end });
        }
        let Some(assembled) = self.batches.next() else {
            let cause = self.batches.end().unwrap_or_default();
            return Err(TrainError::Assembly { step, cause });
        };
        let rate = self.recipe.schedule.rate(step, self.per_epoch);
        let sum = update(assembled.batch(), rate)?;
        self.batches.give_back(assembled);
        self.step += 1;
        Ok(vec![sum])
    }
}
