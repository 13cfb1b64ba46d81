//! What it is worth that units change place: in f64, from the weights themselves.

use crate::product::{Operand, Place};
use rayon::prelude::*;

/// Unit i of the reference now has unit `new` of the target instead of unit `old`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    pub(crate) unit: usize,
    pub(crate) old: usize,
    pub(crate) new: usize,
}

/// From one permutation to another.
pub(crate) fn moves(current: &[usize], solved: &[usize]) -> Vec<Move> {
    let changed = current.iter().zip(solved).enumerate().filter(|(_, (old, new))| old != new);
    changed.map(|(unit, (&old, &new))| Move { unit, old, new }).collect()
}

/// Terms that are summed up on their own.
const STRETCH: usize = 256;

/// Products from which on several threads are faster.
const WORTH_SHARING: usize = 1 << 15;

/// Moves that pass over the terms together, so that neighbouring terms are still in the first cache.
const TOGETHER: usize = 8;

/// What the moves add to the sum of products of two networks' terms, the target's rows in this order. The sum does not
/// depend on the number of threads: its stretches have a fixed length and are added in their order.
pub(crate) fn gain(
    reference: &Operand<'_, f32>,
    target: &Operand<'_, f32>,
    order: &[usize],
    moves: &[Move],
) -> f64 {
    let stretch = |(stretch, rows): (usize, &[usize])| -> f64 {
        let runs = runs(reference, target, stretch * STRETCH, rows);
        let mut sums = vec![0.0f64; moves.len()];
        for (sums, moves) in sums.chunks_mut(TOGETHER).zip(moves.chunks(TOGETHER)) {
            for run in &runs {
                let ((a, a_stride), (b, b_stride)) =
                    (reference.part(run.reference.part), target.part(run.target.part));
                let (a, b) = (&a[run.reference.at..], &b[run.target.at..]);
                for (sum, m) in sums.iter_mut().zip(moves) {
                    let a = &a[m.unit * a_stride..][..run.len];
                    let [new, old] = [m.new, m.old].map(|unit| &b[unit * b_stride..][..run.len]);
                    add(sum, a, new, old);
                }
            }
        }
        sums.iter().sum()
    };
    let sums: Vec<f64> = match order.len() * moves.len() < WORTH_SHARING {
        true => order.chunks(STRETCH).enumerate().map(stretch).collect(),
        false => order.par_chunks(STRETCH).enumerate().map(stretch).collect(),
    };
    sums.iter().sum()
}

/// Adds a · (new − old), term after term. The factors are made four at a time.
#[inline(always)]
fn add(sum: &mut f64, a: &[f32], new: &[f32], old: &[f32]) {
    const TOGETHER: usize = 4;
    let gained = |a: f32, new: f32, old: f32| f64::from(a) * (f64::from(new) - f64::from(old));
    let (a4, a1) = a.as_chunks::<TOGETHER>();
    let (new4, new1) = new.as_chunks::<TOGETHER>();
    let (old4, old1) = old.as_chunks::<TOGETHER>();
    for ((a, new), old) in a4.iter().zip(new4).zip(old4) {
        let gained: [f64; TOGETHER] = std::array::from_fn(|term| gained(a[term], new[term], old[term]));
        gained.iter().for_each(|gained| *sum += gained);
    }
    for ((a, new), old) in a1.iter().zip(new1).zip(old1) {
        *sum += gained(*a, *new, *old);
    }
}

/// Terms that lie side by side in both networks.
struct Run {
    reference: Place,
    target: Place,
    len: usize,
}

/// The terms from `from` on, as many as there are rows of the target to go with them.
fn runs(reference: &Operand<'_, f32>, target: &Operand<'_, f32>, from: usize, rows: &[usize]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let (mut references, mut targets) = (reference.places(), target.places());
    for (term, &row) in (from..).zip(rows) {
        let (reference, target) = (references.of(term), targets.of(row));
        let follows = |run: &&mut Run| {
            let next = |place: Place| Place { at: place.at + run.len, ..place };
            (next(run.reference), next(run.target)) == (reference, target)
        };
        match runs.last_mut().filter(follows) {
            Some(run) => run.len += 1,
            None => runs.push(Run { reference, target, len: 1 }),
        }
    }
    runs
}
