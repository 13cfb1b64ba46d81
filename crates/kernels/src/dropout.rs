//! Inverted dropout with a mask that is a function of its place, not of a generator's state.
//!
//! Element i of an image is kept iff 16 bits of h(seed, site, ⌊i/1024⌋·512 + i mod 512) are at least
//! round(2¹⁶ · rate): the lower half of the hash for the first 512 of each 1024 elements, the upper half for
//! the others. One hash thus serves two elements, in loops over consecutive elements. The hash is the
//! two-round integer mix of C. Wellons ("Prospecting for hash functions", 2018), with one half of a 64-bit
//! key added to the counter and the other half between the rounds: with the added half alone, masks of
//! different keys would be shifts of one another.
//!
//! Nothing is stored: the same call on a gradient is the backward pass. Masks are the same on every
//! instruction set. Rates are resolved to 2⁻¹⁶, so the mean is kept to 2⁻¹⁷/(1 − rate), relative.

use crate::simd::{Isa, Simd, dispatch};

/// Whether an image keeps what is dropped for whole images (drop path) with probability `rate` at `site`: iff h(seed, site, 0)
/// is at least round(2³² · rate).
pub fn keeps(seed: u64, site: u32, rate: f32) -> bool {
    u64::from(hash(key(seed, site), 0)) >= (f64::from(rate) * 4_294_967_296.0).round() as u64
}

/// Sets each image of `x` (`[n, per_image]`, n the number of `seeds`) to zero with probability `rate`, all of its values
/// together, and multiplies the others by 1/(1 − rate). At rate 0 no bit changes; the same call on a gradient is the
/// backward pass.
///
/// # Panics
/// When lengths disagree or `rate` is not in `[0, 1)`.
pub fn drop_images(x: &mut [f32], seeds: &[u64], site: u32, rate: f32) {
    assert!((0.0..1.0).contains(&rate), "drop path rate {rate}");
    if rate == 0.0 || x.is_empty() {
        return;
    }
    assert!(x.len().is_multiple_of(seeds.len()), "{} values for {} seeds", x.len(), seeds.len());
    let (per_image, scale) = (x.len() / seeds.len(), 1.0 / (1.0 - rate));
    for (image, seed) in x.chunks_exact_mut(per_image).zip(seeds) {
        match keeps(*seed, site, rate) {
            true => image.iter_mut().for_each(|x| *x *= scale),
            false => image.fill(0.0),
        }
    }
}

/// Hashes at a time; each serves two elements.
const HASHES: usize = 512;

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
        // SAFETY: the image is as long as is said; the set comes from `Isa::available`.
        unsafe { apply_on(isa, image.as_mut_ptr(), per_image, key, threshold, 1.0 / (1.0 - rate)) }
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

dispatch!(fn apply_on(x: *mut f32, len: usize, key: u64, threshold: u32, scale: f32) => apply_any);

/// One image. Plain loops, which the compiler vectorises for the set; `S` only chooses it.
#[inline(always)]
unsafe fn apply_any<S: Simd>(x: *mut f32, len: usize, key: u64, threshold: u32, scale: f32) {
    // SAFETY: the caller vouches for `len` elements and holds them exclusively.
    let x = unsafe { std::slice::from_raw_parts_mut(x, len) };
    let mut hashes = [0u32; HASHES];
    let mut first = 0u32;
    for block in x.chunks_mut(2 * HASHES) {
        for (i, h) in hashes.iter_mut().enumerate() {
            *h = hash(key, first.wrapping_add(i as u32));
        }
        first = first.wrapping_add(HASHES as u32);
        let (low, high) = block.split_at_mut(block.len().min(HASHES));
        for (x, h) in low.iter_mut().zip(&hashes) {
            *x = if h & 0xFFFF >= threshold { *x * scale } else { 0.0 };
        }
        for (x, h) in high.iter_mut().zip(&hashes) {
            *x = if h >> 16 >= threshold { *x * scale } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_dropped_and_scaled_as_timm_does() {
        let text = include_str!("../../../fixtures/regularisation/drop_path.json");
        let golden: serde_json::Value = serde_json::from_str(text).unwrap();
        let flat = |rows: &serde_json::Value| -> Vec<f32> {
            let rows = rows.as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
            rows.map(|x| x.as_f64().unwrap() as f32).collect()
        };
        let keeps_of = golden["keeps"].as_array().unwrap();
        for case in golden["scaled"].as_array().unwrap() {
            let rate = case["rate"].as_f64().unwrap() as f32;
            // Seeds that keep and drop as the golden values say.
            let seed = |keep: &serde_json::Value| {
                (0..).find(|seed| keeps(*seed, 5, rate) == (keep.as_f64() == Some(1.0))).unwrap()
            };
            let seeds: Vec<u64> = keeps_of.iter().map(seed).collect();
            let ramp: Vec<f32> = (0..24u8).map(f32::from).collect();
            for (mut x, expected) in [(flat(&case["x"]), flat(&case["y"])), (ramp, flat(&case["dx"]))] {
                drop_images(&mut x, &seeds, 5, rate);
                assert_eq!(x.len(), expected.len());
                assert!(x.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs()), "{rate}");
            }
        }
    }

    #[test]
    fn as_many_images_are_dropped_as_should_be_and_by_every_site_others() {
        for rate in [0.1f32, 0.5] {
            let dropped = |site| (0..20_000).filter(|seed| !keeps(*seed, site, rate)).collect::<Vec<u64>>();
            let (here, there) = (dropped(0), dropped(1));
            assert!((here.len() as f32 / 20_000.0 - rate).abs() < 0.01, "{}", here.len());
            let both = here.iter().filter(|seed| there.contains(seed)).count();
            assert!((both as f32 / 20_000.0 - rate * rate).abs() < 0.01, "{both}");
        }
        assert!((0..100).all(|seed| keeps(seed, 0, 0.0)));
    }
}
