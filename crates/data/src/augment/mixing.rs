//! Batches in which every image is mixed with another one: mixup (Zhang et al., arXiv 1710.09412) and CutMix (Yun et al.,
//! arXiv 1905.04899), by one draw for a whole batch, as timm does in its mode `batch`.

use super::{AugmentConfig, Patch};
use basin_core::{Extent, SeedTree};

/// How the images of one batch of n are mixed: image i with image n − 1 − i. The middle one of an odd number stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mixing {
    /// The share in `[0, 1]` of an image that is its own; of its label, too.
    weight: f32,
    /// The pixels that come from the other image (CutMix); without any, pixels are weighted sums (mixup).
    patch: Option<Patch>,
}

impl Mixing {
    /// What is drawn for the batch at a stream of its own, of images of `side` pixels; nothing where neither is on. With
    /// both, each is taken with probability ½. The share λ is drawn from Beta(α, α); that of CutMix becomes what is left
    /// of an image beside the square, which may be cut off.
    pub(crate) fn new(config: &AugmentConfig, side: usize, stream: &SeedTree) -> Option<Self> {
        let (mixup, cutmix) = (config.mixup > 0.0, config.cutmix > 0.0);
        if !(mixup || cutmix) {
            return None;
        }
        let mut rng = stream.rng();
        let cut = rng.chance(0.5);
        if !cutmix || (mixup && !cut) {
            return Some(Self { weight: rng.symmetric_beta(config.mixup) as f32, patch: None });
        }
        let drawn = rng.symmetric_beta(config.cutmix);
        let centre = [(); 2].map(|()| rng.below(side as u32) as usize);
        let patch = Patch::around(centre, side, drawn);
        Some(Self { weight: left_beside(&patch, side), patch: Some(patch) })
    }

    /// Mixes a batch `[n, side, side, channels]`.
    ///
    /// # Panics
    /// When the values are not a whole number of images.
    pub(crate) fn apply(&self, images: &mut [f32], extent: Extent) {
        let one = extent.values();
        assert!(images.len().is_multiple_of(one), "{} values of images of {extent}", images.len());
        let n = images.len() / one;
        let (front, back) = images.split_at_mut(n.div_ceil(2) * one);
        for (a, b) in front.chunks_exact_mut(one).zip(back.chunks_exact_mut(one).rev()) {
            match &self.patch {
                Some(patch) => {
                    patch.spans(extent).for_each(|span| a[span.clone()].swap_with_slice(&mut b[span]));
                }
                None => a.iter_mut().zip(b).for_each(|(a, b)| {
                    let (own, other) = (*a, *b);
                    *a = own * self.weight + other * (1.0 - self.weight);
                    *b = other * self.weight + own * (1.0 - self.weight);
                }),
            }
        }
    }

    /// The share of an image that is its own.
    pub(crate) fn weight(&self) -> f32 {
        self.weight
    }

    /// The other label of each image.
    pub(crate) fn partners(labels: &[u32]) -> impl Iterator<Item = u32> {
        labels.iter().rev().copied()
    }
}

/// The share of an image beside a patch.
fn left_beside(patch: &Patch, side: usize) -> f32 {
    (1.0 - patch.area() as f64 / (side * side) as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENT: Extent = Extent { side: 4, channels: 3 };

    fn config(mixup: f64, cutmix: f64) -> AugmentConfig {
        AugmentConfig { mixup, cutmix, ..AugmentConfig::none() }
    }

    fn draws(mixup: f64, cutmix: f64) -> Vec<Mixing> {
        let draw = |i| Mixing::new(&config(mixup, cutmix), 32, &SeedTree::root(1).index(i));
        (0..2000).filter_map(draw).collect()
    }

    #[test]
    fn the_share_is_what_is_left_of_an_image_as_timm_corrects_it() {
        let text = include_str!("../../../../fixtures/regularisation/patches.json");
        let golden: serde_json::Value = serde_json::from_str(text).unwrap();
        for case in golden["cutmix"].as_array().unwrap() {
            let whole = |key: &str| case[key].as_u64().unwrap() as usize;
            let patch = Patch::around(
                [whole("row"), whole("column")],
                whole("side"),
                case["drawn"].as_f64().unwrap(),
            );
            assert_eq!(left_beside(&patch, whole("side")), case["weight"].as_f64().unwrap() as f32, "{case}");
        }
    }

    #[test]
    fn what_is_off_is_not_drawn_and_of_two_each_comes_half_of_the_time() {
        assert_eq!(draws(0.0, 0.0), []);
        assert!(draws(0.8, 0.0).iter().all(|draw| draw.patch.is_none()));
        assert!(draws(0.0, 1.0).iter().all(|draw| draw.patch.is_some()));
        let cut = draws(0.8, 1.0).iter().filter(|draw| draw.patch.is_some()).count();
        assert!((900..1100).contains(&cut), "{cut}");
        assert_eq!(draws(0.8, 1.0), draws(0.8, 1.0));
    }

    #[test]
    fn shares_have_the_distribution_that_was_asked_for() {
        let variance = |draws: Vec<Mixing>| {
            let of = |draw: &Mixing| (f64::from(draw.weight) - 0.5).powi(2);
            draws.iter().map(of).sum::<f64>() / draws.len() as f64
        };
        // Of Beta(α, α): ¼ / (2 α + 1).
        for alpha in [0.2, 0.8, 4.0] {
            let expected = 0.25 / (2.0 * alpha + 1.0);
            let got = variance(draws(alpha, 0.0));
            assert!((got / expected - 1.0).abs() < 0.08, "{alpha}: {got} for {expected}");
        }
        let weights: Vec<f32> = draws(0.0, 1.0).iter().map(|draw| draw.weight).collect();
        // Squares that are cut off take less: the mean of a uniform share, corrected, lies above ½.
        let mean = weights.iter().sum::<f32>() / weights.len() as f32;
        assert!((0.6..0.75).contains(&mean), "{mean}");
    }

    #[test]
    fn an_image_is_mixed_with_that_of_its_mirrored_place() {
        let one = EXTENT.values();
        let plain: Vec<f32> = (0..5 * one).map(|i| (i as f32 * 0.37).sin()).collect();
        let (mut blended, mut pasted) = (plain.clone(), plain.clone());
        Mixing { weight: 0.25, patch: None }.apply(&mut blended, EXTENT);
        // Two by two pixels around the corner of four.
        let patch = Patch::around([2, 3], 4, 0.75);
        Mixing { weight: 0.75, patch: Some(patch) }.apply(&mut pasted, EXTENT);
        for image in 0..5 {
            for at in 0..one {
                let (own, other) = (plain[image * one + at], plain[(4 - image) * one + at]);
                let (row, column) = (at / 12, at / 3 % 4);
                let inside = (1..3).contains(&row) && (2..4).contains(&column);
                let expected = if image == 2 { own } else { own * 0.25 + other * 0.75 };
                assert_eq!(blended[image * one + at], expected);
                assert_eq!(pasted[image * one + at], if inside { other } else { own });
            }
        }
        assert_eq!(Mixing::partners(&[1, 2, 3]).collect::<Vec<_>>(), [3, 2, 1]);
    }
}
