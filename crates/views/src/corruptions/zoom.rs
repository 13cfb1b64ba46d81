//! Zoom into the middle, and the blur of many zooms.

use crate::view::Given;
use crate::view::picture::Picture;

/// The mean of the image and of its zooms by 1, 1.01, … (their number is given).
///
/// A zoom is scipy's of order 1; additions run in another order, so that a byte may differ by one.
pub(super) fn zoom_blur(picture: &mut Picture, given: &Given<'_>) {
    let (values, zooms) = (picture.unit(), given.values[0] as usize);
    let (side, channels) = (picture.side, picture.channels);
    let mut sum = vec![0.0; values.len()];
    let mut scratch = Vec::new();
    // numpy's `arange` takes steps of 1.01 − 1.
    let step = 1.01 - 1.0;
    for i in 0..zooms {
        add_zoom(&values, side, channels, 1.0 + i as f64 * step, &mut scratch, &mut sum);
    }
    sum.iter_mut().zip(&values).for_each(|(sum, x)| *sum = (x + *sum) / (zooms as f64 + 1.0));
    picture.store(&sum);
}

/// The middle of the image, enlarged by a factor of at least 1.
pub(super) fn zoomed(values: &[f64], side: usize, channels: usize, factor: f64) -> Vec<f64> {
    let mut out = vec![0.0; values.len()];
    add_zoom(values, side, channels, factor, &mut Vec::new(), &mut out);
    out
}

/// Adds to `out` the middle ⌈side / factor⌉ pixels, enlarged bilinearly between the centres of the outermost, and of that
/// the middle.
fn add_zoom(values: &[f64], side: usize, channels: usize, factor: f64, rows: &mut Vec<f64>, out: &mut [f64]) {
    let crop = (side as f64 / factor).ceil() as usize;
    let (top, large) = ((side - crop) / 2, (crop as f64 * factor).round_ties_even() as usize);
    let trim = (large.max(side) - side) / 2;
    let scale = if large > 1 { (crop - 1) as f64 / (large - 1) as f64 } else { 0.0 };
    // Two neighbours and the weight of the second, for each pixel along a side.
    let taps: Vec<(usize, usize, f64)> = (trim..trim + side)
        .map(|i| {
            let at = (i.min(large - 1)) as f64 * scale;
            let first = (at as usize).min(crop - 1);
            (top + first, top + (first + 1).min(crop - 1), at - first as f64)
        })
        .collect();
    let line = side * channels;
    rows.resize(values.len(), 0.0);
    for (row, &(a, b, w)) in rows.chunks_exact_mut(line).zip(&taps) {
        let pair = values[a * line..][..line].iter().zip(&values[b * line..][..line]);
        row.iter_mut().zip(pair).for_each(|(out, (a, b))| *out = a * (1.0 - w) + b * w);
    }
    for (row, out) in rows.chunks_exact(line).zip(out.chunks_exact_mut(line)) {
        for (out, &(a, b, w)) in out.chunks_exact_mut(channels).zip(&taps) {
            let pair = row[a * channels..][..channels].iter().zip(&row[b * channels..][..channels]);
            out.iter_mut().zip(pair).for_each(|(out, (a, b))| *out += a * (1.0 - w) + b * w);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zoom_by_one_changes_nothing_and_a_ramp_stays_a_ramp() {
        let ramp: Vec<f64> = (0..32 * 32).map(|i| f64::from(i % 32)).collect();
        assert_eq!(zoomed(&ramp, 32, 1, 1.0), ramp);
        let large = zoomed(&ramp, 32, 1, 2.0);
        // 16 pixels from the 8th to the 23rd become 32.
        for (x, value) in large[..32].iter().enumerate() {
            assert!((value - (8.0 + x as f64 * 15.0 / 31.0)).abs() < 1e-12, "{x}: {value}");
        }
    }
}
