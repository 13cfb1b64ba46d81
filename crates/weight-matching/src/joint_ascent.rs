//! Coordinate ascent of the joint objective: match one network at a time to the mean of all others.

use crate::climb::matching;
use crate::descent::Reuse;
use crate::first_arrangement::first_arrangement;
use crate::multi_matching::{all_arranged, joint_objective, moved};
use crate::restarts::{arranged, composed};
use crate::searches::Searches;
use crate::{MatchingOptions, MultiMatching, PermutationSpec, Permutations};
use basin_core::{Params, Simplex};
use std::collections::BTreeMap;
use std::ops::Range;

/// The best of several ascents over networks that were checked, as many as the options say, with the aligned networks.
/// Only the networks in `free` move.
pub(crate) fn ascend(
    spec: &PermutationSpec,
    sizes: &BTreeMap<String, usize>,
    networks: &[&Params],
    free: &Range<usize>,
    options: &MatchingOptions,
) -> (MultiMatching, Vec<Params>) {
    // Inside the pool of threads: from outside, each of the many short parallel steps would wait to be woken.
    rayon::scope(|_| best_of_all(spec, sizes, networks, free, options))
}

fn best_of_all(
    spec: &PermutationSpec,
    sizes: &BTreeMap<String, usize>,
    networks: &[&Params],
    free: &Range<usize>,
    options: &MatchingOptions,
) -> (MultiMatching, Vec<Params>) {
    let before: Vec<Params> = networks.iter().map(|&network| network.clone()).collect();
    let objective_before = joint_objective(spec, &before);
    let mut best: Option<(f64, MultiMatching, Vec<Params>)> = None;
    let mut searches = Searches::of(options);
    while searches.another() {
        let (families, work) = first_arrangement(spec, sizes, networks, &options.seed, searches.made());
        let mut search = Search::new(spec, networks, families, work);
        let (objective_history, converged) = search.run(free, options);
        let reached = joint_objective(spec, &search.aligned);
        let enough = |(best, ..): &(f64, _, _)| reached > best + options.progress_threshold.max(0.0);
        let better = best.as_ref().is_none_or(enough);
        searches.count(better, search.work);
        if !better {
            continue;
        }
        let found = MultiMatching {
            searches: 0,
            moved: moved(&search.families),
            permutations: search.families,
            objective_before,
            sweeps: objective_history.len(),
            objective_history,
            converged,
        };
        let equal = search.aligned.windows(2).all(|pair| pair[0] == pair[1]);
        best = Some((reached, found, search.aligned));
        if equal {
            break;
        }
    }
    let (_, mut found, aligned) = best.expect("the first search always counts");
    found.searches = searches.made();
    (found, aligned)
}

struct Search<'a> {
    spec: &'a PermutationSpec,
    families: Vec<Permutations>,
    aligned: Vec<Params>,
    /// Multiplications so far.
    work: u64,
}

impl<'a> Search<'a> {
    fn new(spec: &'a PermutationSpec, networks: &[&Params], families: Vec<Permutations>, work: u64) -> Self {
        Self { spec, aligned: all_arranged(spec, networks, &families), families, work }
    }

    /// Sweeps over the free networks until none makes progress. Returns J after each sweep, and whether the
    /// search converged.
    fn run(&mut self, free: &Range<usize>, options: &MatchingOptions) -> (Vec<f64>, bool) {
        let mut history = Vec::new();
        let mut objective = joint_objective(self.spec, &self.aligned);
        let mut converged = false;
        while !converged && history.len() < options.max_sweeps {
            let sweep = history.len();
            let order = options.order.of(free.len(), &options.seed.child("networks"), sweep);
            let gained: f64 = order.into_iter().map(|at| self.improve(free.start + at, sweep, options)).sum();
            objective += gained;
            history.push(objective);
            converged = gained == 0.0;
        }
        (history, converged)
    }

    /// Matches one network to the mean of the others. What is found counts only if J, in f64 and with the mean
    /// unrounded, gains more than the threshold by it; so J never sinks. Returns the gain.
    fn improve(&mut self, network: usize, sweep: usize, options: &MatchingOptions) -> f64 {
        let others: Vec<&Params> = self
            .aligned
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != network)
            .map(|(_, params)| params)
            .collect();
        let mean = Params::convex_combination(&others, &Simplex::uniform(others.len()))
            .expect("the networks have one layout");
        let seed = options.seed.child("network").index(network as u64).index(sweep as u64);
        let inner = MatchingOptions { seed, ..*options };
        let (found, work) = matching(self.spec, &mean, &self.aligned[network], &inner, Reuse::Yes)
            .expect("the networks were checked and means of finite weights are finite");
        self.work += work;
        let found = found.permutations;
        if found.is_identity() {
            return 0.0;
        }
        let candidate = arranged(self.spec, &self.aligned[network], &found);
        let gained = gain(self.spec, &others, &self.aligned[network], &candidate);
        if gained <= options.progress_threshold.max(0.0) {
            return 0.0;
        }
        self.aligned[network] = candidate;
        self.families[network] = composed(&self.families[network], &found);
        gained
    }
}

/// Σ_j ⟨w_j, new − old⟩ over the other networks.
fn gain(spec: &PermutationSpec, others: &[&Params], old: &Params, new: &Params) -> f64 {
    let mut total = 0.0;
    for ((name, old), (_, new)) in old.iter().zip(new.iter()).filter(|((name, _), _)| spec.is_matched(name)) {
        let arrays: Vec<&[f32]> = others.iter().filter_map(|n| n.get(name)).map(|a| a.data()).collect();
        for (at, (&old, &new)) in old.data().iter().zip(new.data()).enumerate() {
            if old != new {
                let sum: f64 = arrays.iter().map(|array| f64::from(array[at])).sum();
                total += sum * (f64::from(new) - f64::from(old));
            }
        }
    }
    total
}
