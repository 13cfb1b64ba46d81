//! What stays the same along a trajectory.

use crate::{Optimiser, Teaching};
use basin_core::SeedTree;
use basin_data::{AugmentConfig, ImageSet, Normalisation};
use basin_ensemble::Schedule;
use std::sync::Arc;

/// Where training examples come from and how they are altered.
#[derive(Clone, Debug)]
pub struct Examples {
    /// The training images.
    pub images: Arc<ImageSet>,
    /// Augmentation.
    pub augment: AugmentConfig,
    /// Normalisation of the augmented pixels.
    pub normalisation: Normalisation,
}

/// What stays the same along a trajectory.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Images, augmentation, normalisation.
    pub examples: Examples,
    /// Images per step; the rest of an epoch that does not fill a batch is left out.
    pub batch: usize,
    /// Update rule and clipping.
    pub optimiser: Optimiser,
    /// Learning rate by global step.
    pub schedule: Arc<dyn Schedule>,
    /// Place of batch order and augmentation in the seed tree.
    pub order: SeedTree,
    /// Labels or teacher.
    pub teaching: Teaching,
    /// Epochs after which the augmentation of every image repeats, at least 1; None: never.
    pub replay: Option<u64>,
}

impl Recipe {
    /// The epoch whose augmentation an epoch has.
    pub(crate) fn augmentation_of(&self, epoch: u64) -> u64 {
        self.replay.map_or(epoch, |epochs| epoch % epochs.max(1))
    }

    /// The seed of an image's dropout masks in an epoch.
    pub(crate) fn dropout_seed(&self, epoch: u64, image: u32) -> u64 {
        let mut rng = self.order.child("dropout").index(epoch).index(u64::from(image)).rng();
        u64::from(rng.next_u32()) << 32 | u64::from(rng.next_u32())
    }
}
