//! The order in which a training run meets its images, and by which numbers it draws what happens to them.

use crate::SharedNoise;
use basin_core::SeedTree;
use std::sync::Arc;

/// An image in its place in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The image's number in the set.
    pub image: u32,
    /// The number by which its augmentation and dropout are drawn: its own, or that of its place.
    pub draw: u32,
}

impl Pick {
    /// An image whose draws belong to it.
    pub fn of(image: u32) -> Self {
        Self { image, draw: image }
    }
}

/// The order of a training run: a pure function of the epoch. Batch k of size b is `picks[k * b..(k + 1) * b]`.
#[derive(Clone, Debug)]
pub struct Order {
    /// The run's own branch of the seed tree; augmentation and dropout are drawn from it, too.
    pub seeds: SeedTree,
    /// The sides with which it shares its order and draws; none: they are its own.
    pub shared: Option<Arc<SharedNoise>>,
}

impl From<SeedTree> for Order {
    /// An order of its own.
    fn from(seeds: SeedTree) -> Self {
        Self { seeds, shared: None }
    }
}

impl Order {
    /// All `n` images of a set in the order of an epoch.
    ///
    /// Linear in `n`: about 0.5 ms for 50 000 images.
    ///
    /// # Panics
    /// When `n` is above `u32::MAX`, or not the number of images that the noise is shared for.
    #[must_use]
    pub fn epoch(&self, epoch: u64, n: usize) -> Vec<Pick> {
        match &self.shared {
            None => batch_order(&self.seeds, epoch, n).into_iter().map(Pick::of).collect(),
            Some(shared) => {
                assert_eq!(n, shared.len(), "images of a side");
                shared.epoch(&self.seeds, epoch)
            }
        }
    }
}

/// The order of the images in one epoch: a uniformly random permutation of `0..n`, a pure function of (seed, epoch).
///
/// # Panics
/// When `n` is above `u32::MAX`.
#[must_use]
pub fn batch_order(seed: &SeedTree, epoch: u64, n: usize) -> Vec<u32> {
    let n = u32::try_from(n).expect("at most u32::MAX images");
    let mut order: Vec<u32> = (0..n).collect();
    seed.child("order").index(epoch).rng().shuffle(&mut order);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_order_is_a_permutation_and_repeats_itself(root: u64, epoch: u64, n in 0usize..300) {
            let order = Order::from(SeedTree::root(root));
            let picks = order.epoch(epoch, n);
            prop_assert_eq!(&picks, &order.epoch(epoch, n));
            prop_assert!(picks.iter().all(|pick| pick.image == pick.draw));
            let mut sorted: Vec<u32> = picks.iter().map(|pick| pick.image).collect();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..n as u32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn epochs_and_seeds_have_their_own_orders() {
        let order = |seed, epoch| batch_order(&SeedTree::root(seed), epoch, 100);
        assert_ne!(order(0, 0), order(0, 1));
        assert_ne!(order(0, 0), order(1, 0));
    }

    /// Each published run depends on these values; a change here is reproducibility-breaking.
    #[test]
    fn orders_keep_their_values() {
        assert_eq!(batch_order(&SeedTree::root(0), 3, 8), [0, 6, 1, 7, 3, 4, 5, 2]);
    }
}
