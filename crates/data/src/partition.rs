//! Parts of a set as pure functions of its labels and a seed: which images a [`Part`] names.

use crate::DataError;
use basin_core::{LabelSkew, Part, SeedTree};

/// The numbers of a part's images, rising.
///
/// Cost: linear in the number of labels.
///
/// # Errors
/// [`DataError::Set`] when there is no such part, or when it or its counterpart would have no image, or none of a class.
pub fn chosen(labels: &[u32], classes: usize, part: Part) -> Result<Vec<usize>, DataError> {
    match part {
        Part::Whole => Ok((0..labels.len()).collect()),
        Part::First(n) if (1..=labels.len()).contains(&n) => Ok((0..n).collect()),
        Part::First(n) => Err(refused(
            "number of images",
            format!("1 to {}, the images there are", labels.len()),
            n.to_string(),
        )),
        Part::Share { index, of, seed } => share(labels, classes, index, of, seed),
        Part::Rest { index, of, seed } => rest(labels, classes, index, of, seed),
        Part::Skewed { side, skew, seed } => skewed(labels, classes, side, skew, seed),
    }
}

/// How many images a part has, if [`chosen`] does not refuse it. Draws nothing.
pub fn part_len(labels: &[u32], classes: usize, part: Part) -> usize {
    let counts = || counts(labels, classes);
    match part {
        Part::Whole => labels.len(),
        Part::First(n) => n,
        Part::Share { of, .. } => counts().iter().map(|count| count / of.max(1)).sum(),
        Part::Rest { of, .. } => {
            labels.len() - counts().iter().map(|count| count / of.max(1)).sum::<usize>().min(labels.len())
        }
        Part::Skewed { skew, .. } => {
            let counts = counts();
            let first: usize = match skew {
                LabelSkew::PerMille(share) => {
                    let of = |(class, count): (usize, &usize)| thousandths(*count, share, class, classes);
                    counts.iter().enumerate().map(of).sum()
                }
                LabelSkew::GitReBasin => {
                    let (lower, upper) = counts.split_at(classes / 2);
                    let [lower, upper] = [lower, upper].map(|counts| counts.iter().sum::<usize>());
                    fifth(lower) + upper - fifth(upper)
                }
            };
            first.min(labels.len() - first)
        }
    }
}

/// How many of a class's images go to the first side.
fn thousandths(count: usize, share: u32, class: usize, classes: usize) -> usize {
    let share = if class < classes / 2 { share } else { 1000u32.saturating_sub(share) };
    (count * share as usize + 500) / 1000
}

/// A fifth, rounded.
fn fifth(count: usize) -> usize {
    (count + 2) / 5
}

fn refused(what: &'static str, expected: String, found: String) -> DataError {
    DataError::Set { what, expected, found }
}

fn counts(labels: &[u32], classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
    labels.iter().for_each(|&label| counts[label as usize] += 1);
    counts
}

/// The numbers of the images whose labels are taken, in an order by the seed.
fn shuffled(labels: &[u32], seeds: &SeedTree, taken: impl Fn(u32) -> bool) -> Vec<usize> {
    let own = labels.iter().enumerate().filter(|(_, label)| taken(**label));
    let mut own: Vec<usize> = own.map(|(i, _)| i).collect();
    seeds.rng().shuffle(&mut own);
    own
}

/// One of `of` random disjoint shares, each with equally many images of a class. The images of a class are put into an order
/// of their own by the seed and dealt out in runs; those left over are in no share.
fn share(
    labels: &[u32],
    classes: usize,
    index: usize,
    of: usize,
    seed: u64,
) -> Result<Vec<usize>, DataError> {
    let len = part_len(labels, classes, Part::Share { index, of, seed });
    if index >= of || len == 0 {
        let expected = format!("a share in 0 to {}, and as many images of a class", of.saturating_sub(1));
        return Err(refused("share", expected, format!("share {index} of {of} of {} images", labels.len())));
    }
    let seeds = SeedTree::root(seed).child("share");
    let mut chosen = Vec::with_capacity(len);
    for class in 0..classes as u32 {
        let own = shuffled(labels, &seeds.index(u64::from(class)), |label| label == class);
        let each = own.len() / of;
        chosen.extend_from_slice(&own[index * each..][..each]);
    }
    chosen.sort_unstable();
    Ok(chosen)
}

/// What a share leaves, those among it that are in no share.
fn rest(labels: &[u32], classes: usize, index: usize, of: usize, seed: u64) -> Result<Vec<usize>, DataError> {
    let mut left = vec![true; labels.len()];
    share(labels, classes, index, of, seed)?.into_iter().for_each(|i| left[i] = false);
    let rest: Vec<usize> = (0..labels.len()).filter(|&i| left[i]).collect();
    match rest.is_empty() {
        false => Ok(rest),
        true => Err(refused("share", "another beside it".into(), format!("share {index} of {of}"))),
    }
}

/// One of two sides with other labels. Both have equally many images: where the classes leave one with more, it gives up some
/// of its classes with the most, one image after the other.
fn skewed(
    labels: &[u32],
    classes: usize,
    side: usize,
    skew: LabelSkew,
    seed: u64,
) -> Result<Vec<usize>, DataError> {
    if side > 1 {
        return Err(refused("side", "0 or 1".into(), side.to_string()));
    }
    let seeds = SeedTree::root(seed).child("skewed");
    let lower = |class: usize| class < classes / 2;
    let mut sides = match skew {
        LabelSkew::PerMille(share) if !(1..1000).contains(&share) => {
            return Err(refused("share of the lower classes", "1 to 999 ‰".into(), format!("{share} ‰")));
        }
        LabelSkew::PerMille(share) => {
            let mut sides = [Vec::new(), Vec::new()];
            for class in 0..classes {
                let own = shuffled(labels, &seeds.index(class as u64), |label| label as usize == class);
                let (first, second) = own.split_at(thousandths(own.len(), share, class, classes));
                sides[0].push(first.to_vec());
                sides[1].push(second.to_vec());
            }
            sides
        }
        LabelSkew::GitReBasin => {
            let of = |name, half: bool| shuffled(labels, &seeds.child(name), |l| lower(l as usize) == half);
            let (low, high) = (of("lower", true), of("upper", false));
            let (few, most) = low.split_at(fifth(low.len()));
            let (less, rest) = high.split_at(fifth(high.len()));
            let by_class = |all: Vec<usize>| {
                let mut classes = vec![Vec::new(); classes];
                all.into_iter().for_each(|i| classes[labels[i] as usize].push(i));
                classes
            };
            [by_class([few, rest].concat()), by_class([most, less].concat())]
        }
    };
    let there = counts(labels, classes);
    let empty = |side: &[Vec<usize>]| (0..classes).find(|&c| there[c] > 0 && side[c].is_empty());
    if let Some((place, class)) = sides.iter().enumerate().find_map(|(place, s)| Some((place, empty(s)?))) {
        return Err(refused(
            "sides with other labels",
            format!(
                "an image of every class on both sides; more images, or a share nearer to a half ({skew})"
            ),
            format!("none of class {class}, which has {}, on side {place}", there[class]),
        ));
    }
    let len = |side: &[Vec<usize>]| side.iter().map(Vec::len).sum::<usize>();
    let longer = usize::from(len(&sides[1]) > len(&sides[0]));
    for _ in len(&sides[1 - longer])..len(&sides[longer]) {
        // Of classes with equally many, the first.
        let largest = (0..classes).rev().max_by_key(|&class| sides[longer][class].len());
        largest.map(|class| sides[longer][class].pop());
    }
    let mut chosen = sides[side].concat();
    chosen.sort_unstable();
    Ok(chosen)
}

#[cfg(test)]
mod tests;
