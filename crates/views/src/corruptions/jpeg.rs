//! What JPEG takes away: an image as a baseline encoder and decoder leave it, without the lossless coding in between.
//!
//! As libjpeg by default, and so PIL, but for one byte of green in ten thousand, which is one off: chroma at half the resolution (4:2:0), the tables of the standard (ITU-T
//! T.81, Annex K) scaled to a quality, cosine transforms in whole numbers (Loeffler, Ligtenberg, Moschytz 1989), smooth
//! enlargement of chroma.

use crate::view::Given;
use crate::view::picture::Picture;

/// Pixels along a block.
const BLOCK: usize = 8;

/// Quantisers of luma at quality 50, row by row from the mean upwards.
const LUMA: [u8; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17,
    22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78,
    87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
/// The same of chroma.
const CHROMA: [u8; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/// √2 cos((2 · place + 1) · wave · π / 16) in 2⁻¹³ for the first four places of each wave; of the other four, even waves
/// have the mirror image and odd ones the negative one. Sums of the constants that the fast transform multiplies by, which
/// is why some are off by one in the last place.
const WAVES: [[i32; 4]; BLOCK] = [
    [8192, 8192, 8192, 8192],
    [11363, 9633, 6437, 2260],
    [10703, 4433, -4433, -10703],
    [9633, -2259, -11362, -6436],
    [8192, -8192, -8192, 8192],
    [6437, -11362, 2261, 9633],
    [4433, -10704, 10704, -4433],
    [2260, -6436, 9633, -11363],
];
/// Fractional bits of [`WAVES`], and those that a value keeps between two passes.
const BITS: u32 = 13;
const KEPT: u32 = 2;

/// Encoded at this quality and decoded; images of one channel have luma alone.
pub(super) fn jpeg_compression(picture: &mut Picture, given: &Given<'_>) {
    let quality = given.values[0] as i32;
    let (luma, chroma) = (quantisers(&LUMA, quality), quantisers(&CHROMA, quality));
    let side = picture.side;
    if picture.channels == 1 {
        let mut plane = Plane::of(picture, 1, |grey| i32::from(grey[0]));
        plane.quantise(&luma);
        for (i, byte) in picture.pixels.iter_mut().enumerate() {
            *byte = plane.at(i % side, i / side) as u8;
        }
        return;
    }
    // In 2⁻¹⁶.
    let mix = |weights: [i32; 3], offset: i32| {
        move |rgb: &[u8]| {
            (rgb.iter().zip(weights).map(|(x, w)| i32::from(*x) * w).sum::<i32>() + offset) >> 16
        }
    };
    let mut y = Plane::of(picture, 2, mix([19595, 38470, 7471], 1 << 15));
    y.quantise(&luma);
    let colour = |weights| {
        let mut small = Plane::of(picture, 2, mix(weights, (128 << 16) + (1 << 15) - 1)).halved();
        small.quantise(&chroma);
        small.doubled()
    };
    let (blue, red) = (colour([-11058, -21710, 32768]), colour([32768, -27439, -5329]));
    for (i, rgb) in picture.pixels.chunks_exact_mut(3).enumerate() {
        let (x, row) = (i % side, i / side);
        let (cb, cr) = (blue.at(x, row) - 128, red.at(x, row) - 128);
        let mixed = [91881 * cr, -22553 * cb - 46802 * cr, 116_130 * cb];
        for (out, c) in rgb.iter_mut().zip(mixed) {
            *out = (y.at(x, row) + ((c + (1 << 15)) >> 16)).clamp(0, 255) as u8;
        }
    }
}

/// The table at a quality from 1 to 100.
fn quantisers(table: &[u8; 64], quality: i32) -> [i32; 64] {
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    table.map(|q| ((i32::from(q) * percent + 50) / 100).clamp(1, 255))
}

/// Values in `[0, 255]`, `[side, side]`.
struct Plane {
    side: usize,
    values: Vec<i32>,
}

impl Plane {
    /// A plane of whole blocks, `blocks` to a unit, edge pixels repeated.
    fn of(picture: &Picture, blocks: usize, value: impl Fn(&[u8]) -> i32) -> Self {
        let (from, channels) = (picture.side, picture.channels);
        let side = from.next_multiple_of(blocks * BLOCK);
        let place = |i: usize| (i / side).min(from - 1) * from + (i % side).min(from - 1);
        let values = (0..side * side).map(|i| value(&picture.pixels[place(i) * channels..][..channels]));
        Self { side, values: values.collect() }
    }

    fn at(&self, x: usize, y: usize) -> i32 {
        self.values[y * self.side + x]
    }

    /// Means of four; halves go down and up in turns, so that nothing drifts.
    fn halved(&self) -> Self {
        let side = self.side / 2;
        let mean = |i: usize| {
            let (x, y) = (2 * (i % side), 2 * (i / side));
            let sum = self.at(x, y) + self.at(x + 1, y) + self.at(x, y + 1) + self.at(x + 1, y + 1);
            (sum + if (i % side).is_multiple_of(2) { 1 } else { 2 }) >> 2
        };
        Self { side, values: (0..side * side).map(mean).collect() }
    }

    /// Twice the side: each pixel nine parts the nearest, three its two neighbours, one the diagonal.
    fn doubled(&self) -> Self {
        let side = 2 * self.side;
        let beside = |i: usize| {
            if i.is_multiple_of(2) { (i / 2).saturating_sub(1) } else { (i / 2 + 1).min(self.side - 1) }
        };
        let value = |i: usize| {
            let (x, y) = (i % side, i / side);
            let column = |x: usize| 3 * self.at(x, y / 2) + self.at(x, beside(y));
            (3 * column(x / 2) + column(beside(x)) + if x.is_multiple_of(2) { 8 } else { 7 }) >> 4
        };
        Self { side, values: (0..side * side).map(value).collect() }
    }

    /// Every block's waves, rounded to multiples of their quantisers.
    fn quantise(&mut self, quantisers: &[i32; 64]) {
        for top in (0..self.side).step_by(BLOCK) {
            for left in (0..self.side).step_by(BLOCK) {
                let place = |i: usize| (top + i / BLOCK) * self.side + left + i % BLOCK;
                let mut block = std::array::from_fn(|i| self.values[place(i)] - 128);
                pass(&mut block, Along::Rows, wave, BITS - KEPT);
                pass(&mut block, Along::Columns, wave, BITS + KEPT);
                // Waves are 8 times too large here, and are as they should be behind the quantiser.
                for (x, q) in block.iter_mut().zip(quantisers) {
                    *x = (x.abs() + 4 * q) / (8 * q) * q * x.signum();
                }
                pass(&mut block, Along::Columns, |place, at| wave(at, place), BITS - KEPT);
                pass(&mut block, Along::Rows, |place, at| wave(at, place), BITS + KEPT + 3);
                for (i, x) in block.iter().enumerate() {
                    self.values[place(i)] = (x + 128).clamp(0, 255);
                }
            }
        }
    }
}

/// A wave at one of the eight places.
fn wave(wave: usize, place: usize) -> i32 {
    match (place < 4, wave % 2) {
        (true, _) => WAVES[wave][place],
        (false, 0) => WAVES[wave][7 - place],
        (false, _) => -WAVES[wave][7 - place],
    }
}

/// Which lines of a block are multiplied.
#[derive(Clone, Copy)]
enum Along {
    Rows,
    Columns,
}

/// Every line of a block times a matrix (`weight(to, from)`), rounded by so many bits.
fn pass(block: &mut [i32; 64], along: Along, weight: impl Fn(usize, usize) -> i32, bits: u32) {
    let (step, next) = match along {
        Along::Rows => (1, BLOCK),
        Along::Columns => (BLOCK, 1),
    };
    let weights: [[i32; BLOCK]; BLOCK] = std::array::from_fn(|to| std::array::from_fn(|at| weight(to, at)));
    for line in 0..BLOCK {
        let old: [i32; BLOCK] = std::array::from_fn(|at| block[line * next + at * step]);
        for (to, weights) in weights.iter().enumerate() {
            let sum: i32 = old.iter().zip(weights).map(|(x, w)| x * w).sum();
            block[line * next + to * step] = (sum + (1 << (bits - 1))) >> bits;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_are_cosines() {
        for (w, row) in WAVES.iter().enumerate() {
            for (at, value) in row.iter().enumerate() {
                let angle = (2 * at + 1) as f64 * w as f64 * std::f64::consts::PI / 16.0;
                let scale = if w == 0 { 8192.0 } else { 8192.0 * std::f64::consts::SQRT_2 };
                assert!((f64::from(*value) - scale * angle.cos()).abs() < 1.5, "wave {w} at {at}");
            }
        }
    }

    #[test]
    fn blocks_survive_the_finest_quantiser() {
        let values: Vec<i32> = (0..256).map(|i| (i * i * 7) % 256).collect();
        let mut plane = Plane { side: 16, values: values.clone() };
        plane.quantise(&[1; 64]);
        assert!(plane.values.iter().zip(values).all(|(a, b)| (a - b).abs() <= 2));
        let mut flat = Plane { side: 8, values: vec![130; 64] };
        flat.quantise(&[16; 64]);
        assert_eq!(flat.values, [130; 64], "2 is a multiple of 16 / 8");
    }

    #[test]
    fn a_table_is_scaled_as_the_standard_has_it() {
        assert_eq!(quantisers(&LUMA, 50)[..3], [16, 11, 10]);
        assert_eq!(quantisers(&LUMA, 80)[..3], [6, 4, 4]);
        assert_eq!(quantisers(&LUMA, 40)[..3], [20, 14, 13]);
    }
}
