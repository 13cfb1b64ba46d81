//! Batches ready for a network: picked, augmented, normalised, `[b, size, size, channels]`.

use crate::augment::{Draw, Mixing, Patch, Scratch, augment_with};
use crate::{AugmentConfig, ImageSet, Normalisation, Pick};
use basin_core::{Extent, SeedTree};
use std::ops::Range;

/// Fills `out` `[b, size, size, channels]` with the images of `picks`, augmented and normalised; rectangles that are erased
/// ([`AugmentConfig::erasing`]) are 0 then.
///
/// `stream` belongs to one order of training. The augmentation of an image depends on
/// `stream.child("augment").index(epoch).index(draw)` alone, not on its place in the batch or on the batch
/// size. Runs on the calling thread; split `picks` and `out` to use more.
///
/// # Panics
/// When an image is not below `set.len()`, `out` has another length, or the normalisation is for another number of channels.
pub fn fill_batch(
    set: &ImageSet,
    picks: &[Pick],
    augment: &AugmentConfig,
    stream: &SeedTree,
    epoch: u64,
    normalisation: &Normalisation,
    out: &mut [f32],
) {
    let bytes = set.extent().values();
    assert_eq!(out.len(), picks.len() * bytes, "batch of {} images", picks.len());
    assert_eq!(normalisation.channels(), set.channels(), "channels of normalisation and images");
    let stream = augment_stream(stream, epoch);
    let table = normalisation.table();
    let mut scratch = Scratch::default();
    let mut image = vec![0; bytes];
    for (pick, out) in picks.iter().zip(out.chunks_exact_mut(bytes)) {
        let stream = stream.index(u64::from(pick.draw));
        augment_with(
            augment,
            set.image(pick.image as usize),
            set.extent(),
            &stream,
            &mut scratch,
            &mut image,
        );
        table.apply(&image, out);
        if augment.erasing > 0.0
            && let Some(patch) =
                Patch::erased(augment.erasing, set.size(), &mut stream.child("erasing").rng())
        {
            patch.spans(set.extent()).for_each(|span| out[span].fill(0.0));
        }
    }
}

/// Mixes the images of a batch `[b, size, size, channels]` with each other, where [`AugmentConfig::mixup`] or
/// [`AugmentConfig::cutmix`] is on: image i with image b − 1 − i. Returns the weight in `[0, 1]` of each image's own label, and
/// puts the other ones into `others`; nothing is mixed and `others` is empty where both are off.
///
/// What is drawn for a batch follows from the stream, the epoch and the batch's number in it.
///
/// # Panics
/// When `images` are not a whole number of images.
pub fn mix_batch(
    augment: &AugmentConfig,
    stream: &SeedTree,
    (epoch, batch): (u64, u64),
    extent: Extent,
    images: &mut [f32],
    labels: &[u32],
    others: &mut Vec<u32>,
) -> Option<f32> {
    others.clear();
    if !augment.mixes() {
        return None;
    }
    let mixing = Mixing::new(augment, extent.side, &stream.child("mixing").index(epoch).index(batch))?;
    mixing.apply(images, extent);
    others.extend(Mixing::partners(labels));
    Some(mixing.weight())
}

/// Where the augmentation of an epoch lies; an image's is at the number it is drawn by.
fn augment_stream(stream: &SeedTree, epoch: u64) -> SeedTree {
    stream.child("augment").index(epoch)
}

/// What [`fill_batch`] draws for the images of `picks`, one after the other.
pub fn batch_draws(
    size: usize,
    picks: &[Pick],
    augment: &AugmentConfig,
    stream: &SeedTree,
    epoch: u64,
) -> impl Iterator<Item = Draw> {
    let stream = augment_stream(stream, epoch);
    picks.iter().map(move |pick| Draw::new(augment, size, &stream.index(u64::from(pick.draw))))
}

/// Fills `out` `[b, size, size, channels]` with the images of `range` as they are, normalised.
///
/// # Panics
/// When the range leaves the set, `out` has another length, or the normalisation is for another number of channels.
pub fn fill_plain(set: &ImageSet, range: Range<usize>, normalisation: &Normalisation, out: &mut [f32]) {
    let bytes = set.extent().values();
    assert_eq!(normalisation.channels(), set.channels(), "channels of normalisation and images");
    normalisation.apply(&set.images()[range.start * bytes..range.end * bytes], out);
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: usize = 8 * 8 * 3;

    fn set() -> ImageSet {
        ImageSet::new(8, 2, (0..6 * IMAGE).map(|i| (i * 31 % 255) as u8).collect(), vec![0; 6]).unwrap()
    }

    fn batch(indices: &[u32], epoch: u64) -> Vec<f32> {
        let mut out = vec![0.0; indices.len() * IMAGE];
        let (config, indices) = (AugmentConfig::paper(), indices.iter().copied().map(Pick::of));
        let picks: Vec<Pick> = indices.collect();
        fill_batch(&set(), &picks, &config, &SeedTree::root(5), epoch, &Normalisation::CIFAR10, &mut out);
        out
    }

    #[test]
    fn an_image_does_not_depend_on_its_place_in_the_batch() {
        let together = batch(&[4, 1, 3, 1], 2);
        for (i, &index) in [4, 1, 3, 1].iter().enumerate() {
            assert_eq!(together[i * IMAGE..][..IMAGE], batch(&[index], 2));
        }
        assert_ne!(batch(&[4], 2), batch(&[4], 3));
    }

    #[test]
    fn images_that_are_drawn_by_one_number_are_augmented_alike() {
        let same =
            ImageSet::new(8, 2, [vec![9; IMAGE / 2], vec![200; IMAGE / 2]].concat().repeat(2), vec![0; 2]);
        let (same, config) = (same.unwrap(), AugmentConfig::paper());
        let drawn = |draw| {
            let (picks, mut out) =
                ([Pick { image: 0, draw: 7 }, Pick { image: 1, draw }], vec![0.0; 2 * IMAGE]);
            fill_batch(&same, &picks, &config, &SeedTree::root(5), 0, &Normalisation::CIFAR10, &mut out);
            out[..IMAGE] == out[IMAGE..]
        };
        assert!(drawn(7) && !drawn(8));
    }

    #[test]
    fn erasing_leaves_zeros_and_every_other_pixel_as_it_was() {
        let fill = |erasing, epoch| {
            let (picks, mut out) = ([0, 1, 2, 3, 4, 5].map(Pick::of), vec![0.0; 6 * IMAGE]);
            let config = AugmentConfig { erasing, ..AugmentConfig::paper() };
            let seeds = SeedTree::root(5);
            fill_batch(&set(), &picks, &config, &seeds, epoch, &Normalisation::CIFAR10, &mut out);
            out
        };
        let (whole, erased) = (fill(0.0, 3), fill(1.0, 3));
        for (whole, erased) in whole.chunks(IMAGE).zip(erased.chunks(IMAGE)) {
            let gone = erased.iter().filter(|value| **value == 0.0).count();
            assert!((3..IMAGE / 2).contains(&gone), "{gone}");
            assert!(whole.iter().zip(erased).all(|(before, after)| *after == 0.0 || before == after));
        }
        assert_eq!(erased, fill(1.0, 3));
        let holes = |values: &[f32]| values.iter().map(|v| *v == 0.0).collect::<Vec<_>>();
        assert_ne!(holes(&erased), holes(&fill(1.0, 4)));
    }

    #[test]
    fn a_batch_is_mixed_by_its_place_in_the_training_alone() {
        let (plain, labels) = (batch(&[0, 1, 2, 3], 0), [0, 1, 0, 0]);
        let mixed = |config: &AugmentConfig, place| {
            let (mut images, mut others) = (plain.clone(), vec![9]);
            let seeds = SeedTree::root(5);
            let weight = mix_batch(config, &seeds, place, set().extent(), &mut images, &labels, &mut others);
            (weight, images, others)
        };
        let off = mixed(&AugmentConfig::paper(), (0, 0));
        assert_eq!(off, (None, plain.clone(), Vec::new()));
        let on = AugmentConfig { mixup: 0.8, ..AugmentConfig::paper() };
        let (weight, images, others) = mixed(&on, (2, 1));
        let weight = weight.unwrap();
        assert!((0.0..=1.0).contains(&weight) && others == [0, 0, 1, 0]);
        assert_eq!(images[7], plain[7] * weight + plain[3 * IMAGE + 7] * (1.0 - weight));
        assert_eq!(mixed(&on, (2, 1)).0, Some(weight));
        assert!([(2, 0), (1, 1), (1, 2)].iter().all(|place| mixed(&on, *place).0 != Some(weight)));
    }

    #[test]
    fn without_augmentation_a_batch_is_the_plain_images() {
        let (mut plain, mut picked) = (vec![0.0; 2 * IMAGE], vec![0.0; 2 * IMAGE]);
        fill_plain(&set(), 2..4, &Normalisation::CIFAR10, &mut plain);
        let none = AugmentConfig::none();
        let picks = [2, 3].map(Pick::of);
        fill_batch(&set(), &picks, &none, &SeedTree::root(0), 0, &Normalisation::CIFAR10, &mut picked);
        assert_eq!(plain, picked);
        assert_eq!(plain[0], (f32::from(set().image(2)[0]) / 255.0 - 0.4914) / 0.2470);
    }
}
