//! All work of a run as one graph: recipes of all methods and seeds merged where their digests agree.

use crate::case::Identity;
use crate::measuring::{self, SEEDS};
use crate::merging::{Alone, Merging, Wanted, unshared};
use crate::planned::{NodeIndex, PlannedNode, PlannedWork};
use crate::problem::{self, Problem};
use crate::{Registry, Study, refusals};
use anyhow::Result;
use basin_core::{Citation, Digest};
use basin_ensemble::{Keys, Probe, probe_key};
use basin_exit as exit;
use basin_store::{NodeDir, NodeStatus, RunDir};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One ensemble and its measurements.
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
    /// The members' logits on the test split, in the same order.
    pub logits: Vec<NodeIndex>,
    /// The measurements of the ensemble.
    pub records: Vec<NodeIndex>,
    /// Epochs that it would need if it trained all it uses by itself.
    pub epochs: u64,
    /// Their cost in passes over the training set, teachers' forward passes counted, pre-training not.
    pub passes: f64,
    /// Passes of these that must be done one after the other.
    pub in_a_row: f64,
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
    /// Everything that methods refuse, and those that there are not.
    pub fn new(study: &Study, registry: &Registry) -> Result<Self> {
        Self::attempt(study, registry).map_err(problem::refusal)
    }

    /// As [`Plan::new`], with each problem by itself.
    pub fn attempt(study: &Study, registry: &Registry) -> Result<Self, Vec<Problem>> {
        let (mut wanted, mut known, mut problems) = (Vec::new(), BTreeSet::new(), Vec::new());
        for (place, case) in study.cases.iter().enumerate() {
            let (context, keys) = (case.plan_context(), study.case_keys(place));
            let (methods, refused) = refusals::methods(registry, &case.config);
            problems.extend(refused);
            for &seed in case.seed_list() {
                let setting = case.setting(seed);
                for method in &methods {
                    // Experiments that are run together may name the same ensemble.
                    if !known.insert((seed, method.id(), setting.clone(), keys.clone())) {
                        continue;
                    }
                    match refusals::recipe(&**method, &context) {
                        Ok(mut recipe) => {
                            let probes = registry.probes();
                            let measured = measuring::add(&mut recipe, case, method.id(), probes);
                            wanted.push(Wanted {
                                case: place,
                                seed,
                                method: method.clone(),
                                recipe,
                                measured,
                            });
                        }
                        Err(problem) => problems.push(problem),
                    }
                }
            }
        }
        if problems.is_empty() { Ok(Self::merge(study, &wanted)) } else { Err(problems) }
    }

    fn merge(study: &Study, wanted: &[Wanted]) -> Self {
        let (mut plan, mut merging) = (Self::default(), Merging::new(study));
        let keyed: Vec<Keys> = wanted.iter().map(|wanted| merging.collect(wanted)).collect();
        for (Wanted { case, seed, method, recipe, measured }, keys) in wanted.iter().zip(&keyed) {
            plan.citations.extend(method.citations());
            let mut emit =
                |id: &basin_ensemble::NodeId| merging.emit(keys.nodes[id.index()], &mut plan.nodes);
            let members: Vec<NodeIndex> = recipe.members().iter().map(&mut emit).collect();
            let logits = measured.logits.iter().map(&mut emit).collect();
            let records = measured.records.iter().map(&mut emit).collect();
            let Alone { epochs, passes, in_a_row } =
                unshared(&study.cases[*case], recipe, &keys.trajectories);
            plan.epochs_unshared += epochs;
            let (case, method, seed) = (*case, method.id().to_owned(), *seed);
            let ensemble =
                PlannedEnsemble { case, method, seed, members, logits, records, epochs, passes, in_a_row };
            plan.ensembles.push(ensemble);
        }
        plan.compare_with_deep(study);
        plan.citations.extend(plan.probes().flat_map(|probe| probe.citations()));
        plan
    }

    fn probes(&self) -> impl Iterator<Item = Arc<dyn Probe>> + use<> {
        let probe = |node: &PlannedNode| match &node.work {
            PlannedWork::Probe { probe, .. } => Some(probe.clone()),
            _ => None,
        };
        self.nodes.iter().filter_map(probe).collect::<Vec<_>>().into_iter()
    }

    /// Adds the comparisons of each ensemble with deep ones of the same training and seed, where the plan has any: image by
    /// image with one of its size, and where calibration is measured, with the largest one.
    fn compare_with_deep(&mut self, study: &Study) {
        let identities: Vec<_> =
            self.ensembles.iter().map(|e| study.cases[e.case].identity(e.seed)).collect();
        let mut placed: BTreeMap<Digest, NodeIndex> = BTreeMap::new();
        // The first deep ensemble of each training and seed, by size.
        let mut deep_ones: BTreeMap<(&str, u64), BTreeMap<usize, usize>> = BTreeMap::new();
        for (i, ensemble) in self.ensembles.iter().enumerate().filter(|(_, e)| e.method == "deep") {
            let same = deep_ones.entry((identities[i].training.as_str(), ensemble.seed)).or_default();
            same.entry(ensemble.members.len()).or_insert(i);
        }
        for (i, identity) in identities.iter().enumerate() {
            let own = &self.ensembles[i];
            let Some(deep) = deep_ones.get(&(identity.training.as_str(), own.seed)) else { continue };
            let (case, method) = (&study.cases[own.case], own.method.clone());
            let (equal, largest) =
                (deep.get(&own.members.len()), deep.last_key_value().map(|(_, place)| place));
            let mut compared = Vec::new();
            if let Some(place) = equal {
                compared.push((*place, measuring::minus_deep(case)));
            }
            if let Some(place) = largest
                && let Some(probe) = measuring::deep_equivalent(case, &method, own.members.len())
            {
                compared.push((*place, probe));
            }
            for (place, probe) in compared {
                if self.ensembles[place].members != self.ensembles[i].members {
                    let at = self.comparison(i, place, probe, identity, &mut placed);
                    self.ensembles[i].records.push(at);
                }
            }
        }
    }

    /// The node that compares two ensembles by the logits of their members.
    fn comparison(
        &mut self,
        own: usize,
        other: usize,
        probe: Arc<dyn Probe>,
        identity: &Identity<'_>,
        placed: &mut BTreeMap<Digest, NodeIndex>,
    ) -> NodeIndex {
        let (own, other) = (&self.ensembles[own], &self.ensembles[other]);
        let (case, seed) = (own.case, own.seed);
        let records: Vec<NodeIndex> = own.logits.iter().chain(&other.logits).copied().collect();
        let inputs: Vec<Digest> = records.iter().map(|&record| self.nodes[record].key).collect();
        let key = probe_key(&*probe, SEEDS, &inputs, &identity.setting());
        let name = format!("{}-{}", probe.id(), own.method);
        *placed.entry(key).or_insert_with(|| {
            let work = PlannedWork::Probe { probe, networks: Vec::new(), records, path: SEEDS.into() };
            let at_source = false;
            self.nodes.push(PlannedNode { name, key, case, at_source, seed, work, passes: 0.0 });
            self.nodes.len() - 1
        })
    }

    /// The plan as data: what a run directory keeps of it.
    pub fn to_json(&self) -> serde_json::Value {
        let key = |i: &NodeIndex| self.nodes[*i].key.to_string();
        let node = |n: &PlannedNode| {
            let inputs: Vec<_> = n.inputs().iter().map(key).collect();
            serde_json::json!({
                "name": n.name, "key": n.key.to_string(), "seed": n.seed, "work": n.kind(), "epochs": n.epochs(),
                "passes": n.passes, "inputs": inputs, "objective": n.objective(),
            })
        };
        let ensemble = |e: &PlannedEnsemble| {
            let members: Vec<_> = e.members.iter().map(key).collect();
            let records: Vec<_> = e.records.iter().map(key).collect();
            serde_json::json!({
                "case": e.case, "method": e.method, "seed": e.seed, "members": members, "records": records,
            })
        };
        serde_json::json!({
            "nodes": self.nodes.iter().map(node).collect::<Vec<_>>(),
            "ensembles": self.ensembles.iter().map(ensemble).collect::<Vec<_>>(),
            "epochs": self.epochs(),
            "epochs_if_each_method_trained_alone": self.epochs_unshared,
        })
    }

    /// Of every node its directory in a run, and whether it is done, as far as seals and the sizes of files tell. What the
    /// files hold is checked whenever one is read.
    ///
    /// # Errors
    /// [`exit::Damaged`] with every node that was finished and is no longer what it was: it is not computed again unasked.
    pub fn states(&self, run: &RunDir) -> Result<Vec<(NodeDir, NodeStatus)>> {
        let state = |node: &PlannedNode| {
            let dir = node.dir(run)?;
            let status = dir.status()?;
            Ok((dir, status))
        };
        let states = self.nodes.iter().map(state).collect::<Result<Vec<_>>>()?;
        let damaged = |(dir, status): &(NodeDir, NodeStatus)| match status {
            NodeStatus::Damaged { why } => Some(format!("{}: {why}", dir.name())),
            _ => None,
        };
        let nodes: Vec<String> = states.iter().filter_map(damaged).collect();
        match nodes.is_empty() {
            true => Ok(states),
            false => Err(exit::Damaged { run: run.path().to_owned(), nodes }.into()),
        }
    }

    /// Whether each node has to be carried out so that these are done: what is not done itself and needed by what is not.
    pub fn needed(&self, wanted: &[NodeIndex], done: &[bool]) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        wanted.iter().for_each(|&node| needed[node] = !done[node]);
        for node in (0..self.nodes.len()).rev().filter(|&node| !done[node]) {
            if needed[node] {
                self.nodes[node].inputs().into_iter().for_each(|input| needed[input] = !done[input]);
            }
        }
        needed
    }

    /// Epochs of training in the plan.
    pub fn epochs(&self) -> u64 {
        self.nodes.iter().map(PlannedNode::epochs).sum()
    }
}
