//! An object: an outline filled with a texture in two colours.

use super::canvas::Canvas;
use super::{SIZE, colour, direction, range, wave};
use crate::image_set::CHANNELS;
use basin_core::Rng;

#[derive(Clone, Copy)]
enum Outline {
    Disc,
    Square,
    Triangle,
    Ring,
    Cross,
}

#[derive(Clone, Copy)]
enum Texture {
    Stripes,
    Checks,
    Circles,
    Plain,
    Dots,
}

const OUTLINES: [Outline; 5] =
    [Outline::Disc, Outline::Square, Outline::Triangle, Outline::Ring, Outline::Cross];
const TEXTURES: [Texture; 5] =
    [Texture::Plain, Texture::Checks, Texture::Stripes, Texture::Circles, Texture::Dots];

/// Hues of background and object in turns: the palette of a class, with its spread.
///
/// The palettes of all classes lie evenly on the torus of two hues (the additive sequence of the plastic
/// number), so neither hue alone tells the class. The spread is triangular, wide enough that neighbours
/// overlap: for ten classes it reaches 0.2 turns to either side.
pub(super) fn palette(classes: usize, class: usize, rng: &mut Rng) -> [f32; 2] {
    const STEPS: [f32; 2] = [0.754_877_7, 0.569_840_3];
    let reach = if classes == 10 { 0.1 } else { 0.06 };
    STEPS.map(|step| 1.0 + class as f32 * step + reach * (range(rng, -1.0, 1.0) + range(rng, -1.0, 1.0)))
}

/// One object with all its nuisance drawn.
pub(super) struct Object {
    outline: Outline,
    texture: Texture,
    centre: [f32; 2],
    radius: f32,
    axis: [f32; 2],
    /// Periods of the texture across the object's radius, and its phase.
    frequency: f32,
    phase: f32,
    opacity: f32,
    colours: [[f32; CHANNELS]; 2],
}

impl Object {
    /// An object of a class in a hue. Ten classes differ in outline and texture too; of a hundred, four share
    /// each pair of outline and texture.
    pub(super) fn new(class: usize, hue: f32, radius: f32, rng: &mut Rng) -> Self {
        let outline = OUTLINES[class % 5];
        let texture = TEXTURES[class / 5 % 5];
        let (saturation, value) = (range(rng, 0.5, 0.95), range(rng, 0.5, 0.9));
        let light = colour(hue, saturation, value);
        let depth = range(rng, 0.2, 0.6);
        let dark = light.map(|x| x * depth);
        Self {
            outline,
            texture,
            centre: [0; 2].map(|_| range(rng, 11.0, 20.0)),
            radius,
            axis: direction(rng),
            frequency: range(rng, 1.0, 1.8),
            phase: range(rng, 0.0, 1.0),
            opacity: range(rng, 0.75, 1.0),
            colours: [light, dark],
        }
    }

    /// Draws the object over what is there, with an edge one pixel soft.
    pub(super) fn paint(&self, canvas: &mut Canvas) {
        let reach = self.radius + 1.0;
        let [rows, columns] = [self.centre[1], self.centre[0]]
            .map(|c| (c - reach).max(0.0) as usize..((c + reach) as usize + 1).min(SIZE));
        for y in rows {
            for x in columns.clone() {
                let [dx, dy] = [x as f32 - self.centre[0], y as f32 - self.centre[1]];
                let u = (dx * self.axis[0] + dy * self.axis[1]) / self.radius;
                let v = (dy * self.axis[0] - dx * self.axis[1]) / self.radius;
                let cover = (self.inside(u, v) * self.radius + 0.5).clamp(0.0, 1.0) * self.opacity;
                if cover > 0.0 {
                    let mix = 0.5 + 0.5 * self.pattern(u, v);
                    for (c, below) in canvas.pixels[y * SIZE + x].iter_mut().enumerate() {
                        let paint = self.colours[0][c] + mix * (self.colours[1][c] - self.colours[0][c]);
                        *below += cover * (paint - *below);
                    }
                }
            }
        }
    }

    /// Distance to the outline in radii, positive inside.
    fn inside(&self, u: f32, v: f32) -> f32 {
        let length = || (u * u + v * v).sqrt();
        match self.outline {
            Outline::Disc => 0.95 - length(),
            Outline::Square => 0.8 - u.abs().max(v.abs()),
            Outline::Triangle => (0.5 + v).min(0.5 - 0.5 * v - 0.866 * u.abs()),
            Outline::Ring => 0.26 - (length() - 0.74).abs(),
            Outline::Cross => {
                let (long, short) = (u.abs().max(v.abs()), u.abs().min(v.abs()));
                (0.95 - long).min(0.32 - short)
            }
        }
    }

    /// Texture in `[-1, 1]`.
    fn pattern(&self, u: f32, v: f32) -> f32 {
        let (f, p) = (self.frequency, self.phase);
        match self.texture {
            Texture::Stripes => wave(f * u + p),
            Texture::Checks => wave(f * u + p) * wave(f * v + p),
            Texture::Circles => wave(f * (u * u + v * v).sqrt() + p),
            Texture::Plain => 2.0 * p - 1.0,
            Texture::Dots => (2.0 * wave(f * u + p) + 2.0 * wave(f * v + p) - 2.0).clamp(-1.0, 1.0),
        }
    }
}
