//! Rectangles of pixels that are cut out of images: of one for nothing (random erasing), or for those of another (CutMix).

use basin_core::{Extent, Rng};
use std::ops::Range;

/// Shares of an image's area that are erased, and how many times as tall as wide.
const ERASED: (f64, f64) = (0.02, 1.0 / 3.0);
const ASPECT: (f64, f64) = (0.3, 1.0 / 0.3);
/// Rectangles that are drawn at most, until one lies in the image.
const TRIES: usize = 10;

/// A rectangle within an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    /// Its rows.
    rows: Range<usize>,
    /// Its columns.
    columns: Range<usize>,
}

impl Patch {
    /// The square around a pixel that leaves the share `kept` of an image's area, cut off at its sides. Lengths are whole
    /// pixels, rounded down; of an odd number the centre is one.
    pub(super) fn around(centre: [usize; 2], side: usize, kept: f64) -> Self {
        let length = (side as f64 * (1.0 - kept).sqrt()) as usize;
        let [rows, columns] =
            centre.map(|at| at.saturating_sub(length / 2).min(side)..(at + length.div_ceil(2)).min(side));
        Self { rows, columns }
    }

    /// The rectangle that is erased from one image, with probability `erasing`: a uniform share of the area, a
    /// log-uniform aspect, a uniform place.
    pub(crate) fn erased(erasing: f64, side: usize, rng: &mut Rng) -> Option<Self> {
        if !rng.chance(erasing) {
            return None;
        }
        (0..TRIES).find_map(|_| {
            let area = rng.uniform_in(ERASED.0, ERASED.1) * (side * side) as f64;
            let aspect = rng.uniform_in(ASPECT.0.ln(), ASPECT.1.ln()).exp();
            let [height, width] = Self::sides(area, aspect);
            // None of a strip as long as the image, or of no pixels.
            let fits = [height, width].iter().all(|length| (1..side).contains(length));
            let at = |length: usize, rng: &mut Rng| {
                let first = rng.below((side - length + 1) as u32) as usize;
                first..first + length
            };
            fits.then(|| Self { rows: at(height, rng), columns: at(width, rng) })
        })
    }

    /// Height and width in whole pixels of an area in pixels, height over width as said.
    fn sides(area: f64, aspect: f64) -> [usize; 2] {
        [(area * aspect).sqrt(), (area / aspect).sqrt()].map(|length| length.round_ties_even() as usize)
    }

    /// Pixels in it.
    pub(super) fn area(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    /// Where its rows lie in an image `[side, side, channels]`.
    pub(crate) fn spans(&self, Extent { side, channels }: Extent) -> impl Iterator<Item = Range<usize>> {
        let Range { start, end } = self.columns;
        self.rows.clone().map(move |row| (row * side + start) * channels..(row * side + end) * channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::SeedTree;

    fn golden() -> serde_json::Value {
        serde_json::from_str(include_str!("../../../../fixtures/regularisation/patches.json")).unwrap()
    }

    fn number(case: &serde_json::Value, key: &str) -> usize {
        case[key].as_u64().unwrap() as usize
    }

    #[test]
    fn squares_of_cutmix_are_those_of_timm() {
        let golden = golden();
        let cases = golden["cutmix"].as_array().unwrap();
        assert!(cases.len() > 20);
        for case in cases {
            let [side, row, column] = ["side", "row", "column"].map(|key| number(case, key));
            let got = Patch::around([row, column], side, case["drawn"].as_f64().unwrap());
            let [top, bottom, left, right] = ["top", "bottom", "left", "right"].map(|key| number(case, key));
            assert_eq!(got, Patch { rows: top..bottom, columns: left..right }, "{case}");
        }
    }

    #[test]
    fn erased_rectangles_have_the_sides_of_timm() {
        let golden = golden();
        for case in golden["erasing"].as_array().unwrap() {
            let [area, aspect] = ["area", "aspect"].map(|key| case[key].as_f64().unwrap());
            assert_eq!(
                Patch::sides(area, aspect),
                ["height", "width"].map(|key| number(case, key)),
                "{case}"
            );
        }
    }

    #[test]
    fn erased_rectangles_lie_in_the_image_and_have_the_shares_that_they_should() {
        let (mut areas, mut tall, mut none) = (Vec::new(), 0, 0);
        let mut covered = [0u32; 32 * 32];
        for seed in 0..4000 {
            let Some(patch) = Patch::erased(0.5, 32, &mut SeedTree::root(seed).rng()) else {
                none += 1;
                continue;
            };
            assert!(patch.rows.end <= 32 && patch.columns.end <= 32 && patch.area() > 0);
            areas.push(patch.area() as f64 / 1024.0);
            tall += u32::from(patch.rows.len() > patch.columns.len());
            for span in patch.spans(Extent { side: 32, channels: 1 }) {
                covered[span].iter_mut().for_each(|times| *times += 1);
            }
        }
        let mean = areas.iter().sum::<f64>() / areas.len() as f64;
        let (low, high) = areas.iter().fold((1.0f64, 0.0f64), |(l, h), a| (l.min(*a), h.max(*a)));
        // Half of (0.02 + 1/3), and the ends but for rounding to whole pixels.
        assert!((mean - 0.177).abs() < 0.01 && (0.012..0.03).contains(&low) && (0.32..0.36).contains(&high));
        assert!((1850..2150).contains(&none) && (850..1150).contains(&tall), "{none} {tall}");
        // Alike on the four quarters.
        let quarter = |top: usize, left: usize| -> u32 {
            (0..16).map(|r| covered[(top + r) * 32 + left..][..16].iter().sum::<u32>()).sum()
        };
        let quarters = [quarter(0, 0), quarter(0, 16), quarter(16, 0), quarter(16, 16)].map(f64::from);
        let mean = quarters.iter().sum::<f64>() / 4.0;
        assert!(quarters.iter().all(|q| (q / mean - 1.0).abs() < 0.05), "{quarters:?}");
    }

    #[test]
    fn an_image_too_small_for_a_rectangle_stays_whole() {
        assert_eq!(Patch::erased(1.0, 1, &mut SeedTree::root(0).rng()), None);
    }
}
