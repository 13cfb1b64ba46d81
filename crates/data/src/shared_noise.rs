//! One sample of SGD noise for several training runs: images of the same class at the same place of every batch.
//!
//! Runs on different parts of a set differ by what is in the parts and by the noise of their steps. With shared noise the
//! second is the same for all ("Linear Mode Connectivity under Data Shifts", 2511.04514, fixed noise sample: the same batch
//! of the same epoch shows the same classes on all sides, in a new order every epoch). Where the paper is silent: an epoch
//! is a permutation of places that all sides share. Every class has as many places as each side has images for; which of a
//! side's images of the class stands at which of them is drawn per epoch, alike for sides with equally many. What a side has
//! more of a class fills the places that are left, in an order of its own. Augmentation and dropout are drawn by the place.

use crate::{DataError, Pick};
use basin_core::SeedTree;

/// Which images of one side stand beside those of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedNoise {
    side: usize,
    /// The side's images of each class.
    own: Vec<Vec<u32>>,
    /// Places of each class that all sides fill.
    shared: Vec<usize>,
}

impl SharedNoise {
    /// For side number `side` of those with these labels, numbered from 0.
    ///
    /// # Errors
    /// [`DataError::Set`] when there is no such side, when sides differ in size, or when a label is not in `0..classes`.
    pub fn new(sides: &[&[u32]], side: usize, classes: usize) -> Result<Self, DataError> {
        let refused = |what, expected: String, found: String| DataError::Set { what, expected, found };
        let Some(labels) = sides.get(side) else {
            let expected = format!("one of {} sides", sides.len());
            return Err(refused("side of shared noise", expected, format!("number {side}")));
        };
        if let Some(other) = sides.iter().find(|other| other.len() != labels.len()) {
            let found = format!("{} and {}", labels.len(), other.len());
            return Err(refused("images of sides that share their noise", "equally many".into(), found));
        }
        let mut by_class = vec![vec![Vec::new(); classes]; sides.len()];
        for (lists, labels) in by_class.iter_mut().zip(sides) {
            for (image, label) in (0u32..).zip(*labels) {
                let list = lists.get_mut(*label as usize);
                let list = list.ok_or_else(|| {
                    refused("label", format!("0..{classes}"), format!("{label} at image {image}"))
                })?;
                list.push(image);
            }
        }
        let fewest = |class: usize| by_class.iter().map(|lists| lists[class].len()).min().unwrap_or(0);
        let shared = (0..classes).map(fewest).collect();
        Ok(Self { side, own: by_class.swap_remove(side), shared })
    }

    /// Images of a side.
    #[expect(clippy::len_without_is_empty, reason = "it is asked beside a set's, which is never empty")]
    pub fn len(&self) -> usize {
        self.own.iter().map(Vec::len).sum()
    }

    /// The share of places at which all sides show the same class, in `[0, 1]`; 0 without any images.
    pub fn paired_share(&self) -> f64 {
        self.shared.iter().sum::<usize>() as f64 / self.len().max(1) as f64
    }

    /// All images of the side in the order of an epoch; `seeds` is the same for all sides.
    ///
    /// # Panics
    /// Never: every image has one place.
    pub(crate) fn epoch(&self, seeds: &SeedTree, epoch: u64) -> Vec<Pick> {
        let seeds = seeds.child("shared").index(epoch);
        let (mut standing, mut surplus) = (Vec::with_capacity(self.len()), Vec::new());
        for (class, (own, shared)) in self.own.iter().zip(&self.shared).enumerate() {
            let mut own = own.clone();
            seeds.child("class").index(class as u64).rng().shuffle(&mut own);
            standing.extend_from_slice(&own[..*shared]);
            surplus.extend_from_slice(&own[*shared..]);
        }
        seeds.child("surplus").index(self.side as u64).rng().shuffle(&mut surplus);
        standing.append(&mut surplus);
        let mut places: Vec<u32> = (0..standing.len() as u32).collect();
        seeds.child("places").rng().shuffle(&mut places);
        // Place p of the epoch shows what stands at `places[p]`.
        let pick = |(draw, &from): (u32, &u32)| Pick { image: standing[from as usize], draw };
        (0u32..).zip(&places).map(pick).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Order, Sampling};
    use proptest::prelude::*;
    use std::sync::Arc;

    const CLASSES: usize = 4;

    fn epochs(sides: &[Vec<u32>], epoch: u64) -> Vec<Vec<Pick>> {
        let labels: Vec<&[u32]> = sides.iter().map(Vec::as_slice).collect();
        let of = |side| {
            let sampling = Sampling::Shared(Arc::new(SharedNoise::new(&labels, side, CLASSES).unwrap()));
            Order { seeds: SeedTree::root(9), sampling }.epoch(epoch, labels[side].len())
        };
        (0..sides.len()).map(of).collect()
    }

    proptest! {
        /// Sides of one length with any labels, odd counts and missing classes included.
        #[test]
        fn every_side_is_a_permutation_and_shares_all_places_that_it_can(
            both in prop::collection::vec((0..CLASSES as u32, 0..CLASSES as u32, 0..CLASSES as u32), 1..120),
            epoch in 0u64..5,
        ) {
            let sides = [
                both.iter().map(|l| l.0).collect::<Vec<_>>(),
                both.iter().map(|l| l.1).collect(),
                both.iter().map(|l| l.2).collect(),
            ];
            let picks = epochs(&sides, epoch);
            for (picks, labels) in picks.iter().zip(&sides) {
                let mut images: Vec<u32> = picks.iter().map(|pick| pick.image).collect();
                images.sort_unstable();
                prop_assert_eq!(images, (0..labels.len() as u32).collect::<Vec<_>>());
                let draws: Vec<u32> = picks.iter().map(|pick| pick.draw).collect();
                prop_assert_eq!(draws, (0..labels.len() as u32).collect::<Vec<_>>());
            }
            let count = |side: &[u32], class| side.iter().filter(|label| **label == class).count();
            let fewest = |class| sides.iter().map(|side| count(side, class)).min().unwrap();
            let possible: usize = (0..CLASSES as u32).map(fewest).sum();
            let class = |side: usize, place: usize| sides[side][picks[side][place].image as usize];
            let same = (0..both.len()).filter(|&place| (1..3).all(|side| class(side, place) == class(0, place)));
            // Surplus may happen to agree, too.
            prop_assert!(same.count() >= possible);
            let labels: Vec<&[u32]> = sides.iter().map(Vec::as_slice).collect();
            let share = SharedNoise::new(&labels, 0, CLASSES).unwrap().paired_share();
            prop_assert_eq!(share, possible as f64 / both.len() as f64);
        }
    }

    /// Two sides with equal counts: at every place the same class, and the image of the same rank within it.
    #[test]
    fn equal_counts_are_paired_image_by_image_anew_in_every_epoch() {
        let side: Vec<u32> = (0..41).map(|i| i % CLASSES as u32).collect();
        let reversed: Vec<u32> = side.iter().rev().copied().collect();
        let rank = |labels: &[u32], image: u32| {
            labels[..image as usize].iter().filter(|label| **label == labels[image as usize]).count()
        };
        let [first, second] = [0, 1].map(|epoch| epochs(&[side.clone(), reversed.clone()], epoch));
        for (a, b) in first[0].iter().zip(&first[1]) {
            assert_eq!(side[a.image as usize], reversed[b.image as usize]);
            assert_eq!(rank(&side, a.image), rank(&reversed, b.image));
            assert_eq!(a.draw, b.draw);
        }
        assert_ne!(first[0], second[0]);
        let classes = |picks: &[Pick]| picks.iter().map(|p| side[p.image as usize]).collect::<Vec<_>>();
        assert_ne!(classes(&first[0]), classes(&second[0]));
    }

    #[test]
    fn what_cannot_be_shared_is_refused() {
        let (three, two) = ([0u32, 1, 1], [0u32, 1]);
        for (sides, side, words) in [
            (vec![&three[..], &two[..]], 0, "equally many, found 3 and 2"),
            (vec![&three[..]], 1, "expected one of 1 sides, found number 1"),
            (vec![&three[..], &[0, 1, 4][..]], 0, "label: expected 0..4, found 4 at image 2"),
        ] {
            let error = SharedNoise::new(&sides, side, CLASSES).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    /// Each published run depends on these values; a change here is reproducibility-breaking.
    #[test]
    fn shared_orders_keep_their_values() {
        let picks = epochs(&[vec![0, 0, 1, 1, 1, 2], vec![0, 1, 1, 1, 2, 2]], 1);
        let images = |side: usize| picks[side].iter().map(|pick| pick.image).collect::<Vec<_>>();
        assert_eq!((images(0), images(1)), (vec![1, 5, 3, 2, 0, 4], vec![5, 4, 2, 1, 0, 3]));
    }
}
