//! From bytes to the floats a network sees: (x / 255 − mean) / std per channel.

use crate::ImageSet;
use crate::image_set::CHANNELS;

/// Mean and standard deviation of each channel (red, green, blue), of pixels scaled to `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    /// Mean of each channel.
    pub mean: [f32; 3],
    /// Standard deviation of each channel, above 0.
    pub std: [f32; 3],
}

impl Normalisation {
    /// CIFAR-10, over its 50 000 training images.
    pub const CIFAR10: Self = Self { mean: [0.4914, 0.4822, 0.4465], std: [0.2470, 0.2435, 0.2616] };
    /// CIFAR-100, over its 50 000 training images.
    pub const CIFAR100: Self = Self { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] };
    /// ImageNet, as torchvision publishes it. Used for Tiny ImageNet, and by git-re-basin for CIFAR.
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    /// The synthetic sets, over 10 000 training images of seed 0 and ten classes, rounded.
    pub const SYNTHETIC: Self = Self { mean: [0.365, 0.335, 0.355], std: [0.194, 0.191, 0.195] };

    /// Bytes to `[-1, 1]`.
    pub const HALF: Self = Self { mean: [0.5; 3], std: [0.5; 3] };

    /// Those of a set's own pixels, over all its images; a channel that is one value everywhere counts as one that varies by
    /// a byte's step.
    ///
    /// Cost: one pass over the bytes.
    pub fn of(set: &ImageSet) -> Self {
        // How often each value of a byte occurs in a channel: whole numbers, whatever the order.
        let mut occurs = [[0u64; 256]; CHANNELS];
        for pixel in set.images().chunks_exact(CHANNELS) {
            pixel.iter().zip(&mut occurs).for_each(|(value, occurs)| occurs[usize::from(*value)] += 1);
        }
        let [red, green, blue] = occurs.map(|occurs| moments(&occurs));
        Self { mean: [red.0, green.0, blue.0], std: [red.1, green.1, blue.1] }
    }

    /// Normalises interleaved RGB bytes `[.., 3]` into floats of the same layout.
    ///
    /// One table look-up per byte, so a pixel value always gives the same bits.
    ///
    /// # Panics
    /// When the lengths differ or are not a multiple of 3.
    pub fn apply(&self, pixels: &[u8], out: &mut [f32]) {
        self.table().apply(pixels, out);
    }

    /// The normalised value of each byte of each channel, `[3, 256]`.
    pub fn of_bytes(&self) -> [[f32; 256]; CHANNELS] {
        self.table().0
    }

    /// As [`Normalisation::of_bytes`]; 3 KB, worth keeping for a whole batch.
    pub(crate) fn table(&self) -> Table {
        Table(std::array::from_fn(|channel| {
            std::array::from_fn(|x| (x as f32 / 255.0 - self.mean[channel]) / self.std[channel])
        }))
    }
}

/// Mean and standard deviation of values in `[0, 1]`, of how often each byte occurs.
fn moments(occurs: &[u64; 256]) -> (f32, f32) {
    let all = occurs.iter().sum::<u64>().max(1) as f64;
    let values = || (0u8..=255).zip(occurs).map(|(x, n)| (f64::from(x) / 255.0, *n as f64));
    let mean = values().map(|(x, n)| n * x).sum::<f64>() / all;
    let variance = values().map(|(x, n)| n * (x - mean).powi(2)).sum::<f64>() / all;
    (mean as f32, variance.sqrt().max(1.0 / 255.0) as f32)
}

/// Normalised values, `[3, 256]`.
pub(crate) struct Table([[f32; 256]; CHANNELS]);

impl Table {
    /// See [`Normalisation::apply`].
    pub(crate) fn apply(&self, pixels: &[u8], out: &mut [f32]) {
        assert_eq!(pixels.len(), out.len(), "as many floats as bytes");
        assert!(pixels.len().is_multiple_of(CHANNELS), "whole RGB pixels");
        let [red, green, blue] = &self.0;
        for (rgb, out) in pixels.chunks_exact(CHANNELS).zip(out.chunks_exact_mut(CHANNELS)) {
            out[0] = red[usize::from(rgb[0])];
            out[1] = green[usize::from(rgb[1])];
            out[2] = blue[usize::from(rgb[2])];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_is_scaled_shifted_and_divided_per_channel() {
        let mut out = [0.0; 6];
        Normalisation { mean: [0.0, 0.5, 1.0], std: [1.0, 0.5, 2.0] }
            .apply(&[255, 255, 255, 0, 0, 51], &mut out);
        assert_eq!(out, [1.0, 1.0, 0.0, 0.0, -1.0, -0.4]);
    }

    #[test]
    fn a_sets_own_statistics_are_those_of_its_pixels() {
        let set = ImageSet::new(1, 1, vec![0, 100, 7, 255, 100, 9], vec![0; 2]).unwrap();
        let own = Normalisation::of(&set);
        assert_eq!((own.mean[0], own.std[0]), (0.5, 0.5));
        assert_eq!((own.mean[1], own.std[1]), (100.0 / 255.0, 1.0 / 255.0), "a channel of one value");
        assert!((own.std[2] - 1.0 / 255.0).abs() < 1e-7);
    }
}
