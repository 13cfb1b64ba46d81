//! What stays the same along a trajectory.

use crate::{Optimiser, Teaching, TrainError, check_targets};
use basin_data::{AugmentConfig, ImageSet, Normalisation, Order};
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
    /// In which order images come, and where their augmentation and dropout are drawn.
    pub order: Order,
    /// Labels or teacher.
    pub teaching: Teaching,
    /// Share in `[0, 1)` of all classes alike in what labels are taken for, 0 for labels as they are.
    pub label_smoothing: f64,
    /// Epochs after which the augmentation of every image repeats, at least 1; None: never.
    pub replay: Option<u64>,
}

impl Recipe {
    /// Refuses softened labels that its loss does not take.
    pub(crate) fn check_targets(&self) -> Result<(), TrainError> {
        let own_loss = matches!(self.teaching, Teaching::Custom { .. });
        check_targets(self.label_smoothing, &self.examples.augment, own_loss, self.replay.is_some())
    }

    /// The epoch whose augmentation an epoch has.
    pub(crate) fn augmentation_of(&self, epoch: u64) -> u64 {
        self.replay.map_or(epoch, |epochs| epoch % epochs.max(1))
    }

    /// The seed of the dropout masks that are drawn by a number in an epoch.
    pub(crate) fn dropout_seed(&self, epoch: u64, draw: u32) -> u64 {
        let mut rng = self.order.seeds.child("dropout").index(epoch).index(u64::from(draw)).rng();
        u64::from(rng.next_u32()) << 32 | u64::from(rng.next_u32())
    }
}
