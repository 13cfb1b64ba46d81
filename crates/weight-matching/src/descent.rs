//! Permutation coordinate descent: solve one permutation at a time, the others held fixed.

use crate::blocks::{Block, Move, Part, State, blocks};
use crate::{Objective, Permutation, PermutationSpec, Permutations, linear_sum_assignment};
use basin_core::{Params, SeedTree};
use std::collections::BTreeMap;

/// Whether work whose inputs did not change may be skipped. It never changes a result, which is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    Yes,
    #[cfg_attr(not(test), allow(dead_code, reason = "the slow path is the tests' reference"))]
    No,
}

/// A run of the descent between two networks that were checked against the spec.
#[derive(Debug)]
pub(crate) struct Descent {
    names: Vec<String>,
    blocks: Vec<Vec<Block>>,
    neighbours: Vec<Vec<usize>>,
    state: State,
    /// Versions of the neighbours when a permutation was last solved.
    solved_at: Vec<Option<Vec<u64>>>,
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
        let ids: BTreeMap<&str, usize> =
            names.iter().enumerate().map(|(id, name)| (name.as_str(), id)).collect();
        let sizes: Vec<usize> = names.iter().map(|name| sizes[name]).collect();
        let mut parts: Vec<Vec<Part<'_>>> = vec![Vec::new(); names.len()];
        let axes: Vec<(&str, Vec<Option<usize>>)> = spec
            .iter()
            .map(|(name, axes)| {
                (name, axes.iter().map(|axis| axis.as_ref().map(|p| ids[p.as_str()])).collect())
            })
            .collect();
        for (name, permutations) in &axes {
            let pair = reference.get(name).zip(target.get(name));
            let (reference, target) = pair.expect("the spec was validated against both networks");
            for (axis, permutation) in permutations.iter().enumerate() {
                if let Some(p) = permutation {
                    parts[*p].push(Part { reference, target, axis, permutations });
                }
            }
        }
        let blocks: Vec<Vec<Block>> = sizes.iter().zip(&parts).map(|(&n, parts)| blocks(n, parts)).collect();
        let neighbours = blocks.iter().map(|blocks| {
            let mut all: Vec<usize> = blocks.iter().flat_map(|block| block.others()).copied().collect();
            all.sort_unstable();
            all.dedup();
            all
        });
        Self {
            neighbours: neighbours.collect(),
            state: State::identity(&sizes),
            solved_at: vec![None; names.len()],
            threshold: threshold.max(0.0),
            names,
            blocks,
            reuse,
        }
    }

    /// Visits every permutation once, in the random order of this seed. Returns what the objective gained: 0
    /// when no permutation made progress.
    pub(crate) fn sweep(&mut self, seed: &SeedTree) -> f64 {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        seed.rng().shuffle(&mut order);
        order.into_iter().map(|p| self.improve(p)).sum()
    }

    /// Solves one permutation exactly. Its solution is kept when the objective, in f64, gains more than the
    /// threshold by it: rounding in the f32 products can then neither lower the objective nor make it cycle.
    fn improve(&mut self, p: usize) -> f64 {
        let versions = self.state.versions_of(&self.neighbours[p]);
        if self.reuse == Reuse::Yes && self.solved_at[p].as_ref() == Some(&versions) {
            return 0.0;
        }
        self.solved_at[p] = Some(versions);
        let current = &self.state.permutations[p];
        let n = current.len();
        let mut gain = vec![0.0; n * n];
        for block in &mut self.blocks[p] {
            block.add_to(&mut gain, &self.state, self.reuse == Reuse::Yes);
        }
        let solved = linear_sum_assignment(&gain, n, n, Objective::Maximise)
            .expect("sums of products of finite f32 are below 1e300 in f64");
        let changed = solved.pairs().iter().zip(current).filter(|((_, new), old)| new != *old);
        let moves: Vec<Move> = changed.map(|(&(unit, new), &old)| Move { unit, old, new }).collect();
        let gained: f64 = self.blocks[p].iter().map(|block| block.gain_of(&moves, &self.state)).sum();
        if gained <= self.threshold {
            return 0.0;
        }
        self.state.permutations[p] = solved.pairs().iter().map(|&(_, new)| new).collect();
        self.state.versions[p] += 1;
        gained
    }

    /// The permutations found so far.
    pub(crate) fn permutations(&self) -> Permutations {
        let checked = |indices: &Vec<usize>| {
            Permutation::new(indices.clone()).expect("an assignment uses each column once")
        };
        self.names.iter().cloned().zip(self.state.permutations.iter().map(checked)).collect()
    }
}
