//! Recipes of all methods and seeds merged where their digests agree: each piece of work stands in the plan once.

use crate::measuring::Measured;
use crate::planned::{NodeIndex, PlannedNode, PlannedWork};
use crate::{Case, Study};
use basin_core::Digest;
use basin_ensemble::{EnsembleMethod, Keys, Recipe, Trajectory, Work, keys};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One method of one case and seed, with what it asks for and how that is measured.
pub(crate) struct Wanted {
    pub(crate) case: usize,
    pub(crate) seed: u64,
    pub(crate) method: Arc<dyn EnsembleMethod>,
    pub(crate) recipe: Recipe,
    pub(crate) measured: Measured,
}

/// The needed work of all, by digest, and what of it stands in the plan already.
pub(crate) struct Merging<'a> {
    study: &'a Study,
    needed: BTreeMap<Digest, Needed>,
    /// States of one trajectory, by epoch: each continues the one before it.
    states: BTreeMap<Digest, BTreeMap<u64, Digest>>,
    placed: BTreeMap<Digest, NodeIndex>,
}

struct Needed {
    case: usize,
    seed: u64,
    work: Work,
    trajectory: Option<Digest>,
    inputs: Vec<Digest>,
}

impl<'a> Merging<'a> {
    pub(crate) fn new(study: &'a Study) -> Self {
        let (needed, states, placed) = Default::default();
        Self { study, needed, states, placed }
    }

    /// Notes what a recipe's members and measurements need; returns the digest of each of its nodes.
    pub(crate) fn collect(&mut self, wanted: &Wanted) -> Keys {
        let Wanted { case, seed, recipe, .. } = wanted;
        let identity = self.study.cases[*case].identity(*seed);
        let Keys { nodes, trajectories } = keys(recipe, &identity.setting());
        let needed = recipe.needed();
        for (i, work) in recipe.nodes().iter().enumerate().filter(|(i, _)| needed[*i]) {
            if let (Work::Train { epoch, .. }, Some(trajectory)) = (work, trajectories[i]) {
                self.states.entry(trajectory).or_default().insert(*epoch, nodes[i]);
            }
            let inputs = work.inputs().iter().map(|id| nodes[id.index()]).collect();
            let (case, seed, trajectory) = (*case, *seed, trajectories[i]);
            let needed = || Needed { case, seed, work: work.clone(), trajectory, inputs };
            self.needed.entry(nodes[i]).or_insert_with(needed);
        }
        Keys { nodes, trajectories }
    }

    /// Puts a node into the plan after everything it needs, once.
    pub(crate) fn emit(&mut self, key: Digest, nodes: &mut Vec<PlannedNode>) -> NodeIndex {
        if let Some(&at) = self.placed.get(&key) {
            return at;
        }
        let Needed { case, seed, work, trajectory, inputs } = &self.needed[&key];
        let (case, seed, work, inputs) = (*case, *seed, work.clone(), inputs.clone());
        let states = trajectory.and_then(|t| self.states.get(&t)).cloned().unwrap_or_default();
        let mut passes = 0.0;
        let planned = match &work {
            Work::Init { seed } => PlannedWork::Init { path: seed.clone() },
            Work::Import { path, content, .. } => {
                PlannedWork::Import { path: path.clone(), content: *content }
            }
            Work::Train { trajectory, epoch } => {
                let earlier = states.range(..epoch).next_back().map(|(e, k)| (*e, *k));
                let (start, from) = earlier.unwrap_or((trajectory.start_epoch, inputs[0]));
                let from = self.emit(from, nodes);
                let teachers = inputs[1..].iter().map(|&teacher| self.emit(teacher, nodes)).collect();
                passes = self.study.cases[case].share(&trajectory.data)
                    * trajectory.objective.passes(epoch - start);
                let trajectory = Box::new(trajectory.clone());
                PlannedWork::Train { trajectory, from, teachers, start, end: *epoch }
            }
            Work::Transform { operation, seed, .. } => {
                let inputs = inputs.iter().map(|&input| self.emit(input, nodes)).collect();
                passes = self.study.cases[case].passes_of_operation(&**operation);
                PlannedWork::Transform { operation: operation.clone(), inputs, path: seed.clone() }
            }
            Work::Probe { probe, seed, .. } => {
                let with_params = |input: &Digest| self.needed[input].work.has_params();
                let (networks, records): (Vec<_>, Vec<_>) = inputs.iter().partition(|i| with_params(i));
                passes = self.study.cases[case].passes_of(&**probe, networks.len());
                let mut emitted = |all: Vec<Digest>| all.into_iter().map(|i| self.emit(i, nodes)).collect();
                let (networks, records) = (emitted(networks), emitted(records));
                PlannedWork::Probe { probe: probe.clone(), networks, records, path: seed.clone() }
            }
        };
        nodes.push(PlannedNode { name: work.name(), key, case, seed, work: planned, passes });
        self.placed.insert(key, nodes.len() - 1);
        nodes.len() - 1
    }
}

/// Epochs and passes if one method trained everything it uses by itself, each trajectory once.
pub(crate) fn unshared(case: &Case, recipe: &Recipe, trajectories: &[Option<Digest>]) -> (u64, f64) {
    let mut longest: BTreeMap<Digest, (u64, &Trajectory)> = BTreeMap::new();
    for ((work, trajectory), _) in
        recipe.nodes().iter().zip(trajectories).zip(recipe.needed()).filter(|(_, n)| *n)
    {
        if let (Work::Train { trajectory: t, epoch }, Some(key)) = (work, trajectory) {
            let epochs = epoch - t.start_epoch;
            let known = longest.entry(*key).or_insert((epochs, t));
            known.0 = known.0.max(epochs);
        }
    }
    let passes = longest.values().map(|(epochs, t)| case.share(&t.data) * t.objective.passes(*epochs)).sum();
    (longest.values().map(|(epochs, _)| epochs).sum(), passes)
}
