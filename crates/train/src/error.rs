//! Why training or evaluating failed.

use basin_core::{Extent, PredictionError};
use basin_gpu::GpuError;
use basin_models::ModelError;
use thiserror::Error;

/// Why a segment failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The batch is larger than the training set.
    #[error("batch of {batch} images from a training set of {images}, expected 1 ≤ batch ≤ {images}")]
    Batch {
        /// Images per step.
        batch: usize,
        /// Images there are.
        images: usize,
    },
    /// The state lies beyond the segment's end.
    #[error("the state is at step {step}, the segment ends at step {end}")]
    Beyond {
        /// Steps done.
        step: u64,
        /// Steps at the end.
        end: u64,
    },
    /// Loss, gradient or update became NaN or infinite. A state from before it is kept if it is good;
    /// after an update that overflowed, the newest checkpoint is.
    #[error(
        "loss, gradient or update is not finite at step {step} (epoch {epoch}, learning rate {rate}). Lower the peak \
         learning rate, lengthen the warm-up or clip the gradient; checkpoints from before are good"
    )]
    NonFinite {
        /// The step that failed.
        step: u64,
        /// Its epoch.
        epoch: u64,
        /// Its learning rate.
        rate: f64,
    },
    /// The thread that assembles batches died.
    #[error("no batch for step {step}, the thread that assembles them ended early: {cause}")]
    Assembly {
        /// Steps done.
        step: u64,
        /// What it said.
        cause: String,
    },
    /// The images do not fit the network.
    #[error("training images of {images}, the network takes {network}; build it for the images' extent")]
    Extent {
        /// Extent of the images.
        images: Extent,
        /// Extent the network was built for.
        network: Extent,
    },
    /// The network's images depend on each other in training.
    #[error(
        "in this network the images of a batch depend on each other (its statistics are over the batch), and {backend} \
         computes them apart. Train it with a backend that takes whole batches"
    )]
    Coupled {
        /// What was asked to train it.
        backend: String,
    },
    /// Softened labels for a loss that takes classes.
    #[error(
        "{} set, which softens labels, and the loss is a method's own, which takes them as they are; set it to 0 or leave the \
         method out",
        is(keys)
    )]
    OwnLoss {
        /// The keys.
        keys: Vec<&'static str>,
    },
    /// Mixed images where augmentation repeats.
    #[error(
        "{} set, which mixes images with others of their batch, and the augmentation of every image repeats, so that what \
         teachers say of it is kept; set it to 0 or leave out the methods …-replayed",
        is(keys)
    )]
    Replayed {
        /// The keys.
        keys: Vec<&'static str>,
    },
    /// What a device does not do.
    #[error("{} set, which {device} does not do so far; set it to 0 or run.device=cpu", is(keys))]
    NotOnDevice {
        /// The keys.
        keys: Vec<&'static str>,
        /// What was asked to train.
        device: String,
    },
    /// A checkpoint could not be kept.
    #[error("the checkpoint at step {step} could not be kept")]
    Checkpoint {
        /// Steps done.
        step: u64,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The device failed; what it held is lost, and the newest checkpoint is the last good state.
    #[error(transparent)]
    Device(#[from] GpuError),
    /// A kernel refused its arguments.
    #[error(transparent)]
    Kernel(#[from] candle_core::Error),
}

/// Keys as the subject of a sentence.
fn is(keys: &[&str]) -> String {
    format!("{} {}", keys.join(" and "), if keys.len() == 1 { "is" } else { "are" })
}

/// Why a network was not evaluated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// Parameters or images do not fit the network.
    #[error("the network could not be evaluated")]
    Model(#[source] ModelError),
    /// The device failed.
    #[error("the device could not evaluate the network")]
    Device(#[from] GpuError),
    /// A combination of networks with weights for more or fewer.
    #[error("{weights} weights for a combination of {networks} networks, expected one for each")]
    Weights {
        /// Weights given.
        weights: usize,
        /// Networks given.
        networks: usize,
    },
    /// REPAIR on a backend that does not see a network's channels.
    #[error(
        "{backend} cannot set the statistics of a network's channels (REPAIR); set metrics.repair_images=0"
    )]
    NoRepair {
        /// The backend.
        backend: &'static str,
    },
    /// A gradient outside of training, from a backend that has none.
    #[error("{backend} computes gradients in training alone; set run.device=cpu")]
    NoGradient {
        /// The backend.
        backend: &'static str,
    },
    /// A gradient of nothing.
    #[error("a gradient of no images, expected at least one")]
    NoImages,
    /// A gradient of an image that there is not.
    #[error("image {image} of a set of {images}, expected 0 ≤ image < {images}")]
    Image {
        /// The place asked for.
        image: usize,
        /// Images there are.
        images: usize,
    },
    /// A label that is none of the network's classes.
    #[error("label {label}, the network has {classes} classes; build it for the classes of the images")]
    Label {
        /// The label.
        label: u32,
        /// Classes of the network.
        classes: usize,
    },
    /// The images do not fit the network.
    #[error("images of {images}, the network takes {network}; build it for the images' extent")]
    Extent {
        /// Extent of the images.
        images: Extent,
        /// Extent the network was built for.
        network: Extent,
    },
}

/// A failure of the device is told as one, also where a network's forward pass wrapped it.
impl From<ModelError> for EvaluateError {
    fn from(error: ModelError) -> Self {
        let cause = match &error {
            ModelError::Kernel(error) => GpuError::within(error).cloned(),
            _ => None,
        };
        cause.map_or_else(|| Self::Model(error), Self::Device)
    }
}

impl From<candle_core::Error> for EvaluateError {
    fn from(error: candle_core::Error) -> Self {
        ModelError::from(error).into()
    }
}

impl From<PredictionError> for EvaluateError {
    fn from(error: PredictionError) -> Self {
        Self::Model(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place_in_training(error: &TrainError) -> usize {
        match error {
            TrainError::Batch { .. } => 0,
            TrainError::Beyond { .. } => 1,
            TrainError::NonFinite { .. } => 2,
            TrainError::Assembly { .. } => 3,
            TrainError::Extent { .. } => 4,
            TrainError::Coupled { .. } => 5,
            TrainError::Checkpoint { .. } => 6,
            TrainError::Device(_) => 7,
            TrainError::Kernel(_) => 8,
            TrainError::OwnLoss { .. } => 9,
            TrainError::Replayed { .. } => 10,
            TrainError::NotOnDevice { .. } => 11,
        }
    }

    #[test]
    fn every_error_of_training_says_what_is_wrong() {
        let told = [
            (
                TrainError::Batch { batch: 9, images: 8 },
                "batch of 9 images from a training set of 8, expected 1 ≤ batch ≤ 8",
            ),
            (TrainError::Beyond { step: 9, end: 8 }, "the state is at step 9, the segment ends at step 8"),
            (
                TrainError::NonFinite { step: 7, epoch: 2, rate: 0.5 },
                "loss, gradient or update is not finite at step 7 (epoch 2, learning rate 0.5). Lower the peak learning rate, lengthen the warm-up or clip the gradient; checkpoints from before are good",
            ),
            (
                TrainError::Assembly { step: 3, cause: "it panicked".into() },
                "no batch for step 3, the thread that assembles them ended early: it panicked",
            ),
            (
                TrainError::Extent { images: 64.into(), network: 32.into() },
                "training images of 64×64×3, the network takes 32×32×3; build it for the images' extent",
            ),
            (
                TrainError::Coupled { backend: "this machine's CPU".into() },
                "in this network the images of a batch depend on each other (its statistics are over the batch), and this machine's CPU computes them apart. Train it with a backend that takes whole batches",
            ),
            (
                TrainError::Checkpoint { step: 3, source: "no space".into() },
                "the checkpoint at step 3 could not be kept",
            ),
            (
                TrainError::Device(GpuError::Launch { kernel: "add".into(), found: "700 threads".into() }),
                "kernel add: 700 threads. `basin doctor` checks the device's kernels; if it finds them right, please report this",
            ),
            (TrainError::Kernel(candle_core::Error::Msg("sizes".into())), "sizes"),
            (
                TrainError::OwnLoss { keys: vec!["train.label_smoothing"] },
                "train.label_smoothing is set, which softens labels, and the loss is a method's own, which takes them as they are; set it to 0 or leave the method out",
            ),
            (
                TrainError::Replayed { keys: vec!["augment.mixup", "augment.cutmix"] },
                "augment.mixup and augment.cutmix are set, which mixes images with others of their batch, and the augmentation of every image repeats, so that what teachers say of it is kept; set it to 0 or leave out the methods …-replayed",
            ),
            (
                TrainError::NotOnDevice { keys: vec!["augment.erasing"], device: "cuda in f32".into() },
                "augment.erasing is set, which cuda in f32 does not do so far; set it to 0 or run.device=cpu",
            ),
        ];
        let mut seen = [false; 12];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place_in_training(error)] = true;
        }
        assert_eq!(seen, [true; 12], "every variant is told");
    }

    /// A new variant does not compile here until it has a line in the test.
    fn place_in_evaluating(error: &EvaluateError) -> usize {
        match error {
            EvaluateError::Model(_) => 0,
            EvaluateError::Device(_) => 1,
            EvaluateError::Weights { .. } => 2,
            EvaluateError::Extent { .. } => 3,
            EvaluateError::NoRepair { .. } => 4,
            EvaluateError::NoGradient { .. } => 5,
            EvaluateError::NoImages => 6,
            EvaluateError::Image { .. } => 7,
            EvaluateError::Label { .. } => 8,
        }
    }

    #[test]
    fn every_error_of_evaluating_says_what_is_wrong() {
        let told = [
            (
                EvaluateError::Model(ModelError::CentredKernels { model: "vit" }),
                "the network could not be evaluated",
            ),
            (
                EvaluateError::Device(GpuError::Launch { kernel: "add".into(), found: "700 threads".into() }),
                "the device could not evaluate the network",
            ),
            (
                EvaluateError::Weights { weights: 3, networks: 2 },
                "3 weights for a combination of 2 networks, expected one for each",
            ),
            (
                EvaluateError::Extent { images: Extent::grey(32), network: 32.into() },
                "images of 32×32×1, the network takes 32×32×3; build it for the images' extent",
            ),
            (
                EvaluateError::NoGradient { backend: "cuda" },
                "cuda computes gradients in training alone; set run.device=cpu",
            ),
            (EvaluateError::NoImages, "a gradient of no images, expected at least one"),
            (
                EvaluateError::Image { image: 40, images: 40 },
                "image 40 of a set of 40, expected 0 ≤ image < 40",
            ),
            (
                EvaluateError::Label { label: 9, classes: 5 },
                "label 9, the network has 5 classes; build it for the classes of the images",
            ),
            (
                EvaluateError::NoRepair { backend: "candle" },
                "candle cannot set the statistics of a network's channels (REPAIR); set metrics.repair_images=0",
            ),
        ];
        let mut seen = [false; 9];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place_in_evaluating(error)] = true;
        }
        assert_eq!(seen, [true; 9], "every variant is told");
    }
}
