//! The gain matrix of a permutation, block by block, computed only when something it depends on changed.
//!
//! For permutation p, entry (i, j) of A_p is the inner product of all weights that belong to unit i of the
//! reference with those of unit j of the target, the target's other axes permuted as they currently are.
//! Terms that depend on the same other permutations are stacked into one block and one matrix product.

use crate::product::{LANES, Left, Neighbours, Panels, Products};
use crate::stack::{Slab, in_place, stack};
use basin_core::Array;
use permutation_spec::axis::{Run, order};
use rayon::prelude::*;
use std::borrow::Cow;

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
pub(crate) struct Block<'a> {
    others: Vec<usize>,
    terms: Vec<Term>,
    /// The terms `[k, units]`, each network divided by a power of two so that no product overflows: where they lie, and
    /// stacked.
    reference: Left<'a, f32>,
    target: Panels<f32>,
    scale: f64,
    product: Products<f32>,
    product_of: Option<Vec<u64>>,
    /// The row of the target at each row of the stack, as the product has them.
    ordered: Vec<usize>,
}

/// Memory in which changes of products are computed, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    right: Panels<f32>,
    change: Products<f32>,
}

/// The axes of a parameter besides the one being solved, and the entries of a unit along that one.
#[derive(Debug)]
struct Term {
    axes: Vec<Vec<Run>>,
}

/// A parameter of both networks with its largest magnitudes, the axis and the run of it being solved, and the runs of each
/// axis.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a, 'r> {
    pub(crate) reference: (&'a Array, f32),
    pub(crate) target: (&'a Array, f32),
    pub(crate) axis: usize,
    pub(crate) run: usize,
    pub(crate) axes: &'r [Vec<Run>],
}

impl<'a> Part<'a, '_> {
    fn others(&self) -> Vec<usize> {
        let others = self.axes.iter().enumerate().filter(|(axis, _)| *axis != self.axis);
        let mut others: Vec<usize> =
            others.flat_map(|(_, runs)| runs).filter_map(|run| run.permutation).collect();
        others.sort_unstable();
        others.dedup();
        others
    }

    fn term(&self) -> Term {
        let each = vec![Run::fixed(self.axes[self.axis][self.run].each)];
        let axes = self.axes.iter().enumerate();
        Term { axes: axes.map(|(axis, runs)| if axis == self.axis { &each } else { runs }.clone()).collect() }
    }

    fn slab(&self, (array, largest): (&'a Array, f32)) -> Slab<'a> {
        let runs = &self.axes[self.axis];
        let start = runs[..self.run].iter().map(Run::len).sum();
        Slab { array, largest, axis: self.axis, start, len: runs[self.run].len() }
    }
}

/// Groups the parts of one permutation of `units` units into blocks, in the order of first appearance.
pub(crate) fn blocks<'a>(units: usize, parts: &[Part<'a, '_>]) -> Vec<Block<'a>> {
    let mut groups: Vec<(Vec<usize>, Vec<Part<'a, '_>>)> = Vec::new();
    for &part in parts {
        let others = part.others();
        match groups.iter_mut().find(|(key, _)| *key == others) {
            Some((_, group)) => group.push(part),
            None => groups.push((others, vec![part])),
        }
    }
    groups.into_iter().map(|(others, parts)| Block::new(units, others, &parts)).collect()
}

impl<'a> Block<'a> {
    fn new(units: usize, others: Vec<usize>, parts: &[Part<'a, '_>]) -> Self {
        let reference: Vec<Slab<'a>> = parts.iter().map(|part| part.slab(part.reference)).collect();
        let target: Vec<Slab<'_>> = parts.iter().map(|part| part.slab(part.target)).collect();
        let (reference, reference_scale) = in_place(units, &reference);
        let (target, target_scale) = stack(units, &target);
        Self {
            others,
            terms: parts.iter().map(Part::term).collect(),
            reference,
            target,
            scale: reference_scale * target_scale,
            product: Products::default(),
            product_of: None,
            ordered: Vec::new(),
        }
    }

    /// The permutations this block depends on, sorted.
    pub(crate) fn others(&self) -> &[usize] {
        &self.others
    }

    /// Computes the next product without the last one.
    pub(crate) fn forget(&mut self) {
        self.product_of = None;
    }

    /// Adds the block to the gain matrix `[units, units]`. `reuse` allows the last product to serve again, with the
    /// terms that changed brought up to date. Returns how many multiplications it took: units² for each term that was
    /// computed.
    pub(crate) fn add_to(
        &mut self,
        gain: &mut [f64],
        state: &State,
        reuse: bool,
        scratch: &mut Scratch,
    ) -> u64 {
        let versions = state.versions_of(&self.others);
        let computed = if reuse && self.product_of.as_ref() == Some(&versions) {
            0
        } else {
            let order = self.order(state);
            self.bring_up_to_date(order, reuse && self.product_of.is_some(), scratch)
        };
        self.product_of = Some(versions);
        self.product.add_to(gain, self.scale);
        gain.len() as u64 * computed as u64
    }

    /// Computes the product for this order of the target's rows. Where at most half of them changed since the last
    /// one, which is to be kept, only what they change is computed and added. Returns the number of terms computed.
    fn bring_up_to_date(&mut self, order: Vec<usize>, keep: bool, scratch: &mut Scratch) -> usize {
        let places = order.iter().zip(&self.ordered).enumerate();
        let changed: Vec<usize> =
            places.filter(|(_, (new, old))| new != old).map(|(place, _)| place).collect();
        let computed = if keep && 2 * changed.len() <= order.len() {
            let Scratch { right, change } = scratch;
            right.derive(&self.target, changed.len(), |rows, term| {
                let (new, old) = (rows[order[changed[term]]], rows[self.ordered[changed[term]]]);
                std::array::from_fn(|lane| new[lane] - old[lane])
            });
            let places: Vec<usize> = (0..changed.len()).collect();
            change.compute((&self.reference, &changed), right, &places);
            self.product.add(change);
            changed.len()
        } else {
            let terms: Vec<usize> = (0..order.len()).collect();
            self.product.compute((&self.reference, &terms), &self.target, &order);
            order.len()
        };
        self.ordered = order;
        computed
    }

    /// What the moves add to the objective through this block, in f64 from the weights themselves. The sum does
    /// not depend on the number of threads: its stretches have a fixed length and are added in their order.
    pub(crate) fn gain_of(&self, moves: &[Move], state: &State) -> f64 {
        const STRETCH: usize = 256;
        /// Terms from which on several threads are faster.
        const WORTH_SHARING: usize = 1 << 15;
        if moves.is_empty() {
            return 0.0;
        }
        let order = match self.product_of.as_ref() == Some(&state.versions_of(&self.others)) {
            true => Cow::Borrowed(&self.ordered),
            false => Cow::Owned(self.order(state)),
        };
        let stretch = |(stretch, rows): (usize, &[usize])| -> f64 {
            let mut sums = vec![0.0f64; moves.len()];
            let units = self.target.units().next_multiple_of(LANES);
            let mut b = vec![[0.0; TOGETHER]; units];
            for (at, rows) in (stretch * STRETCH..).step_by(TOGETHER).zip(rows.chunks(TOGETHER)) {
                let a: Neighbours<'_, f32, TOGETHER> = self.reference.neighbours(at);
                gather(&self.target, |term| rows.get(term).copied(), &mut b);
                for (sum, m) in sums.iter_mut().zip(moves) {
                    let (a, new, old) = (a.of(m.unit), b[m.new], b[m.old]);
                    let gained: [f64; TOGETHER] =
                        std::array::from_fn(|term| f64::from(a[term]) * (new[term] - old[term]));
                    gained.iter().for_each(|gained| *sum += gained);
                }
            }
            sums.iter().sum()
        };
        let sums: Vec<f64> = match order.len() * moves.len() < WORTH_SHARING {
            true => order.chunks(STRETCH).enumerate().map(stretch).collect(),
            false => order.par_chunks(STRETCH).enumerate().map(stretch).collect(),
        };
        self.scale * sums.iter().sum::<f64>()
    }

    /// Row of the target that stands at each row of the stack under the current permutations.
    fn order(&self, state: &State) -> Vec<usize> {
        let mut stacked = Vec::with_capacity(self.target.terms());
        for term in &self.terms {
            let mut rows = vec![0];
            for axis in &term.axes {
                let axis = order(axis, |p| &state.permutations[p]);
                let mut finer = Vec::with_capacity(rows.len() * axis.len());
                rows.iter().for_each(|row| finer.extend(axis.iter().map(|i| row * axis.len() + i)));
                rows = finer;
            }
            let start = stacked.len();
            stacked.extend(rows.iter().map(|row| start + row));
        }
        stacked
    }
}

/// Terms whose values lie side by side while the moves of all units pass over them.
const TOGETHER: usize = 4;

/// A few terms of all units, 0 where there is none.
fn gather(panels: &Panels<f32>, term: impl Fn(usize) -> Option<usize>, to: &mut [[f64; TOGETHER]]) {
    let terms: [Option<usize>; TOGETHER] = std::array::from_fn(term);
    let (to, _) = to.as_chunks_mut::<LANES>();
    for (panel, to) in to.iter_mut().enumerate() {
        let rows = panels.panel(panel);
        let rows = terms.map(|term| term.map_or(&[0.0; LANES], |term| &rows[term]));
        for (lane, to) in to.iter_mut().enumerate() {
            *to = rows.map(|row| f64::from(row[lane]));
        }
    }
}
