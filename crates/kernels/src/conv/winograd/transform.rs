//! The one-dimensional transforms of F(4, 3) and their tiles, a vector of channels at a time.
//!
//! F(4, 3) evaluates polynomials at 0, ±a, ±b and ∞ (Winograd 1980; for convolutions Lavin and Gray 2016,
//! arXiv 1509.09308). The usual points 1 and 2 lose a digit and a half; 3/4 and 3/2 are exact in binary and
//! lose less than one (the error grows with the spread of the points' powers).

use crate::simd::{Simd, dispatch};

const A: f32 = 0.75;
const B: f32 = 1.5;
const A2: f32 = A * A;
const B2: f32 = B * B;
/// Π over the other points of (point − other), for 0, ±a and ±b.
const N0: f32 = A2 * B2;
const NA: f32 = 2.0 * A2 * (A2 - B2);
const NB: f32 = 2.0 * B2 * (B2 - A2);

/// Bᵀd: six inputs to six points.
#[inline(always)]
unsafe fn input<S: Simd>(d: [S; 6]) -> [S; 6] {
    // SAFETY: instantiated under the right instruction set, as all below.
    unsafe {
        let (sum, product) = (S::splat(-(A2 + B2)), S::splat(A2 * B2));
        let (minus_a2, minus_b2) = (S::splat(-A2), S::splat(-B2));
        let (even_a, odd_a) = (d[2].fma(minus_b2, d[4]), d[1].fma(minus_b2, d[3]));
        let (even_b, odd_b) = (d[2].fma(minus_a2, d[4]), d[1].fma(minus_a2, d[3]));
        [
            d[0].fma(product, d[2].fma(sum, d[4])),
            odd_a.fma(S::splat(A), even_a),
            odd_a.fma(S::splat(-A), even_a),
            odd_b.fma(S::splat(B), even_b),
            odd_b.fma(S::splat(-B), even_b),
            d[1].fma(product, d[3].fma(sum, d[5])),
        ]
    }
}

/// Aᵀm: six points to four outputs.
#[inline(always)]
unsafe fn output<S: Simd>(m: [S; 6]) -> [S; 4] {
    // SAFETY: as for `input`.
    unsafe {
        let (even_a, odd_a) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (even_b, odd_b) = (m[3].add(m[4]), m[3].sub(m[4]));
        [
            m[0].add(even_a.add(even_b)),
            odd_a.fma(S::splat(A), odd_b.mul(S::splat(B))),
            even_a.fma(S::splat(A2), even_b.mul(S::splat(B2))),
            odd_a.fma(S::splat(A * A2), odd_b.fma(S::splat(B * B2), m[5])),
        ]
    }
}

/// Ay, the transpose of [`output`]: four output gradients to six points.
#[inline(always)]
unsafe fn output_gradient<S: Simd>(y: [S; 4]) -> [S; 6] {
    // SAFETY: as for `input`.
    unsafe {
        let (even_a, odd_a) =
            (y[2].fma(S::splat(A2), y[0]), y[3].fma(S::splat(A * A2), y[1].mul(S::splat(A))));
        let (even_b, odd_b) =
            (y[2].fma(S::splat(B2), y[0]), y[3].fma(S::splat(B * B2), y[1].mul(S::splat(B))));
        [y[0], even_a.add(odd_a), even_a.sub(odd_a), even_b.add(odd_b), even_b.sub(odd_b), y[3]]
    }
}

/// Gg: three weights to six points.
#[inline(always)]
unsafe fn weights<S: Simd>(g: [S; 3]) -> [S; 6] {
    // SAFETY: as for `input`.
    unsafe {
        let even_a = g[2].fma(S::splat(A2 / NA), g[0].mul(S::splat(1.0 / NA)));
        let even_b = g[2].fma(S::splat(B2 / NB), g[0].mul(S::splat(1.0 / NB)));
        [
            g[0].mul(S::splat(1.0 / N0)),
            g[1].fma(S::splat(A / NA), even_a),
            g[1].fma(S::splat(-A / NA), even_a),
            g[1].fma(S::splat(B / NB), even_b),
            g[1].fma(S::splat(-B / NB), even_b),
            g[2],
        ]
    }
}

/// Gᵀm, the transpose of [`weights`]: six points to three weight gradients.
#[inline(always)]
unsafe fn weight_gradient<S: Simd>(m: [S; 6]) -> [S; 3] {
    // SAFETY: as for `input`.
    unsafe {
        let (even_a, odd_a) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (even_b, odd_b) = (m[3].add(m[4]), m[3].sub(m[4]));
        [
            m[0].mul(S::splat(1.0 / N0)).add(even_a.fma(S::splat(1.0 / NA), even_b.mul(S::splat(1.0 / NB)))),
            odd_a.fma(S::splat(A / NA), odd_b.mul(S::splat(B / NB))),
            even_a.fma(S::splat(A2 / NA), even_b.fma(S::splat(B2 / NB), m[5])),
        ]
    }
}

/// Transforms the columns, then the rows, of a tile: an expression in `i`, `j` gives its `I`² vectors, another
/// takes the `O`² results. A macro, because a closure would not be compiled for the caller's instruction set.
macro_rules! both_ways {
    ($transform:ident::<$s:ident>($inputs:literal -> $outputs:literal),
        load($i:ident, $j:ident) $load:expr, store($y:ident, $x:ident, $value:ident) $store:expr) => {{
        let zero = $s::splat(0.0);
        let mut half = [[zero; $inputs]; $outputs];
        for $j in 0..$inputs {
            let mut column = [zero; $inputs];
            for $i in 0..$inputs {
                column[$i] = $load;
            }
            let column = $transform::<$s>(column);
            for i in 0..$outputs {
                half[i][$j] = column[i];
            }
        }
        for $y in 0..$outputs {
            let row = $transform::<$s>(half[$y]);
            for $x in 0..$outputs {
                let $value = row[$x];
                $store;
            }
        }
    }};
}

/// Where the vectors of tiles lie: a pointer per pixel and the distance between the planes of points.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// Pixels of every tile, row by row; null where a tile reaches beyond the image.
    pub(super) pixels: *const *mut f32,
    /// Points `[36][tile][channels]`, planes `plane` apart.
    pub(super) points: *mut f32,
    pub(super) plane: usize,
    pub(super) tiles: usize,
    /// A whole number of vectors.
    pub(super) channels: usize,
    /// Whether pixels are added to instead of written.
    pub(super) add: bool,
}

/// A pixel's vector, zero beyond the image.
#[inline(always)]
unsafe fn pixel<S: Simd>(pixels: *const *mut f32, at: usize, channel: usize) -> S {
    // SAFETY: the caller's table holds valid pixels of `channels` elements, or null.
    unsafe {
        let p = *pixels.add(at);
        if p.is_null() { S::splat(0.0) } else { S::load(p.add(channel)) }
    }
}

#[inline(always)]
unsafe fn inputs_body<S: Simd>(t: Tiles) {
    // SAFETY: the table has 36 pixels per tile, the planes room for all tiles.
    unsafe {
        for tile in 0..t.tiles {
            let pixels = t.pixels.add(tile * 36);
            for c in (0..t.channels).step_by(S::LANES) {
                let to = t.points.add(tile * t.channels + c);
                both_ways!(
                    input::<S>(6 -> 6),
                    load(i, j) pixel(pixels, i * 6 + j, c),
                    store(i, j, v) v.store(to.add((i * 6 + j) * t.plane))
                );
            }
        }
    }
}

#[inline(always)]
unsafe fn output_gradients_body<S: Simd>(t: Tiles) {
    // SAFETY: the table has 16 pixels per tile, the planes room for all tiles.
    unsafe {
        for tile in 0..t.tiles {
            let pixels = t.pixels.add(tile * 16);
            for c in (0..t.channels).step_by(S::LANES) {
                let to = t.points.add(tile * t.channels + c);
                both_ways!(
                    output_gradient::<S>(4 -> 6),
                    load(i, j) pixel(pixels, i * 4 + j, c),
                    store(i, j, v) v.store(to.add((i * 6 + j) * t.plane))
                );
            }
        }
    }
}

#[inline(always)]
unsafe fn outputs_body<S: Simd>(t: Tiles) {
    // SAFETY: the table has 16 pixels per tile, the planes hold all tiles.
    unsafe {
        for tile in 0..t.tiles {
            let pixels = t.pixels.add(tile * 16);
            for c in (0..t.channels).step_by(S::LANES) {
                let from = t.points.add(tile * t.channels + c);
                both_ways!(
                    output::<S>(6 -> 4),
                    load(i, j) S::load(from.add((i * 6 + j) * t.plane)),
                    store(i, j, v) {
                        let to = *pixels.add(i * 4 + j);
                        if !to.is_null() {
                            let v = if t.add { S::load(to.add(c)).add(v) } else { v };
                            v.store(to.add(c));
                        }
                    }
                );
            }
        }
    }
}

/// Weights `[9][width]` of one input channel to 36 points `plane` apart.
#[inline(always)]
unsafe fn weights_body<S: Simd>(g: *const f32, width: usize, points: *mut f32, plane: usize) {
    // SAFETY: the caller passes 9 rows of `width` elements and room for 36 of them.
    unsafe {
        for v in (0..width).step_by(S::LANES) {
            both_ways!(
                weights::<S>(3 -> 6),
                load(i, j) S::load(g.add((i * 3 + j) * width + v)),
                store(i, j, value) value.store(points.add((i * 6 + j) * plane + v))
            );
        }
    }
}

/// 36 points `plane` apart of one input channel to nine weight gradients `tap` apart, added to what is there or
/// written.
#[inline(always)]
unsafe fn weight_gradients_body<S: Simd>(
    points: *const f32,
    width: usize,
    plane: usize,
    dw: *mut f32,
    tap: usize,
    add: bool,
) {
    // SAFETY: the caller passes 36 rows of `width` elements and room for nine of them.
    unsafe {
        for v in (0..width).step_by(S::LANES) {
            both_ways!(
                weight_gradient::<S>(6 -> 3),
                load(i, j) S::load(points.add((i * 6 + j) * plane + v)),
                store(i, j, value) {
                    let to = dw.add((i * 3 + j) * tap + v);
                    let value = if add { S::load(to).add(value) } else { value };
                    value.store(to);
                }
            );
        }
    }
}

dispatch!(
    /// Images to points.
    pub(super) fn inputs(t: Tiles) => inputs_body
);
dispatch!(
    /// Points to images.
    pub(super) fn outputs(t: Tiles) => outputs_body
);
dispatch!(
    /// Output gradients to points.
    pub(super) fn output_gradients(t: Tiles) => output_gradients_body
);
dispatch!(
    /// Weights to points.
    pub(super) fn weight_points(g: *const f32, width: usize, points: *mut f32, plane: usize) => weights_body
);
dispatch!(
    /// Points to weight gradients.
    pub(super) fn weight_gradients(points: *const f32, width: usize, plane: usize, dw: *mut f32, tap: usize, add: bool) => weight_gradients_body
);
