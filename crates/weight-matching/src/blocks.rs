//! The gain matrix of a permutation, block by block, computed only when something it depends on changed.
//!
//! For permutation p, entry (i, j) of A_p is the inner product of all weights that belong to unit i of the
//! reference with those of unit j of the target, the target's other axes permuted as they currently are.
//! Terms that depend on the same other permutations are stacked into one block and one matrix product.

use crate::product::transpose_product;
use basin_core::Array;

/// Where the descent stands: the permutations, and how often each has changed.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) permutations: Vec<Vec<usize>>,
    pub(crate) versions: Vec<u64>,
}

impl State {
    pub(crate) fn identity(sizes: &[usize]) -> Self {
        Self {
            permutations: sizes.iter().map(|&n| (0..n).collect()).collect(),
            versions: vec![0; sizes.len()],
        }
    }

    /// The versions of some permutations, to tell later whether any of them changed.
    pub(crate) fn versions_of(&self, permutations: &[usize]) -> Vec<u64> {
        permutations.iter().map(|&p| self.versions[p]).collect()
    }
}

/// Unit i of the reference now has unit `new` of the target instead of unit `old`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    pub(crate) unit: usize,
    pub(crate) old: usize,
    pub(crate) new: usize,
}

/// The terms of one gain matrix that depend on the same other permutations.
#[derive(Debug)]
pub(crate) struct Block {
    units: usize,
    others: Vec<usize>,
    terms: Vec<Term>,
    /// Stacked terms `[k, units]`, each network divided by a power of two so that no product overflows.
    reference: Vec<f32>,
    target: Vec<f32>,
    scale: f64,
    product: Vec<f32>,
    product_of: Option<Vec<u64>>,
}

/// The axes of a parameter besides the one being solved: size and permutation.
#[derive(Debug)]
struct Term {
    axes: Vec<(usize, Option<usize>)>,
}

/// A parameter of both networks, the axis being solved, and the permutation of each axis.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) reference: &'a Array,
    pub(crate) target: &'a Array,
    pub(crate) axis: usize,
    pub(crate) permutations: &'a [Option<usize>],
}

impl Part<'_> {
    fn others(&self) -> Vec<usize> {
        let others = self.permutations.iter().enumerate().filter(|(axis, _)| *axis != self.axis);
        let mut others: Vec<usize> = others.filter_map(|(_, p)| *p).collect();
        others.sort_unstable();
        others
    }
}

/// Groups the parts of one permutation of `units` units into blocks, in the order of first appearance.
pub(crate) fn blocks(units: usize, parts: &[Part<'_>]) -> Vec<Block> {
    let mut groups: Vec<(Vec<usize>, Vec<Part<'_>>)> = Vec::new();
    for &part in parts {
        let others = part.others();
        match groups.iter_mut().find(|(key, _)| *key == others) {
            Some((_, group)) => group.push(part),
            None => groups.push((others, vec![part])),
        }
    }
    groups.into_iter().map(|(others, parts)| Block::new(units, others, &parts)).collect()
}

impl Block {
    fn new(units: usize, others: Vec<usize>, parts: &[Part<'_>]) -> Self {
        let reference: Vec<(&Array, usize)> = parts.iter().map(|p| (p.reference, p.axis)).collect();
        let target: Vec<(&Array, usize)> = parts.iter().map(|p| (p.target, p.axis)).collect();
        let (reference, reference_scale) = stack(units, &reference);
        let (target, target_scale) = stack(units, &target);
        let term = |part: &Part<'_>| {
            let axes = part.target.shape().iter().copied().zip(part.permutations.iter().copied()).enumerate();
            Term { axes: axes.filter(|(axis, _)| *axis != part.axis).map(|(_, axis)| axis).collect() }
        };
        Self {
            units,
            others,
            terms: parts.iter().map(term).collect(),
            reference,
            target,
            scale: reference_scale * target_scale,
            product: Vec::new(),
            product_of: None,
        }
    }

    /// The permutations this block depends on, sorted.
    pub(crate) fn others(&self) -> &[usize] {
        &self.others
    }

    /// Adds the block to the gain matrix `[units, units]`. `reuse` allows the last product to serve again.
    /// Costs k·units² multiplications, or units² when reused.
    pub(crate) fn add_to(&mut self, gain: &mut [f64], state: &State, reuse: bool) {
        let versions = state.versions_of(&self.others);
        if !reuse || self.product_of.as_ref() != Some(&versions) {
            self.product.resize(self.units * self.units, 0.0);
            let mut permuted = Vec::new();
            let target = if versions.iter().all(|&version| version == 0) {
                &self.target
            } else {
                permuted.reserve_exact(self.target.len());
                for row in self.order(state) {
                    permuted.extend_from_slice(&self.target[row * self.units..][..self.units]);
                }
                &permuted
            };
            transpose_product(&self.reference, target, self.units, &mut self.product);
            self.product_of = Some(versions);
        }
        gain.iter_mut().zip(&self.product).for_each(|(gain, &x)| *gain += self.scale * f64::from(x));
    }

    /// What the moves add to the objective through this block, in f64 from the weights themselves.
    pub(crate) fn gain_of(&self, moves: &[Move], state: &State) -> f64 {
        if moves.is_empty() {
            return 0.0;
        }
        let mut sums = vec![0.0f64; moves.len()];
        let n = self.units;
        for (a, &row) in self.reference.chunks_exact(n).zip(&self.order(state)) {
            let b = &self.target[row * n..][..n];
            for (sum, m) in sums.iter_mut().zip(moves) {
                *sum += f64::from(a[m.unit]) * (f64::from(b[m.new]) - f64::from(b[m.old]));
            }
        }
        self.scale * sums.iter().sum::<f64>()
    }

    /// Row of the target that stands at each row of the stack under the current permutations.
    fn order(&self, state: &State) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.target.len() / self.units.max(1));
        for term in &self.terms {
            let mut rows = vec![0];
            for &(size, permutation) in &term.axes {
                let at = |i: usize| permutation.map_or(i, |p| state.permutations[p][i]);
                rows = rows.iter().flat_map(|row| (0..size).map(move |i| row * size + at(i))).collect();
            }
            let start = order.len();
            order.extend(rows.iter().map(|row| start + row));
        }
        order
    }
}

/// Moves the given axis of each array to the end, stacks the results to `[k, units]` and divides all by the
/// power of two that brings the largest magnitude into [1/2, 1). Returns the stack and that power.
fn stack(units: usize, arrays: &[(&Array, usize)]) -> (Vec<f32>, f64) {
    let largest = arrays.iter().flat_map(|(array, _)| array.data()).fold(0.0f32, |m, x| m.max(x.abs()));
    let mut scale = 1.0f64;
    while f64::from(largest) >= scale {
        scale *= 2.0;
    }
    while largest > 0.0 && f64::from(largest) < 0.5 * scale {
        scale *= 0.5;
    }
    let mut stacked = vec![0.0f32; arrays.iter().map(|(array, _)| array.data().len()).sum()];
    let mut rest = &mut stacked[..];
    for (array, axis) in arrays {
        let inner: usize = array.shape()[axis + 1..].iter().product();
        for outer in array.data().chunks_exact((units * inner).max(1)) {
            let (matrix, after) = rest.split_at_mut(outer.len());
            transpose(outer, units, 1.0 / scale, matrix);
            rest = after;
        }
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
