//! Copies of one head's rows into dense, aligned scratch and back, as they are or transposed.

use crate::buffer::Buffer;
use crate::simd::{Isa, Simd, dispatch};

/// Scratch arrays of these lengths, zeroed, each starting on a cache line of 64 bytes.
pub(super) fn with_scratch<const N: usize, T>(
    lengths: [usize; N],
    work: impl FnOnce([&mut [f32]; N]) -> T,
) -> T {
    const LINE: usize = 16;
    let rounded = lengths.map(|len| len.next_multiple_of(LINE));
    let mut memory = Buffer::zeroed(rounded.iter().sum());
    let mut rest = &mut memory[..];
    work(rounded.map(|len| {
        let (array, after) = std::mem::take(&mut rest).split_at_mut(len);
        rest = after;
        array
    }))
}

/// Copies `rows × columns` between arrays whose rows are `from_row` and `to_row` apart.
///
/// # Panics
/// When an array is too short.
pub(super) fn copy_rows(
    from: &[f32],
    from_row: usize,
    to: &mut [f32],
    to_row: usize,
    (rows, columns): (usize, usize),
    isa: Isa,
) {
    assert!((rows - 1) * from_row + columns <= from.len() && (rows - 1) * to_row + columns <= to.len());
    // SAFETY: both lengths were checked; the set comes from `Isa::available`.
    unsafe { copy_on(isa, from.as_ptr(), from_row, to.as_mut_ptr(), to_row, rows, columns) }
}

dispatch!(fn copy_on(
    from: *const f32,
    from_row: usize,
    to: *mut f32,
    to_row: usize,
    rows: usize,
    columns: usize,
) => copy_any);

#[inline(always)]
unsafe fn copy_any<S: Simd>(
    from: *const f32,
    from_row: usize,
    to: *mut f32,
    to_row: usize,
    rows: usize,
    columns: usize,
) {
    let whole = columns / S::LANES * S::LANES;
    for row in 0..rows {
        // SAFETY: `copy_rows` checked the lengths.
        unsafe {
            let (from, to) = (from.add(row * from_row), to.add(row * to_row));
            for column in (0..whole).step_by(S::LANES) {
                S::load(from.add(column)).store(to.add(column));
            }
            if whole < columns {
                S::load_first(from.add(whole), columns - whole).store_first(to.add(whole), columns - whole);
            }
        }
    }
}

/// `to[column · to_row + row] = from[row · from_row + column]` for `rows × columns`.
///
/// # Panics
/// When an array is too short.
pub(super) fn transpose(
    from: &[f32],
    from_row: usize,
    to: &mut [f32],
    to_row: usize,
    (rows, columns): (usize, usize),
    isa: Isa,
) {
    assert!((rows - 1) * from_row + columns <= from.len() && (columns - 1) * to_row + rows <= to.len());
    #[cfg(target_arch = "x86_64")]
    let blocks =
        if isa.set() == crate::simd::Set::Portable { (0, 0) } else { (rows / 8 * 8, columns / 8 * 8) };
    #[cfg(not(target_arch = "x86_64"))]
    let (blocks, _) = ((0, 0), isa);
    #[cfg(target_arch = "x86_64")]
    if isa.set() != crate::simd::Set::Portable {
        // SAFETY: both lengths were checked; all sets but the portable one have AVX2.
        unsafe { x86::blocks(from.as_ptr(), from_row, to.as_mut_ptr(), to_row, blocks) }
    }
    for row in 0..rows {
        let first = if row < blocks.0 { blocks.1 } else { 0 };
        for column in first..columns {
            to[column * to_row + row] = from[row * from_row + column];
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// Transposes a matrix of whole blocks, 8 rows by 4 columns at a time.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn blocks(
        from: *const f32,
        from_row: usize,
        to: *mut f32,
        to_row: usize,
        (rows, columns): (usize, usize),
    ) {
        for row in (0..rows).step_by(8) {
            for column in (0..columns).step_by(4) {
                // SAFETY: the caller vouches for `rows × columns` in both.
                unsafe {
                    let at = from.add(row * from_row + column);
                    let pair = |r: usize| {
                        let low = _mm256_castps128_ps256(_mm_loadu_ps(at.add(r * from_row)));
                        _mm256_insertf128_ps::<1>(low, _mm_loadu_ps(at.add((r + 4) * from_row)))
                    };
                    let (r0, r1, r2, r3) = (pair(0), pair(1), pair(2), pair(3));
                    let (even_low, even_high) = (_mm256_unpacklo_ps(r0, r1), _mm256_unpackhi_ps(r0, r1));
                    let (odd_low, odd_high) = (_mm256_unpacklo_ps(r2, r3), _mm256_unpackhi_ps(r2, r3));
                    let to = to.add(column * to_row + row);
                    _mm256_storeu_ps(to, _mm256_shuffle_ps::<0x44>(even_low, odd_low));
                    _mm256_storeu_ps(to.add(to_row), _mm256_shuffle_ps::<0xEE>(even_low, odd_low));
                    _mm256_storeu_ps(to.add(2 * to_row), _mm256_shuffle_ps::<0x44>(even_high, odd_high));
                    _mm256_storeu_ps(to.add(3 * to_row), _mm256_shuffle_ps::<0xEE>(even_high, odd_high));
                }
            }
        }
    }
}
