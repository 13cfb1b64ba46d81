//! Specs as text: the same after writing and reading, and whatever is accepted can be applied and matched.
#![no_main]

use basin_core::{Array, Params, SeedTree};
use libfuzzer_sys::fuzz_target;
use weight_matching::{MatchingOptions, PermutationSpec, Permutations, Segment, apply, weight_matching};

/// Most values of the network that a spec is tried on.
const MOST: usize = 4096;

fuzz_target!(|text: &str| {
    let Ok(spec) = PermutationSpec::from_toml(text) else { return };
    if let Ok(written) = spec.to_toml() {
        assert_eq!(PermutationSpec::from_toml(&written).as_ref(), Ok(&spec));
    }
    let _ = spec.misfits(&Params::new());
    let Some(network) = network(&spec) else { return };
    let Ok(sizes) = spec.validate(&network) else { return };
    let same = apply(&spec, &network, &Permutations::identity(&sizes)).expect("nothing moves");
    assert!(same == network);
    let mut options = MatchingOptions::new(SeedTree::root(0));
    options.max_sweeps = 3;
    if let Ok(found) = weight_matching(&spec, &network, &network, &options) {
        apply(&spec, &network, &found.permutations).expect("what was found fits");
    }
});

/// A network for the spec with four units of each permutation, if it is small.
fn network(spec: &PermutationSpec) -> Option<Params> {
    let mut left = MOST;
    let array = |(name, axes): (&str, &[Option<String>])| {
        let len = |axis| -> Option<usize> {
            let segments = spec.segments(name, axis)?;
            let mut len: usize = 0;
            for segment in &segments {
                len = len.checked_add(match segment {
                    Segment::Fixed(len) => *len,
                    Segment::Units { each, .. } => each.checked_mul(4)?,
                })?;
            }
            Some(if segments.is_empty() { 2 } else { len })
        };
        let shape = (0..axes.len()).map(len).collect::<Option<Vec<usize>>>()?;
        let values = shape.iter().try_fold(1usize, |n, &len| n.checked_mul(len).filter(|n| *n <= MOST))?;
        left = left.checked_sub(values)?;
        let values = (0..values).map(|i| (i * i % 17) as f32 - 8.0).collect();
        Some((name.to_owned(), Array::new(shape, values).expect("values fill the shape")))
    };
    spec.iter().map(array).collect()
}
