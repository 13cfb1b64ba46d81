//! Permutation coordinate descent: solve one permutation at a time, or the two of an attention layer
//! together, the others held fixed.

use crate::assignment::largest_from;
use crate::blocks::{Block, Move, Part, Scratch, State, blocks};
use crate::heads::best;
use crate::stack::largest;
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
pub(crate) struct Descent<'a> {
    names: Vec<String>,
    blocks: Vec<Vec<Block<'a>>>,
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
    /// One for each coordinate that is solved side by side.
    scratches: Vec<Scratch>,
    reuse: Reuse,
    threshold: f64,
}

/// What solving a coordinate takes and finds.
struct Step<'a> {
    coordinate: Coordinate,
    /// Blocks and duals of each of its permutations.
    blocks: Vec<Vec<Block<'a>>>,
    duals: Vec<Vec<f64>>,
    scratch: Scratch,
    work: u64,
    solved: Vec<Vec<usize>>,
    gained: f64,
}

impl<'a> Descent<'a> {
    pub(crate) fn new(
        spec: &PermutationSpec,
        sizes: &BTreeMap<String, usize>,
        reference: &'a Params,
        target: &'a Params,
        threshold: f64,
        reuse: Reuse,
    ) -> Self {
        let names: Vec<String> = spec.permutations().map(str::to_owned).collect();
        let ids = spec.ids();
        let parameters: Vec<(usize, &str)> =
            spec.iter().map(|(name, _)| name).enumerate().filter(|(_, name)| spec.is_matched(name)).collect();
        type Measured<'a> = (&'a Array, f32);
        let parameters: Vec<(Measured<'a>, Measured<'a>, Vec<Vec<Run>>)> = parameters
            .into_par_iter()
            .map(|(index, name)| {
                let pair = reference.get(name).zip(target.get(name));
                let (reference, target) = pair.expect("the spec was validated against both networks");
                let axes = reference.shape().iter().enumerate();
                let axes = axes.map(|(axis, &len)| runs(&spec.segments_at((index, axis)), len, sizes, &ids));
                ((reference, largest(reference)), (target, largest(target)), axes.collect())
            })
            .collect();
        let mut parts: Vec<Vec<Part<'a, '_>>> = vec![Vec::new(); names.len()];
        for (reference, target, axes) in &parameters {
            for (axis, runs) in axes.iter().enumerate() {
                for (run, Run { permutation, .. }) in runs.iter().enumerate() {
                    if let Some(p) = permutation {
                        parts[*p].push(Part { reference: *reference, target: *target, axis, run, axes });
                    }
                }
            }
        }
        let sizes: Vec<usize> = names.iter().map(|name| sizes[name]).collect();
        let blocks: Vec<Vec<Block<'a>>> =
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
            scratches: Vec::new(),
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
        let order = order.of(self.coordinates.len(), seed, sweep);
        let (mut gained, mut rest) = (0.0, &order[..]);
        while !rest.is_empty() {
            let (together, later) = rest.split_at(self.independent(rest));
            self.improve(together).into_iter().for_each(|gain| gained += gain);
            rest = later;
        }
        gained
    }

    /// How many coordinates at the beginning do not depend on one another: what one of them finds is then the same
    /// before and after the others have changed.
    fn independent(&self, order: &[usize]) -> usize {
        let depends = |c: usize, on: usize| {
            let own = &self.coordinates[on].permutations;
            own.iter().any(|p| self.neighbours[c].binary_search(p).is_ok())
        };
        let apart = |&n: &usize| order[..n].iter().all(|&c| !depends(order[n], c) && !depends(c, order[n]));
        1 + (1..order.len()).take_while(apart).count()
    }

    /// Solves coordinates that do not depend on one another, each exactly. A solution is kept when the objective, in f64,
    /// gains more than the threshold by it: rounding in the f32 products can then neither lower the objective nor make
    /// it cycle. Returns what was gained by each.
    fn improve(&mut self, together: &[usize]) -> Vec<f64> {
        let mut steps = Vec::with_capacity(together.len());
        for &c in together {
            let versions = self.state.versions_of(&self.neighbours[c]);
            if self.reuse == Reuse::Yes && self.solved_at[c].as_ref() == Some(&versions) {
                continue;
            }
            self.solved_at[c] = Some(versions);
            steps.push(self.begin_step(c));
        }
        let (state, reuse) = (&self.state, self.reuse == Reuse::Yes);
        steps.par_iter_mut().with_max_len(1).for_each(|step| step.solve(state, reuse));
        steps.into_iter().map(|step| self.end_step(step)).collect()
    }

    fn begin_step(&mut self, c: usize) -> Step<'a> {
        let coordinate = self.coordinates[c].clone();
        let permutations = &coordinate.permutations;
        Step {
            blocks: permutations.iter().map(|&p| std::mem::take(&mut self.blocks[p])).collect(),
            duals: permutations.iter().map(|&p| std::mem::take(&mut self.duals[p])).collect(),
            scratch: self.scratches.pop().unwrap_or_default(),
            work: 0,
            solved: Vec::new(),
            gained: 0.0,
            coordinate,
        }
    }

    fn end_step(&mut self, step: Step<'a>) -> f64 {
        let Step { coordinate, blocks, duals, scratch, work, solved, gained } = step;
        self.scratches.push(scratch);
        self.work += work;
        let found = coordinate.permutations.into_iter().zip(solved);
        for ((p, solved), (blocks, duals)) in found.zip(blocks.into_iter().zip(duals)) {
            (self.blocks[p], self.duals[p]) = (blocks, duals);
            if gained > self.threshold && self.state.permutations[p] != solved {
                self.state.permutations[p] = solved;
                self.state.versions[p] += 1;
            }
        }
        if gained > self.threshold { gained } else { 0.0 }
    }

    /// The permutations found so far.
    pub(crate) fn permutations(&self) -> Permutations {
        let checked = |indices: &Vec<usize>| {
            Permutation::new(indices.clone()).expect("an assignment uses each column once")
        };
        self.names.iter().cloned().zip(self.state.permutations.iter().map(checked)).collect()
    }
}

impl Step<'_> {
    /// Solves the coordinate, the others as they are.
    fn solve(&mut self, state: &State, reuse: bool) {
        let Coordinate { permutations, heads } = &self.coordinate;
        let mut gains = Vec::with_capacity(permutations.len());
        for (&p, blocks) in permutations.iter().zip(&mut self.blocks) {
            // The gain matrix [n, n] of a permutation of n units.
            let n = state.permutations[p].len();
            let mut gain = vec![0.0; n * n];
            for block in blocks {
                self.work += block.add_to(&mut gain, state, reuse, &mut self.scratch);
            }
            self.work += (n * n) as u64 * n as u64;
            gains.push(gain);
        }
        self.solved = match (heads, &gains[..]) {
            (Some(heads), [qk, vo]) => best(qk, vo, state.permutations[permutations[0]].len(), *heads).into(),
            _ => {
                let each = gains.iter().zip(&mut self.duals);
                each.map(|(gain, duals)| largest_from(gain, gain.len().isqrt(), duals)).collect()
            }
        };
        for ((&p, solved), blocks) in permutations.iter().zip(&self.solved).zip(&self.blocks) {
            let moves = moves(&state.permutations[p], solved);
            self.gained += blocks.iter().map(|block| block.gain_of(&moves, state)).sum::<f64>();
        }
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
