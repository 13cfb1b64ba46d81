//! Specs as text: the same after writing and reading, and whatever is accepted can be applied and matched.
#![no_main]

use basin_fuzz::{USUAL, bounded, told};
use libfuzzer_sys::fuzz_target;
use weight_matching::{
    Array, MatchingOptions, Params, PermutationSpec, Permutations, SeedTree, Segment, apply, weight_matching,
};

/// Most values of the network that a spec is tried on.
const MOST: usize = 4096;

fuzz_target!(|text: &str| bounded(text.len(), USUAL, || read(text)));

fn read(text: &str) {
    let spec = match PermutationSpec::from_toml(text) {
        Ok(spec) => spec,
        Err(error) => return told(&error),
    };
    if let Ok(written) = spec.to_toml() {
        assert_eq!(PermutationSpec::from_toml(&written).as_ref(), Ok(&spec));
    }
    let _ = spec.misfits(&Params::new());
    // Sizes that are right, wrong wherever they can be, and none at all.
    [Some(4), None, Some(0)]
        .into_iter()
        .filter_map(|units| network(&spec, units))
        .for_each(|net| tried(&spec, &net));
}

/// Nothing moves by the identity, and what is found can be applied.
fn tried(spec: &PermutationSpec, network: &Params) {
    let Ok(sizes) = spec.validate(network) else { return };
    let same = apply(spec, network, &Permutations::identity(&sizes)).expect("nothing moves");
    assert!(same == *network);
    let mut options = MatchingOptions::new(SeedTree::root(0));
    options.max_sweeps = 3;
    if let Ok(found) = weight_matching(spec, network, network, &options) {
        apply(spec, network, &found.permutations).expect("what was found fits");
    }
}

/// A small network for the spec with so many units of each permutation, or with three entries on every axis.
fn network(spec: &PermutationSpec, units: Option<usize>) -> Option<Params> {
    let mut left = MOST;
    let array = |(name, axes): (&str, &[Option<String>])| {
        let len = |axis| -> Option<usize> {
            let (segments, Some(units)) = (spec.segments(name, axis)?, units) else { return Some(3) };
            let len = segments.iter().try_fold(0usize, |len, segment| {
                len.checked_add(match segment {
                    Segment::Fixed(len) => *len,
                    Segment::Units { each, .. } => each.checked_mul(units)?,
                })
            });
            if segments.is_empty() { Some(2) } else { len }
        };
        let shape = (0..axes.len()).map(len).collect::<Option<Vec<usize>>>()?;
        let values = shape.iter().try_fold(1usize, |n, &len| n.checked_mul(len).filter(|n| *n <= MOST))?;
        left = left.checked_sub(values)?;
        let values = (0..values).map(|i| (i * i % 17) as f32 - 8.0).collect();
        Some((name.to_owned(), Array::new(shape, values).expect("values fill the shape")))
    };
    spec.iter().map(array).collect()
}
