//! Colour jitter with torchvision's semantics, on `f32` planes, without a branch per pixel.

use super::Jitter;
use crate::image_set::CHANNELS;
use basin_core::Rng;

/// One change of colour with its factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ColourOp {
    /// Scale of all channels.
    Brightness(f32),
    /// Distance from the image's mean grey.
    Contrast(f32),
    /// Distance from the pixel's grey.
    Saturation(f32),
    /// Shift on the colour wheel, in turns.
    Hue(f32),
}

/// What was drawn for one image: the operations in their order. One of strength 0 is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ColourDraw(pub [Option<ColourOp>; 4]);

impl ColourDraw {
    pub(super) fn new(jitter: &Jitter, rng: &mut Rng) -> Self {
        let [brightness, contrast, saturation, hue] = [0; 4].map(|_| rng.uniform());
        let factor = |strength: f64, u: f64| {
            let low = (1.0 - strength).max(0.0);
            (low + (1.0 + strength - low) * u) as f32
        };
        let mut ops = [
            (jitter.brightness > 0.0).then(|| ColourOp::Brightness(factor(jitter.brightness, brightness))),
            (jitter.contrast > 0.0).then(|| ColourOp::Contrast(factor(jitter.contrast, contrast))),
            (jitter.saturation > 0.0).then(|| ColourOp::Saturation(factor(jitter.saturation, saturation))),
            (jitter.hue > 0.0).then_some(ColourOp::Hue((jitter.hue * (2.0 * hue - 1.0)) as f32)),
        ];
        rng.shuffle(&mut ops);
        Self(ops)
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Changes interleaved bytes `[.., channels]` in place; `planes` is scratch. Operations work on `f32` in `[0, 255]`
    /// and are rounded once, at the end, to nearest even; torchvision truncates after each.
    pub(super) fn apply(&self, pixels: &mut [u8], channels: usize, planes: &mut Vec<f32>) {
        match channels {
            1 => self.apply_to_grey(pixels, planes),
            _ => self.apply_to_colours(pixels, planes),
        }
    }

    fn apply_to_grey(&self, pixels: &mut [u8], plane: &mut Vec<f32>) {
        plane.clear();
        plane.extend(pixels.iter().map(|&x| f32::from(x)));
        for op in self.0.iter().flatten() {
            match *op {
                ColourOp::Brightness(factor) => brighten(plane, factor),
                ColourOp::Contrast(factor) => {
                    let mean = mean([&plane[..]], |[x]| x);
                    stretch(plane, factor, mean);
                }
                // Of grey, both are the identity.
                ColourOp::Saturation(_) | ColourOp::Hue(_) => {}
            }
        }
        pixels.iter_mut().zip(&*plane).for_each(|(byte, &x)| *byte = to_byte(x));
    }

    fn apply_to_colours(&self, pixels: &mut [u8], planes: &mut Vec<f32>) {
        let n = pixels.len() / CHANNELS;
        planes.resize(CHANNELS * n, 0.0);
        let (red, rest) = planes[..CHANNELS * n].split_at_mut(n);
        let (green, blue) = rest.split_at_mut(n);
        let mut planes = Planes { red, green, blue };
        planes.load(pixels);
        for op in self.0.iter().flatten() {
            match *op {
                ColourOp::Brightness(factor) => planes.brightness(factor),
                ColourOp::Contrast(factor) => planes.contrast(factor),
                ColourOp::Saturation(factor) => planes.saturation(factor),
                ColourOp::Hue(turns) => planes.hue(turns),
            }
        }
        planes.store(pixels);
    }
}

/// An image as three planes of equal length with values in `[0, 255]`.
struct Planes<'a> {
    red: &'a mut [f32],
    green: &'a mut [f32],
    blue: &'a mut [f32],
}

impl Planes<'_> {
    fn load(&mut self, pixels: &[u8]) {
        let planes = self.red.iter_mut().zip(self.green.iter_mut()).zip(self.blue.iter_mut());
        for (((r, g), b), rgb) in planes.zip(pixels.chunks_exact(CHANNELS)) {
            (*r, *g, *b) = (f32::from(rgb[0]), f32::from(rgb[1]), f32::from(rgb[2]));
        }
    }

    fn store(&self, pixels: &mut [u8]) {
        let planes = self.red.iter().zip(self.green.iter()).zip(self.blue.iter());
        for (((&r, &g), &b), rgb) in planes.zip(pixels.chunks_exact_mut(CHANNELS)) {
            (rgb[0], rgb[1], rgb[2]) = (to_byte(r), to_byte(g), to_byte(b));
        }
    }

    fn brightness(&mut self, factor: f32) {
        for plane in [&mut *self.red, &mut *self.green, &mut *self.blue] {
            brighten(plane, factor);
        }
    }

    fn contrast(&mut self, factor: f32) {
        let mean = self.mean_grey();
        for plane in [&mut *self.red, &mut *self.green, &mut *self.blue] {
            stretch(plane, factor, mean);
        }
    }

    fn saturation(&mut self, factor: f32) {
        self.each_pixel(|r, g, b| {
            let offset = (1.0 - factor) * grey(r, g, b);
            [r, g, b].map(|x| clamp(factor * x + offset, 255.0))
        });
    }

    /// Turns the colour wheel: value and chroma stay. With h in sixths of a turn, a channel is
    /// value − chroma · (1 − w), w the usual trapezoid of h, written with absolute values instead of cases.
    fn hue(&mut self, turns: f32) {
        let shift = 6.0 * turns;
        self.each_pixel(|r, g, b| {
            let value = max(max(r, g), b);
            let chroma = value - min(min(r, g), b);
            // Grey has no hue: its chroma of 0 cancels whatever h comes out here.
            let scale = 1.0 / max(chroma, 1e-6);
            let from_green = (b - r) * scale + 2.0;
            let from_blue = (r - g) * scale + 4.0;
            let h = if value == g { from_green } else { from_blue };
            let h = if value == r { (g - b) * scale } else { h } + shift;
            let h = if h < 0.0 { h + 6.0 } else { h };
            let h = if h >= 6.0 { h - 6.0 } else { h };
            let weights = [(h - 3.0).abs() - 1.0, 2.0 - (h - 2.0).abs(), 2.0 - (h - 4.0).abs()];
            weights.map(|w| value - chroma * (1.0 - clamp(w, 1.0)))
        });
    }

    fn each_pixel(&mut self, f: impl Fn(f32, f32, f32) -> [f32; 3]) {
        let planes = self.red.iter_mut().zip(self.green.iter_mut()).zip(self.blue.iter_mut());
        for ((r, g), b) in planes {
            [*r, *g, *b] = f(*r, *g, *b);
        }
    }

    fn mean_grey(&self) -> f32 {
        mean([self.red, self.green, self.blue], |[r, g, b]| grey(r, g, b))
    }
}

/// Scale of values in `[0, 255]`.
fn brighten(plane: &mut [f32], factor: f32) {
    plane.iter_mut().for_each(|x| *x = clamp(*x * factor, 255.0));
}

/// Distance of values in `[0, 255]` from a mean.
fn stretch(plane: &mut [f32], factor: f32, mean: f32) {
    let offset = (1.0 - factor) * mean;
    plane.iter_mut().for_each(|x| *x = clamp(factor * *x + offset, 255.0));
}

/// Mean of the grey image of some planes of equal length, summed in eight lanes so that the order is fixed and still fast.
fn mean<const N: usize>(planes: [&[f32]; N], grey: impl Fn([f32; N]) -> f32) -> f32 {
    const LANES: usize = 8;
    let n = planes[0].len();
    let whole = n / LANES * LANES;
    let mut lanes = [0.0f32; LANES];
    for first in (0..whole).step_by(LANES) {
        let eight = planes.map(|plane| &plane[first..first + LANES]);
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane += grey(eight.map(|values| values[i]));
        }
    }
    let rest: f32 = (whole..n).map(|i| grey(planes.map(|plane| plane[i]))).sum();
    (lanes.iter().sum::<f32>() + rest) / n as f32
}

/// Luma with torchvision's weights.
fn grey(r: f32, g: f32, b: f32) -> f32 {
    0.2989 * r + 0.587 * g + 0.114 * b
}

/// Rounds a value in `[0, 255]` to nearest even: adding 2²³ leaves the integer in the low mantissa bits.
fn to_byte(x: f32) -> u8 {
    (x + 8_388_608.0).to_bits() as u8
}

// `f32::max` must treat NaN; these compile to one instruction each and see no NaN.
fn max(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

fn min(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

fn clamp(x: f32, high: f32) -> f32 {
    min(max(x, 0.0), high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::SeedTree;

    const GOLDEN: &str = include_str!("../../tests/fixtures/color_jitter.json");

    /// The numbers of the JSON array that follows `key` and begins after `from`.
    fn array(from: &str, key: &str) -> Vec<f32> {
        let start = from.find(key).unwrap_or_else(|| panic!("{key} in the golden values"));
        let (_, rest) = from[start..].split_once('[').unwrap();
        rest.split_once(']').unwrap().0.split(',').map(|x| x.trim().parse().unwrap()).collect()
    }

    fn apply(ops: &[ColourOp]) -> Vec<u8> {
        let mut pixels: Vec<u8> = array(GOLDEN, "\"pixels\"").into_iter().map(|x| x as u8).collect();
        let mut draw = [None; 4];
        draw.iter_mut().zip(ops).for_each(|(slot, op)| *slot = Some(*op));
        ColourDraw(draw).apply(&mut pixels, 3, &mut Vec::new());
        pixels
    }

    /// Ours is the golden real value rounded once; 0.01 covers f32 and a tie.
    fn assert_rounded(ours: &[u8], golden: &[f32], what: &str) {
        assert_eq!(ours.len(), golden.len(), "{what}");
        for (i, (ours, golden)) in ours.iter().zip(golden).enumerate() {
            let error = (f32::from(*ours) - golden).abs();
            assert!(error <= 0.51, "{what}: byte {i} is {ours}, torchvision has {golden}");
        }
    }

    #[test]
    fn each_operation_agrees_with_torchvision() {
        let cases: Vec<&str> = GOLDEN.lines().filter(|line| line.starts_with("{\"op\"")).collect();
        assert_eq!(cases.len(), 11);
        for case in cases {
            let factor = case.split("\"factor\": ").nth(1).and_then(|x| x.split(',').next()).unwrap();
            let factor: f32 = factor.parse().unwrap();
            let op = match case.split('"').nth(3).unwrap() {
                "brightness" => ColourOp::Brightness(factor),
                "contrast" => ColourOp::Contrast(factor),
                "saturation" => ColourOp::Saturation(factor),
                "hue" => ColourOp::Hue(factor),
                other => panic!("{other}"),
            };
            assert_rounded(&apply(&[op]), &array(case, "\"expected\""), &format!("{op:?}"));
        }
    }

    #[test]
    fn a_chain_of_operations_agrees_with_torchvision() {
        let ops = [
            ColourOp::Contrast(1.4),
            ColourOp::Hue(0.08),
            ColourOp::Brightness(1.2),
            ColourOp::Saturation(0.6),
        ];
        assert_rounded(&apply(&ops), &array(GOLDEN, "\"chain\""), "chain");
    }

    /// Of three equal channels the grey is the channel, up to the weights' sum of 0.9999.
    #[test]
    fn one_channel_changes_as_three_equal_ones_do() {
        let grey: Vec<u8> = (0..=255).collect();
        let ops = [
            ColourOp::Contrast(1.7),
            ColourOp::Hue(0.3),
            ColourOp::Brightness(1.2),
            ColourOp::Saturation(3.0),
        ];
        let draw = ColourDraw(ops.map(Some));
        let (mut one, mut three) = (grey.clone(), grey.iter().flat_map(|&x| [x; 3]).collect::<Vec<_>>());
        draw.apply(&mut one, 1, &mut Vec::new());
        draw.apply(&mut three, 3, &mut Vec::new());
        assert!(one.iter().zip(three.chunks(3)).all(|(a, b)| a.abs_diff(b[0]) <= 1), "{one:?} {three:?}");
        assert_ne!(one, grey);
        let coloured = ColourDraw([Some(ops[1]), Some(ops[3]), None, None]);
        let mut same = grey.clone();
        coloured.apply(&mut same, 1, &mut Vec::new());
        assert_eq!(same, grey);
    }

    #[test]
    fn bytes_are_rounded_to_nearest_even() {
        assert_eq!([0.0, 0.5, 0.51, 1.5, 254.49, 254.51, 255.0].map(to_byte), [0, 0, 1, 2, 254, 255, 255]);
    }

    #[test]
    fn factors_cover_their_ranges_in_every_order() {
        let jitter = Jitter { brightness: 0.4, contrast: 0.0, saturation: 3.0, hue: 0.1 };
        let draws: Vec<ColourDraw> =
            (0..2000).map(|i| ColourDraw::new(&jitter, &mut SeedTree::root(i).rng())).collect();
        let mut first = [0; 3];
        let (mut least, mut most) = ([f32::MAX; 3], [f32::MIN; 3]);
        for draw in &draws {
            for (place, op) in draw.0.iter().flatten().enumerate() {
                let (kind, factor) = match *op {
                    ColourOp::Brightness(f) => (0, f),
                    ColourOp::Contrast(_) => panic!("strength 0 is left out"),
                    ColourOp::Saturation(f) => (1, f),
                    ColourOp::Hue(f) => (2, f),
                };
                first[kind] += usize::from(place == 0);
                least[kind] = least[kind].min(factor);
                most[kind] = most[kind].max(factor);
            }
        }
        assert!(first.iter().all(|n| (580..755).contains(n)), "{first:?}");
        for (i, (low, high)) in [(0.6, 1.4), (0.0, 4.0), (-0.1, 0.1)].into_iter().enumerate() {
            let slack = (high - low) * 0.01;
            assert!(least[i] >= low - 1e-6 && least[i] < low + slack, "{i}: {least:?}");
            assert!(most[i] <= high + 1e-6 && most[i] > high - slack, "{i}: {most:?}");
        }
    }
}
