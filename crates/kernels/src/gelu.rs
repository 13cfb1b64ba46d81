//! The exact GELU, y = z Φ(z) with the normal distribution function Φ (Hendrycks and Gimpel, 2016), and its
//! derivative, elementwise.
//!
//! With a = |z| and the tail Φ(−a) nothing cancels: y = max(z, 0) − a·Φ(−a). The logarithm of the tail is
//! smooth, so Φ(−a) = 2^p(a) with a polynomial p: one exponential, no division. The derivative also wants the
//! density e/√2π, e = exp(−a²/2); with Mills' ratio M(a) = Φ(−a)/e, nearly flat and a polynomial too, it is
//! 1 + w for z > 0 and −w elsewhere, w = e·(a/√2π − M(a)): again one exponential.
//!
//! Absolute errors, on every instruction set: y within 10⁻⁷·max(1, |z|), for z ≤ −4 within 2·10⁻⁸; the
//! derivative within 2·10⁻⁷. Beyond |z| = 10, y is max(z, 0) to 10⁻²².

use crate::exp::{exp2_within, polynomial};
use crate::simd::{Isa, Simd, dispatch};

/// log₂ Φ(−a) from the constant up: the polynomial of degree 8 with the least largest
/// (1 + a)·ln 2·Φ(−a)·|error| on [0, 10], 1.9·10⁻⁸, by Remez' exchange at 50 digits.
const LOG2_TAIL: [f32; 9] = [
    -0.999_999_94,
    -1.151_107_5,
    -0.459_189_7,
    -0.052_553_434,
    0.007_149_046_6,
    -0.000_204_860_23,
    -0.000_157_101_8,
    3.306_77e-5,
    -2.293_375_2e-6,
];

/// M(a) from the constant up: likewise of degree 11 for (1 + a)·e·|error|, 4.3·10⁻⁸.
const MILLS: [f32; 12] = [
    0.499_999_96,
    -0.398_938_77,
    0.249_950_53,
    -0.132_701_7,
    0.061_672_866,
    -0.025_121_786,
    0.008_703_296,
    -0.002_426_658_7,
    0.000_507_416_9,
    -7.294_223e-5,
    6.324_999e-6,
    -2.467_534_3e-7,
];

/// Where a is cut off: long before, the tail has lost all weight, and the polynomials hold nowhere else.
const FARTHEST: f32 = 10.0;

/// 1/√2π.
const DENSITY_AT_ZERO: f32 = 0.398_942_3;

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

/// |z|, cut off; NaN stays NaN.
#[inline(always)]
unsafe fn distance<S: Simd>(z: S) -> S {
    // SAFETY: instantiated under the right instruction set.
    unsafe { S::splat(FARTHEST).min(z.abs()) }
}

#[inline(always)]
unsafe fn gelu<S: Simd>(z: S) -> S {
    // SAFETY: instantiated under the right instruction set.
    unsafe {
        let a = distance(z);
        let tail = exp2_within(polynomial(&LOG2_TAIL, a));
        // In this order NaN stays NaN.
        S::splat(0.0).max(z).sub(a.mul(tail))
    }
}

#[inline(always)]
unsafe fn slope<S: Simd>(z: S) -> S {
    // SAFETY: instantiated under the right instruction set.
    unsafe {
        let a = distance(z);
        let e = exp2_within(a.mul(a).mul(S::splat(-0.5 * std::f32::consts::LOG2_E)));
        let w = a.mul(S::splat(DENSITY_AT_ZERO)).sub(polynomial(&MILLS, a)).mul(e);
        w.fma(S::splat(2.0), S::splat(1.0)).where_positive(z).sub(w)
    }
}
