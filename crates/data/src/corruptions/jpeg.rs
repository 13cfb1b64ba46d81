//! What JPEG takes away: an image as a baseline encoder and decoder leave it, without the lossless coding in between.
//!
//! As libjpeg by default, and so PIL: chroma at half the resolution (4:2:0), the tables of the standard (ITU-T T.81, Annex
//! K) scaled to a quality, smooth enlargement of chroma. The cosine transforms are exact where libjpeg's are integers, so
//! that a coefficient near the middle of two may fall to the other side.

use crate::view::Given;
use crate::view::picture::Picture;
use std::sync::OnceLock;

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

/// Halves are rounded away from 0, as in whole numbers: flat blocks have them often, and a last bit must not decide.
const TIE: f64 = 1e-9;

/// Encoded at this quality and decoded; images of one channel have luma alone.
pub(super) fn jpeg_compression(picture: &mut Picture, given: &Given<'_>) {
    let quality = given.values[0];
    let (luma, chroma) = (quantisers(&LUMA, quality), quantisers(&CHROMA, quality));
    if picture.channels == 1 {
        let mut plane = Plane::of(picture, 1, |grey| f64::from(grey[0]));
        plane.quantise(&luma);
        for (i, byte) in picture.pixels.iter_mut().enumerate() {
            *byte = plane.at(i % picture.side, i / picture.side) as u8;
        }
        return;
    }
    let mix = |weights: [f64; 3], offset: f64| {
        move |rgb: &[u8]| {
            let sum: f64 = rgb.iter().zip(weights).map(|(x, w)| f64::from(*x) * w).sum();
            (sum + offset + 0.5).floor()
        }
    };
    let mut y = Plane::of(picture, 2, mix([0.299, 0.587, 0.114], 0.0));
    y.quantise(&luma);
    let colour = |weights| {
        let mut small = Plane::of(picture, 2, mix(weights, 128.0 - 1e-5)).halved();
        small.quantise(&chroma);
        small.doubled()
    };
    let blue = colour([-0.168_735_892, -0.331_264_108, 0.5]);
    let red = colour([0.5, -0.418_687_589, -0.081_312_411]);
    let side = picture.side;
    for (i, rgb) in picture.pixels.chunks_exact_mut(3).enumerate() {
        let (x, row) = (i % side, i / side);
        let (y, cb, cr) = (y.at(x, row), blue.at(x, row) - 128.0, red.at(x, row) - 128.0);
        let mixed = [1.402 * cr, -0.344_136_286 * cb - 0.714_136_286 * cr, 1.772 * cb];
        rgb.iter_mut().zip(mixed).for_each(|(out, c)| *out = (y + (c + 0.5).floor()) as u8);
    }
}

/// The table at a quality from 1 to 100.
fn quantisers(table: &[u8; 64], quality: f64) -> [f64; 64] {
    let percent = if quality < 50.0 { (5000.0 / quality).floor() } else { 200.0 - 2.0 * quality };
    table.map(|q| ((f64::from(q) * percent + 50.0) / 100.0).floor().clamp(1.0, 255.0))
}

/// Values in `[0, 255]`, whole numbers, `[side, side]`.
struct Plane {
    side: usize,
    values: Vec<f64>,
}

impl Plane {
    /// A plane of whole blocks, `blocks` to a unit, edge pixels repeated.
    fn of(picture: &Picture, blocks: usize, value: impl Fn(&[u8]) -> f64) -> Self {
        let (from, channels) = (picture.side, picture.channels);
        let side = from.next_multiple_of(blocks * BLOCK);
        let place = |i: usize| (i / side).min(from - 1) * from + (i % side).min(from - 1);
        let values = (0..side * side).map(|i| value(&picture.pixels[place(i) * channels..][..channels]));
        Self { side, values: values.collect() }
    }

    fn at(&self, x: usize, y: usize) -> f64 {
        self.values[y * self.side + x]
    }

    /// Means of four; halves go down and up in turns, so that nothing drifts.
    fn halved(&self) -> Self {
        let side = self.side / 2;
        let mean = |i: usize| {
            let (x, y) = (2 * (i % side), 2 * (i / side));
            let sum = self.at(x, y) + self.at(x + 1, y) + self.at(x, y + 1) + self.at(x + 1, y + 1);
            ((sum + if (i % side).is_multiple_of(2) { 1.0 } else { 2.0 }) / 4.0).floor()
        };
        Self { side, values: (0..side * side).map(mean).collect() }
    }

    /// Twice the side: each pixel nine parts the nearest, three its two neighbours, one the diagonal.
    fn doubled(&self) -> Self {
        let side = 2 * self.side;
        let beside = |i: usize| {
            (if i.is_multiple_of(2) { (i / 2).saturating_sub(1) } else { i / 2 + 1 }).min(self.side - 1)
        };
        let value = |i: usize| {
            let (x, y) = (i % side, i / side);
            let column = |x: usize| 3.0 * self.at(x, y / 2) + self.at(x, beside(y));
            let rounding = if x % 2 == 0 { 8.0 } else { 7.0 };
            ((3.0 * column(x / 2) + column(beside(x)) + rounding) / 16.0).floor()
        };
        Self { side, values: (0..side * side).map(value).collect() }
    }

    /// Every block's cosines, rounded to multiples of their quantisers.
    fn quantise(&mut self, quantisers: &[f64; 64]) {
        let cosines = cosines();
        let mut block = [0.0; 64];
        for top in (0..self.side).step_by(BLOCK) {
            for left in (0..self.side).step_by(BLOCK) {
                let place = |i: usize| (top + i / BLOCK) * self.side + left + i % BLOCK;
                for (i, x) in block.iter_mut().enumerate() {
                    *x = self.values[place(i)] - 128.0;
                }
                let mut waves = transformed(&block, |wave, at| cosines[wave * BLOCK + at]);
                waves
                    .iter_mut()
                    .zip(quantisers)
                    .for_each(|(x, q)| *x = (*x / q + TIE.copysign(*x)).round() * q);
                let back = transformed(&waves, |at, wave| cosines[wave * BLOCK + at]);
                for (i, x) in back.iter().enumerate() {
                    self.values[place(i)] = (x + 128.5).floor().clamp(0.0, 255.0);
                }
            }
        }
    }
}

/// Rows and columns of a block multiplied by a matrix, the result in the same order.
fn transformed(block: &[f64; 64], matrix: impl Fn(usize, usize) -> f64) -> [f64; 64] {
    // One pass turns the block over; two set it upright again.
    let pass = |block: &[f64; 64]| {
        let mut out = [0.0; 64];
        for (to, out) in out.chunks_exact_mut(BLOCK).enumerate() {
            for at in 0..BLOCK {
                let weight = matrix(to, at);
                for (row, out) in out.iter_mut().enumerate() {
                    *out += weight * block[row * BLOCK + at];
                }
            }
        }
        out
    };
    pass(&pass(block))
}

/// The orthonormal cosines, `[wave, place]`.
fn cosines() -> &'static [f64; 64] {
    static COSINES: OnceLock<[f64; 64]> = OnceLock::new();
    COSINES.get_or_init(|| {
        std::array::from_fn(|i| {
            let (wave, at) = ((i / BLOCK) as f64, (i % BLOCK) as f64);
            let scale = if wave == 0.0 { 0.125f64.sqrt() } else { 0.5 };
            scale * ((2.0 * at + 1.0) * wave * std::f64::consts::PI / 16.0).cos()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_blocks_survive_and_the_transform_is_undone() {
        let mut plane = Plane { side: 8, values: vec![130.0; 64] };
        plane.quantise(&[1.0; 64]);
        assert_eq!(plane.values, [130.0; 64]);
        let block: [f64; 64] = std::array::from_fn(|i| ((i * i * 7) % 256) as f64 - 128.0);
        let waves = transformed(&block, |wave, at| cosines()[wave * 8 + at]);
        let back = transformed(&waves, |at, wave| cosines()[wave * 8 + at]);
        assert!(block.iter().zip(back).all(|(a, b)| (a - b).abs() < 1e-10));
        assert!((waves[0] - block.iter().sum::<f64>() / 8.0).abs() < 1e-10, "the first is 8 means");
    }

    #[test]
    fn a_table_is_scaled_as_the_standard_has_it() {
        assert_eq!(quantisers(&LUMA, 50.0)[..3], [16.0, 11.0, 10.0]);
        assert_eq!(quantisers(&LUMA, 80.0)[..3], [6.0, 4.0, 4.0]);
        assert_eq!(quantisers(&LUMA, 40.0)[..3], [20.0, 14.0, 13.0]);
    }
}
