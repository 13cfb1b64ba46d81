//! The weights of one permutation's units as a matrix: where they lie, or stacked.

use crate::product::{LANES, Left, Panels, Part, Row};
use basin_core::Array;
use rayon::prelude::*;
use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};

/// Magnitudes that need no scaling: neither products of two of them nor sums of many come near the ends of `f32`, so
/// that a power of two would change no bit of them.
const USUAL: RangeInclusive<f64> = 1e-6..=1e6;

/// A stretch of an axis of an array: `len` entries from `start`.
#[derive(Clone, Copy)]
pub(crate) struct Slab<'a> {
    pub(crate) array: &'a Array,
    /// Largest magnitude in the array, or more.
    pub(crate) largest: f32,
    pub(crate) axis: usize,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

impl<'a> Slab<'a> {
    /// Entries that lie side by side for each index of the axis.
    fn inner(&self) -> usize {
        self.array.shape()[self.axis + 1..].iter().product()
    }

    /// The contiguous `[len, inner]` blocks, one per index of the axes before.
    fn blocks(&self) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let inner = self.inner();
        let (start, len) = (self.start * inner, self.len * inner);
        let outer = self.array.data().chunks_exact((self.array.shape()[self.axis] * inner).max(1));
        outer.map(move |outer| &outer[start..][..len])
    }
}

/// Largest magnitude of an array, 0 for an empty one. As bits, magnitudes are in the order of their size, and their
/// maximum needs no branches.
pub(crate) fn largest(array: &Array) -> f32 {
    f32::from_bits(array.data().iter().fold(0, |m, x| x.abs().to_bits().max(m)))
}

/// The power of two that brings the largest magnitude into [1/2, 1); 1 when all are 0.
fn scale(slabs: &[Slab<'_>]) -> f64 {
    let largest = f64::from(slabs.iter().fold(0.0f32, |most, slab| most.max(slab.largest)));
    let mut scale = 1.0f64;
    while largest >= scale {
        scale *= 2.0;
    }
    while largest > 0.0 && largest < 0.5 * scale {
        scale *= 0.5;
    }
    scale
}

/// x / scale. As a normal f32 the factor gives the same bits as in f64, since it is a power of two.
fn scaled(x: f32, scale: f64) -> f32 {
    match (1.0 / scale) as f32 {
        factor if factor.is_normal() => x * factor,
        _ => (f64::from(x) / scale) as f32,
    }
}

/// The slabs of `units` units as the left operand of a product, and by which power of two its values are divided. They
/// stay where they are unless their magnitudes are unusual.
pub(crate) fn in_place<'a>(units: usize, slabs: &[Slab<'a>]) -> (Left<'a, f32>, f64) {
    let scale = scale(slabs);
    let usual = USUAL.contains(&scale);
    let part = |slab: &Slab<'a>| {
        let (data, inner) = (slab.array.data(), slab.inner());
        let values = match usual {
            true => Cow::Borrowed(data),
            false => data.iter().map(|&x| scaled(x, scale)).collect(),
        };
        let block = slab.array.shape()[slab.axis] * inner;
        // The entries of one unit, if several, come before those of the next.
        let stride = inner * (slab.len / units.max(1));
        let terms = data.len().checked_div(block).unwrap_or(0) * stride;
        Part { values, start: slab.start * inner, stride, block, terms }
    };
    (Left::new(units, slabs.iter().map(part).collect()), if usual { 1.0 } else { scale })
}

/// Moves the units of each slab to the end (the entries of one unit, if several, before them), stacks the
/// results to `[k, units]` and divides all by the power of two that brings the largest magnitude into
/// [1/2, 1). Returns the stack and that power.
pub(crate) fn stack(units: usize, slabs: &[Slab<'_>]) -> (Panels<f32>, f64) {
    let blocks: Vec<&[f32]> = slabs.iter().flat_map(Slab::blocks).collect();
    let scale = scale(slabs);
    let terms: usize = blocks.iter().map(|block| block.len() / units.max(1)).sum();
    let mut stacked = Panels::new(units, terms);
    stacked.panels_mut().enumerate().for_each(|(panel, mut rows)| {
        let own = panel * LANES..units.min((panel + 1) * LANES);
        for block in &blocks {
            let (here, after) = rows.split_at_mut(block.len() / units);
            match (1.0 / scale) as f32 {
                factor if factor.is_normal() => transpose(block, units, own.clone(), |x| x * factor, here),
                _ => transpose(block, units, own.clone(), |x| scaled(x, scale), here),
            }
            rows = after;
        }
    });
    (stacked, scale)
}

/// The transpose of some rows of a matrix of `rows` rows with each entry scaled, one lane per row. It goes by stretches
/// of columns that stay in the cache, since each row of the result holds an entry of every lane.
fn transpose(
    matrix: &[f32],
    rows: usize,
    own: Range<usize>,
    scaled: impl Fn(f32) -> f32,
    out: &mut [Row<f32>],
) {
    let cols = matrix.len() / rows;
    let own = &matrix[own.start * cols..own.end * cols];
    for (stretch, out) in out.chunks_mut(LANES).enumerate() {
        for (lane, row) in own.chunks_exact(cols.max(1)).enumerate() {
            let row = &row[stretch * LANES..][..out.len()];
            out.iter_mut().zip(row).for_each(|(out, &x)| out[lane] = scaled(x));
        }
    }
}
