//! The two inner loops of every convolution pass: a tile of pixels × channels, and a tile of taps × channels.
#![allow(clippy::too_many_arguments)]

use crate::simd::{Simd, dispatch};

/// Strides of a product of image rows with packed weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    /// Kernel rows.
    pub(crate) taps: usize,
    /// Elements from one image row to the next.
    pub(crate) row: usize,
    /// Contiguous inputs of one kernel row: kernel width × channels.
    pub(crate) run: usize,
    /// Elements from one pixel's inputs to the next pixel's.
    pub(crate) step: usize,
    /// Elements from one output pixel to the next.
    pub(crate) out_step: usize,
}

/// `P` pixels × `V` vectors: out[p] = Σ_rows Σ_k x[row][p·step + k] · w[row][k], first `columns` stored.
#[inline(always)]
unsafe fn tile<S: Simd, const P: usize, const V: usize>(
    x: *const f32,
    w: *const f32,
    out: *mut f32,
    r: Rows,
    columns: usize,
) {
    // SAFETY: the caller guarantees that x spans the rows under P pixels, that w holds taps·run·V vectors
    // and that out has room for P pixels of `columns` elements.
    unsafe {
        let mut acc = [[S::splat(0.0); V]; P];
        let mut weights = w;
        for tap in 0..r.taps {
            let line = x.add(tap * r.row);
            for k in 0..r.run {
                let mut b = [S::splat(0.0); V];
                for v in 0..V {
                    b[v] = S::load(weights.add(v * S::LANES));
                }
                weights = weights.add(V * S::LANES);
                for p in 0..P {
                    let a = S::splat(*line.add(p * r.step + k));
                    for v in 0..V {
                        acc[p][v] = a.fma(b[v], acc[p][v]);
                    }
                }
            }
        }
        for p in 0..P {
            let to = out.add(p * r.out_step);
            if columns >= V * S::LANES {
                for v in 0..V {
                    acc[p][v].store(to.add(v * S::LANES));
                }
            } else {
                let mut full = [0.0f32; 64];
                for v in 0..V {
                    acc[p][v].store(full.as_mut_ptr().add(v * S::LANES));
                }
                std::ptr::copy_nonoverlapping(full.as_ptr(), to, columns);
            }
        }
    }
}

/// One line of `pixels` output pixels in tiles of `P`, then halves of it.
#[inline(always)]
unsafe fn line<S: Simd, const V: usize>(
    mut x: *const f32,
    w: *const f32,
    mut out: *mut f32,
    r: Rows,
    pixels: usize,
    columns: usize,
) {
    // Sixteen accumulators hide the latency of the multiply-add on every set with 32 registers, eight on
    // the others.
    let widest = if S::LANES == 16 { 16 / V } else { 8 / V };
    let mut left = pixels;
    // SAFETY: as for `tile`; the pointers advance over exactly `pixels` pixels.
    unsafe {
        macro_rules! run {
            ($p:literal) => {
                while left >= $p && $p <= widest {
                    tile::<S, $p, V>(x, w, out, r, columns);
                    x = x.add($p * r.step);
                    out = out.add($p * r.out_step);
                    left -= $p;
                }
            };
        }
        run!(16);
        run!(8);
        run!(4);
        run!(2);
        run!(1);
    }
}

#[inline(always)]
unsafe fn line_1<S: Simd>(
    x: *const f32,
    w: *const f32,
    out: *mut f32,
    r: Rows,
    pixels: usize,
    columns: usize,
) {
    // SAFETY: passed on.
    unsafe { line::<S, 1>(x, w, out, r, pixels, columns) }
}

#[inline(always)]
unsafe fn line_2<S: Simd>(
    x: *const f32,
    w: *const f32,
    out: *mut f32,
    r: Rows,
    pixels: usize,
    columns: usize,
) {
    // SAFETY: passed on.
    unsafe { line::<S, 2>(x, w, out, r, pixels, columns) }
}

dispatch!(
    /// One output line against weights of one vector per input.
    pub(crate) fn line_one(x: *const f32, w: *const f32, out: *mut f32, r: Rows, pixels: usize, columns: usize) => line_1
);
dispatch!(
    /// One output line against weights of two vectors per input.
    pub(crate) fn line_two(x: *const f32, w: *const f32, out: *mut f32, r: Rows, pixels: usize, columns: usize) => line_2
);

/// Extents and strides of one weight-gradient pass over an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outer {
    /// Output height and width.
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Elements from one input row under an output row to the next such row.
    pub(crate) x_row: usize,
    /// Elements from one output pixel's inputs to the next pixel's.
    pub(crate) x_step: usize,
    /// Elements from one gradient pixel to the next (padded channels).
    pub(crate) dy_step: usize,
    /// Elements from one row of the weight gradient to the next (padded channels).
    pub(crate) dw_row: usize,
}

/// `R` inputs × `V` vectors, summed over all output pixels, added to dw.
#[inline(always)]
unsafe fn outer<S: Simd, const R: usize, const V: usize>(
    x: *const f32,
    dy: *const f32,
    dw: *mut f32,
    o: Outer,
) {
    // SAFETY: the caller guarantees that x spans R inputs under every output pixel, dy all pixels, dw R rows.
    unsafe {
        let mut acc = [[S::splat(0.0); V]; R];
        for y in 0..o.height {
            let mut a = x.add(y * o.x_row);
            let mut b = dy.add(y * o.width * o.dy_step);
            for _ in 0..o.width {
                let mut g = [S::splat(0.0); V];
                for v in 0..V {
                    g[v] = S::load(b.add(v * S::LANES));
                }
                for r in 0..R {
                    let value = S::splat(*a.add(r));
                    for v in 0..V {
                        acc[r][v] = value.fma(g[v], acc[r][v]);
                    }
                }
                a = a.add(o.x_step);
                b = b.add(o.dy_step);
            }
        }
        for r in 0..R {
            for v in 0..V {
                let to = dw.add(r * o.dw_row + v * S::LANES);
                S::load(to).add(acc[r][v]).store(to);
            }
        }
    }
}

/// All `run` inputs of one kernel row in blocks.
#[inline(always)]
unsafe fn outer_run<S: Simd, const V: usize>(
    x: *const f32,
    dy: *const f32,
    dw: *mut f32,
    o: Outer,
    run: usize,
) {
    let widest = if S::LANES == 16 { 24 / V } else { 12 / V };
    let mut done = 0;
    // SAFETY: as for `outer`; blocks cover 0..run exactly.
    unsafe {
        macro_rules! block {
            ($r:literal) => {
                while run - done >= $r && $r <= widest {
                    outer::<S, $r, V>(x.add(done), dy, dw.add(done * o.dw_row), o);
                    done += $r;
                }
            };
        }
        block!(24);
        block!(16);
        block!(12);
        block!(8);
        block!(6);
        block!(4);
        block!(2);
        block!(1);
    }
}

#[inline(always)]
unsafe fn outer_1<S: Simd>(x: *const f32, dy: *const f32, dw: *mut f32, o: Outer, run: usize) {
    // SAFETY: passed on.
    unsafe { outer_run::<S, 1>(x, dy, dw, o, run) }
}

#[inline(always)]
unsafe fn outer_2<S: Simd>(x: *const f32, dy: *const f32, dw: *mut f32, o: Outer, run: usize) {
    // SAFETY: passed on.
    unsafe { outer_run::<S, 2>(x, dy, dw, o, run) }
}

dispatch!(
    /// One kernel row of the weight gradient, one vector of output channels.
    pub(crate) fn outer_one(x: *const f32, dy: *const f32, dw: *mut f32, o: Outer, run: usize) => outer_1
);
dispatch!(
    /// One kernel row of the weight gradient, two vectors of output channels.
    pub(crate) fn outer_two(x: *const f32, dy: *const f32, dw: *mut f32, o: Outer, run: usize) => outer_2
);
