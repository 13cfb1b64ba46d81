//! Recipes: small graphs of named work.

use crate::{NodeId, ParamOp, Probe, Trajectory, Work};
use basin_core::Digest;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// Why a recipe cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// A trajectory would have to end before it starts.
    #[error(
        "{name}: the state after epoch {epoch} was asked for, but the trajectory starts at epoch {start}"
    )]
    Backwards {
        /// The trajectory.
        name: String,
        /// First epoch.
        start: u64,
        /// Epoch asked for.
        epoch: u64,
    },
    /// A snapshot was asked of something that is not trained.
    #[error("only a trained node has a state at epoch {epoch}")]
    NotTrained {
        /// Epoch asked for.
        epoch: u64,
    },
    /// A parameter of the method is out of range.
    #[error("{key} is {found}, expected {expected}")]
    Parameter {
        /// Config key.
        key: &'static str,
        /// The allowed range.
        expected: String,
        /// The value.
        found: String,
    },
}

/// Where a member that was fine-tuned comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The network that its training began with, of its own layout: where it was pre-trained, with a new head.
    pub start: NodeId,
    /// The pre-trained network with its own head, at the source ([`Recipe::at_source`]); none where nothing was, or where it is
    /// from a file.
    pub pretrained: Option<NodeId>,
}

/// The most halvings of an epoch: no epoch has more steps than two to their power.
const EARLIEST: u32 = 30;

/// A graph of work and the members it yields.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    nodes: Vec<Work>,
    /// Of each node, whether it belongs to the source.
    at_source: Vec<bool>,
    /// Whether nodes that are added do.
    adding_at_source: bool,
    members: Vec<NodeId>,
    /// Of each member.
    origins: Vec<Option<Origin>>,
    records: Vec<NodeId>,
}

impl Recipe {
    /// An empty recipe.
    pub fn new() -> Self {
        Self::default()
    }

    fn push(&mut self, work: Work) -> NodeId {
        self.nodes.push(work);
        self.at_source.push(self.adding_at_source);
        NodeId(self.nodes.len() - 1)
    }

    /// Adds work of the source: with its images, its network and its training settings instead of the experiment's own. What is
    /// trained there is the same work as in an experiment that has these settings itself.
    pub fn at_source<T>(&mut self, add: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.adding_at_source, true);
        let added = add(self);
        self.adding_at_source = before;
        added
    }

    /// Whether a node is work of the source.
    pub fn is_at_source(&self, node: NodeId) -> bool {
        self.at_source[node.0]
    }

    /// Fresh parameters.
    pub fn init(&mut self, seed: impl Into<String>) -> NodeId {
        self.push(Work::Init { seed: seed.into() })
    }

    /// Parameters from a file whose bytes have this digest.
    pub fn import(&mut self, name: impl Into<String>, path: impl Into<PathBuf>, content: Digest) -> NodeId {
        self.push(Work::Import { name: name.into(), path: path.into(), content, classes: None })
    }

    /// Parameters from such a file of a network that tells so many classes apart, to be given another head.
    pub fn import_with_classes(
        &mut self,
        name: impl Into<String>,
        path: impl Into<PathBuf>,
        content: Digest,
        classes: usize,
    ) -> NodeId {
        self.push(Work::Import { name: name.into(), path: path.into(), content, classes: Some(classes) })
    }

    /// The state of a trajectory after `epoch`.
    ///
    /// # Errors
    /// [`RecipeError::Backwards`] unless `epoch > start_epoch`.
    pub fn train(&mut self, trajectory: Trajectory, epoch: u64) -> Result<NodeId, RecipeError> {
        if epoch <= trajectory.start_epoch {
            let Trajectory { name, start_epoch: start, .. } = trajectory;
            return Err(RecipeError::Backwards { name, start, epoch });
        }
        Ok(self.push(Work::Train { trajectory, epoch, halvings: 0 }))
    }

    /// The state of an already planned trajectory after another epoch.
    ///
    /// # Errors
    /// [`RecipeError::NotTrained`] when the node is not trained, [`RecipeError::Backwards`] as [`Recipe::train`].
    pub fn snapshot(&mut self, of: NodeId, epoch: u64) -> Result<NodeId, RecipeError> {
        match &self.nodes[of.0] {
            Work::Train { trajectory, .. } => {
                let name = format!("{}-epoch-{epoch}", trajectory.name);
                self.train(Trajectory { name, ..trajectory.clone() }, epoch)
            }
            _ => Err(RecipeError::NotTrained { epoch }),
        }
    }

    /// The state of an already planned trajectory within its first epoch: after the first 2⁻ᵏ of it, in whole steps, rounded down.
    /// It is work of its own beside the states after epochs, which do not go on from it.
    ///
    /// # Errors
    /// [`RecipeError::NotTrained`] when the node is not trained; [`RecipeError::Parameter`] for k = 0.
    pub fn early(&mut self, of: NodeId, halvings: u32) -> Result<NodeId, RecipeError> {
        let Work::Train { trajectory, .. } = &self.nodes[of.0] else {
            return Err(RecipeError::NotTrained { epoch: 1 });
        };
        if !(1..=EARLIEST).contains(&halvings) {
            let expected = format!("1 to {EARLIEST}");
            return Err(RecipeError::Parameter { key: "halvings", expected, found: halvings.to_string() });
        }
        let name = format!("{}-first-1-of-{}", trajectory.name, 1u64 << halvings);
        let (trajectory, epoch) = (Trajectory { name, ..trajectory.clone() }, trajectory.start_epoch);
        Ok(self.push(Work::Train { trajectory, epoch, halvings }))
    }

    /// An operation on parameters.
    pub fn transform(
        &mut self,
        name: impl Into<String>,
        operation: Arc<dyn ParamOp>,
        inputs: Vec<NodeId>,
        seed: impl Into<String>,
    ) -> NodeId {
        self.push(Work::Transform { name: name.into(), operation, inputs, seed: seed.into() })
    }

    /// A measurement, whose record is wanted.
    pub fn probe(
        &mut self,
        name: impl Into<String>,
        probe: Arc<dyn Probe>,
        inputs: Vec<NodeId>,
        seed: impl Into<String>,
    ) -> NodeId {
        let node = self.push(Work::Probe { name: name.into(), probe, inputs, seed: seed.into() });
        self.records.push(node);
        node
    }

    /// Names a member of the ensemble; the first is the reference.
    pub fn member(&mut self, node: NodeId) {
        self.members.push(node);
        self.origins.push(None);
    }

    /// Names a member of the ensemble and where it comes from.
    pub fn member_from(&mut self, node: NodeId, origin: Origin) {
        self.members.push(node);
        self.origins.push(Some(origin));
    }

    /// Where all members come from, in order; none unless that is known of every one.
    pub fn origins(&self) -> Option<Vec<Origin>> {
        self.origins.iter().copied().collect()
    }

    /// Takes the members back, to make something of them that becomes the ensemble instead; with where they come from.
    pub fn take_members(&mut self) -> Vec<(NodeId, Option<Origin>)> {
        std::mem::take(&mut self.members).into_iter().zip(std::mem::take(&mut self.origins)).collect()
    }

    /// All work, inputs before what uses them.
    pub fn nodes(&self) -> &[Work] {
        &self.nodes
    }

    /// All work, with whether it is the source's.
    pub(crate) fn stages(&self) -> impl Iterator<Item = (&Work, bool)> {
        self.nodes.iter().zip(self.at_source.iter().copied())
    }

    /// The node at a place in [`Recipe::nodes`].
    ///
    /// # Panics
    /// When there is none.
    pub fn id(&self, index: usize) -> NodeId {
        assert!(index < self.nodes.len(), "{index} of {} nodes", self.nodes.len());
        NodeId(index)
    }

    /// The nodes that members and records need, as one flag per node; a recipe may mention more.
    pub fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        let wanted = self.members.iter().chain(&self.records);
        wanted.for_each(|id| mark(&self.nodes, id.0, &mut needed));
        needed
    }

    /// The measurements, in the order in which they were added.
    pub fn records(&self) -> &[NodeId] {
        &self.records
    }

    /// The members in order.
    pub fn members(&self) -> &[NodeId] {
        &self.members
    }
}

/// Looks at each node once, so that the cost is linear in nodes and edges.
fn mark(nodes: &[Work], i: usize, needed: &mut [bool]) {
    if std::mem::replace(&mut needed[i], true) {
        return;
    }
    nodes[i].inputs().into_iter().for_each(|id| mark(nodes, id.0, needed));
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{AtStart, Objective, WarmupCosine};
    use basin_core::DataRef;

    pub(crate) fn trajectory(from: NodeId, name: &str, order: &str) -> Trajectory {
        let schedule = WarmupCosine { peak: 0.1, epochs: 10, warmup: 0.1, floor: None };
        Trajectory {
            name: name.into(),
            method: "deep".into(),
            from,
            start_epoch: 0,
            order: order.into(),
            schedule: Arc::new(schedule),
            objective: Objective::CrossEntropy,
            data: DataRef::train(),
            sides: Vec::new(),
            moments: AtStart::Continue,
        }
    }

    #[test]
    fn a_trajectory_cannot_end_before_it_starts() {
        let mut recipe = Recipe::new();
        let init = recipe.init("i");
        let end = recipe.train(trajectory(init, "deep-1", "o"), 10).unwrap();
        assert!(matches!(recipe.snapshot(end, 0), Err(RecipeError::Backwards { .. })));
        assert!(matches!(recipe.snapshot(init, 3), Err(RecipeError::NotTrained { .. })));
        assert!(recipe.snapshot(end, 3).is_ok());
    }

    #[test]
    fn a_state_within_the_first_epoch_is_named_by_its_share_and_marks_no_other() {
        let mut recipe = Recipe::new();
        let init = recipe.init("i");
        let end = recipe.train(trajectory(init, "deep-1", "o"), 10).unwrap();
        let before = crate::keys(&recipe, &crate::Setting::named("s"));
        let early: Vec<NodeId> = (1..=3).map(|k| recipe.early(end, k).unwrap()).collect();
        assert_eq!(recipe.nodes()[early[2].0].name(), "deep-1-first-1-of-8");
        let keys = crate::keys(&recipe, &crate::Setting::named("s"));
        assert_eq!(keys.nodes[..2], before.nodes, "what was there keeps its digest");
        let different: std::collections::BTreeSet<Digest> = keys.nodes.iter().copied().collect();
        assert_eq!(different.len(), 5);
        assert!(early.iter().all(|id| keys.trajectories[id.0] == keys.trajectories[1]), "of one trajectory");
        assert!(matches!(recipe.early(init, 1), Err(RecipeError::NotTrained { .. })));
        let refused = recipe.early(end, 0).unwrap_err().to_string();
        assert_eq!(refused, "halvings is 0, expected 1 to 30");
        assert!(recipe.early(end, 31).is_err());
    }

    #[test]
    fn work_is_the_sources_where_it_was_added_as_such_and_members_are_taken_back_with_their_origins() {
        let mut recipe = Recipe::new();
        let pretrained = recipe.at_source(|recipe| recipe.init("member/1/init"));
        let start = recipe.init("head");
        assert!(recipe.is_at_source(pretrained) && !recipe.is_at_source(start));
        let origin = Origin { start, pretrained: Some(pretrained) };
        recipe.member_from(start, origin);
        assert_eq!(recipe.origins(), Some(vec![origin]));
        recipe.member(start);
        assert_eq!(recipe.origins(), None);
        assert_eq!(recipe.take_members(), [(start, Some(origin)), (start, None)]);
        assert_eq!((recipe.members(), recipe.origins()), (&[][..], Some(Vec::new())));
    }

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &RecipeError) -> usize {
        match error {
            RecipeError::Backwards { .. } => 0,
            RecipeError::NotTrained { .. } => 1,
            RecipeError::Parameter { .. } => 2,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (
                RecipeError::Backwards { name: "deep-1".into(), start: 4, epoch: 3 },
                "deep-1: the state after epoch 3 was asked for, but the trajectory starts at epoch 4",
            ),
            (RecipeError::NotTrained { epoch: 3 }, "only a trained node has a state at epoch 3"),
            (
                RecipeError::Parameter {
                    key: "ensemble.split_epoch",
                    expected: "1 ≤ t < T = 3 epochs".into(),
                    found: "3".into(),
                },
                "ensemble.split_epoch is 3, expected 1 ≤ t < T = 3 epochs",
            ),
        ];
        let mut seen = [false; 3];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 3], "every variant is told");
    }
}
