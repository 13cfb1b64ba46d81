//! Parts of a set as pure functions of a seed.

use crate::{DataError, ImageSet};
use basin_core::SeedTree;

/// How many images each of `of` shares has: of every class as many as go `of` times into it.
pub fn share_len(labels: &[u32], classes: usize, of: usize) -> usize {
    let mut counts = vec![0; classes];
    labels.iter().for_each(|&label| counts[label as usize] += 1);
    counts.iter().map(|count| count / of.max(1)).sum()
}

/// One of `of` random disjoint shares, each with equally many images of a class, in the order of the set. The images of a
/// class are put into an order of their own by the seed and dealt out in runs; those left over are in no share.
///
/// # Errors
/// [`DataError::Set`] when there is no such share, or no image is in it.
pub fn share(set: &ImageSet, index: usize, of: usize, seed: u64) -> Result<ImageSet, DataError> {
    let len = share_len(set.labels(), set.classes(), of);
    if index >= of || len == 0 {
        let expected = format!("a share in 0..{of} with at least one image");
        let found = format!("share {index} of {len} images");
        return Err(DataError::Set { what: "share", expected, found });
    }
    let seeds = SeedTree::root(seed).child("share");
    let mut chosen = Vec::with_capacity(len);
    for class in 0..set.classes() as u32 {
        let own = set.labels().iter().enumerate().filter(|(_, label)| **label == class);
        let mut own: Vec<usize> = own.map(|(i, _)| i).collect();
        seeds.index(u64::from(class)).rng().shuffle(&mut own);
        let each = own.len() / of;
        chosen.extend_from_slice(&own[index * each..][..each]);
    }
    chosen.sort_unstable();
    set.pick(&chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Source, Split};

    /// 67 synthetic images: seven of the first seven classes, six of the others.
    fn set() -> ImageSet {
        Source { train_images: 67, ..Source::synthetic(5) }.load(Split::Train).unwrap()
    }

    #[test]
    fn shares_are_disjoint_balanced_and_a_function_of_the_seed() {
        let set = set();
        let of_three = |seed| [0, 1, 2].map(|index| share(&set, index, 3, seed).unwrap());
        let shares = of_three(1);
        assert_eq!(share_len(set.labels(), 10, 3), 20);
        let mut seen = std::collections::BTreeSet::new();
        for share in &shares {
            assert!((0..10).all(|class| share.labels().iter().filter(|label| **label == class).count() == 2));
            assert!((0..share.len()).all(|i| seen.insert(share.image(i).to_vec())));
        }
        assert_eq!(seen.len(), 60);
        assert_eq!(of_three(1), shares);
        assert_ne!(of_three(2), shares);
    }

    #[test]
    fn shares_that_there_are_not_are_refused() {
        for (index, of) in [(3, 3), (0, 8), (0, 0)] {
            assert!(matches!(share(&set(), index, of, 0), Err(DataError::Set { .. })), "{index} of {of}");
        }
    }
}
