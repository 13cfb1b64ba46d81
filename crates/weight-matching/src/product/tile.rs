//! The inner loop: what one tile of a product looks like on each instruction set.

use super::row::Row;
#[cfg(target_arch = "x86_64")]
use super::vectors;
use std::ops::{Add, Mul};

/// Adds a tile to the sums: `R` units of the left operand, those of one part of a panel, times `P` panels of the right
/// one, side by side. Unsafe to call where the processor lacks the instruction set.
pub(super) type Loop<T, const R: usize, const P: usize> =
    unsafe fn(left: &[Row<T>], part: usize, right: &[[Row<T>; P]], sums: &mut [[Row<T>; P]; R]);

/// What a matrix can hold, with the inner loops for it: tiles that fill the registers of each instruction set.
pub(crate) trait Element:
    Copy + Default + Send + Sync + Add<Output = Self> + Mul<Output = Self>
{
    #[cfg(target_arch = "x86_64")]
    const AVX2: Loop<Self, 4, 1>;
    #[cfg(target_arch = "x86_64")]
    const AVX2_PAIR: Loop<Self, 2, 2>;
    #[cfg(target_arch = "x86_64")]
    const AVX512: Loop<Self, 8, 1>;
    #[cfg(target_arch = "x86_64")]
    const AVX512_PAIR: Loop<Self, 8, 2>;
}

impl Element for f32 {
    #[cfg(target_arch = "x86_64")]
    const AVX2: Loop<f32, 4, 1> = vectors::f32_avx2;
    #[cfg(target_arch = "x86_64")]
    const AVX2_PAIR: Loop<f32, 2, 2> = vectors::f32_avx2;
    #[cfg(target_arch = "x86_64")]
    const AVX512: Loop<f32, 8, 1> = vectors::f32_avx512;
    #[cfg(target_arch = "x86_64")]
    const AVX512_PAIR: Loop<f32, 8, 2> = vectors::f32_avx512;
}

impl Element for f64 {
    #[cfg(target_arch = "x86_64")]
    const AVX2: Loop<f64, 4, 1> = vectors::f64_avx2;
    #[cfg(target_arch = "x86_64")]
    const AVX2_PAIR: Loop<f64, 2, 2> = vectors::f64_avx2;
    #[cfg(target_arch = "x86_64")]
    const AVX512: Loop<f64, 8, 1> = vectors::f64_avx512;
    #[cfg(target_arch = "x86_64")]
    const AVX512_PAIR: Loop<f64, 8, 2> = vectors::f64_avx512;
}

/// The loop for every processor: multiply, then add.
pub(super) fn any<T: Element, const R: usize, const P: usize>(
    left: &[Row<T>],
    part: usize,
    right: &[[Row<T>; P]],
    sums: &mut [[Row<T>; P]; R],
) {
    for (left, right) in left.iter().zip(right) {
        for (sums, &left) in sums.iter_mut().zip(&left[part * R..]) {
            for (sums, right) in sums.iter_mut().zip(right) {
                sums.iter_mut().zip(right).for_each(|(sum, &right)| *sum = left * right + *sum);
            }
        }
    }
}
