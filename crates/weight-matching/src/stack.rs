//! Stacks the weights of one permutation's units into a matrix.

use crate::product::{LANES, Panels, Row};
use basin_core::Array;
use rayon::prelude::*;
use std::ops::Range;

/// Elements from which on several threads are faster.
const WORTH_SHARING: usize = 1 << 16;

/// A stretch of an axis of an array: `len` entries from `start`.
pub(crate) struct Slab<'a> {
    pub(crate) array: &'a Array,
    pub(crate) axis: usize,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

impl<'a> Slab<'a> {
    /// The contiguous `[len, inner]` blocks, one per index of the axes before.
    fn blocks(&self) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let shape = self.array.shape();
        let inner: usize = shape[self.axis + 1..].iter().product();
        let (start, len) = (self.start * inner, self.len * inner);
        let outer = self.array.data().chunks_exact((shape[self.axis] * inner).max(1));
        outer.map(move |outer| &outer[start..][..len])
    }
}

/// Moves the units of each slab to the end (the entries of one unit, if several, before them), stacks the
/// results to `[k, units]` and divides all by the power of two that brings the largest magnitude into
/// [1/2, 1). Returns the stack and that power.
pub(crate) fn stack(units: usize, slabs: &[Slab<'_>]) -> (Panels<f32>, f64) {
    let blocks: Vec<&[f32]> = slabs.iter().flat_map(Slab::blocks).collect();
    // The bits of magnitudes are in the order of the magnitudes, and their maximum needs no branches.
    let magnitude = |block: &&[f32]| block.iter().fold(0, |m, x| x.abs().to_bits().max(m));
    let least = WORTH_SHARING.div_ceil(blocks.first().map_or(1, |block| block.len().max(1)));
    let largest = blocks.par_iter().with_min_len(least).map(magnitude).max().unwrap_or(0);
    let largest = f64::from(f32::from_bits(largest));
    let mut scale = 1.0f64;
    while largest >= scale {
        scale *= 2.0;
    }
    while largest > 0.0 && largest < 0.5 * scale {
        scale *= 0.5;
    }
    let terms: usize = blocks.iter().map(|block| block.len() / units.max(1)).sum();
    let mut stacked = Panels::new(units, terms);
    let least = WORTH_SHARING.div_ceil((terms * LANES).max(1));
    stacked.panels_mut().with_min_len(least).enumerate().for_each(|(panel, mut rows)| {
        let own = panel * LANES..units.min((panel + 1) * LANES);
        for block in &blocks {
            let (here, after) = rows.split_at_mut(block.len() / units);
            // As a normal f32 the factor gives the same bits as in f64, since it is a power of two.
            match (1.0 / scale) as f32 {
                factor if factor.is_normal() => transpose(block, units, own.clone(), |x| x * factor, here),
                _ => transpose(block, units, own.clone(), |x| (f64::from(x) / scale) as f32, here),
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
