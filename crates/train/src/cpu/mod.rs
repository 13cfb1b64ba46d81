//! Training and evaluation on the CPU.
//!
//! A thread of its own assembles batches, a few ahead of the step that uses them; a step runs on all cores.

mod evaluate;
mod gradient;
mod shards;
mod step;
mod trainer;

pub use step::Stepper;

use crate::segment::apart;
use crate::{Backend, EvaluateError, Evaluator, Recipe, Segment, TrainError, Trainer, Trial};
use basin_data::{ImageSet, Normalisation};
use basin_models::Network;
use evaluate::CpuEvaluator;
use trainer::CpuTrainer;

/// Images per core of a measured step, and most of them: as many as keep every core of a real step busy. One step warms
/// up and one is measured: enough to tell hours from days.
const IMAGES_PER_CORE: usize = 8;
const MOST_IMAGES: usize = 64;

/// This machine's cores.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

impl Backend for Cpu {
    fn name(&self) -> String {
        "this machine's CPU".into()
    }

    fn trainer<'a>(
        &self,
        network: &'a Network,
        recipe: &'a Recipe,
        segment: &Segment,
    ) -> Result<Box<dyn Trainer + 'a>, TrainError> {
        apart(network, self)?;
        Ok(Box::new(CpuTrainer::new(network, recipe, segment)?))
    }

    fn evaluator<'a>(
        &self,
        network: &'a Network,
        images: &ImageSet,
        normalisation: &Normalisation,
    ) -> Result<Box<dyn Evaluator + 'a>, EvaluateError> {
        Ok(Box::new(CpuEvaluator::new(network, images, normalisation)?))
    }

    fn trial(&self, batch: usize) -> Trial {
        let most = (IMAGES_PER_CORE * rayon::current_num_threads()).min(MOST_IMAGES);
        Trial { batch: batch.min(most), warm: 1, steps: 1 }
    }
}
