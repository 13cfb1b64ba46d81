//! The one inner loop: a tile of rows × one or two vectors of columns, accumulated in registers.
//!
//! The three passes of a convolution, their Winograd forms, and dense layers go through it (attention's small
//! products, which stay in cache, have their own). `a` is read element by element and broadcast, `b` vector by vector; strides say where. With
//! 14 rows × 2 vectors of 16 lanes, 28 accumulators hide the latency of the multiply-add, and sixteen loads
//! feed 28 multiply-adds.
#![allow(clippy::too_many_arguments)]

use crate::simd::{Isa, Simd, dispatch};

/// out[r][n] (+)= Σ_s Σ_k a[s·a_segment + r·row + k·step] · b[s·b_segment + k·b_row + n]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    /// Number of segments s, for example kernel rows.
    pub(crate) segments: usize,
    /// Number of terms k in a segment.
    pub(crate) depth: usize,
    pub(crate) a_segment: usize,
    pub(crate) a: Along,
    pub(crate) b_segment: usize,
    pub(crate) b_row: usize,
    pub(crate) out_row: usize,
}

/// The direction in which `a` is contiguous; the other one has this stride.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Along {
    /// Terms are neighbours, rows are a stride apart: `a` as it is.
    Terms(usize),
    /// Rows are neighbours, terms are a stride apart: `a` transposed.
    Rows(usize),
}

impl Along {
    /// Elements from one row to the next, and from one term to the next.
    fn strides(self) -> (usize, usize) {
        match self {
            Self::Terms(row) => (row, 1),
            Self::Rows(step) => (1, step),
        }
    }
}

impl Product {
    /// A plain matrix product: `b` and `out` have rows of `b_row` and `out_row` elements.
    pub(crate) fn matrices(depth: usize, a: Along, b_row: usize, out_row: usize) -> Self {
        Self { segments: 1, depth, a_segment: 0, a, b_segment: 0, b_row, out_row }
    }

    /// Elements of `a` from the first to one past the last that `rows` rows touch.
    pub(crate) fn a_span(&self, rows: usize) -> usize {
        match self.segments * self.depth * rows {
            0 => 0,
            _ => {
                let (row, step) = self.a.strides();
                (self.segments - 1) * self.a_segment + (rows - 1) * row + (self.depth - 1) * step + 1
            }
        }
    }
}

/// `rows` rows of one block of `vectors` (1 or 2) vectors; the first `columns` of it are stored. With `add` the
/// result is added to what `out` holds.
///
/// # Safety
/// `a`, `b` and `out` must be valid for what the strides reach; `b` for whole vectors.
pub(crate) unsafe fn multiply(
    isa: Isa,
    vectors: usize,
    a: *const f32,
    b: *const f32,
    out: *mut f32,
    product: Product,
    rows: usize,
    columns: usize,
    add: bool,
) {
    // SAFETY: passed on.
    unsafe {
        let run = match (product.a, vectors) {
            (Along::Terms(_), 1) => one,
            (Along::Terms(_), _) => two,
            (Along::Rows(_), 1) => one_transposed,
            (Along::Rows(_), _) => two_transposed,
        };
        run(isa, a, b, out, product, rows, columns, add);
    }
}

/// The strip for one direction of `a` and one number of vectors.
macro_rules! strips {
    ($($name:ident: $transposed:literal, $vectors:literal => $body:ident;)*) => {$(
        dispatch!(
            fn $name(a: *const f32, b: *const f32, out: *mut f32, p: Product, rows: usize, columns: usize, add: bool) => $body
        );

        #[inline(always)]
        unsafe fn $body<S: Simd>(
            a: *const f32,
            b: *const f32,
            out: *mut f32,
            p: Product,
            rows: usize,
            columns: usize,
            add: bool,
        ) {
            // SAFETY: passed on.
            unsafe { strip::<S, $vectors, $transposed>(a, b, out, p, rows, columns, add) }
        }
    )*};
}
strips! {
    one: false, 1 => strip_one;
    two: false, 2 => strip_two;
    one_transposed: true, 1 => strip_one_transposed;
    two_transposed: true, 2 => strip_two_transposed;
}

/// `R` rows × `V` vectors. The direction of `a` is a constant, so that addresses are a pointer and a constant or
/// one shared index instead of a pointer per row.
#[inline(always)]
unsafe fn tile<S: Simd, const R: usize, const V: usize, const TRANSPOSED: bool>(
    a: *const f32,
    b: *const f32,
    out: *mut f32,
    p: Product,
    columns: usize,
    add: bool,
) {
    // SAFETY: the caller guarantees that the strides stay inside a, b and out.
    unsafe {
        let (row, step) = match (TRANSPOSED, p.a) {
            (true, Along::Rows(step) | Along::Terms(step)) => (1, step),
            (false, Along::Rows(row) | Along::Terms(row)) => (row, 1),
        };
        let mut acc = [[S::splat(0.0); V]; R];
        let whole = columns >= V * S::LANES;
        // Lines of the output, which a store must have too, come from afar while the products are made.
        for r in 0..R {
            for v in 0..V {
                S::prefetch(out.wrapping_add(r * p.out_row + v * S::LANES));
            }
        }
        for segment in 0..p.segments {
            let line = a.add(segment * p.a_segment);
            let mut weights = b.add(segment * p.b_segment);
            for k in 0..p.depth {
                let mut w = [S::splat(0.0); V];
                for v in 0..V {
                    w[v] = S::load(weights.add(v * S::LANES));
                }
                for r in 0..R {
                    let x = S::splat(*line.add(r * row + k * step));
                    for v in 0..V {
                        acc[r][v] = x.fma(w[v], acc[r][v]);
                    }
                }
                // Not `add`: after the last term these lie beyond what they point into.
                weights = weights.wrapping_add(p.b_row);
            }
        }
        for r in 0..R {
            let to = out.add(r * p.out_row);
            for v in 0..V {
                let (to, left) = (to.wrapping_add(v * S::LANES), columns.saturating_sub(v * S::LANES));
                match (whole, add) {
                    (true, false) => acc[r][v].store(to),
                    (true, true) => S::load(to).add(acc[r][v]).store(to),
                    (false, false) => acc[r][v].store_first(to, left.min(S::LANES)),
                    (false, true) => {
                        let left = left.min(S::LANES);
                        S::load_first(to, left).add(acc[r][v]).store_first(to, left);
                    }
                }
            }
        }
    }
}

/// All rows in tiles of nearly equal height, so that no small rest runs alone.
#[inline(always)]
unsafe fn strip<S: Simd, const V: usize, const TRANSPOSED: bool>(
    mut a: *const f32,
    b: *const f32,
    mut out: *mut f32,
    p: Product,
    rows: usize,
    columns: usize,
    add: bool,
) {
    // What fits the register file next to one broadcast and V vectors of b.
    let tallest = match (S::LANES, V) {
        (16, 1) => 12,
        (16, _) => 14,
        (_, 1) => 12,
        _ => 6,
    };
    let tiles = rows.div_ceil(tallest).max(1);
    let (height, taller) = (rows / tiles, rows % tiles);
    for at in 0..tiles {
        let r = height + usize::from(at < taller);
        // SAFETY: as for `tile`; the tiles cover exactly `rows` rows.
        unsafe {
            macro_rules! heights {
                ($($r:literal)*) => {
                    match r {
                        $($r if $r <= tallest => tile::<S, $r, V, TRANSPOSED>(a, b, out, p, columns, add),)*
                        _ => {}
                    }
                };
            }
            heights!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
            // Not `add`: after the last tile these lie beyond what they point into.
            a = a.wrapping_add(r * p.a.strides().0);
            out = out.wrapping_add(r * p.out_row);
        }
    }
}
