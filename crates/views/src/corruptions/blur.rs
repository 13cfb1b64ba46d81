//! Blurs: Gaussian, out of focus, behind glass.

use super::filter::{Edge, Shape, gaussian};
use crate::view::Given;
use crate::view::picture::Picture;

/// Standard deviations to either side, as scikit-image has them.
const REACH: f64 = 4.0;

fn blurred(picture: &Picture, values: &[f64], sigma: f64) -> Vec<f64> {
    let shape = Shape { side: picture.side, channels: picture.channels };
    gaussian(values, shape, sigma, REACH, Edge::Repeat)
}

/// Gaussian blur of deviation σ on every channel, edge pixels repeated.
pub(crate) fn gaussian_blur(picture: &mut Picture, given: &Given<'_>) {
    let seen = blurred(picture, &picture.unit(), given.values[0]);
    picture.store(&seen);
}

/// Correlation with a disk of radius r whose edge is smoothed by a 3×3 Gaussian of deviation α; mirrored at the edge.
///
/// OpenCV correlates by a Fourier transform here, whose noise decides the last byte of flat areas; these are direct sums.
pub(super) fn defocus_blur(picture: &mut Picture, given: &Given<'_>) {
    let &[radius, alpha] = given.values else { return };
    let kernel = disk(radius, alpha);
    let (values, side, channels) = (picture.unit(), picture.side as isize, picture.channels);
    let mut seen = vec![0.0; values.len()];
    let line = picture.side * channels;
    let reach = kernel.iter().map(|tap| tap.0.abs().max(tap.1.abs())).max().unwrap_or(0);
    let place = |at: isize| Edge::Mirror101.index(at, side as usize);
    let mut wide = vec![0.0; line + 2 * reach as usize * channels];
    // For each row of the image, with its surroundings, all that it gives to others.
    for from in -reach..side + reach {
        let row = &values[place(from) * line..][..line];
        for (i, pixel) in wide.chunks_exact_mut(channels).enumerate() {
            pixel.copy_from_slice(&row[place(i as isize - reach) * channels..][..channels]);
        }
        for &(dy, dx, weight) in &kernel {
            let y = from - dy;
            if (0..side).contains(&y) {
                let moved = &wide[(reach + dx) as usize * channels..][..line];
                let out = &mut seen[y as usize * line..][..line];
                out.iter_mut().zip(moved).for_each(|(out, x)| *out += x * weight);
            }
        }
    }
    picture.store(&seen);
}

/// The smoothed disk: offset down and to the right, weight; sum 1. Weights that are nothing beside 1 are left out. Summed
/// as OpenCV does it, rows first: see [`super::filter`] on why it matters.
fn disk(radius: f64, alpha: f64) -> Vec<(isize, isize, f64)> {
    let inside = |y: isize, x: isize| (y * y + x * x) as f64 <= radius * radius;
    let reach = radius as isize + 1;
    let all = || (-reach..=reach).flat_map(|y| (-reach..=reach).map(move |x| (y, x)));
    let area = all().filter(|&(y, x)| inside(y, x)).count() as f64;
    let beside = (-0.5 / (alpha * alpha)).exp();
    let scale = 1.0 / (1.0 + 2.0 * beside);
    let smooth = |before: f64, at: f64, after: f64| at * scale + (before + after) * (beside * scale);
    let flat = |y, x| if inside(y, x) { 1.0 / area } else { 0.0 };
    let row = |y, x| smooth(flat(y, x - 1), flat(y, x), flat(y, x + 1));
    let weight = |(y, x)| (y, x, smooth(row(y - 1, x), row(y, x), row(y + 1, x)));
    all().map(weight).filter(|tap| tap.2 > f64::EPSILON).collect()
}

/// Blur, then every pixel but those at the edge, from the last to the first, becomes a copy of one at most δ away (δ − 1
/// down and to the right), then blur.
///
/// The published code means to exchange the two, but assigns between views of one array, which copies.
pub(super) fn glass_blur(picture: &mut Picture, given: &Given<'_>) {
    let &[sigma, reach, times] = given.values else { return };
    let seen = blurred(picture, &picture.unit(), sigma);
    picture.store(&seen);
    let (side, channels, reach) = (picture.side, picture.channels, reach as usize);
    let mut rng = given.rng();
    let mut offset = |at: usize| at + rng.below(2 * reach as u32) as usize - reach;
    for _ in 0..times as usize {
        for y in (reach + 1..=side - reach).rev() {
            for x in (reach + 1..=side - reach).rev() {
                let from_x = offset(x);
                let from = (offset(y) * side + from_x) * channels;
                picture.pixels.copy_within(from..from + channels, (y * side + x) * channels);
            }
        }
    }
    let seen = blurred(picture, &picture.unit(), sigma);
    picture.store(&seen);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_what_the_radius_covers() {
        let taps = |radius, alpha| disk(radius, alpha).into_iter().filter(|tap| tap.2 > 1e-6).count();
        assert_eq!([taps(1.0, 0.1), taps(1.5, 0.1), taps(0.3, 0.1)], [5, 9, 1]);
        for (radius, alpha) in [(0.3, 0.4), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1)] {
            assert!((disk(radius, alpha).iter().map(|tap| tap.2).sum::<f64>() - 1.0).abs() < 1e-14);
        }
    }
}
