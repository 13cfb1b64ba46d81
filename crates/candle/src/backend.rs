//! Candle's devices behind the contract of a backend.

use crate::evaluator::CandleEvaluator;
use crate::module::Module;
use crate::trainer::CandleTrainer;
use crate::{Stepper, reestimated};
use basin_core::Params;
use basin_data::{ImageSet, Normalisation};
use basin_models::Network;
use basin_train::{
    Backend, EvaluateError, Evaluator, Moments, Optimiser, Recipe, Segment, TrainError, Trainer, Trial,
};
use candle_core::Device;

/// Networks of [`Module`], on one of candle's devices. A step is a whole batch, so that statistics over the batch are what
/// they are in PyTorch; results depend on the device and on candle's version, on a CPU also on its number of threads where
/// candle's own operations do.
#[derive(Clone, Debug)]
pub struct Candle {
    device: Device,
}

impl Candle {
    /// The backend on a device.
    pub fn new(device: Device) -> Self {
        Self { device }
    }

    /// The backend on this machine's CPU.
    pub fn cpu() -> Self {
        Self::new(Device::Cpu)
    }

    /// A module in training on the device: single steps, for loops of one's own.
    ///
    /// # Errors
    /// Those of [`Stepper::new`].
    pub fn stepper<'a>(
        &self,
        network: &'a Network,
        params: &Params,
        optimiser: Optimiser,
    ) -> candle_core::Result<Stepper<'a>> {
        Stepper::new(network, params, &Moments::default(), optimiser, &[], &self.device)
    }
}

impl Backend for Candle {
    fn name(&self) -> String {
        format!("candle on {}", device_name(&self.device))
    }

    fn trainer<'a>(
        &self,
        network: &'a Network,
        recipe: &'a Recipe,
        segment: &Segment,
    ) -> Result<Box<dyn Trainer + 'a>, TrainError> {
        Ok(Box::new(CandleTrainer::new(network, recipe, segment, &self.device)?))
    }

    fn evaluator<'a>(
        &self,
        network: &'a Network,
        images: &ImageSet,
        normalisation: &Normalisation,
    ) -> Result<Box<dyn Evaluator + 'a>, EvaluateError> {
        Module::of(network)?;
        Ok(Box::new(CandleEvaluator::new(network, images, normalisation, &self.device)?))
    }

    fn reestimated(
        &self,
        network: &Network,
        params: &Params,
        kinds: &[(&ImageSet, &Normalisation)],
    ) -> Result<Params, EvaluateError> {
        Ok(reestimated(network, params, kinds, &self.device)?)
    }

    fn trial(&self, batch: usize) -> Trial {
        Trial { batch, warm: 1, steps: 1 }
    }
}

fn device_name(device: &Device) -> String {
    match device {
        Device::Cpu => "the CPU".into(),
        other => format!("{:?}", other.location()),
    }
}
