//! The training that is measured: the device's own step on random images of CIFAR-10's size, with the
//! paper's augmentation, so that everything an epoch takes is in it.

use super::throughput::{Body, Trainer, Workload};
use crate::suites::{CLASSES, SIDE, random_bytes};
use anyhow::Result;
use basin_core::SeedTree;
use basin_data::{AugmentConfig, CIFAR10, ImageSet};
use basin_ensemble::WarmupCosine;
use basin_gpu::Queue;
use basin_models::Architecture;
use basin_train::{Examples, Gpu, Optimiser, Recipe, Teaching, timed_steps};
use std::rc::Rc;
use std::sync::Arc;

/// Trains on a queue's device.
pub(super) struct DeviceTrainer {
    pub(super) queue: Rc<dyn Queue>,
    /// Images of the set.
    pub(super) images: usize,
}

impl Trainer for DeviceTrainer {
    fn images(&self) -> usize {
        self.images
    }

    fn with(&self, workload: &Workload, body: &mut Body<'_>) -> Result<()> {
        let network = Architecture::from_name(&workload.model, workload.width)?.build(SIDE, CLASSES)?;
        let recipe = recipe(workload, self.images)?;
        let backend = Gpu { queue: self.queue.clone(), precision: workload.precision };
        timed_steps(&backend, &network, &recipe, &mut |run| {
            body(&mut |updates| run(updates as u64).map(drop))
        })
    }
}

/// The paper's recipe at a rate that keeps random labels harmless; plain Adam for a transformer, as the peer has it.
fn recipe(workload: &Workload, images: usize) -> Result<Recipe> {
    let labels = (0..images).map(|image| (image % CLASSES) as u32).collect();
    let images = ImageSet::new(SIDE, CLASSES, random_bytes(images * SIDE * SIDE * 3), labels)?;
    let (optimiser, peak) = match workload.model.starts_with("vit") {
        true => (Optimiser::adam(), 3e-4),
        false => (Optimiser::sgd(0.9, 0.0), 0.01),
    };
    Ok(Recipe {
        examples: Examples {
            images: Arc::new(images),
            augment: AugmentConfig::paper(),
            normalisation: CIFAR10.normalisation,
        },
        batch: workload.batch,
        optimiser,
        schedule: Arc::new(WarmupCosine { peak, epochs: 1_000, warmup: 0.0, floor: None }),
        order: SeedTree::root(0).child("order").into(),
        teaching: Teaching::Labels,
        label_smoothing: 0.0,
        replay: None,
    })
}
