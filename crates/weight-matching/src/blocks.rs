//! The gain matrix of a permutation, block by block, computed only when something it depends on changed.
//!
//! For permutation p, entry (i, j) of A_p is the inner product of all weights that belong to unit i of the
//! reference with those of unit j of the target, the target's other axes permuted as they currently are.
//! Terms that depend on the same other permutations are stacked into one block and one matrix product.

use crate::moves::{Move, gain};
use crate::pair::Magnitude;
use crate::product::{Operand, Products, Rows};
use crate::stack::{Slab, Stack, stack};
use basin_core::Array;
use permutation_spec::axis::{Run, order};
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

/// The terms of one gain matrix that depend on the same other permutations.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    others: Vec<usize>,
    terms: Vec<Term>,
    /// The terms `[k, units]` where they lie, each network divided by a power of two where a product might overflow.
    reference: Operand<'a, f32>,
    target: Operand<'a, f32>,
    scale: f64,
    /// The product of the networks' norms, or more.
    norms: f64,
    product: Products<f32>,
    /// How often a value of the product was rounded, each time by a part of `norms` at most.
    roundings: f64,
    product_of: Option<Vec<u64>>,
    /// The row of the target at each row of the stack, as the product has them.
    ordered: Vec<usize>,
}

/// Terms that changed, as a part of all, up to which it is faster to compute what they change. Differences take longer to
/// gather.
const FEW: f64 = 0.8;

/// Memory in which changes of products are computed, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    change: Products<f32>,
}

/// The axes of a parameter besides the one being solved, and the entries of a unit along that one.
#[derive(Debug)]
struct Term {
    axes: Vec<Vec<Run>>,
}

/// A parameter of both networks with its magnitudes, the axis and the run of it being solved, and the runs of each
/// axis.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a, 'r> {
    pub(crate) reference: (&'a Array, Magnitude),
    pub(crate) target: (&'a Array, Magnitude),
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

    fn slab(&self, (array, magnitude): (&'a Array, Magnitude)) -> Slab<'a> {
        let runs = &self.axes[self.axis];
        let start = runs[..self.run].iter().map(Run::len).sum();
        Slab { array, magnitude, axis: self.axis, start, len: runs[self.run].len() }
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
        let target: Vec<Slab<'a>> = parts.iter().map(|part| part.slab(part.target)).collect();
        let (reference, target): (Stack<'a>, Stack<'a>) = (stack(units, &reference), stack(units, &target));
        Self {
            others,
            terms: parts.iter().map(Part::term).collect(),
            scale: reference.scale * target.scale,
            norms: reference.norm * target.norm,
            reference: reference.operand,
            target: target.operand,
            product: Products::default(),
            roundings: 0.0,
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

    /// Brings the product up to date. `reuse` allows the last one to serve again, with the terms that changed computed
    /// anew. Returns how many multiplications it took: units² for each term that was computed.
    pub(crate) fn bring_up_to_date(&mut self, state: &State, reuse: bool, scratch: &mut Scratch) -> u64 {
        let versions = state.versions_of(&self.others);
        if reuse && self.product_of.as_ref() == Some(&versions) {
            return 0;
        }
        let computed = self.compute(self.order(state), reuse && self.product_of.is_some(), scratch);
        self.product_of = Some(versions);
        let units = self.target.units() as u64;
        units * units * computed as u64
    }

    /// Adds the product to the gain matrix `[units, units]`.
    pub(crate) fn add_to(&self, gain: &mut [f64]) {
        self.product.add_to(gain, self.scale);
    }

    /// Computes the product for this order of the target's rows. Where few enough of them changed since the last one,
    /// which is to be kept, only what they change is computed and added. Returns the number of terms computed.
    fn compute(&mut self, order: Vec<usize>, keep: bool, scratch: &mut Scratch) -> usize {
        let places = order.iter().zip(&self.ordered).enumerate();
        let changed: Vec<usize> =
            places.filter(|(_, (new, old))| new != old).map(|(place, _)| place).collect();
        let computed = if keep && changed.len() as f64 <= FEW * order.len() as f64 {
            let change = &mut scratch.change;
            let rows = |of: &[usize]| changed.iter().map(|place| of[*place]).collect::<Vec<usize>>();
            let (new, old) = (rows(&order), rows(&self.ordered));
            let rows = Rows { at: &new, less: Some(&old) };
            change.compute((&self.reference, &changed), (&self.target, rows));
            self.product.add(change);
            // Each factor is a difference, of two values, and the sums are added.
            self.roundings += 2.0 * (changed.len() + 1) as f64 + 1.0;
            changed.len()
        } else {
            let terms: Vec<usize> = (0..order.len()).collect();
            self.product.compute((&self.reference, &terms), (&self.target, order[..].into()));
            self.roundings = order.len() as f64;
            order.len()
        };
        self.ordered = order;
        computed
    }

    /// By how much at most the sum of the product's entries for all units of one arrangement less that for another one
    /// is off. A sum of k products, rounded to f32 each time, is off by k · 2⁻²⁴ times the sum of their magnitudes (Higham,
    /// "Accuracy and Stability of Numerical Algorithms", section 3.1), and the sums of magnitudes of one arrangement are
    /// together at most the product of both networks' norms, by Cauchy and Schwarz.
    pub(crate) fn doubt(&self) -> f64 {
        const ROUNDING: f64 = 1.0 / (1u64 << 24) as f64;
        let part = self.roundings * ROUNDING;
        if part > 0.01 {
            return f64::INFINITY;
        }
        // Twice for two arrangements; a fiftieth for products of roundings and sums in f64; and what lies below the
        // smallest f32.
        let lost = (self.target.terms() * self.target.units()) as f64
            * self.roundings
            * f64::from(f32::MIN_POSITIVE);
        2.0 * self.scale * (1.02 * part * self.norms + lost)
    }

    /// What the moves add to the objective through this block, in f64 from the weights themselves.
    pub(crate) fn gain_of(&self, moves: &[Move], state: &State) -> f64 {
        if moves.is_empty() {
            return 0.0;
        }
        let order = match self.product_of.as_ref() == Some(&state.versions_of(&self.others)) {
            true => Cow::Borrowed(&self.ordered),
            false => Cow::Owned(self.order(state)),
        };
        self.scale * gain(&self.reference, &self.target, &order, moves)
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
