//! Recipes of all methods and seeds merged where their digests agree: each piece of work stands in the plan once.

use crate::measuring::Measured;
use crate::planned::{Early, NodeIndex, PlannedNode, PlannedWork};
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
    /// The same within the first epoch, by how often it was halved. The others do not go on from these, so that asking for them
    /// changes nothing else.
    early: BTreeMap<Digest, BTreeMap<u32, Digest>>,
    placed: BTreeMap<Digest, NodeIndex>,
}

struct Needed {
    case: usize,
    at_source: bool,
    seed: u64,
    work: Work,
    trajectory: Option<Digest>,
    inputs: Vec<Digest>,
}

impl<'a> Merging<'a> {
    pub(crate) fn new(study: &'a Study) -> Self {
        let (needed, states, early, placed) = Default::default();
        Self { study, needed, states, early, placed }
    }

    /// Notes what a recipe's members and measurements need; returns the digest of each of its nodes.
    pub(crate) fn collect(&mut self, wanted: &Wanted) -> Keys {
        let Wanted { case, seed, recipe, .. } = wanted;
        let identity = self.study.cases[*case].identity(*seed);
        let Keys { nodes, trajectories } = keys(recipe, &identity.setting());
        let needed = recipe.needed();
        for (i, work) in recipe.nodes().iter().enumerate().filter(|(i, _)| needed[*i]) {
            if let (Work::Train { epoch, halvings, .. }, Some(trajectory)) = (work, trajectories[i]) {
                match halvings {
                    0 => self.states.entry(trajectory).or_default().insert(*epoch, nodes[i]),
                    k => self.early.entry(trajectory).or_default().insert(*k, nodes[i]),
                };
            }
            let inputs = work.inputs().iter().map(|id| nodes[id.index()]).collect();
            let (case, seed, trajectory) = (*case, *seed, trajectories[i]);
            let at_source = recipe.is_at_source(recipe.id(i));
            let needed = || Needed { case, at_source, seed, work: work.clone(), trajectory, inputs };
            self.needed.entry(nodes[i]).or_insert_with(needed);
        }
        Keys { nodes, trajectories }
    }

    /// Puts a node into the plan after everything it needs, once.
    pub(crate) fn emit(&mut self, key: Digest, nodes: &mut Vec<PlannedNode>) -> NodeIndex {
        if let Some(&at) = self.placed.get(&key) {
            return at;
        }
        let Needed { case, at_source, seed, work, trajectory, inputs } = &self.needed[&key];
        let (case, at_source, seed) = (*case, *at_source, *seed);
        let (work, inputs) = (work.clone(), inputs.clone());
        let (own, stage) = (&self.study.cases[case], self.study.cases[case].stage(at_source));
        let states = trajectory.and_then(|t| self.states.get(&t)).cloned().unwrap_or_default();
        let early = trajectory.and_then(|t| self.early.get(&t)).cloned().unwrap_or_default();
        let mut passes = 0.0;
        let planned = match &work {
            Work::Init { seed } => PlannedWork::Init { path: seed.clone() },
            Work::Import { path, content, classes, .. } => {
                PlannedWork::Import { path: path.clone(), content: *content, classes: *classes }
            }
            Work::Train { trajectory, epoch, halvings: halvings @ 1.. } => {
                let earlier = early.range(halvings + 1..).next().map(|(k, digest)| (*k, *digest));
                let (after, from) = earlier.unwrap_or((0, inputs[0]));
                let early = Early { after, until: *halvings };
                let from = self.emit(from, nodes);
                let teachers = inputs[1..].iter().map(|&teacher| self.emit(teacher, nodes)).collect();
                passes = stage.share(&trajectory.data) * trajectory.objective.passes(1) * early.share();
                let trajectory = Box::new(trajectory.clone());
                let (start, end, early) = (*epoch, *epoch, Some(early));
                PlannedWork::Train { trajectory, from, teachers, start, end, early }
            }
            Work::Train { trajectory, epoch, .. } => {
                let earlier = states.range(..epoch).next_back().map(|(e, k)| (*e, *k));
                let (start, from) = earlier.unwrap_or((trajectory.start_epoch, inputs[0]));
                let from = self.emit(from, nodes);
                let teachers = inputs[1..].iter().map(|&teacher| self.emit(teacher, nodes)).collect();
                passes = stage.share(&trajectory.data) * trajectory.objective.passes(epoch - start);
                let trajectory = Box::new(trajectory.clone());
                PlannedWork::Train { trajectory, from, teachers, start, end: *epoch, early: None }
            }
            Work::Transform { operation, seed, .. } => {
                let inputs: Vec<_> = inputs.iter().map(|&input| self.emit(input, nodes)).collect();
                passes = stage.passes_of_operation(&**operation, inputs.len());
                PlannedWork::Transform { operation: operation.clone(), inputs, path: seed.clone() }
            }
            Work::Probe { probe, seed, .. } => {
                let with_params = |input: &Digest| self.needed[input].work.has_params();
                let (networks, records): (Vec<_>, Vec<_>) = inputs.iter().partition(|i| with_params(i));
                passes = stage.passes_of(&**probe, networks.len());
                let mut emitted = |all: Vec<Digest>| all.into_iter().map(|i| self.emit(i, nodes)).collect();
                let (networks, records) = (emitted(networks), emitted(records));
                PlannedWork::Probe { probe: probe.clone(), networks, records, path: seed.clone() }
            }
        };
        // In passes over the case's own training images, whatever the source has.
        passes *= stage.train.len() as f64 / own.train.len() as f64;
        let name = work.name();
        nodes.push(PlannedNode { name, key, case, at_source, seed, work: planned, passes });
        self.placed.insert(key, nodes.len() - 1);
        nodes.len() - 1
    }
}

/// What an ensemble costs that trains everything it uses by itself, each trajectory once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Alone {
    /// Epochs, those of pre-training among them.
    pub(crate) epochs: u64,
    /// Passes over the training set, without pre-training.
    pub(crate) passes: f64,
    /// Passes that must be done one after the other, where everything else is done side by side.
    pub(crate) in_a_row: f64,
}

/// The cost of one recipe alone.
pub(crate) fn unshared(case: &Case, recipe: &Recipe, trajectories: &[Option<Digest>]) -> Alone {
    let mut longest: BTreeMap<Digest, (u64, &Trajectory, bool)> = BTreeMap::new();
    let mut until = vec![0.0f64; recipe.nodes().len()];
    let all = recipe.nodes().iter().zip(trajectories).zip(recipe.needed()).enumerate();
    for (i, ((work, trajectory), _)) in all.filter(|(_, (_, needed))| *needed) {
        until[i] = work.inputs().iter().map(|input| until[input.index()]).fold(0.0, f64::max);
        if let (Work::Train { trajectory: t, epoch, .. }, Some(key)) = (work, trajectory) {
            let (epochs, at_source) = (epoch - t.start_epoch, recipe.is_at_source(recipe.id(i)));
            let known = longest.entry(*key).or_insert((epochs, t, at_source));
            known.0 = known.0.max(epochs);
            if !at_source {
                until[i] += case.share(&t.data) * t.objective.passes(epochs);
            }
        }
    }
    let own = longest.values().filter(|(_, _, at_source)| !at_source);
    Alone {
        epochs: longest.values().map(|(epochs, ..)| epochs).sum(),
        passes: own.map(|(epochs, t, _)| case.share(&t.data) * t.objective.passes(*epochs)).sum(),
        in_a_row: recipe.members().iter().map(|member| until[member.index()]).fold(0.0, f64::max),
    }
}
