//! The steps of a segment by candle.

use crate::Stepper;
use crate::module::Module;
use basin_core::Params;
use basin_models::Network;
use basin_train::{Moments, Recipe, Segment, Sequence, StepSum, TrainError, Trainer};
use candle_core::Device;

pub(crate) struct CandleTrainer<'a> {
    recipe: &'a Recipe,
    sequence: Sequence<'a>,
    stepper: Stepper<'a>,
}

impl<'a> CandleTrainer<'a> {
    pub(crate) fn new(
        network: &'a Network,
        recipe: &'a Recipe,
        segment: &Segment,
        device: &Device,
    ) -> Result<Self, TrainError> {
        // Seeds are made for every network: whether a module drops values, only its forward pass knows.
        let sequence = Sequence::new(network, recipe, segment, true)?;
        Module::of(network)?.check_batch(network, recipe.batch)?;
        let (state, teachers) = (&segment.state, recipe.teaching.teachers());
        let stepper =
            Stepper::new(network, &state.params, &state.moments, recipe.optimiser, teachers, device)?;
        Ok(Self { recipe, sequence, stepper })
    }
}

impl Trainer for CandleTrainer<'_> {
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
