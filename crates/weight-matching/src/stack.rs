//! Stacks the weights of one permutation's units into a matrix.

use basin_core::Array;

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
pub(crate) fn stack(units: usize, slabs: &[Slab<'_>]) -> (Vec<f32>, f64) {
    let blocks = || slabs.iter().flat_map(Slab::blocks);
    let largest = blocks().flatten().fold(0.0f32, |m, x| m.max(x.abs()));
    let mut scale = 1.0f64;
    while f64::from(largest) >= scale {
        scale *= 2.0;
    }
    while largest > 0.0 && f64::from(largest) < 0.5 * scale {
        scale *= 0.5;
    }
    let mut stacked = vec![0.0f32; blocks().map(<[f32]>::len).sum()];
    let mut rest = &mut stacked[..];
    for block in blocks() {
        let (matrix, after) = rest.split_at_mut(block.len());
        transpose(block, units, 1.0 / scale, matrix);
        rest = after;
    }
    (stacked, scale)
}

/// The transpose of a matrix of `rows` rows times a factor. It goes tile by tile, since a whole column of a
/// large matrix would miss the cache at every element.
fn transpose(matrix: &[f32], rows: usize, factor: f64, out: &mut [f32]) {
    const TILE: usize = 16;
    let cols = matrix.len() / rows.max(1);
    for row in (0..rows).step_by(TILE) {
        for col in (0..cols).step_by(TILE) {
            let tile = row..rows.min(row + TILE);
            for col in col..cols.min(col + TILE) {
                let out = &mut out[col * rows..][tile.clone()];
                for (out, row) in out.iter_mut().zip(tile.clone()) {
                    *out = (f64::from(matrix[row * cols + col]) * factor) as f32;
                }
            }
        }
    }
}
