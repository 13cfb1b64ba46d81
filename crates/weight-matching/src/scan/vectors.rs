//! The passes in the vectors of x86-64. As plain loops inside the solver they came out one element at a time.

use super::{LANES, Two};
use std::arch::x86_64::{
    _CMP_LT_OQ, _mm256_add_pd, _mm256_blendv_pd, _mm256_cmp_pd, _mm256_loadu_pd, _mm256_min_pd,
    _mm256_set1_pd, _mm256_storeu_pd, _mm256_sub_pd, _mm512_add_pd, _mm512_cmp_pd_mask, _mm512_loadu_pd,
    _mm512_mask_blend_pd, _mm512_min_pd, _mm512_set1_pd, _mm512_storeu_pd, _mm512_sub_pd,
};

/// Both passes for one instruction set: its vectors of `$width` elements, and what it calls the operations.
macro_rules! passes {
    (
        $relax:ident, $two:ident, $set:literal, $width:literal,
        [$all:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $min:ident],
        less($a:ident, $b:ident) = $less:expr, pick($mask:ident, $no:ident, $yes:ident) = $pick:expr
    ) => {
        /// [`super::relax_any`] in vectors.
        #[allow(unsafe_code, reason = "vector loads and stores take pointers")]
        #[target_feature(enable = $set)]
        pub(super) fn $relax<const MAXIMISE: bool>(
            row: &[[f64; LANES]],
            v: &[[f64; LANES]],
            distance: &mut [[f64; LANES]],
            from: &mut [[u64; LANES]],
            offset: f64,
            i: u64,
        ) -> [f64; LANES] {
            const VECTORS: usize = LANES / $width;
            // Minus zero, the neutral element: −0 − c is −c to the last bit.
            let (nothing, offset, i) = ($all(-0.0), $all(offset), $all(f64::from_bits(i)));
            let mut least = [$all(f64::INFINITY); VECTORS];
            for (((c, v), d), f) in row.iter().zip(v).zip(distance).zip(from) {
                for at in 0..VECTORS {
                    // SAFETY: the four blocks have VECTORS stretches of this many elements; those of `from` are
                    // as wide as f64, and are only moved.
                    unsafe {
                        let (d, f) =
                            (d.as_mut_ptr().add(at * $width), f.as_mut_ptr().cast::<f64>().add(at * $width));
                        let c = $load(c.as_ptr().add(at * $width));
                        let c = if MAXIMISE { $sub(nothing, c) } else { c };
                        let $a = $add($sub(c, $load(v.as_ptr().add(at * $width))), offset);
                        let $b = $load(d);
                        let $mask = $less;
                        let closer = $min($a, $b);
                        $store(d, closer);
                        least[at] = $min(closer, least[at]);
                        let ($no, $yes) = ($load(f), i);
                        $store(f, $pick);
                    }
                }
            }
            let mut lanes = [0.0; LANES];
            for at in 0..VECTORS {
                // SAFETY: as above.
                unsafe { $store(lanes.as_mut_ptr().add(at * $width), least[at]) };
            }
            lanes
        }

        /// [`super::two_any`] in vectors.
        #[allow(unsafe_code, reason = "vector loads and stores take pointers")]
        #[target_feature(enable = $set)]
        pub(super) fn $two<const MAXIMISE: bool>(row: &[[f64; LANES]], v: &[[f64; LANES]]) -> Two {
            const VECTORS: usize = LANES / $width;
            let nothing = $all(-0.0);
            let infinite = [$all(f64::INFINITY); VECTORS];
            let (mut first, mut second, mut found) = (infinite, infinite, [$all(0.0); VECTORS]);
            for (k, (c, v)) in (0u64..).zip(row.iter().zip(v)) {
                let k = $all(f64::from_bits(k));
                for at in 0..VECTORS {
                    // SAFETY: the blocks have VECTORS stretches of this many elements.
                    let (c, v) =
                        unsafe { ($load(c.as_ptr().add(at * $width)), $load(v.as_ptr().add(at * $width))) };
                    let $a = $sub(if MAXIMISE { $sub(nothing, c) } else { c }, v);
                    let $b = first[at];
                    let $mask = $less;
                    let smaller = $min($a, $b);
                    let ($no, $yes) = ($a, $b);
                    let larger = $pick;
                    second[at] = $min(larger, second[at]);
                    let ($no, $yes) = (found[at], k);
                    found[at] = $pick;
                    first[at] = smaller;
                }
            }
            let mut two = Two { first: [0.0; LANES], second: [0.0; LANES], at: [0; LANES] };
            for at in 0..VECTORS {
                // SAFETY: as above; the block numbers are as wide as f64, and are only moved.
                unsafe {
                    $store(two.first.as_mut_ptr().add(at * $width), first[at]);
                    $store(two.second.as_mut_ptr().add(at * $width), second[at]);
                    $store(two.at.as_mut_ptr().cast::<f64>().add(at * $width), found[at]);
                }
            }
            two
        }
    };
}

passes!(
    relax_avx2,
    two_avx2,
    "avx2",
    4,
    [_mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_add_pd, _mm256_sub_pd, _mm256_min_pd],
    less(a, b) = _mm256_cmp_pd::<_CMP_LT_OQ>(a, b),
    pick(mask, no, yes) = _mm256_blendv_pd(no, yes, mask)
);
passes!(
    relax_avx512,
    two_avx512,
    "avx512f",
    8,
    [_mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_add_pd, _mm512_sub_pd, _mm512_min_pd],
    less(a, b) = _mm512_cmp_pd_mask::<_CMP_LT_OQ>(a, b),
    pick(mask, no, yes) = _mm512_mask_blend_pd(mask, no, yes)
);
