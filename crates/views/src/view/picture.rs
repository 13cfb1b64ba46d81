//! One image on its way through a view.

use basin_data::ImageSet;

/// Square pixels of one or three channels, interleaved, `[side, side, channels]`, and what they show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) side: usize,
    pub(crate) channels: usize,
    pub(crate) pixels: Vec<u8>,
    pub(crate) label: u32,
    pub(crate) classes: usize,
}

impl Picture {
    pub(crate) fn of(set: &ImageSet, i: usize) -> Self {
        let (side, channels) = (set.size(), set.channels());
        let (pixels, label) = (set.image(i).to_vec(), set.labels()[i]);
        Self { side, channels, pixels, label, classes: set.classes() }
    }

    /// The values x / 255, in `[0, 1]`.
    pub(crate) fn unit(&self) -> Vec<f64> {
        self.pixels.iter().map(|&x| f64::from(x) / 255.0).collect()
    }

    /// Takes values in `[0, 1]` as bytes. What is outside is clipped; fractions are **cut off, not rounded**, as
    /// CIFAR-10-C does it.
    pub(crate) fn store(&mut self, unit: &[f64]) {
        assert_eq!(unit.len(), self.pixels.len(), "a value for every byte");
        self.pixels.iter_mut().zip(unit).for_each(|(byte, x)| *byte = cut(*x));
    }

    /// Each pixel by itself, channel for channel.
    pub(crate) fn each_pixel(&mut self, change: impl Fn(&mut [u8])) {
        self.pixels.chunks_exact_mut(self.channels).for_each(change);
    }
}

/// A value in `[0, 1]` as a byte, its fraction cut off.
pub(crate) fn cut(x: f64) -> u8 {
    (x.clamp(0.0, 1.0) * 255.0) as u8
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An image with edges, flat areas and colours, by a formula.
    pub(crate) fn picture(side: usize, channels: usize) -> Picture {
        let value = |i: usize| {
            let (pixel, c) = (i / channels, i % channels);
            let (y, x) = (pixel / side, pixel % side);
            match (x / 8 + y / 8) % 3 {
                0 => 40 + 70 * c,
                1 => (7 * x + 3 * y + 50 * c) % 256,
                _ => (x * y + 31 * c) % 256,
            }
        };
        let pixels = (0..side * side * channels).map(|i| value(i) as u8).collect();
        Picture { side, channels, pixels, label: 3, classes: 10 }
    }

    #[test]
    fn fractions_are_cut_off_and_what_is_outside_is_clipped() {
        assert_eq!([-0.1, 0.0, 0.999, 1.0, 1.7, 0.5].map(cut), [0, 0, 254, 255, 255, 127]);
    }

    #[test]
    fn there_and_back_is_at_most_the_cut_of_a_last_bit() {
        let mut seen = picture(16, 3);
        let unit = seen.unit();
        seen.store(&unit);
        let pairs = seen.pixels.iter().zip(&picture(16, 3).pixels).map(|(a, b)| b - a).max();
        assert!(pairs <= Some(1), "{pairs:?}");
    }
}
