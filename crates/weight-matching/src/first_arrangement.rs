//! The arrangement from which a search over many networks begins.

use crate::best_permutations::random_permutations;
use crate::climb::matching;
use crate::descent::Reuse;
use crate::{MatchingOptions, PermutationSpec, Permutations};
use basin_core::{Params, SeedTree};
use std::collections::BTreeMap;

/// Where restart `restart` begins: 0 with all units as they are, 1 with every network matched to the first, the
/// others in random order. The first network keeps its order. Also tells how many multiplications that took.
pub(crate) fn first_arrangement(
    spec: &PermutationSpec,
    sizes: &BTreeMap<String, usize>,
    networks: &[&Params],
    seed: &SeedTree,
    restart: usize,
) -> (Vec<Permutations>, u64) {
    let identity = Permutations::identity(sizes);
    let seed = seed.child("restart").index(restart as u64);
    let mut work = 0;
    let family = |(network, params): (usize, &&Params)| match (network, restart) {
        (0, _) | (_, 0) => identity.clone(),
        (_, 1) => {
            let options = MatchingOptions::new(seed.index(network as u64));
            let found = matching(spec, networks[0], params, &options, Reuse::Yes);
            let (found, taken) = found.expect("the networks were checked");
            work += taken;
            found.permutations
        }
        _ => random_permutations(spec, sizes, &seed.index(network as u64)),
    };
    let families = networks.iter().enumerate().map(family).collect();
    (families, work)
}
