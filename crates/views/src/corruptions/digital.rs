//! Contrast and pixelation.

use crate::view::Given;
use crate::view::picture::Picture;

/// (x − mean) · c + mean, the mean that of the channel in this image.
pub(crate) fn contrast(picture: &mut Picture, given: &Given<'_>) {
    let (factor, channels) = (given.values[0], picture.channels);
    let mut values = picture.unit();
    for c in 0..channels {
        let sum: f64 = values.iter().skip(c).step_by(channels).sum();
        let mean = sum / (picture.side * picture.side) as f64;
        values.iter_mut().skip(c).step_by(channels).for_each(|x| *x = (*x - mean) * factor + mean);
    }
    picture.store(&values);
}

/// Shrunk to a share of the side and enlarged again, both by PIL's box filter, to the byte.
pub(super) fn pixelate(picture: &mut Picture, given: &Given<'_>) {
    let (side, channels) = (picture.side, picture.channels);
    let small = (side as f64 * given.values[0]) as usize;
    let shrunk = resized(&picture.pixels, side, small, channels);
    picture.pixels = resized(&shrunk, small, side, channels);
}

/// Fractional digits of the weights, in bits.
const PRECISION: u32 = 22;

/// Along the rows first, bytes in between.
fn resized(pixels: &[u8], from: usize, to: usize, channels: usize) -> Vec<u8> {
    let taps = boxes(from, to);
    let mut wide = vec![0; from * to * channels];
    for (row, out) in pixels.chunks_exact(from * channels).zip(wide.chunks_exact_mut(to * channels)) {
        for ((first, weights), out) in taps.iter().zip(out.chunks_exact_mut(channels)) {
            for (c, out) in out.iter_mut().enumerate() {
                let near = row[first * channels + c..].iter().step_by(channels);
                *out = weighted(weights, near);
            }
        }
    }
    let line = to * channels;
    let mut out = vec![0; to * line];
    for ((first, weights), row) in taps.iter().zip(out.chunks_exact_mut(line)) {
        for (i, out) in row.iter_mut().enumerate() {
            *out = weighted(weights, wide[first * line + i..].iter().step_by(line));
        }
    }
    out
}

fn weighted<'a>(weights: &[i32], values: impl Iterator<Item = &'a u8>) -> u8 {
    let half = 1 << (PRECISION - 1);
    let sum: i32 = weights.iter().zip(values).map(|(w, x)| w * i32::from(*x)).sum();
    ((half + sum) >> PRECISION).clamp(0, 255) as u8
}

/// For each of `to` pixels the first of `from` that it covers, and the weights of those: whole pixels whose centres lie
/// below it, all alike.
fn boxes(from: usize, to: usize) -> Vec<(usize, Vec<i32>)> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let reach = 0.5 * stretch;
    let one = |i: usize| {
        let centre = (i as f64 + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(from);
        let inside = |x: usize| {
            let at = (x as f64 - centre + 0.5) / stretch;
            at > -0.5 && at <= 0.5
        };
        let covered = (first..end).filter(|x| inside(*x)).count();
        let weight = (1.0 / covered.max(1) as f64 * f64::from(1 << PRECISION)).round() as i32;
        (first, (first..end).map(|x| if inside(x) { weight } else { 0 }).collect())
    };
    (0..to).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_means_and_doubles_are_copies() {
        let pixels: Vec<u8> = (0..16).map(|i| 10 * i).collect();
        assert_eq!(resized(&pixels, 4, 2, 1), [25, 45, 105, 125]);
        assert_eq!(resized(&[1, 2, 3, 4], 2, 4, 1), [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
        assert_eq!(resized(&pixels, 4, 4, 1), pixels);
    }
}
