//! Bias of a dense layer: added to rows, with a shortcut where there is one, and its gradient.

use crate::simd::{Isa, Simd, dispatch};

/// Adds the bias (`[c]`) to every row of `rows` (`[rows, c]`), and `residual` (like `rows`) where given.
///
/// # Panics
/// When lengths disagree.
pub fn add_bias(rows: &mut [f32], bias: &[f32], residual: Option<&[f32]>, isa: Isa) {
    let c = bias.len();
    assert!(c > 0 && rows.len().is_multiple_of(c) && residual.is_none_or(|r| r.len() == rows.len()));
    let residual = residual.map_or(std::ptr::null(), <[f32]>::as_ptr);
    // SAFETY: all lengths were checked; the set comes from `Isa::available`.
    unsafe { add_bias_on(isa, rows.as_mut_ptr(), rows.len() / c, bias.as_ptr(), c, residual) }
}

/// Adds the column sums of `dy` (`[n, rows_per_image, c]`) to `dbias` (`[c]`): each image summed by itself,
/// images in order, so that grouping images differently changes no bit.
///
/// # Panics
/// When lengths disagree.
pub fn bias_gradient(dy: &[f32], rows_per_image: usize, dbias: &mut [f32], isa: Isa) {
    let c = dbias.len();
    let one = rows_per_image.checked_mul(c).filter(|one| *one > 0 && dy.len().is_multiple_of(*one));
    let Some(one) = one else { panic!("{} gradients by {rows_per_image}×{c}", dy.len()) };
    for image in dy.chunks_exact(one) {
        // SAFETY: the image is `rows_per_image` rows of `c`; the set comes from `Isa::available`.
        unsafe { column_sums_on(isa, image.as_ptr(), rows_per_image, dbias.as_mut_ptr(), c) }
    }
}

dispatch!(fn add_bias_on(
    rows: *mut f32,
    count: usize,
    bias: *const f32,
    c: usize,
    residual: *const f32,
) => add_bias_any);
dispatch!(fn column_sums_on(dy: *const f32, rows: usize, dbias: *mut f32, c: usize) => column_sums_any);

#[inline(always)]
unsafe fn add_bias_any<S: Simd>(
    rows: *mut f32,
    count: usize,
    bias: *const f32,
    c: usize,
    residual: *const f32,
) {
    let whole = c / S::LANES * S::LANES;
    for row in 0..count {
        // SAFETY: `add_bias` checked the lengths.
        unsafe {
            let at = row * c;
            for i in (0..whole).step_by(S::LANES) {
                let mut sum = S::load(rows.add(at + i)).add(S::load(bias.add(i)));
                if !residual.is_null() {
                    sum = sum.add(S::load(residual.add(at + i)));
                }
                sum.store(rows.add(at + i));
            }
            if whole < c {
                let (last, at) = (c - whole, at + whole);
                let mut sum = S::load_first(rows.add(at), last).add(S::load_first(bias.add(whole), last));
                if !residual.is_null() {
                    sum = sum.add(S::load_first(residual.add(at), last));
                }
                sum.store_first(rows.add(at), last);
            }
        }
    }
}

#[inline(always)]
unsafe fn column_sums_any<S: Simd>(dy: *const f32, rows: usize, dbias: *mut f32, c: usize) {
    /// Vectors summed side by side: enough to hide an addition's latency.
    const WIDE: usize = 8;
    // SAFETY: `bias_gradient` checked the lengths.
    unsafe {
        let mut at = 0;
        while at + WIDE * S::LANES <= c {
            let mut sums = [S::splat(0.0); WIDE];
            for row in 0..rows {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add(S::load(dy.add(row * c + at + v * S::LANES)));
                }
            }
            for (v, sum) in sums.into_iter().enumerate() {
                let to = dbias.add(at + v * S::LANES);
                S::load(to).add(sum).store(to);
            }
            at += WIDE * S::LANES;
        }
        while at < c {
            let last = (c - at).min(S::LANES);
            let mut sum = S::splat(0.0);
            for row in 0..rows {
                sum = sum.add(S::load_first(dy.add(row * c + at), last));
            }
            S::load_first(dbias.add(at), last).add(sum).store_first(dbias.add(at), last);
            at += last;
        }
    }
}
