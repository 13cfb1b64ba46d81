//! Eight lanes of plain Rust, which a compiler maps to whatever vectors there are.
#![allow(clippy::undocumented_unsafe_blocks)] // One reason for all methods stands before the implementation.

use super::Simd;

/// Eight lanes of plain Rust.
#[derive(Clone, Copy)]
pub(crate) struct Lanes8([f32; 8]);

macro_rules! lanewise {
    ($a:expr, $b:expr, |$x:ident, $y:ident| $e:expr) => {{
        let mut out = $a;
        let other = $b;
        let mut i = 0;
        while i < 8 {
            let ($x, $y) = (out.0[i], other.0[i]);
            out.0[i] = $e;
            i += 1;
        }
        out
    }};
}
// SAFETY: `load` and `store` rely on the trait's contract that the pointer is valid for eight elements.
impl Simd for Lanes8 {
    const LANES: usize = 8;
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; 8])
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        unsafe { Self(p.cast::<[f32; 8]>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { p.cast::<[f32; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        lanewise!(self, o, |x, y| x + y)
    }
    #[inline(always)]
    unsafe fn sub(self, o: Self) -> Self {
        lanewise!(self, o, |x, y| x - y)
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        lanewise!(self, o, |x, y| x * y)
    }
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        lanewise!(self, o, |x, y| if x > y { x } else { y })
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        lanewise!(self, o, |x, y| if x < y { x } else { y })
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        lanewise!(self, self, |x, _y| x.abs())
    }
    #[inline(always)]
    unsafe fn low_bits_to_exponent(self) -> Self {
        lanewise!(self, self, |x, _y| f32::from_bits(x.to_bits() << 23))
    }
    #[inline(always)]
    unsafe fn fma(self, a: Self, b: Self) -> Self {
        let product = lanewise!(self, a, |x, y| x * y);
        lanewise!(product, b, |x, y| x + y)
    }
    #[inline(always)]
    unsafe fn where_positive(self, gate: Self) -> Self {
        lanewise!(self, gate, |x, y| if y > 0.0 { x } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let a = self.0;
        ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]))
    }
}
