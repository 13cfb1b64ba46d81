//! Which settings soften labels or mix images, and what does not go with them.

use crate::TrainError;
use basin_data::AugmentConfig;
use basin_models::Network;

/// The keys that are set and mix images of a batch with each other.
fn mixing(augment: &AugmentConfig) -> Vec<&'static str> {
    let keys = [("augment.mixup", augment.mixup), ("augment.cutmix", augment.cutmix)];
    keys.into_iter().filter(|(_, alpha)| *alpha > 0.0).map(|(key, _)| key).collect()
}

/// The keys that are set and soften labels.
fn softening(label_smoothing: f64, augment: &AugmentConfig) -> Vec<&'static str> {
    let smoothed = (label_smoothing > 0.0).then_some("train.label_smoothing");
    smoothed.into_iter().chain(mixing(augment)).collect()
}

/// Refuses softened labels for a loss that is a method's own, and mixed images where augmentation repeats: what teachers
/// said of an image is kept then, and a batch's images never meet again.
///
/// # Errors
/// [`TrainError::OwnLoss`], [`TrainError::Replayed`].
pub fn check_targets(
    label_smoothing: f64,
    augment: &AugmentConfig,
    own_loss: bool,
    repeats: bool,
) -> Result<(), TrainError> {
    let (softening, mixing) = (softening(label_smoothing, augment), mixing(augment));
    if own_loss && !softening.is_empty() {
        return Err(TrainError::OwnLoss { keys: softening });
    }
    match repeats && !mixing.is_empty() {
        true => Err(TrainError::Replayed { keys: mixing }),
        false => Ok(()),
    }
}

/// Refuses what the kernels of a GPU do not do so far.
///
/// # Errors
/// [`TrainError::NotOnDevice`].
pub fn check_device(
    label_smoothing: f64,
    augment: &AugmentConfig,
    network: &Network,
    device: &str,
) -> Result<(), TrainError> {
    let mut keys = softening(label_smoothing, augment);
    keys.extend((augment.erasing > 0.0).then_some("augment.erasing"));
    keys.extend((network.drop_path() > 0.0).then_some("model.drop_path"));
    match keys.is_empty() {
        true => Ok(()),
        false => Err(TrainError::NotOnDevice { keys, device: device.to_owned() }),
    }
}
