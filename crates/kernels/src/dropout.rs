//! Inverted dropout with a mask that is a function of its place, not of a generator's state.
//!
//! Element i of an image is kept iff 16 bits of h(seed, site, ⌊i/32⌋·16 + i mod 16) are at least
//! round(2¹⁶ · rate): the lower half of the hash for the first sixteen of each 32 elements, the upper half
//! for the others. One hash thus serves two elements, and sixteen or eight hashes fill vectors without
//! shuffles. The hash is the two-round integer mix of C. Wellons ("Prospecting for hash functions", 2018),
//! with one half of a 64-bit key added to the counter and the other half between the rounds: with the added
//! half alone, masks of different keys would be shifts of one another.
//!
//! Nothing is stored: the same call on a gradient is the backward pass. Masks are the same on every
//! instruction set. Rates are resolved to 2⁻¹⁶, so the mean is kept to 2⁻¹⁷/(1 − rate), relative.

use crate::simd::{Isa, Simd, dispatch};

/// Elements that share sixteen hashes.
const GROUP: usize = 32;

/// Drops elements of `x` (`[n, per_image]`, n the number of `seeds`) with probability `rate` and multiplies
/// the others by 1/(1 − rate). `site` tells the dropout layers of a network apart. At rate 0 no bit changes.
///
/// # Panics
/// When lengths disagree or `rate` is not in `[0, 1)`.
pub fn apply(x: &mut [f32], seeds: &[u64], site: u32, rate: f32, isa: Isa) {
    assert!((0.0..1.0).contains(&rate), "dropout rate {rate}");
    if rate == 0.0 || x.is_empty() {
        return;
    }
    assert!(x.len().is_multiple_of(seeds.len()), "{} values for {} seeds", x.len(), seeds.len());
    let threshold = (rate * 65_536.0).round() as u32;
    let per_image = x.len() / seeds.len();
    for (image, seed) in x.chunks_exact_mut(per_image).zip(seeds) {
        let key = key(*seed, site);
        let (whole, last) = image.split_at_mut(per_image / GROUP * GROUP);
        let mut padded = [0.0; GROUP];
        padded[..last.len()].copy_from_slice(last);
        let first = (whole.len() / GROUP) as u32;
        // SAFETY: both are whole groups; the set comes from `Isa::available`.
        unsafe {
            apply_on(isa, whole.as_mut_ptr(), 0, first, key, threshold, 1.0 / (1.0 - rate));
            apply_on(isa, padded.as_mut_ptr(), first, 1, key, threshold, 1.0 / (1.0 - rate));
        }
        last.copy_from_slice(&padded[..last.len()]);
    }
}

/// The key of one layer on one image: splitmix64's finaliser over seed, then site.
fn key(seed: u64, site: u32) -> u64 {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    mix(mix(seed.wrapping_add(GOLDEN)).wrapping_add(GOLDEN.wrapping_mul(u64::from(site) + 1)))
}

#[inline(always)]
fn hash(key: u64, counter: u32) -> u32 {
    let mut h = counter.wrapping_add(key as u32);
    h = (h ^ (h >> 16)).wrapping_mul(0x7FEB_352D) ^ (key >> 32) as u32;
    h = (h ^ (h >> 15)).wrapping_mul(0x846C_A68B);
    h ^ (h >> 16)
}

dispatch!(fn apply_on(x: *mut f32, first: u32, groups: u32, key: u64, threshold: u32, scale: f32) => apply_any);

/// Groups `first..first + groups`, `x` at the first of them. Plain loops over sixteen lanes, which the
/// compiler vectorises for the set; `S` only chooses it.
#[inline(always)]
unsafe fn apply_any<S: Simd>(
    x: *mut f32,
    first: u32,
    groups: u32,
    key: u64,
    threshold: u32,
    scale: f32,
) {
    for group in 0..groups {
        // SAFETY: the caller vouches for `groups` whole groups at `x`.
        let x = unsafe { &mut *x.add(group as usize * GROUP).cast::<[f32; GROUP]>() };
        let mut hashes = [0u32; GROUP / 2];
        for (lane, h) in hashes.iter_mut().enumerate() {
            *h = hash(key, (first.wrapping_add(group)).wrapping_mul(16).wrapping_add(lane as u32));
        }
        let (low, high) = x.split_at_mut(GROUP / 2);
        for ((low, high), h) in low.iter_mut().zip(high).zip(hashes) {
            *low = if h & 0xFFFF >= threshold { *low * scale } else { 0.0 };
            *high = if h >> 16 >= threshold { *high * scale } else { 0.0 };
        }
    }
}
