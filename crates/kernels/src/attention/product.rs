//! Small dense products C = A·B out of cache: all seven of attention.
//!
//! Rows of B and C are whole vectors; A is read element by element with any strides, so that it may be a
//! transposed matrix. A tile of `R` rows by `V` vectors of C stays in registers. Where rows are not a multiple
//! of `R`, the last tile starts earlier and computes some rows again: the same values, cheaper than tiles
//! of every height.

use crate::simd::{Isa, Simd, dispatch};

/// A: element (r, k) is `data[r · row + k · step]`.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) data: &'a [f32],
    pub(super) row: usize,
    pub(super) step: usize,
}

/// Sizes of a product; `width` counts floats and is a multiple of the vector.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) rows: usize,
    pub(super) depth: usize,
    pub(super) width: usize,
}

/// C = A·B, row r times `scale[r]` where given. B is `[depth, width]`, dense; rows of C are `c_row` apart.
///
/// # Panics
/// When an operand is too short.
pub(super) fn product(
    a: Left<'_>,
    b: &[f32],
    c: &mut [f32],
    c_row: usize,
    extent: Extent,
    scale: Option<&[f32]>,
    isa: Isa,
) {
    let Extent { rows, depth, width } = extent;
    assert!(rows > 0 && depth > 0 && width > 0 && width.is_multiple_of(isa.lanes()));
    assert!((rows - 1) * a.row + (depth - 1) * a.step < a.data.len(), "A is too short");
    assert!(depth * width <= b.len() && (rows - 1) * c_row + width <= c.len(), "B or C is too short");
    assert!(scale.is_none_or(|s| rows <= s.len()), "too few factors");
    let job = Job {
        a: a.data.as_ptr(),
        a_row: a.row,
        a_step: a.step,
        b: b.as_ptr(),
        c: c.as_mut_ptr(),
        c_row,
        scale: scale.map_or(std::ptr::null(), <[f32]>::as_ptr),
        extent,
    };
    // SAFETY: all lengths were checked; the set comes from `Isa::available`.
    unsafe { product_on(isa, job) }
}

#[derive(Clone, Copy)]
struct Job {
    a: *const f32,
    a_row: usize,
    a_step: usize,
    b: *const f32,
    c: *mut f32,
    c_row: usize,
    scale: *const f32,
    extent: Extent,
}

dispatch!(fn product_on(job: Job) => product_any);

/// Cuts the width into as few strips as registers allow, all equally wide, the last one moved back.
#[inline(always)]
unsafe fn product_any<S: Simd>(job: Job) {
    let vectors = job.extent.width / S::LANES;
    let widest = if S::LANES == 16 { 5 } else { 3 };
    let strip = vectors.div_ceil(vectors.div_ceil(widest));
    let mut from = 0;
    while from < vectors {
        let column = from.min(vectors - strip) * S::LANES;
        // At most 26 accumulators in 32 registers with 16 lanes, 13 in 16 with 8; more would be spilled.
        // SAFETY: the strip is inside the width.
        unsafe {
            match (S::LANES, strip) {
                (16, 1) => rows::<S, 13, 1>(&job, column),
                (16, 2) => rows::<S, 13, 2>(&job, column),
                (16, 3) => rows::<S, 8, 3>(&job, column),
                (16, 4) => rows::<S, 6, 4>(&job, column),
                (16, _) => rows::<S, 5, 5>(&job, column),
                (_, 1) => rows::<S, 13, 1>(&job, column),
                (_, 2) => rows::<S, 6, 2>(&job, column),
                (_, _) => rows::<S, 3, 3>(&job, column),
            }
        }
        from += strip;
    }
}

/// All rows of one strip of `V` vectors from `column` on.
#[inline(always)]
unsafe fn rows<S: Simd, const R: usize, const V: usize>(job: &Job, column: usize) {
    let all = job.extent.rows;
    // SAFETY: every tile is inside the rows.
    unsafe {
        if all < R {
            // Loops, not closures: those would not be compiled for the caller's instruction set.
            for row in 0..all {
                tile::<S, 1, V, false>(job, row, column);
            }
            return;
        }
        let mut row = 0;
        while row < all {
            let at = row.min(all - R);
            if job.a_row == 1 {
                tile::<S, R, V, true>(job, at, column);
            } else {
                tile::<S, R, V, false>(job, at, column);
            }
            row += R;
        }
    }
}

#[inline(always)]
unsafe fn tile<S: Simd, const R: usize, const V: usize, const NEXT: bool>(
    job: &Job,
    row: usize,
    column: usize,
) {
    let (a_row, width) = (if NEXT { 1 } else { job.a_row }, job.extent.width);
    // SAFETY: `product` checked the operands for all rows and columns; the tile is inside them.
    unsafe {
        let mut sums = [[S::splat(0.0); V]; R];
        let mut b = job.b.add(column);
        // One pointer per four rows of A: an address then is a pointer and at most thrice the distance.
        let mut a = [job.a; R];
        for r in (0..R).step_by(4) {
            a[r] = job.a.add((row + r) * a_row);
        }
        for _ in 0..job.extent.depth {
            let mut right = [S::splat(0.0); V];
            for v in 0..V {
                right[v] = S::load(b.add(v * S::LANES));
            }
            for r in 0..R {
                let left = S::splat(*a[r / 4 * 4].add(r % 4 * a_row));
                for v in 0..V {
                    sums[r][v] = left.fma(right[v], sums[r][v]);
                }
            }
            // Past the last element only after the last round, and then unread.
            for r in (0..R).step_by(4) {
                a[r] = a[r].wrapping_add(job.a_step);
            }
            b = b.wrapping_add(width);
        }
        for r in 0..R {
            let factor = if job.scale.is_null() { 1.0 } else { *job.scale.add(row + r) };
            for v in 0..V {
                let c = job.c.add((row + r) * job.c_row + column + v * S::LANES);
                sums[r][v].mul(S::splat(factor)).store(c);
            }
        }
    }
}
