//! What is not an object: background, occluding bars, light and noise.

use super::{SIZE, colour, direction, range, wave};
use crate::image_set::CHANNELS;
use basin_core::Rng;

/// RGB pixels, `[32, 32, 3]`, nominally in `[0, 1]`.
pub(super) struct Canvas {
    pub(super) pixels: [[f32; CHANNELS]; SIZE * SIZE],
}

impl Canvas {
    /// Two colours mixed by two crossing waves of long period.
    pub(super) fn background(hue: f32, rng: &mut Rng) -> Self {
        let colours = [0; 2].map(|_| {
            let (hue, saturation) = (hue + range(rng, -0.03, 0.03), range(rng, 0.5, 0.95));
            colour(hue, saturation, range(rng, 0.4, 0.75))
        });
        let waves = [0; 2].map(|_| {
            let ([x, y], frequency) = (direction(rng), range(rng, 0.01, 0.12));
            (x * frequency, y * frequency, range(rng, 0.0, 1.0), range(rng, 0.1, 0.35))
        });
        let mut pixels = [[0.0; CHANNELS]; SIZE * SIZE];
        for (i, pixel) in pixels.iter_mut().enumerate() {
            let (x, y) = ((i % SIZE) as f32, (i / SIZE) as f32);
            let mix: f32 =
                waves.iter().map(|&(dx, dy, phase, gain)| gain * wave(dx * x + dy * y + phase)).sum();
            let mix = (0.5 + mix).clamp(0.0, 1.0);
            *pixel = std::array::from_fn(|c| colours[0][c] + mix * (colours[1][c] - colours[0][c]));
        }
        Self { pixels }
    }

    /// Up to two bars of one colour across the image.
    pub(super) fn occlude(&mut self, rng: &mut Rng) {
        for _ in 0..rng.below(2) {
            let (at, width, upright) =
                (range(rng, 0.0, 30.0) as usize, range(rng, 2.0, 5.0) as usize, rng.below(2) == 0);
            let (hue, saturation) = (range(rng, 0.0, 1.0), range(rng, 0.0, 0.8));
            let paint = colour(hue, saturation, range(rng, 0.1, 0.9));
            for across in at..(at + width).min(SIZE) {
                for along in 0..SIZE {
                    let i = if upright { along * SIZE + across } else { across * SIZE + along };
                    self.pixels[i] = paint;
                }
            }
        }
    }

    /// Light, tint and noise, then bytes `[32, 32, 3]`.
    pub(super) fn expose(&self, rng: &mut Rng, out: &mut [u8]) {
        let gain = range(rng, 0.9, 1.1);
        let tint: [f32; CHANNELS] = std::array::from_fn(|_| 255.0 * gain * range(rng, 0.96, 1.04));
        let noise = range(rng, 4.0, 20.0) / 256.0;
        for (pixel, out) in self.pixels.iter().zip(out.chunks_exact_mut(CHANNELS)) {
            let bits = rng.next_u32();
            for (c, out) in out.iter_mut().enumerate() {
                // Ten bits a channel, uniform around zero.
                let grain = ((bits >> (10 * c)) & 1023) as f32 * 0.5 - 255.75;
                *out = (pixel[c] * tint[c] + noise * grain + 0.5).clamp(0.0, 255.0) as u8;
            }
        }
    }
}
