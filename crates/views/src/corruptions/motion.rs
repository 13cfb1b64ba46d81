//! Blur along a line.

use super::filter::{Edge, sum};
use crate::view::Given;
use crate::view::picture::Picture;

/// One-sided blur of this radius and deviation in a direction drawn from −45° to 45°.
///
/// The benchmark asks ImageMagick; this is the definition that bethgelab's `imagecorruptions` ports it by.
pub(super) fn motion_blur(picture: &mut Picture, given: &Given<'_>) {
    let &[radius, sigma] = given.values else { return };
    let angle = given.rng().uniform_in(-45.0, 45.0);
    let seen = along(&picture.unit(), picture.side, picture.channels, radius, sigma, angle);
    picture.store(&seen);
}

/// The mean of copies, each moved on by a pixel along `angle` (degrees, clockwise from the right), edge pixels repeated;
/// weights of half a Gaussian, 2 · radius + 1 of them. Copies that would leave the image are left out.
pub(super) fn along(
    values: &[f64],
    side: usize,
    channels: usize,
    radius: f64,
    sigma: f64,
    angle: f64,
) -> Vec<f64> {
    let taps = 2 * radius as usize + 1;
    let raw = |i: usize| (-((i * i) as f64) / (2.0 * sigma * sigma)).exp();
    let total = sum(&(0..taps).map(raw).collect::<Vec<_>>());
    let (sin, cos) = angle.to_radians().sin_cos();
    let (line, mut seen) = (side * channels, vec![0.0; values.len()]);
    for i in 0..taps {
        let step = |along: f64| (i as f64 * along - 0.5).ceil() as isize;
        let (dy, dx) = (step(sin), step(cos));
        if dy.unsigned_abs() >= side || dx.unsigned_abs() >= side {
            break;
        }
        let weight = raw(i) / total;
        let left = dx.min(0).unsigned_abs();
        for (y, out) in seen.chunks_exact_mut(line).enumerate() {
            let row = &values[Edge::Repeat.index(y as isize + dy, side) * line..][..line];
            let add = |out: &mut [f64], from: &[f64]| {
                out.iter_mut().zip(from).for_each(|(out, x)| *out += x * weight);
            };
            // Inside, then what lies beyond the left or the right edge.
            let inside = (side - dx.unsigned_abs()) * channels;
            let from = dx.max(0) as usize * channels;
            add(&mut out[left * channels..][..inside], &row[from..][..inside]);
            for pixel in out[..left * channels].chunks_exact_mut(channels) {
                add(pixel, &row[..channels]);
            }
            for pixel in out[left * channels + inside..].chunks_exact_mut(channels) {
                add(pixel, &row[line - channels..]);
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_leaves_a_trace_in_the_direction_it_came_from() {
        let mut point = vec![0.0; 16 * 16];
        point[8 * 16 + 8] = 1.0;
        let seen = along(&point, 16, 1, 2.0, 1.0, 0.0);
        let total: f64 = (0..5).map(|i| (-f64::from(i * i) / 2.0).exp()).sum();
        // What lies to the right is gathered: the trace goes to the left.
        for i in 0..5 {
            assert!((seen[8 * 16 + 8 - i] - (-((i * i) as f64) / 2.0).exp() / total).abs() < 1e-15);
        }
        assert!((seen.iter().sum::<f64>() - 1.0).abs() < 1e-14 && seen[8 * 16 + 9] == 0.0);
        let up = along(&point, 16, 1, 2.0, 1.0, 90.0);
        assert!(up[7 * 16 + 8] > 0.0 && up[9 * 16 + 8] == 0.0);
    }

    #[test]
    fn flat_images_stay_flat_up_to_the_edge() {
        for angle in [-45.0, 0.0, 30.0, 135.0, -100.0] {
            let seen = along(&[0.5; 12 * 12 * 3], 12, 3, 4.0, 2.0, angle);
            assert!(seen.iter().all(|x| (x - 0.5).abs() < 1e-14), "{angle}");
        }
    }
}
