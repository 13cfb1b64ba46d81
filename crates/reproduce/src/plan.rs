//! All work of a run as one graph: recipes of all methods and seeds merged where their digests agree.

use crate::{Registry, Study, design};
use anyhow::{Result, ensure};
use basin_core::{Citation, Digest};
use basin_ensemble::{EnsembleMethod, Objective, ParamOp, Recipe, Trajectory, Work, keys, trajectory_keys};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A node of the plan, by its place in [`Plan::nodes`].
pub type NodeIndex = usize;

/// One piece of work.
#[derive(Clone, Debug)]
pub struct PlannedNode {
    /// Readable name, for example `deep-1` or `deep-1-epoch-2`.
    pub name: String,
    /// Digest of everything that determines the result.
    pub key: Digest,
    /// The case of the study whose settings it is made with; others that want the same result share it.
    pub case: usize,
    /// Root seed.
    pub seed: u64,
    /// What is done.
    pub work: PlannedWork,
    /// Whether an ensemble has it as a member, so that its logits are needed.
    pub member: bool,
}

/// What a node does, with its inputs resolved.
#[derive(Clone, Debug)]
pub enum PlannedWork {
    /// Fresh parameters from a seed path.
    Init {
        /// The path.
        path: String,
    },
    /// A stretch of a trajectory, from an earlier state of it or from where it starts.
    Train {
        /// The trajectory.
        trajectory: Trajectory,
        /// The node whose state it continues.
        from: NodeIndex,
        /// The teachers.
        teachers: Vec<NodeIndex>,
        /// First epoch of this stretch.
        start: u64,
        /// Epoch after which it ends.
        end: u64,
    },
    /// An operation on parameters.
    Transform {
        /// The operation.
        operation: Arc<dyn ParamOp>,
        /// Its inputs.
        inputs: Vec<NodeIndex>,
        /// Seed path.
        path: String,
    },
}

/// One ensemble to measure.
#[derive(Clone, Debug)]
pub struct PlannedEnsemble {
    /// The case of the study.
    pub case: usize,
    /// Method id.
    pub method: String,
    /// Root seed.
    pub seed: u64,
    /// Member nodes in order.
    pub members: Vec<NodeIndex>,
    /// Epochs that it would need if it trained all it uses by itself.
    pub epochs: u64,
    /// Their cost in passes over the training set, teachers' forward passes counted.
    pub passes: f64,
}

/// The whole run.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// All nodes, inputs first.
    pub nodes: Vec<PlannedNode>,
    /// All ensembles, by case and seed, then in the order of the methods.
    pub ensembles: Vec<PlannedEnsemble>,
    /// Works behind the methods used.
    pub citations: Vec<Citation>,
    /// Epochs that the methods would need if each trained all it uses by itself.
    pub epochs_unshared: u64,
}

impl Plan {
    /// Plans every case, seed and method of the study.
    ///
    /// # Errors
    /// When a method is unknown or refuses its parameters.
    pub fn new(study: &Study, registry: &Registry) -> Result<Self> {
        let (mut wanted, mut known) = (Vec::new(), BTreeSet::new());
        for (case, experiment) in study.cases.iter().enumerate() {
            let (context, label) = (experiment.plan_context(), design::label(&experiment.varied));
            for seed in experiment.seed_list() {
                for id in experiment.config.list("ensemble.methods") {
                    let method = registry.method(id, &experiment.config)?;
                    let recipe = method.plan(&context)?;
                    ensure!(
                        recipe.members().len() == context.members,
                        "{id} planned {} members",
                        recipe.members().len()
                    );
                    let setting = experiment.setting(seed);
                    // Designs that are run together may name the same ensemble.
                    if !known.insert((seed, id.clone(), setting.clone(), label.clone())) {
                        continue;
                    }
                    wanted.push(Asked { case, seed, setting, method, recipe });
                }
            }
        }
        Ok(Self::merge(&wanted))
    }

    fn merge(wanted: &[Asked]) -> Self {
        let (mut plan, mut merging) = (Self::default(), Merging::default());
        let keyed: Vec<Vec<Digest>> = wanted.iter().map(|asked| merging.collect(asked)).collect();
        for (Asked { case, seed, setting, method, recipe }, keys) in wanted.iter().zip(&keyed) {
            plan.citations.extend(method.citations());
            let members: Vec<NodeIndex> =
                recipe.members().iter().map(|m| merging.emit(keys[m.index()], &mut plan.nodes)).collect();
            members.iter().for_each(|&m| plan.nodes[m].member = true);
            let (epochs, passes) = unshared(recipe, &trajectory_keys(recipe, setting));
            plan.epochs_unshared += epochs;
            let method = method.id().to_owned();
            plan.ensembles.push(PlannedEnsemble {
                case: *case,
                method,
                seed: *seed,
                members,
                epochs,
                passes,
            });
        }
        plan
    }

    /// The plan as data: what a run directory keeps of it.
    pub fn to_json(&self) -> serde_json::Value {
        let key = |i: &NodeIndex| self.nodes[*i].key.to_string();
        let node = |n: &PlannedNode| {
            let inputs: Vec<_> = n.inputs().iter().map(key).collect();
            serde_json::json!({
                "name": n.name, "key": n.key.to_string(), "seed": n.seed, "epochs": n.epochs(), "inputs": inputs,
                "objective": n.objective(),
            })
        };
        let ensemble = |e: &PlannedEnsemble| {
            let members: Vec<_> = e.members.iter().map(key).collect();
            serde_json::json!({ "case": e.case, "method": e.method, "seed": e.seed, "members": members })
        };
        serde_json::json!({
            "nodes": self.nodes.iter().map(node).collect::<Vec<_>>(),
            "ensembles": self.ensembles.iter().map(ensemble).collect::<Vec<_>>(),
            "epochs": self.epochs(),
            "epochs_if_each_method_trained_alone": self.epochs_unshared,
        })
    }

    /// Epochs of training in the plan.
    pub fn epochs(&self) -> u64 {
        self.nodes.iter().map(PlannedNode::epochs).sum()
    }
}

impl PlannedNode {
    /// Epochs that this node trains.
    pub fn epochs(&self) -> u64 {
        match self.work {
            PlannedWork::Train { start, end, .. } => end - start,
            _ => 0,
        }
    }

    /// Cost in passes over the training set, a forward and backward pass counting 1 and a teacher's forward
    /// pass 1/3.
    pub fn passes(&self) -> f64 {
        match &self.work {
            PlannedWork::Train { trajectory, .. } => trajectory.objective.passes(self.epochs()),
            _ => 0.0,
        }
    }

    /// Nodes that must be done before.
    pub fn inputs(&self) -> Vec<NodeIndex> {
        match &self.work {
            PlannedWork::Init { .. } => Vec::new(),
            PlannedWork::Train { from, teachers, .. } => {
                [from].into_iter().chain(teachers).copied().collect()
            }
            PlannedWork::Transform { inputs, .. } => inputs.clone(),
        }
    }

    /// The loss in words.
    pub fn objective(&self) -> &'static str {
        match &self.work {
            PlannedWork::Train { trajectory, .. } => match trajectory.objective {
                Objective::CrossEntropy => "cross-entropy",
                Objective::Distillation { .. } => "distillation",
                Objective::Custom { .. } => "custom",
            },
            _ => "",
        }
    }
}

/// One method of one case and seed, with what it asks for.
struct Asked {
    case: usize,
    seed: u64,
    setting: String,
    method: Box<dyn EnsembleMethod>,
    recipe: Recipe,
}

/// The needed work of all, by digest, and what of it stands in the plan already.
#[derive(Default)]
struct Merging {
    wanted: BTreeMap<Digest, Wanted>,
    /// States of one trajectory, by epoch: each continues the one before it.
    states: BTreeMap<Digest, BTreeMap<u64, Digest>>,
    placed: BTreeMap<Digest, NodeIndex>,
}

struct Wanted {
    case: usize,
    seed: u64,
    work: Work,
    trajectory: Option<Digest>,
    inputs: Vec<Digest>,
}

impl Merging {
    /// Notes what a recipe's members need; returns the digest of each of its nodes.
    fn collect(&mut self, asked: &Asked) -> Vec<Digest> {
        let Asked { case, seed, setting, recipe, .. } = asked;
        let (keys, trajectories) = (keys(recipe, setting), trajectory_keys(recipe, setting));
        for (i, work) in recipe.nodes().iter().enumerate().filter(|(i, _)| recipe.needed()[*i]) {
            if let (Work::Train { epoch, .. }, Some(trajectory)) = (work, trajectories[i]) {
                self.states.entry(trajectory).or_default().insert(*epoch, keys[i]);
            }
            let inputs = work.inputs().iter().map(|id| keys[id.index()]).collect();
            let (case, seed, trajectory) = (*case, *seed, trajectories[i]);
            let wanted = || Wanted { case, seed, work: work.clone(), trajectory, inputs };
            self.wanted.entry(keys[i]).or_insert_with(wanted);
        }
        keys
    }

    /// Puts a node into the plan after everything it needs, once.
    fn emit(&mut self, key: Digest, nodes: &mut Vec<PlannedNode>) -> NodeIndex {
        if let Some(&at) = self.placed.get(&key) {
            return at;
        }
        let Wanted { case, seed, work, trajectory, inputs } = &self.wanted[&key];
        let (case, seed, work, inputs) = (*case, *seed, work.clone(), inputs.clone());
        let states = trajectory.and_then(|t| self.states.get(&t)).cloned().unwrap_or_default();
        let planned = match &work {
            Work::Init { seed } => PlannedWork::Init { path: seed.clone() },
            Work::Train { trajectory, epoch } => {
                let earlier = states.range(..epoch).next_back().map(|(e, k)| (*e, *k));
                let (start, from) = earlier.unwrap_or((trajectory.start_epoch, inputs[0]));
                let from = self.emit(from, nodes);
                let teachers = inputs[1..].iter().map(|&teacher| self.emit(teacher, nodes)).collect();
                PlannedWork::Train { trajectory: trajectory.clone(), from, teachers, start, end: *epoch }
            }
            Work::Transform { operation, seed, .. } => {
                let inputs = inputs.iter().map(|&input| self.emit(input, nodes)).collect();
                PlannedWork::Transform { operation: operation.clone(), inputs, path: seed.clone() }
            }
        };
        nodes.push(PlannedNode { name: work.name(), key, case, seed, work: planned, member: false });
        self.placed.insert(key, nodes.len() - 1);
        nodes.len() - 1
    }
}

/// Epochs and passes if one method trained everything it uses by itself, each trajectory once.
fn unshared(recipe: &Recipe, trajectories: &[Option<Digest>]) -> (u64, f64) {
    let mut longest: BTreeMap<Digest, (u64, &Objective)> = BTreeMap::new();
    for ((work, trajectory), _) in
        recipe.nodes().iter().zip(trajectories).zip(recipe.needed()).filter(|(_, n)| *n)
    {
        if let (Work::Train { trajectory: t, epoch }, Some(key)) = (work, trajectory) {
            let epochs = epoch - t.start_epoch;
            let known = longest.entry(*key).or_insert((epochs, &t.objective));
            known.0 = known.0.max(epochs);
        }
    }
    let passes = longest.values().map(|(epochs, objective)| objective.passes(*epochs)).sum();
    (longest.values().map(|(epochs, _)| epochs).sum(), passes)
}
