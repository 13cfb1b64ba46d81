//! The steps of a segment on the CPU.

use super::Stepper;
use crate::{Moments, Recipe, Segment, Sequence, StepSum, TrainError, Trainer};
use basin_core::Params;
use basin_models::Network;

#[derive(Debug)]
pub(super) struct CpuTrainer<'a> {
    recipe: &'a Recipe,
    stepper: Stepper<'a>,
    sequence: Sequence<'a>,
}

impl<'a> CpuTrainer<'a> {
    pub(super) fn new(
        network: &'a Network,
        recipe: &'a Recipe,
        segment: &Segment,
    ) -> Result<Self, TrainError> {
        let sequence = Sequence::new(network, recipe, segment, network.drops())?;
        let state = &segment.state;
        let stepper = Stepper::new(network, &state.params, &state.moments, recipe.optimiser)?;
        Ok(Self { recipe, stepper, sequence })
    }
}

impl Trainer for CpuTrainer<'_> {
    fn step(&mut self) -> Result<Vec<StepSum>, TrainError> {
        let (stepper, teaching) = (&mut self.stepper, &self.recipe.teaching);
        self.sequence.step(|batch, rate| stepper.step(batch, teaching, rate))
    }

    fn wait(&mut self) -> Result<Vec<StepSum>, TrainError> {
        Ok(Vec::new())
    }

    fn tables(&self) -> Result<(Params, Moments), TrainError> {
        Ok(self.stepper.tables()?)
    }
}
