//! Exponential and logarithm, for the softmax of attention and for GELU.
//!
//! Polynomials of least largest error (Remez' exchange, run at 50 digits on the error measure named at
//! each table), so that no step needs a table look-up or a call.

use crate::simd::Simd;

/// (2^f − 1)/f on [−½, ½], from the constant up; 9.2·10⁻⁸ of 2^f.
#[allow(clippy::approx_constant)] // The first is near ln 2, and better for not being it.
const EXP2: [f32; 5] = [0.693_147, 0.240_222_42, 0.055_507_337, 0.009_671_513, 0.001_326_473_2];

/// ln(1 + x)/x on [0, 1], from the constant up; 5·10⁻⁹ of ln(1 + x), absolute.
const LN: [f32; 9] = [
    0.999_999_33,
    -0.499_970_94,
    0.332_896_68,
    -0.246_726_88,
    0.185_698_2,
    -0.126_908_91,
    0.068_084_727,
    -0.023_855_475,
    0.003_930_461_5,
];

/// Added to t, leaves round(t) + 127 in the low bits: 1.5·2²³ + 127.
const ROUND: f32 = 12_583_039.0;

/// Σ cᵢ xⁱ.
///
/// # Safety
/// As of [`Simd`]'s methods.
#[inline(always)]
pub(crate) unsafe fn polynomial<S: Simd, const N: usize>(coefficients: &[f32; N], x: S) -> S {
    // SAFETY: passed on.
    unsafe {
        let mut sum = S::splat(coefficients[N - 1]);
        for c in coefficients[..N - 1].iter().rev() {
            sum = sum.fma(x, S::splat(*c));
        }
        sum
    }
}

/// 2^t for −126 ≤ t ≤ 127 to 2·10⁻⁷, relative; NaN stays NaN, beyond the range anything may come out.
///
/// # Safety
/// As of [`Simd`]'s methods.
#[inline(always)]
pub(crate) unsafe fn exp2_within<S: Simd>(t: S) -> S {
    // SAFETY: passed on.
    unsafe {
        let rounded = t.add(S::splat(ROUND));
        let fraction = t.sub(rounded.sub(S::splat(ROUND)));
        let one_more = polynomial(&EXP2, fraction).fma(fraction, S::splat(1.0));
        one_more.mul(rounded.low_bits_to_exponent())
    }
}

/// 2^t for t ≤ 127, zero where that is below about 2⁻¹²⁶ (so for −∞ too); NaN stays NaN.
///
/// # Safety
/// As of [`Simd`]'s methods.
#[inline(always)]
pub(crate) unsafe fn exp2<S: Simd>(t: S) -> S {
    // SAFETY: passed on. The exponent −127 has the bits of zero; in this order NaN stays NaN.
    unsafe { exp2_within(S::splat(-127.0).max(t)) }
}

/// ln x of a positive normal number to 1.5·10⁻⁷·max(1, |ln x|); NaN and ∞ give NaN. Plain arithmetic, which
/// a compiler vectorises.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    let bits = x.to_bits();
    let exponent = (bits >> 23) as i32 - 127;
    let above_one = f32::from_bits((bits & 0x007F_FFFF) | 0x3F80_0000) - 1.0;
    let mut sum = LN[LN.len() - 1];
    for c in LN[..LN.len() - 1].iter().rev() {
        sum = sum * above_one + c;
    }
    // x · 0 is zero for numbers and NaN for what has no logarithm here.
    sum * above_one + exponent as f32 * std::f32::consts::LN_2 + x * 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Isa, MOST_LANES, dispatch};

    dispatch!(fn exp2_of(x: *const f32, y: *mut f32, len: usize) => exp2_any);

    #[inline(always)]
    unsafe fn exp2_any<S: Simd>(x: *const f32, y: *mut f32, len: usize) {
        // SAFETY: `powers` gives lengths that are multiples of `MOST_LANES`.
        (0..len).step_by(S::LANES).for_each(|i| unsafe { exp2(S::load(x.add(i))).store(y.add(i)) });
    }

    fn powers(isa: Isa, x: &[f32]) -> Vec<f32> {
        assert!(x.len().is_multiple_of(MOST_LANES));
        let mut y = vec![0.0; x.len()];
        // SAFETY: both are as long as is said.
        unsafe { exp2_of(isa, x.as_ptr(), y.as_mut_ptr(), x.len()) };
        y
    }

    #[test]
    fn powers_of_two_are_right_to_2e_7() {
        let x: Vec<f32> = (0..1 << 20).map(|i| -126.0 + 253.0 * i as f32 / (1 << 20) as f32).collect();
        for isa in Isa::available() {
            let mut worst = 0.0f64;
            for (x, y) in x.iter().zip(powers(isa, &x)) {
                worst = worst.max((f64::from(y) / f64::from(*x).exp2() - 1.0).abs());
            }
            assert!(worst <= 2e-7, "{isa:?}: {worst:e}");
            assert!(worst > 1e-9, "{isa:?}: {worst:e} is better than f32 can be: nothing was compared");
        }
    }

    #[test]
    fn powers_at_the_edges() {
        let mut x = [0.0; MOST_LANES];
        x[..6].copy_from_slice(&[f32::NEG_INFINITY, -127.5, -1e30, f32::NAN, 0.0, -1.0]);
        for isa in Isa::available() {
            let y = powers(isa, &x);
            assert_eq!(y[..3], [0.0; 3], "{isa:?}");
            assert!(y[3].is_nan(), "{isa:?}");
            // The polynomial at a whole number is its constant: exact.
            assert_eq!(y[4..6], [1.0, 0.5], "{isa:?}");
        }
    }

    #[test]
    fn logarithms_are_right_to_the_stated_bound() {
        assert_eq!(ln(1.0), 0.0);
        assert!(ln(f32::NAN).is_nan() && ln(f32::INFINITY).is_nan());
        for i in 0..1 << 20 {
            let x = (i as f32 * 1e-4 - 50.0).exp();
            let exact = f64::from(x).ln();
            let error = (f64::from(ln(x)) - exact).abs();
            assert!(error <= 1.5e-7 * exact.abs().max(1.0), "ln {x}: off by {error:e}");
        }
    }
}
