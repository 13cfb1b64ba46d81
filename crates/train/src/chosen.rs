//! Some images of a set, as a batch without augmentation.

use crate::EvaluateError;
use basin_data::{ImageSet, Normalisation};

/// Normalised pixels `[n, side, side, channels]` and labels of the images at these places, for a network of so many classes.
///
/// # Errors
/// [`EvaluateError::NoImages`] for an empty list, [`EvaluateError::Image`] for a place beyond the set,
/// [`EvaluateError::Label`] for a label that is none of the network's classes.
pub fn plain_batch(
    images: &ImageSet,
    chosen: &[usize],
    classes: usize,
    normalisation: &Normalisation,
) -> Result<(Vec<f32>, Vec<u32>), EvaluateError> {
    check_chosen(images, chosen, classes)?;
    let labels = chosen.iter().map(|&image| images.labels()[image]).collect();
    let one = images.extent().values();
    let mut pixels = vec![0.0; chosen.len() * one];
    for (image, out) in chosen.iter().zip(pixels.chunks_exact_mut(one)) {
        normalisation.apply(images.image(*image), out);
    }
    Ok((pixels, labels))
}

/// As [`plain_batch`], before anything is made.
pub(crate) fn check_chosen(images: &ImageSet, chosen: &[usize], classes: usize) -> Result<(), EvaluateError> {
    if chosen.is_empty() {
        return Err(EvaluateError::NoImages);
    }
    if let Some(&image) = chosen.iter().find(|image| **image >= images.len()) {
        return Err(EvaluateError::Image { image, images: images.len() });
    }
    let mut labels = chosen.iter().map(|&image| images.labels()[image]);
    match labels.find(|label| *label as usize >= classes) {
        Some(label) => Err(EvaluateError::Label { label, classes }),
        None => Ok(()),
    }
}
