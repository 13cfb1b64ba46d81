//! Permutation coordinate descent: solve one permutation at a time, or the two of an attention layer
//! together, the others held fixed.

use crate::assignment::largest_from;
use crate::blocks::{Block, Move, Part, Scratch, State, blocks};
use crate::heads::best;
use crate::{AttentionGroup, Permutation, PermutationSpec, Permutations, VisitingOrder};
use basin_core::{Array, Params, SeedTree};
use permutation_spec::axis::{Run, runs};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Whether work whose inputs did not change may be skipped. It never changes a result, which is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    Yes,
    #[cfg_attr(not(test), allow(dead_code, reason = "the slow path is the tests' reference"))]
    No,
}

/// What one step solves: a permutation, or the two of an attention group with its number of heads.
#[derive(Clone, Debug)]
struct Coordinate {
    permutations: Vec<usize>,
    heads: Option<usize>,
}

/// A run of the descent between two networks that were checked against the spec.
#[derive(Debug)]
pub(crate) struct Descent {
    names: Vec<String>,
    blocks: Vec<Vec<Block>>,
    coordinates: Vec<Coordinate>,
    /// The permutations on which the solution of each coordinate depends.
    neighbours: Vec<Vec<usize>>,
    state: State,
    /// Versions of the neighbours when a coordinate was last solved.
    solved_at: Vec<Option<Vec<u64>>>,
    /// Column duals of the last assignment of each permutation outside the groups, from which the next one begins.
    duals: Vec<Vec<f64>>,
    /// Multiplications so far: those of products, and units³ for each assignment.
    work: u64,
    scratch: Scratch,
    reuse: Reuse,
    threshold: f64,
}

impl Descent {
    pub(crate) fn new(
        spec: &PermutationSpec,
        sizes: &BTreeMap<String, usize>,
        reference: &Params,
        target: &Params,
        threshold: f64,
        reuse: Reuse,
    ) -> Self {
        let names: Vec<String> = spec.permutations().map(str::to_owned).collect();
        let ids = spec.ids();
        let parameters = spec.iter().enumerate().filter(|(_, (name, _))| spec.is_matched(name));
        let parameters: Vec<(&Array, &Array, Vec<Vec<Run>>)> = parameters
            .map(|(index, (name, _))| {
                let pair = reference.get(name).zip(target.get(name));
                let (reference, target) = pair.expect("the spec was validated against both networks");
                let axes = reference.shape().iter().enumerate();
                let axes = axes.map(|(axis, &len)| runs(&spec.segments_at((index, axis)), len, sizes, &ids));
                (reference, target, axes.collect())
            })
            .collect();
        let mut parts: Vec<Vec<Part<'_>>> = vec![Vec::new(); names.len()];
        for (reference, target, axes) in &parameters {
            for (axis, runs) in axes.iter().enumerate() {
                for (run, Run { permutation, .. }) in runs.iter().enumerate() {
                    if let Some(p) = permutation {
                        parts[*p].push(Part { reference, target, axis, run, axes });
                    }
                }
            }
        }
        let sizes: Vec<usize> = names.iter().map(|name| sizes[name]).collect();
        let blocks: Vec<Vec<Block>> =
            sizes.par_iter().zip(&parts).map(|(&n, parts)| blocks(n, parts)).collect();
        let coordinates = coordinates(spec, &ids);
        let neighbours = coordinates.iter().map(|coordinate| {
            let blocks = coordinate.permutations.iter().flat_map(|&p| &blocks[p]);
            let mut all: Vec<usize> = blocks.flat_map(|block| block.others()).copied().collect();
            all.sort_unstable();
            all.dedup();
            all
        });
        Self {
            neighbours: neighbours.collect(),
            state: State::identity(&sizes),
            solved_at: vec![None; coordinates.len()],
            duals: vec![Vec::new(); sizes.len()],
            work: 0,
            scratch: Scratch::default(),
            threshold: threshold.max(0.0),
            coordinates,
            names,
            blocks,
            reuse,
        }
    }

    /// Begins anew with these permutations, as if nothing had been done before. Returns by how much the objective is
    /// larger for them than for the last ones.
    pub(crate) fn begin(&mut self, start: &Permutations) -> f64 {
        let mut gained = 0.0;
        for p in 0..self.names.len() {
            let start = start.get(&self.names[p]).map_or(&[][..], Permutation::as_slice);
            let moves = moves(&self.state.permutations[p], start);
            gained += self.blocks[p].iter().map(|block| block.gain_of(&moves, &self.state)).sum::<f64>();
            self.state.permutations[p] = start.to_vec();
            self.state.versions[p] += 1;
        }
        self.blocks.iter_mut().flatten().for_each(Block::forget);
        self.solved_at.fill(None);
        self.duals.iter_mut().for_each(Vec::clear);
        gained
    }

    /// How many multiplications were made since the last call.
    pub(crate) fn take_work(&mut self) -> u64 {
        std::mem::take(&mut self.work)
    }

    /// Visits every coordinate once, in the order of this sweep. Returns what the objective gained: 0 when none
    /// made progress.
    pub(crate) fn sweep(&mut self, order: VisitingOrder, seed: &SeedTree, sweep: usize) -> f64 {
        order.of(self.coordinates.len(), seed, sweep).into_iter().map(|c| self.improve(c)).sum()
    }

    /// Solves one coordinate exactly. Its solution is kept when the objective, in f64, gains more than the
    /// threshold by it: rounding in the f32 products can then neither lower the objective nor make it cycle.
    fn improve(&mut self, c: usize) -> f64 {
        let versions = self.state.versions_of(&self.neighbours[c]);
        if self.reuse == Reuse::Yes && self.solved_at[c].as_ref() == Some(&versions) {
            return 0.0;
        }
        self.solved_at[c] = Some(versions);
        let Coordinate { permutations, heads } = self.coordinates[c].clone();
        let gains: Vec<Vec<f64>> = permutations.iter().map(|&p| self.gain(p)).collect();
        let solved: Vec<Vec<usize>> = match (heads, &gains[..]) {
            (Some(heads), [qk, vo]) => {
                best(qk, vo, self.state.permutations[permutations[0]].len(), heads).into()
            }
            _ => {
                let each = permutations.iter().zip(&gains);
                each.map(|(&p, gain)| largest_from(gain, gain.len().isqrt(), &mut self.duals[p])).collect()
            }
        };
        let mut gained = 0.0;
        for (&p, solved) in permutations.iter().zip(&solved) {
            let moves = moves(&self.state.permutations[p], solved);
            gained += self.blocks[p].iter().map(|block| block.gain_of(&moves, &self.state)).sum::<f64>();
        }
        if gained <= self.threshold {
            return 0.0;
        }
        for (p, solved) in permutations.into_iter().zip(solved) {
            if self.state.permutations[p] != solved {
                self.state.permutations[p] = solved;
                self.state.versions[p] += 1;
            }
        }
        gained
    }

    /// The gain matrix `[n, n]` of a permutation of n units, the others as they are.
    fn gain(&mut self, p: usize) -> Vec<f64> {
        let n = self.state.permutations[p].len();
        let mut gain = vec![0.0; n * n];
        for block in &mut self.blocks[p] {
            let reuse = self.reuse == Reuse::Yes;
            self.work += block.add_to(&mut gain, &self.state, reuse, &mut self.scratch);
        }
        self.work += (n * n) as u64 * n as u64;
        gain
    }

    /// The permutations found so far.
    pub(crate) fn permutations(&self) -> Permutations {
        let checked = |indices: &Vec<usize>| {
            Permutation::new(indices.clone()).expect("an assignment uses each column once")
        };
        self.names.iter().cloned().zip(self.state.permutations.iter().map(checked)).collect()
    }
}

/// The coordinates of a spec, in the order of first use: each attention group, each other permutation.
fn coordinates(spec: &PermutationSpec, ids: &BTreeMap<&str, usize>) -> Vec<Coordinate> {
    let groups = spec.groups().iter();
    let groups = groups.map(|AttentionGroup { qk, vo, heads }| (ids[qk.as_str()], ids[vo.as_str()], *heads));
    let groups: Vec<(usize, usize, usize)> = groups.collect();
    let coordinate = |p: usize| match groups.iter().find(|(qk, vo, _)| p == *qk || p == *vo) {
        None => Some(Coordinate { permutations: vec![p], heads: None }),
        Some(&(qk, vo, heads)) if p == qk.min(vo) => {
            Some(Coordinate { permutations: vec![qk, vo], heads: Some(heads) })
        }
        Some(_) => None,
    };
    (0..ids.len()).filter_map(coordinate).collect()
}

fn moves(current: &[usize], solved: &[usize]) -> Vec<Move> {
    let changed = current.iter().zip(solved).enumerate().filter(|(_, (old, new))| old != new);
    changed.map(|(unit, (&old, &new))| Move { unit, old, new }).collect()
}
