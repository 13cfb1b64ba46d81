//! Permutation files: bijections, the same after writing and reading, or a refusal.
#![no_main]

use basin_fuzz::{USUAL, bounded, told};
use libfuzzer_sys::fuzz_target;
use weight_matching::files::{decode_permutations, encode_permutations};

fuzz_target!(|bytes: &[u8]| match bounded(bytes.len(), USUAL, || decode_permutations(bytes)) {
    Ok(permutations) => {
        assert!(permutations.compose(&permutations.inverse()).expect("of one size").is_identity());
        let again = decode_permutations(&encode_permutations(&permutations));
        assert_eq!(again.expect("what is written can be read"), permutations);
    }
    Err(problem) => told(&problem),
});
