//! The inner loop in the vectors of x86-64. It is spelled out because the compiler, left alone with plain loops, may turn
//! them inside out, which made them ten times slower.

use super::row::{LANES, QUAD, Row};
use std::arch::x86_64::{
    _MM_HINT_T1, _mm_loadu_ps, _mm_movehl_ps, _mm_movelh_ps, _mm_prefetch, _mm_setzero_ps, _mm_storeu_ps,
    _mm_unpackhi_ps, _mm_unpacklo_ps, _mm256_fmadd_pd, _mm256_fmadd_ps, _mm256_loadu_pd, _mm256_loadu_ps,
    _mm256_set1_pd, _mm256_set1_ps, _mm256_setzero_pd, _mm256_setzero_ps, _mm256_storeu_pd, _mm256_storeu_ps,
    _mm512_fmadd_pd, _mm512_fmadd_ps, _mm512_loadu_pd, _mm512_loadu_ps, _mm512_set1_pd, _mm512_set1_ps,
    _mm512_setzero_pd, _mm512_setzero_ps, _mm512_storeu_pd, _mm512_storeu_ps,
};

macro_rules! tile {
    ($name:ident, $T:ty, $width:literal, $set:literal, $zero:ident, $all:ident, $load:ident, $fused:ident, $store:ident) => {
        /// A [`super::tile::Loop`] in vectors; each sum is rounded once per term.
        ///
        /// # Safety
        /// Every place of a term plus that of a unit lies in `left`.
        #[allow(unsafe_code, reason = "vector loads and stores take pointers")]
        #[target_feature(enable = $set)]
        pub(super) unsafe fn $name<const R: usize, const P: usize>(
            left: &[$T],
            units: [usize; R],
            places: &[usize],
            right: &[[Row<$T>; P]],
            sums: &mut [[Row<$T>; P]; R],
        ) {
            const VECTORS: usize = LANES / $width;
            let mut kept = [[[$zero(); VECTORS]; P]; R];
            for r in 0..R {
                for p in 0..P {
                    for v in 0..VECTORS {
                        // SAFETY: a row has VECTORS stretches of this many elements.
                        kept[r][p][v] = unsafe { $load(sums[r][p].as_ptr().add(v * $width)) };
                    }
                }
            }
            debug_assert!(places.iter().all(|place| units.iter().all(|unit| place + unit < left.len())));
            let starts: [*const $T; R] = units.map(|unit| left.as_ptr().wrapping_add(unit));
            for (&place, right) in places.iter().zip(right) {
                let mut rows = [[$zero(); VECTORS]; P];
                for p in 0..P {
                    for v in 0..VECTORS {
                        // SAFETY: as above.
                        rows[p][v] = unsafe { $load(right[p].as_ptr().add(v * $width)) };
                    }
                }
                for r in 0..R {
                    // SAFETY: the caller answers for all places of units and terms.
                    let left = $all(unsafe { *starts[r].add(place) });
                    for p in 0..P {
                        for v in 0..VECTORS {
                            kept[r][p][v] = $fused(left, rows[p][v], kept[r][p][v]);
                        }
                    }
                }
            }
            for r in 0..R {
                for p in 0..P {
                    for v in 0..VECTORS {
                        // SAFETY: as above.
                        unsafe { $store(sums[r][p].as_mut_ptr().add(v * $width), kept[r][p][v]) };
                    }
                }
            }
        }
    };
}

#[rustfmt::skip]
tile!(f32_avx2, f32, 8, "avx2,fma",
    _mm256_setzero_ps, _mm256_set1_ps, _mm256_loadu_ps, _mm256_fmadd_ps, _mm256_storeu_ps);
#[rustfmt::skip]
tile!(f64_avx2, f64, 4, "avx2,fma",
    _mm256_setzero_pd, _mm256_set1_pd, _mm256_loadu_pd, _mm256_fmadd_pd, _mm256_storeu_pd);
#[rustfmt::skip]
tile!(f32_avx512, f32, 16, "avx512f",
    _mm512_setzero_ps, _mm512_set1_ps, _mm512_loadu_ps, _mm512_fmadd_ps, _mm512_storeu_ps);
#[rustfmt::skip]
tile!(f64_avx512, f64, 8, "avx512f",
    _mm512_setzero_pd, _mm512_set1_pd, _mm512_loadu_pd, _mm512_fmadd_pd, _mm512_storeu_pd);

/// Has a value brought into the second cache. It is a hint, which has no effect beyond.
#[allow(unsafe_code, reason = "a hint takes a pointer")]
pub(super) fn fetch<T>(values: &[T], at: usize) {
    // SAFETY: every x86-64 has SSE, and a hint may name any place.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(values.as_ptr().wrapping_add(at).cast()) }
}

/// A small matrix transposed. Left to the compiler, each value would be moved on its own.
#[allow(unsafe_code, reason = "vector loads and stores take pointers")]
pub(super) fn transposed(of: [[f32; QUAD]; QUAD]) -> [[f32; QUAD]; QUAD] {
    let mut out = [[0.0; QUAD]; QUAD];
    // SAFETY: every x86-64 has SSE, and each array has as many values as a vector.
    unsafe {
        let mut rows = [_mm_setzero_ps(); QUAD];
        for (row, of) in rows.iter_mut().zip(&of) {
            *row = _mm_loadu_ps(of.as_ptr());
        }
        let [a, b, c, d] = rows;
        let (low, high) = (_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
        let (low_next, high_next) = (_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
        let columns = [
            _mm_movelh_ps(low, low_next),
            _mm_movehl_ps(low_next, low),
            _mm_movelh_ps(high, high_next),
            _mm_movehl_ps(high_next, high),
        ];
        for (out, column) in out.iter_mut().zip(columns) {
            _mm_storeu_ps(out.as_mut_ptr(), column);
        }
    }
    out
}
