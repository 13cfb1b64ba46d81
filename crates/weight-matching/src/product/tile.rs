//! The inner loop: what one tile of a product looks like on each instruction set.

use super::row::{QUAD, Row};
#[cfg(target_arch = "x86_64")]
use super::vectors;
use std::ops::{Add, Mul, Sub};

/// Adds a tile to the sums: `R` units of the left operand times `P` panels of the right one, side by side. The value of
/// a unit at a term lies in `left` at the place of the term plus that of the unit. Unsafe to call where the CPU
/// lacks the instruction set, or where such a place lies outside.
pub(super) type Loop<T, const R: usize, const P: usize> = unsafe fn(
    left: &[T],
    units: [usize; R],
    places: &[usize],
    right: &[[Row<T>; P]],
    sums: &mut [[Row<T>; P]; R],
);

/// The loop for one panel at a time whose sums and row of a panel fill the 16 registers of AVX2: with twelve vectors of sums
/// for `f32`, whose rows are two vectors, and eight for `f64`, whose rows are four.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Avx2<T> {
    Six(Loop<T, 6, 1>),
    Two(Loop<T, 2, 1>),
}

/// What a matrix can hold, with the inner loops for it: tiles that fill the registers of each instruction set.
pub(crate) trait Element:
    Copy + Default + Send + Sync + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self>
{
    #[cfg(target_arch = "x86_64")]
    const AVX2: Avx2<Self>;
    #[cfg(target_arch = "x86_64")]
    const AVX512: Loop<Self, 8, 1>;
    #[cfg(target_arch = "x86_64")]
    const AVX512_PAIR: Loop<Self, 8, 2>;

    /// Rows and columns of a small matrix changed over.
    fn transposed(of: [[Self; QUAD]; QUAD]) -> [[Self; QUAD]; QUAD] {
        std::array::from_fn(|i| std::array::from_fn(|j| of[j][i]))
    }
}

impl Element for f32 {
    #[cfg(target_arch = "x86_64")]
    const AVX2: Avx2<f32> = Avx2::Six(vectors::f32_avx2);
    #[cfg(target_arch = "x86_64")]
    const AVX512: Loop<f32, 8, 1> = vectors::f32_avx512;
    #[cfg(target_arch = "x86_64")]
    const AVX512_PAIR: Loop<f32, 8, 2> = vectors::f32_avx512;

    #[cfg(target_arch = "x86_64")]
    fn transposed(of: [[f32; QUAD]; QUAD]) -> [[f32; QUAD]; QUAD] {
        vectors::transposed(of)
    }
}

impl Element for f64 {
    #[cfg(target_arch = "x86_64")]
    const AVX2: Avx2<f64> = Avx2::Two(vectors::f64_avx2);
    #[cfg(target_arch = "x86_64")]
    const AVX512: Loop<f64, 8, 1> = vectors::f64_avx512;
    #[cfg(target_arch = "x86_64")]
    const AVX512_PAIR: Loop<f64, 8, 2> = vectors::f64_avx512;
}

/// The loop for every CPU: multiply, then add.
pub(super) fn any<T: Element, const R: usize, const P: usize>(
    left: &[T],
    units: [usize; R],
    places: &[usize],
    right: &[[Row<T>; P]],
    sums: &mut [[Row<T>; P]; R],
) {
    for (place, right) in places.iter().zip(right) {
        for (sums, unit) in sums.iter_mut().zip(units) {
            let left = left[place + unit];
            for (sums, right) in sums.iter_mut().zip(right) {
                sums.iter_mut().zip(right).for_each(|(sum, &right)| *sum = left * right + *sum);
            }
        }
    }
}
