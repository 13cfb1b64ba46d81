//! Training and evaluation on a GPU.
//!
//! The data set lies in the device's memory; an epoch's order, augmentation draws, seeds and learning rates are
//! written as tables once per epoch, by the code that the CPU's path uses; losses and hits are read when an
//! epoch ends or a checkpoint is due. A step is a fixed list of launches: it is run once, captured once and then
//! replayed; while the device works on an epoch's steps, the host makes the next one's tables. Only a loss that is code
//! of a method's own brings logits to the host, step by step. Everything is written against
//! [`basin_gpu::Queue`].

mod epoch;
mod evaluate;
mod step;
mod stepper;
mod teaching;
mod trainer;

pub use epoch::Feed;

use crate::segment::apart;
use crate::{Backend, EvaluateError, Evaluator, Recipe, Segment, TrainError, Trainer, Trial, check_device};
use basin_data::{ImageSet, Normalisation};
use basin_gpu::{Precision, Queue};
use basin_models::Network;
use evaluate::GpuEvaluator;
use std::rc::Rc;
use trainer::GpuTrainer;

/// Steps of a measurement: the first two are run and captured, the rest is measured.
const WARM: u64 = 2;
const STEPS: u64 = 20;

/// A device behind a queue, and the arithmetic to use on it. Belongs to the thread that opened the queue.
#[derive(Clone)]
pub struct Gpu {
    /// The way to it.
    pub queue: Rc<dyn Queue>,
    /// Storage and arithmetic.
    pub precision: Precision,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gpu({})", self.name())
    }
}

impl Backend for Gpu {
    fn name(&self) -> String {
        format!("{} in {}", self.queue.device(), self.precision.name())
    }

    fn trainer<'a>(
        &self,
        network: &'a Network,
        recipe: &'a Recipe,
        segment: &Segment,
    ) -> Result<Box<dyn Trainer + 'a>, TrainError> {
        apart(network, self)?;
        check_device(recipe.label_smoothing, &recipe.examples.augment, network, &self.name())?;
        Ok(Box::new(GpuTrainer::new(self.queue.clone(), self.precision, network, recipe, segment)?))
    }

    fn evaluator<'a>(
        &self,
        network: &'a Network,
        images: &ImageSet,
        normalisation: &Normalisation,
    ) -> Result<Box<dyn Evaluator + 'a>, EvaluateError> {
        let queue = self.queue.clone();
        Ok(Box::new(GpuEvaluator::new(queue, self.precision, network, images, normalisation)?))
    }

    fn trial(&self, batch: usize) -> Trial {
        Trial { batch, warm: WARM, steps: STEPS }
    }
}
