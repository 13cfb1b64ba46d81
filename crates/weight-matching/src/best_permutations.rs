//! The best value of one permutation for a linear gain: the one place that knows which values it may take.

use crate::heads::{assign, best};
use crate::{Permutation, PermutationSpec, Permutations};
use basin_core::SeedTree;
use std::collections::BTreeMap;

/// A permutation to be found: its name, its number of units, and its gain `[units, units]`.
pub(crate) type Problem<'a> = (&'a str, usize, Vec<f64>);

/// For each problem the permutation π with the largest Σᵢ gain[i, π(i)]; the two of an attention group together,
/// over those that move whole heads.
///
/// Every assignment outside the pairwise descent goes through here.
pub(crate) fn best_permutations(spec: &PermutationSpec, problems: &[Problem<'_>]) -> Vec<Permutation> {
    let at = |name: &str| problems.iter().position(|(problem, ..)| *problem == name);
    let mut solved: Vec<Option<Permutation>> = vec![None; problems.len()];
    for group in spec.groups() {
        if let (Some(qk), Some(vo)) = (at(&group.qk), at(&group.vo)) {
            let both = best(&problems[qk].2, &problems[vo].2, problems[qk].1, group.heads);
            for (at, indices) in [qk, vo].into_iter().zip(both) {
                solved[at] = Some(Permutation::new(indices).expect("assignments use each unit once"));
            }
        }
    }
    let single = |(solved, (_, units, gain)): (Option<Permutation>, &Problem<'_>)| {
        solved.unwrap_or_else(|| {
            Permutation::new(assign(gain, *units).0).expect("an assignment uses each column once")
        })
    };
    solved.into_iter().zip(problems).map(single).collect()
}

/// Random permutations of these sizes: the best ones for a random gain, so that they respect every structure.
pub(crate) fn random_permutations(
    spec: &PermutationSpec,
    sizes: &BTreeMap<String, usize>,
    seed: &SeedTree,
) -> Permutations {
    let draw = |(name, &units): (&'_ String, &usize)| {
        let mut rng = seed.child(name).rng();
        (0..units * units).map(|_| rng.uniform()).collect::<Vec<f64>>()
    };
    let problems: Vec<Problem<'_>> =
        sizes.iter().map(|(name, units)| (name.as_str(), *units, draw((name, units)))).collect();
    sizes.keys().cloned().zip(best_permutations(spec, &problems)).collect()
}
