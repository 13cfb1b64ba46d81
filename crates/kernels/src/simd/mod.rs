//! Vectors of `f32` for the kernels: AVX-512, AVX2 with FMA, and plain arrays that a compiler vectorises.
//!
//! A kernel is written once, generic over [`Simd`], marked `#[inline(always)]` and instantiated inside a
//! function that enables the instruction set (see [`dispatch!`]). Which set runs is decided once per
//! process by [`Isa::detect`]; results differ between sets in rounding only.

mod lanes;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

/// An instruction set that the kernels are compiled for. Values exist only for sets that this processor has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Isa(pub(crate) Set);

/// The sets there are kernels for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// 16 lanes, fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 8 lanes, fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 8 lanes of plain Rust, multiply then add.
    Portable,
}

impl Isa {
    /// The widest set this processor has, or the one that [`Isa::requested`] names.
    pub fn detect() -> Self {
        static ISA: OnceLock<Isa> = OnceLock::new();
        *ISA.get_or_init(|| Self::requested().ok().flatten().unwrap_or(Self::available()[0]))
    }

    /// The set that the environment variable `BASIN_ISA` asks for (`avx512`, `avx2`, `portable`), if any. For
    /// comparisons: results of different sets differ in rounding.
    ///
    /// # Errors
    /// A message when this processor has no such set; [`Isa::detect`] then ignores the request.
    pub fn requested() -> Result<Option<Self>, String> {
        let name = match std::env::var("BASIN_ISA") {
            Ok(name) if !name.is_empty() => name,
            _ => return Ok(None),
        };
        let sets = Self::available();
        let found = sets.iter().find(|isa| format!("{isa:?}").eq_ignore_ascii_case(&name));
        found.map(|isa| Some(*isa)).ok_or_else(|| format!("BASIN_ISA is {name}, this processor has {sets:?}"))
    }

    /// Every set this processor has, widest first.
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && has_avx2() {
                sets.push(Self(Set::Avx512));
            }
            if has_avx2() {
                sets.push(Self(Set::Avx2));
            }
        }
        sets.push(Self(Set::Portable));
        sets
    }

    /// The set to use where rows are `channels` long: half-empty vectors of 16 give way to those of 8.
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))]
    pub(crate) fn for_channels(self, channels: usize) -> Self {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 if channels <= 8 => Self(Set::Avx2),
            _ => self,
        }
    }

    /// Lanes of one vector.
    pub(crate) fn lanes(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => 16,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => 8,
            Set::Portable => 8,
        }
    }
}

impl std::fmt::Debug for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// One vector register's worth of `f32`.
///
/// # Safety
/// The methods may only run on a processor that has the instruction set; pointers must be valid for
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
            // SAFETY: `Isa` values for a set exist only where the processor has it (`Isa::available`); the
            // rest of the contract is the caller's.
            unsafe {
                match isa.0 {
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
