//! From bytes to the floats a network sees: (x / 255 − mean) / std per channel.

use crate::ImageSet;

/// Most channels of an image.
const MOST: usize = 3;

/// From one value of a byte to the next, of pixels scaled to `[0, 1]`.
const BYTE: f32 = 1.0 / 255.0;

/// Mean and standard deviation of each channel, of pixels scaled to `[0, 1]`: of one channel, or of red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    mean: [f32; MOST],
    std: [f32; MOST],
    /// How many of them are meant; the others are 0.
    channels: usize,
}

impl Normalisation {
    /// CIFAR-10, over its 50 000 training images.
    pub const CIFAR10: Self = Self::colour([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]);
    /// CIFAR-100, over its 50 000 training images.
    pub const CIFAR100: Self = Self::colour([0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]);
    /// ImageNet, as torchvision publishes it. Used for Tiny ImageNet, and by git-re-basin for CIFAR.
    pub const IMAGENET: Self = Self::colour([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    /// The synthetic sets, over 10 000 training images of seed 0 and ten classes, rounded.
    pub const SYNTHETIC: Self = Self::colour([0.365, 0.335, 0.355], [0.194, 0.191, 0.195]);
    /// MNIST, over its 60 000 training images.
    pub const MNIST: Self = Self::grey(0.1307, 0.3081);
    /// Fashion-MNIST, over its 60 000 training images, as they are usually given; not computed here.
    pub const FASHION_MNIST: Self = Self::grey(0.2860, 0.3530);
    /// EuroSAT's red, green and blue. Not computed here: public programs agree on the means; the deviations are rounded from one of
    /// several in use.
    pub const EUROSAT: Self = Self::colour([0.344, 0.380, 0.408], [0.203, 0.137, 0.115]);
    /// SVHN's cropped digits, over the 73 257 training images, as they are usually given; not computed here.
    pub const SVHN: Self = Self::colour([0.4377, 0.4438, 0.4728], [0.1980, 0.2010, 0.1970]);
    /// Bytes of colour images to `[-1, 1]`.
    pub const HALF: Self = Self::colour([0.5; MOST], [0.5; MOST]);
    /// Bytes of images of one channel to `[-1, 1]`.
    pub const HALF_GREY: Self = Self::grey(0.5, 0.5);
    /// Bytes of colour images as they are, 0 to 255.
    pub const RAW: Self = Self::colour([0.0; MOST], [BYTE; MOST]);
    /// Bytes of images of one channel as they are, 0 to 255.
    pub const RAW_GREY: Self = Self::grey(0.0, BYTE);

    /// Means and standard deviations (above 0) of red, green and blue.
    pub const fn colour(mean: [f32; 3], std: [f32; 3]) -> Self {
        Self { mean, std, channels: 3 }
    }

    /// Those of a set's own pixels, over all its images; a channel that is one value everywhere counts as one that varies by
    /// a byte's step.
    ///
    /// Cost: one pass over the bytes.
    pub fn of(set: &ImageSet) -> Self {
        // How often each value of a byte occurs in a channel: whole numbers, whatever the order.
        let (channels, mut occurs) = (set.channels(), [[0u64; 256]; MOST]);
        for pixel in set.images().chunks_exact(channels) {
            pixel.iter().zip(&mut occurs).for_each(|(value, occurs)| occurs[usize::from(*value)] += 1);
        }
        let (mut mean, mut std) = ([0.0; MOST], [0.0; MOST]);
        for (channel, occurs) in occurs.iter().enumerate().take(channels) {
            (mean[channel], std[channel]) = moments(occurs);
        }
        Self { mean, std, channels }
    }

    /// Mean and standard deviation (above 0) of the one channel.
    pub const fn grey(mean: f32, std: f32) -> Self {
        Self { mean: [mean, 0.0, 0.0], std: [std, 0.0, 0.0], channels: 1 }
    }

    /// Channels of the images that it is for.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Mean of each channel.
    pub fn mean(&self) -> &[f32] {
        &self.mean[..self.channels]
    }

    /// Standard deviation of each channel.
    pub fn std(&self) -> &[f32] {
        &self.std[..self.channels]
    }

    /// Normalises interleaved bytes `[.., channels]` into floats of the same layout.
    ///
    /// One table look-up per byte, so a pixel value always gives the same bits.
    ///
    /// # Panics
    /// When the lengths differ or are not a multiple of the channels.
    pub fn apply(&self, pixels: &[u8], out: &mut [f32]) {
        self.table().apply(pixels, out);
    }

    /// The normalised value of each byte of each channel, `[channels, 256]`; of [`Normalisation::RAW`] the byte itself, which
    /// two divisions would miss by a rounding.
    pub fn of_bytes(&self) -> Vec<[f32; 256]> {
        let raw = *self == Self::RAW || *self == Self::RAW_GREY;
        let value = |x: usize, mean, std| if raw { x as f32 } else { (x as f32 / 255.0 - mean) / std };
        let one = |(mean, std): (&f32, &f32)| std::array::from_fn(|x| value(x, *mean, *std));
        self.mean().iter().zip(self.std()).map(one).collect()
    }

    /// As [`Normalisation::of_bytes`]; 1 KB per channel, worth keeping for a whole batch.
    pub(crate) fn table(&self) -> Table {
        Table(self.of_bytes())
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

/// Normalised values, `[channels, 256]`.
pub(crate) struct Table(Vec<[f32; 256]>);

impl Table {
    /// See [`Normalisation::apply`].
    pub(crate) fn apply(&self, pixels: &[u8], out: &mut [f32]) {
        assert_eq!(pixels.len(), out.len(), "as many floats as bytes");
        assert!(pixels.len().is_multiple_of(self.0.len()), "whole pixels of {} channels", self.0.len());
        match &self.0[..] {
            [grey] => {
                for (byte, out) in pixels.iter().zip(out) {
                    *out = grey[usize::from(*byte)];
                }
            }
            [red, green, blue] => {
                for (rgb, out) in pixels.chunks_exact(3).zip(out.chunks_exact_mut(3)) {
                    out[0] = red[usize::from(rgb[0])];
                    out[1] = green[usize::from(rgb[1])];
                    out[2] = blue[usize::from(rgb[2])];
                }
            }
            tables => unreachable!("a normalisation has one channel or three, not {}", tables.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_is_scaled_shifted_and_divided_per_channel() {
        let mut out = [0.0; 6];
        Normalisation::colour([0.0, 0.5, 1.0], [1.0, 0.5, 2.0]).apply(&[255, 255, 255, 0, 0, 51], &mut out);
        assert_eq!(out, [1.0, 1.0, 0.0, 0.0, -1.0, -0.4]);
        let mut out = [0.0; 5];
        Normalisation::grey(0.2, 0.5).apply(&[255, 51, 0, 51, 102], &mut out);
        assert_eq!(out, [1.6, 0.0, -0.4, 0.0, 0.4].map(|x: f32| x));
    }

    #[test]
    fn what_is_meant_is_shown_and_nothing_else() {
        assert_eq!(
            format!("{:?} {:?}", Normalisation::HALF.mean(), Normalisation::IMAGENET.std()),
            "[0.5, 0.5, 0.5] [0.229, 0.224, 0.225]"
        );
        let grey = Normalisation::grey(0.1307, 0.3081);
        assert_eq!(format!("{:?} {:?}", grey.mean(), grey.std()), "[0.1307] [0.3081]");
        assert_eq!((grey.channels(), grey.of_bytes().len(), Normalisation::HALF.channels()), (1, 1, 3));
    }

    #[test]
    fn raw_bytes_are_what_they_are() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut out = vec![0.0; 256];
        Normalisation::RAW_GREY.apply(&bytes, &mut out);
        assert!(bytes.iter().zip(&out).all(|(byte, value)| f32::from(*byte) == *value));
        assert_eq!(Normalisation::RAW.of_bytes(), vec![Normalisation::RAW_GREY.of_bytes()[0]; 3]);
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
