//! The exact GELU, y = z Φ(z) with the normal distribution function Φ (Hendrycks and Gimpel, 2016), and its
//! derivative, elementwise.
//!
//! With a = |z|, e = exp(−a²/2) and Mills' ratio M(a) = Φ(−a)/e, all follows from one exponential and one
//! polynomial, without cancellation: y = max(z, 0) − a·e·M(a), and dy/dz is 1 + w for z > 0 and −w
//! elsewhere, w = e·(a/√2π − M(a)). M is smooth and nearly flat; a polynomial has to follow it only where e
//! still weighs something.
//!
//! Absolute errors, on every instruction set: y within 10⁻⁷·max(1, |z|), the derivative within 2·10⁻⁷. Beyond
//! |z| = 10, y is max(z, 0) to 10⁻²².

use crate::exp::{exp2_within, polynomial};
use crate::simd::{Isa, Simd, dispatch};

/// M(a) from the constant up: the polynomial of degree 11 with the least largest (1 + a)·e·|error| on
/// [0, 10], 4.3·10⁻⁸, by Remez' exchange at 50 digits.
const MILLS: [f32; 12] = [
    0.499_999_957_308,
    -0.398_938_771_839,
    0.249_950_526_942,
    -0.132_701_689_116,
    0.061_672_865_009_1,
    -0.025_121_785_492_5,
    0.008_703_296_142_26,
    -0.002_426_658_784_81,
    0.000_507_416_900_176,
    -7.294_229_89e-5,
    6.324_998_9e-6,
    -2.467_534_2e-7,
];

/// Where a is cut off: far below it e has lost all weight, and M is wanted nowhere else.
const FARTHEST: f32 = 10.0;

/// 1/√2π.
const DENSITY_AT_ZERO: f32 = 0.398_942_28;

/// y = GELU(z).
///
/// # Panics
/// When lengths differ.
pub fn forward(z: &[f32], y: &mut [f32], isa: Isa) {
    assert_eq!(z.len(), y.len());
    // SAFETY: both are as long as is said; the set comes from `Isa::available`.
    unsafe { forward_on(isa, z.as_ptr(), y.as_mut_ptr(), z.len()) }
}

/// dz = dy · GELU′(z).
///
/// # Panics
/// When lengths differ.
pub fn backward(z: &[f32], dy: &[f32], dz: &mut [f32], isa: Isa) {
    assert!(z.len() == dy.len() && z.len() == dz.len());
    // SAFETY: all three are as long as is said; the set comes from `Isa::available`.
    unsafe { backward_on(isa, z.as_ptr(), dy.as_ptr(), dz.as_mut_ptr(), z.len()) }
}

/// Adds the bias (`[c]`) to every row of `z` (`[rows, c]`) and writes y = GELU(z): what follows a dense
/// layer's product, in one pass.
///
/// # Panics
/// When lengths disagree.
pub fn bias_gelu(z: &mut [f32], bias: &[f32], y: &mut [f32], isa: Isa) {
    assert!(z.len() == y.len() && z.len().is_multiple_of(bias.len()), "{} by {}", z.len(), bias.len());
    for (z, y) in z.chunks_exact_mut(bias.len()).zip(y.chunks_exact_mut(bias.len())) {
        // SAFETY: all three are rows of `bias.len()`; the set comes from `Isa::available`.
        unsafe { bias_gelu_on(isa, z.as_mut_ptr(), bias.as_ptr(), y.as_mut_ptr(), bias.len()) }
    }
}

dispatch!(fn forward_on(z: *const f32, y: *mut f32, len: usize) => forward_any);
dispatch!(fn backward_on(z: *const f32, dy: *const f32, dz: *mut f32, len: usize) => backward_any);
dispatch!(fn bias_gelu_on(z: *mut f32, bias: *const f32, y: *mut f32, len: usize) => bias_gelu_any);

#[inline(always)]
unsafe fn forward_any<S: Simd>(z: *const f32, y: *mut f32, len: usize) {
    let whole = len / S::LANES * S::LANES;
    // SAFETY: the callers vouch for `len` elements.
    unsafe {
        for i in (0..whole).step_by(S::LANES) {
            gelu(S::load(z.add(i))).store(y.add(i));
        }
        if whole < len {
            gelu(S::load_first(z.add(whole), len - whole)).store_first(y.add(whole), len - whole);
        }
    }
}

#[inline(always)]
unsafe fn backward_any<S: Simd>(z: *const f32, dy: *const f32, dz: *mut f32, len: usize) {
    let whole = len / S::LANES * S::LANES;
    // SAFETY: the callers vouch for `len` elements.
    unsafe {
        for i in (0..whole).step_by(S::LANES) {
            slope(S::load(z.add(i))).mul(S::load(dy.add(i))).store(dz.add(i));
        }
        if whole < len {
            let last = len - whole;
            let dy = S::load_first(dy.add(whole), last);
            slope(S::load_first(z.add(whole), last)).mul(dy).store_first(dz.add(whole), last);
        }
    }
}

#[inline(always)]
unsafe fn bias_gelu_any<S: Simd>(z: *mut f32, bias: *const f32, y: *mut f32, len: usize) {
    let whole = len / S::LANES * S::LANES;
    // SAFETY: the callers vouch for `len` elements.
    unsafe {
        for i in (0..whole).step_by(S::LANES) {
            let sum = S::load(z.add(i)).add(S::load(bias.add(i)));
            sum.store(z.add(i));
            gelu(sum).store(y.add(i));
        }
        if whole < len {
            let last = len - whole;
            let sum = S::load_first(z.add(whole), last).add(S::load_first(bias.add(whole), last));
            sum.store_first(z.add(whole), last);
            gelu(sum).store_first(y.add(whole), last);
        }
    }
}

/// a, cut off, with e and M(a). NaN stays NaN in all three.
#[inline(always)]
unsafe fn tail<S: Simd>(z: S) -> (S, S, S) {
    // SAFETY: instantiated under the right instruction set.
    unsafe {
        let a = S::splat(FARTHEST).min(z.abs());
        let e = exp2_within(a.mul(a).mul(S::splat(-0.5 * std::f32::consts::LOG2_E)));
        (a, e, polynomial(&MILLS, a))
    }
}

#[inline(always)]
unsafe fn gelu<S: Simd>(z: S) -> S {
    // SAFETY: instantiated under the right instruction set.
    unsafe {
        let (a, e, mills) = tail(z);
        // In this order NaN stays NaN.
        S::splat(0.0).max(z).sub(a.mul(e).mul(mills))
    }
}

#[inline(always)]
unsafe fn slope<S: Simd>(z: S) -> S {
    // SAFETY: instantiated under the right instruction set.
    unsafe {
        let (a, e, mills) = tail(z);
        let w = a.fma(S::splat(DENSITY_AT_ZERO), S::splat(0.0).sub(mills)).mul(e);
        w.fma(S::splat(2.0), S::splat(1.0)).where_positive(z).sub(w)
    }
}
