//! The order in which a sweep visits what it improves.

use basin_core::SeedTree;

/// In which order a sweep visits the permutations, or the networks of a joint matching.
///
/// A visit uses what earlier visits of the same sweep found, so the order decides which local optimum the
/// search reaches. Git Re-Basin shuffles; C²M³ compares all four (Crisostomi et al., arXiv 2405.17897).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VisitingOrder {
    /// A fresh random order for each sweep, from the seed of the options.
    #[default]
    Random,
    /// As in the spec: from the first layer to the last, if it was built so.
    Forward,
    /// From last to first.
    Backward,
    /// Forward in the first sweep, backward in the second, and so on.
    Alternate,
}

impl VisitingOrder {
    /// The order of `0..n` in one sweep.
    pub(crate) fn of(self, n: usize, seed: &SeedTree, sweep: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        match self {
            Self::Random => seed.index(sweep as u64).rng().shuffle(&mut order),
            Self::Backward => order.reverse(),
            Self::Alternate if sweep % 2 == 1 => order.reverse(),
            Self::Forward | Self::Alternate => {}
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_visits_everything_once() {
        let seed = SeedTree::root(0);
        let of = |order: VisitingOrder, sweep| order.of(4, &seed, sweep);
        assert_eq!(of(VisitingOrder::Forward, 1), [0, 1, 2, 3]);
        assert_eq!(of(VisitingOrder::Backward, 0), [3, 2, 1, 0]);
        assert_eq!(of(VisitingOrder::Alternate, 0), [0, 1, 2, 3]);
        assert_eq!(of(VisitingOrder::Alternate, 1), [3, 2, 1, 0]);
        let random: Vec<Vec<usize>> = (0..9).map(|sweep| of(VisitingOrder::Random, sweep)).collect();
        assert!(random.iter().any(|order| *order != random[0]));
        for mut order in random {
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2, 3]);
        }
    }
}
