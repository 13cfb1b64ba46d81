//! The steps of a segment on the device, done behind what puts them into the queue.

use super::stepper::Stepper;
use crate::segment::extent;
use crate::{Moments, Recipe, Segment, StepSum, TrainError, Trainer};
use basin_core::Params;
use basin_gpu::{Precision, Queue};
use basin_models::Network;
use std::rc::Rc;

pub(super) struct GpuTrainer<'a> {
    stepper: Stepper<'a>,
    per_epoch: u64,
    step: u64,
    end: u64,
    /// Whether an epoch's tables are on the device.
    begun: bool,
    /// Of an epoch that ended before anybody asked.
    untold: Vec<StepSum>,
}

impl<'a> GpuTrainer<'a> {
    pub(super) fn new(
        queue: Rc<dyn Queue>,
        precision: Precision,
        network: &'a Network,
        recipe: &'a Recipe,
        segment: &Segment,
    ) -> Result<Self, TrainError> {
        let (per_epoch, end) = extent(network, recipe, segment)?;
        let state = &segment.state;
        let stepper = Stepper::new(queue, network, recipe, &state.params, &state.moments, precision)?;
        Ok(Self { stepper, per_epoch, step: state.step, end, begun: false, untold: Vec::new() })
    }
}

impl Trainer for GpuTrainer<'_> {
    fn step(&mut self) -> Result<Vec<StepSum>, TrainError> {
        let (step, end) = (self.step, self.end);
        if step >= end {
            return Err(TrainError::Beyond { step: step + 1, end });
        }
        let (epoch, within) = (step / self.per_epoch, step % self.per_epoch);
        if within == 0 || !self.begun {
            // The tables hold one epoch: what became of the last is read before they are written over.
            self.untold.extend(self.stepper.sums()?);
            self.stepper.begin(epoch, within as usize)?;
            self.begun = true;
        }
        self.stepper.step()?;
        self.step += 1;
        if self.step.is_multiple_of(self.per_epoch) && self.step < end {
            self.stepper.prepare(epoch + 1);
        }
        Ok(Vec::new())
    }

    fn wait(&mut self) -> Result<Vec<StepSum>, TrainError> {
        self.untold.extend(self.stepper.sums()?);
        Ok(std::mem::take(&mut self.untold))
    }

    fn tables(&self) -> Result<(Params, Moments), TrainError> {
        Ok(self.stepper.tables()?)
    }
}
