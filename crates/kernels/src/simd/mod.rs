//! Vectors of `f32` for the kernels: AVX-512, AVX2 with FMA, and plain arrays that a compiler vectorises.
//!
//! A kernel is written once, generic over [`Simd`], marked `#[inline(always)]` and instantiated inside a
//! function that enables the instruction set (see [`dispatch!`]). Which set runs is decided once per
//! process by [`basin_core::Isa::detect`]; results differ between sets in rounding only.

mod lanes;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use basin_core::Isa;
pub(crate) use basin_core::Set;

/// One vector register's worth of `f32`.
///
/// # Safety
/// The methods may only run on a CPU that has the instruction set; pointers must be valid for
/// [`Simd::LANES`] elements. Alignment is not required.
#[allow(missing_docs)]
pub(crate) trait Simd: Copy {
    const LANES: usize;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(p: *const f32) -> Self;
    unsafe fn store(self, p: *mut f32);
    unsafe fn add(self, o: Self) -> Self;
    unsafe fn sub(self, o: Self) -> Self;
    unsafe fn mul(self, o: Self) -> Self;
    /// The larger one, `o` where either is NaN.
    unsafe fn max(self, o: Self) -> Self;
    /// The smaller one, `o` where either is NaN.
    unsafe fn min(self, o: Self) -> Self;
    unsafe fn abs(self) -> Self;
    /// The lanes' bits moved up by 23 places: a biased exponent in the low bits becomes the power of two.
    unsafe fn low_bits_to_exponent(self) -> Self;
    /// `self · a + b`.
    unsafe fn fma(self, a: Self, b: Self) -> Self;
    /// `self` where `gate > 0`, zero elsewhere.
    unsafe fn where_positive(self, gate: Self) -> Self;
    unsafe fn sum(self) -> f32;

    /// The first `count ≤ LANES` elements at `p`, zeros in the other lanes; reads nothing else.
    #[inline(always)]
    unsafe fn load_first(p: *const f32, count: usize) -> Self {
        let mut lanes = [0.0f32; MOST_LANES];
        // SAFETY: the caller vouches for `count` elements, and no set has more than `MOST_LANES` lanes.
        unsafe {
            std::ptr::copy_nonoverlapping(p, lanes.as_mut_ptr(), count);
            Self::load(lanes.as_ptr())
        }
    }

    /// Asks for the cache line of `p`, which need not be valid.
    #[inline(always)]
    unsafe fn prefetch(_p: *const f32) {}

    /// Writes the first `count ≤ LANES` lanes to `p` and nothing else.
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, count: usize) {
        let mut lanes = [0.0f32; MOST_LANES];
        // SAFETY: as in `load_first`.
        unsafe {
            self.store(lanes.as_mut_ptr());
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), p, count);
        }
    }
}

/// Lanes of the widest set.
pub(crate) const MOST_LANES: usize = 16;

pub(crate) use lanes::Lanes8;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{F32x8, F32x16};

/// Declares `fn name(isa, args…)` that runs `body::<S>(args…)` with the instruction set of `isa`.
///
/// Bodies are `unsafe fn … #[inline(always)]` generic over [`Simd`]; the generated functions carry the
/// `target_feature` attribute, so that the generic code is compiled for that set.
macro_rules! dispatch {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) => $body:ident) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis unsafe fn $name(isa: $crate::simd::Isa, $($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            unsafe fn avx512($($arg: $ty),*) {
                // SAFETY: the set is enabled here; the rest of the contract is the caller's.
                unsafe { $body::<$crate::simd::F32x16>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($arg: $ty),*) {
                // SAFETY: as for `avx512`.
                unsafe { $body::<$crate::simd::F32x8>($($arg),*) }
            }
            // SAFETY: `Isa` values for a set exist only where the CPU has it (`Isa::available`); the
            // rest of the contract is the caller's.
            unsafe {
                match isa.set() {
                    #[cfg(target_arch = "x86_64")]
                    $crate::simd::Set::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::simd::Set::Avx2 => avx2($($arg),*),
                    $crate::simd::Set::Portable => $body::<$crate::simd::Lanes8>($($arg),*),
                }
            }
        }
    };
}
pub(crate) use dispatch;
