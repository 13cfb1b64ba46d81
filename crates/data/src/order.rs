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

/// How an epoch comes by its images.
#[derive(Clone, Debug, Default)]
pub enum Sampling {
    /// Every image once, in an order of the run's own.
    #[default]
    Permuted,
    /// Every image once, in an order and with draws that it shares with other sides.
    Shared(Arc<SharedNoise>),
    /// As many independent draws as there are images: some come several times, a share of about 1/e never.
    WithReplacement,
}

/// The order of a training run: a pure function of the epoch. Batch k of size b is `picks[k * b..(k + 1) * b]`.
#[derive(Clone, Debug)]
pub struct Order {
    /// The run's own branch of the seed tree; augmentation and dropout are drawn from it, too.
    pub seeds: SeedTree,
    /// Which images an epoch has at its places.
    pub sampling: Sampling,
}

impl From<SeedTree> for Order {
    /// Every image once, in an order of its own.
    fn from(seeds: SeedTree) -> Self {
        Self { seeds, sampling: Sampling::default() }
    }
}

impl Order {
    /// What an epoch shows of a set of `n` images, `n` places in their order.
    ///
    /// Linear in `n`: about 0.5 ms for 50 000 images.
    ///
    /// # Panics
    /// When `n` is above `u32::MAX`, or not the number of images that the noise is shared for.
    #[must_use]
    pub fn epoch(&self, epoch: u64, n: usize) -> Vec<Pick> {
        match &self.sampling {
            Sampling::Permuted => batch_order(&self.seeds, epoch, n).into_iter().map(Pick::of).collect(),
            Sampling::Shared(shared) => {
                assert_eq!(n, shared.len(), "images of a side");
                shared.epoch(&self.seeds, epoch)
            }
            Sampling::WithReplacement => with_replacement(&self.seeds, epoch, n),
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

/// `n` independent uniform draws of `0..n`, a pure function of (seed, epoch). An image that comes twice is augmented and
/// dropped from twice: that is drawn by the place.
///
/// # Panics
/// When `n` is above `u32::MAX`.
fn with_replacement(seeds: &SeedTree, epoch: u64, n: usize) -> Vec<Pick> {
    let n = u32::try_from(n).expect("at most u32::MAX images");
    let mut rng = seeds.child("with replacement").index(epoch).rng();
    (0..n).map(|place| Pick { image: rng.below(n), draw: place }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn replaced(seed: u64) -> Order {
        Order { seeds: SeedTree::root(seed), sampling: Sampling::WithReplacement }
    }

    #[test]
    fn draws_with_replacement_are_uniform_independent_of_each_other_and_repeat_themselves() {
        const N: usize = 20_000;
        let picks = replaced(1).epoch(0, N);
        assert_eq!(picks, replaced(1).epoch(0, N));
        assert!(picks.iter().zip(0..).all(|(pick, place)| pick.draw == place));
        let mut counts = vec![0usize; N];
        picks.iter().for_each(|pick| counts[pick.image as usize] += 1);
        // Of Poisson counts of mean 1, with five deviations of their shares: 1/e never, 1/e once, 1/2e twice, the rest more often.
        for (times, share) in [(0, (-1f64).exp()), (1, (-1f64).exp()), (2, 0.5 * (-1f64).exp())] {
            let found = counts.iter().filter(|count| **count == times).count() as f64 / N as f64;
            assert!(
                (found - share).abs() < 5.0 * (share / N as f64).sqrt(),
                "{times} times: {found} for {share}"
            );
        }
        // Eight equal stretches of the set are met alike.
        for stretch in counts.chunks(N / 8) {
            let found = stretch.iter().sum::<usize>() as f64;
            let expected = (N / 8) as f64;
            assert!((found - expected).abs() < 5.0 * expected.sqrt(), "{found} for {expected}");
        }
        assert_ne!(replaced(1).epoch(1, N), picks);
        assert_ne!(replaced(2).epoch(0, N), picks);
        assert!(replaced(0).epoch(0, 0).is_empty());
    }

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
        let images: Vec<u32> = replaced(0).epoch(3, 8).iter().map(|pick| pick.image).collect();
        assert_eq!(images, [0, 6, 1, 2, 1, 5, 6, 7]);
    }
}
