//! The steps of a segment on the CPU, each done when it is begun.

use super::Stepper;
use crate::segment::extent;
use crate::{Batches, Moments, Recipe, Segment, StepSum, TrainError, Trainer};
use basin_core::Params;
use basin_models::Network;

#[derive(Debug)]
pub(super) struct CpuTrainer<'a> {
    recipe: &'a Recipe,
    stepper: Stepper<'a>,
    batches: Batches,
    per_epoch: u64,
    step: u64,
    end: u64,
}

impl<'a> CpuTrainer<'a> {
    pub(super) fn new(
        network: &'a Network,
        recipe: &'a Recipe,
        segment: &Segment,
    ) -> Result<Self, TrainError> {
        let (per_epoch, end) = extent(network, recipe, segment)?;
        let state = &segment.state;
        let stepper = Stepper::new(network, &state.params, &state.moments, recipe.optimiser)?;
        let batches = Batches::new(recipe, state.step..end, network.dropout() > 0.0);
        Ok(Self { recipe, stepper, batches, per_epoch, step: state.step, end })
    }
}

impl Trainer for CpuTrainer<'_> {
    fn step(&mut self) -> Result<Vec<StepSum>, TrainError> {
        let (step, end) = (self.step, self.end);
        if step >= end {
            return Err(TrainError::Beyond { step: step + 1, end });
        }
        let rate = self.recipe.schedule.rate(step, self.per_epoch);
        let Some(assembled) = self.batches.next() else {
            let cause = self.batches.end().unwrap_or_default();
            return Err(TrainError::Assembly { step, cause });
        };
        let sum = self.stepper.step(assembled.batch(), &self.recipe.teaching, rate)?;
        self.batches.give_back(assembled);
        self.step += 1;
        Ok(vec![sum])
    }

    fn wait(&mut self) -> Result<Vec<StepSum>, TrainError> {
        Ok(Vec::new())
    }

    fn tables(&self) -> Result<(Params, Moments), TrainError> {
        Ok(self.stepper.tables()?)
    }
}
