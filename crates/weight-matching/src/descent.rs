//! Permutation coordinate descent: solve one permutation at a time, or the two of an attention layer
//! together, the others held fixed.
//!
//! What takes time is the gain matrices. Both networks are multiplied where they lie. Where at most four fifths of the
//! terms of a product changed since the last time, only what they change is computed. Whether a solution is better is read
//! off the gain matrix where a bound on its rounding allows it, and computed from the weights otherwise. While one thread
//! solves an assignment, the others go ahead to the products that it cannot change.

use crate::blocks::{Block, Part, Scratch, State, blocks};
use crate::matching::Checked;
use crate::objective::{Parameter, objective};
use crate::step::{Coordinate, Step, coordinates};
use crate::{Permutation, PermutationSpec, Permutations, VisitingOrder};
use basin_core::{Params, SeedTree};
use permutation_spec::axis::{Run, runs};
use rayon::prelude::*;

/// Whether work whose inputs did not change may be skipped. It never changes a result, which is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    Yes,
    #[cfg_attr(not(test), allow(dead_code, reason = "the slow path is the tests' reference"))]
    No,
}

/// A run of the descent between two networks that were checked against the spec.
#[derive(Debug)]
pub(crate) struct Descent<'a> {
    names: Vec<String>,
    parameters: Vec<Parameter<'a>>,
    blocks: Vec<Vec<Block<'a>>>,
    coordinates: Vec<Coordinate>,
    /// The permutations on which the solution of each coordinate depends.
    neighbours: Vec<Vec<usize>>,
    state: State,
    /// Versions of the neighbours when a coordinate was last solved.
    solved_at: Vec<Option<Vec<u64>>>,
    /// Column duals of the last assignment of each permutation outside the groups, from which the next one begins.
    duals: Vec<Vec<f64>>,
    /// Multiplications so far: those of products, and what assignments count for.
    work: u64,
    /// One for each coordinate that is solved side by side, with gain matrices.
    scratches: Vec<(Scratch, Vec<Vec<f64>>)>,
    /// One for products that are computed ahead.
    ahead: Scratch,
    reuse: Reuse,
    threshold: f64,
}

impl<'a> Descent<'a> {
    pub(crate) fn new(
        spec: &PermutationSpec,
        checked: &Checked<'_>,
        reference: &'a Params,
        target: &'a Params,
        threshold: f64,
        reuse: Reuse,
    ) -> Self {
        let names: Vec<String> = spec.permutations().map(str::to_owned).collect();
        let ids = spec.ids();
        let matched = spec.iter().map(|(name, _)| name).enumerate().filter(|(_, name)| spec.is_matched(name));
        let parameter = |(index, name): (usize, &str)| {
            let pair = reference.get(name).zip(target.get(name));
            let (reference, target) = pair.expect("the spec was validated against both networks");
            let axes = reference.shape().iter().enumerate();
            let axes =
                axes.map(|(axis, &len)| runs(&spec.segments_at((index, axis)), len, &checked.sizes, &ids));
            Parameter::new(reference, target, axes.collect(), checked.pairs[name])
        };
        let parameters: Vec<Parameter<'a>> = matched.map(parameter).collect();
        let mut parts: Vec<Vec<Part<'a, '_>>> = vec![Vec::new(); names.len()];
        for Parameter { reference, target, axes, .. } in &parameters {
            for (axis, runs) in axes.iter().enumerate() {
                for (run, Run { permutation, .. }) in runs.iter().enumerate() {
                    if let Some(p) = permutation {
                        parts[*p].push(Part { reference: *reference, target: *target, axis, run, axes });
                    }
                }
            }
        }
        let sizes: Vec<usize> = names.iter().map(|name| checked.sizes[name]).collect();
        let blocks: Vec<Vec<Block<'a>>> =
            sizes.iter().zip(&parts).map(|(&n, parts)| blocks(n, parts)).collect();
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
            ahead: Scratch::default(),
            threshold: threshold.max(0.0),
            coordinates,
            names,
            parameters,
            blocks,
            reuse,
        }
    }

    /// Begins anew with these permutations, as if nothing had been done before.
    pub(crate) fn begin(&mut self, start: &Permutations) {
        for (name, (permutation, version)) in
            self.names.iter().zip(self.state.permutations.iter_mut().zip(&mut self.state.versions))
        {
            *permutation = start.get(name).map_or(&[][..], Permutation::as_slice).to_vec();
            *version += 1;
        }
        self.blocks.iter_mut().flatten().for_each(Block::forget);
        self.solved_at.fill(None);
        self.duals.iter_mut().for_each(Vec::clear);
    }

    /// Σ⟨w_A, π(w_B)⟩ for where it stands, in f64 from the weights themselves: equal arrangements have equal objectives to
    /// the last bit.
    pub(crate) fn objective(&mut self) -> f64 {
        objective(&mut self.parameters, &self.state)
    }

    /// How many multiplications were made since the last call.
    pub(crate) fn take_work(&mut self) -> u64 {
        std::mem::take(&mut self.work)
    }

    /// Visits every coordinate once, in the order of this sweep. Returns whether one made progress.
    pub(crate) fn sweep(&mut self, order: VisitingOrder, seed: &SeedTree, sweep: usize) -> bool {
        let order = order.of(self.coordinates.len(), seed, sweep);
        let (mut better, mut rest) = (false, &order[..]);
        while !rest.is_empty() {
            let (together, later) = rest.split_at(self.independent(rest));
            let next = if later.is_empty() { later } else { &later[..self.independent(later)] };
            better |= self.improve(together, next);
            rest = later;
        }
        better
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

    /// Solves coordinates that do not depend on one another, each exactly. A solution is kept when the objective
    /// gains more than the threshold by it. Returns whether any was.
    ///
    /// An assignment keeps one thread busy. The others meanwhile compute those products for the `next` coordinates that these
    /// cannot change.
    fn improve(&mut self, together: &[usize], next: &[usize]) -> bool {
        let mut steps = Vec::with_capacity(together.len());
        for &c in together {
            let versions = self.state.versions_of(&self.neighbours[c]);
            if self.reuse == Reuse::Yes && self.solved_at[c].as_ref() == Some(&versions) {
                continue;
            }
            self.solved_at[c] = Some(versions);
            steps.push(self.begin_step(c));
        }
        let of = |coordinates: &[usize]| -> Vec<usize> {
            coordinates.iter().flat_map(|&c| &self.coordinates[c].permutations).copied().collect()
        };
        let (changing, next) = (of(together), of(next));
        let (state, threshold, reuse) = (&self.state, self.threshold, self.reuse == Reuse::Yes);
        steps.par_iter_mut().with_max_len(1).for_each(|step| step.multiply(state, reuse));
        let ahead = self.blocks.iter_mut().enumerate().filter(|(p, _)| reuse && next.contains(p));
        let stays = |block: &&mut Block<'_>| block.others().iter().all(|other| !changing.contains(other));
        let ahead: Vec<&mut Block<'a>> = ahead.flat_map(|(_, blocks)| blocks).filter(stays).collect();
        let scratch = &mut self.ahead;
        let (work, ()) = rayon::join(
            || ahead.into_iter().map(|block| block.bring_up_to_date(state, reuse, scratch)).sum::<u64>(),
            || steps.par_iter_mut().with_max_len(1).for_each(|step| step.solve(state, threshold)),
        );
        self.work += work;
        steps.into_iter().fold(false, |better, step| self.end_step(step) | better)
    }

    fn begin_step(&mut self, c: usize) -> Step<'a> {
        let coordinate = self.coordinates[c].clone();
        let permutations = &coordinate.permutations;
        let (scratch, gains) = self.scratches.pop().unwrap_or_default();
        Step {
            blocks: permutations.iter().map(|&p| std::mem::take(&mut self.blocks[p])).collect(),
            duals: permutations.iter().map(|&p| std::mem::take(&mut self.duals[p])).collect(),
            gains,
            scratch,
            work: 0,
            solved: Vec::new(),
            better: false,
            coordinate,
        }
    }

    fn end_step(&mut self, step: Step<'a>) -> bool {
        let Step { coordinate, blocks, duals, gains, scratch, work, solved, better } = step;
        self.scratches.push((scratch, gains));
        self.work += work;
        let found = coordinate.permutations.into_iter().zip(solved);
        for ((p, solved), (blocks, duals)) in found.zip(blocks.into_iter().zip(duals)) {
            (self.blocks[p], self.duals[p]) = (blocks, duals);
            if better && self.state.permutations[p] != solved {
                self.state.permutations[p] = solved;
                self.state.versions[p] += 1;
            }
        }
        better
    }

    /// The permutations found so far.
    pub(crate) fn permutations(&self) -> Permutations {
        let checked = |indices: &Vec<usize>| {
            Permutation::new(indices.clone()).expect("an assignment uses each column once")
        };
        self.names.iter().cloned().zip(self.state.permutations.iter().map(checked)).collect()
    }
}

#[cfg(test)]
mod tests;
