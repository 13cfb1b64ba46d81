//! Work: what a node of a recipe does, and what shapes it.

use crate::{Objective, ParamOp, Probe, Schedule};
use basin_core::{DataRef, Digest};
use std::path::PathBuf;
use std::sync::Arc;

/// A piece of work within one recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) usize);

impl NodeId {
    /// Position in [`Recipe::nodes`](crate::Recipe::nodes).
    pub fn index(self) -> usize {
        self.0
    }
}

/// A run of training: where it starts and all that shapes its path, but not where it ends. Two recipes that
/// ask for the states of one trajectory at different epochs share the way.
#[derive(Clone, Debug)]
pub struct Trajectory {
    /// Readable name, for example `constrained-2`. Not part of the digest.
    pub name: String,
    /// Id of the method whose members train like this: what its curve is shown as. Not part of the digest.
    pub method: String,
    /// Parameters (and optimiser state, where that node was trained) to start from.
    pub from: NodeId,
    /// Epoch of the schedule at which it starts.
    pub start_epoch: u64,
    /// Seed path of batch order and augmentation, for example `branch/2/order`.
    pub order: String,
    /// Learning rates.
    pub schedule: Arc<dyn Schedule>,
    /// Loss.
    pub objective: Objective,
    /// Training images.
    pub data: DataRef,
    /// The sides, `data` among them, with which it shares one sample of SGD noise (`basin_data::SharedNoise`), in the same
    /// order for all of them, which have the same `order`. None: its noise is its own.
    pub sides: Vec<DataRef>,
    /// What becomes of the optimiser's moments of the node it starts from.
    pub moments: AtStart,
}

/// What a trajectory does with the optimiser's moments of the trained node that it starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtStart {
    /// They go on, as where runs split from a trunk.
    #[default]
    Continue,
    /// They begin at zero, as where a cycle or a fine-tuning begins.
    Reset,
}

/// One node's work.
#[derive(Clone, Debug)]
pub enum Work {
    /// Fresh parameters from a seed path.
    Init {
        /// The path, for example `member/1/init`.
        seed: String,
    },
    /// Parameters from a file of somebody else's: safetensors, or a state dict that PyTorch saved.
    Import {
        /// Readable name.
        name: String,
        /// Where the file is now. Not part of the digest.
        path: PathBuf,
        /// Digest of its bytes: the same content is the same work, wherever it lies.
        content: Digest,
        /// Classes of its last layer where these are not the experiment's: a network to give another head.
        classes: Option<usize>,
    },
    /// The state of a trajectory after an epoch, or within its first.
    Train {
        /// The trajectory.
        trajectory: Trajectory,
        /// Epoch of the schedule after which the state is taken.
        epoch: u64,
        /// k > 0: the state is taken after the first 2⁻ᵏ of the epoch that follows, in whole steps, rounded down. 0: it is taken
        /// after `epoch` itself.
        halvings: u32,
    },
    /// An operation on the parameters of other nodes.
    Transform {
        /// Readable name.
        name: String,
        /// The operation.
        operation: Arc<dyn ParamOp>,
        /// Its inputs.
        inputs: Vec<NodeId>,
        /// Seed path.
        seed: String,
    },
    /// A measurement of other nodes. Its result is a record, not parameters.
    Probe {
        /// Readable name.
        name: String,
        /// The measurement.
        probe: Arc<dyn Probe>,
        /// Its inputs: nodes with parameters and other probes, each kind in its order.
        inputs: Vec<NodeId>,
        /// Seed path.
        seed: String,
    },
}

impl Work {
    /// Nodes that must be finished before.
    pub fn inputs(&self) -> Vec<NodeId> {
        match self {
            Self::Init { .. } | Self::Import { .. } => Vec::new(),
            Self::Train { trajectory, .. } => {
                [trajectory.from].iter().chain(trajectory.objective.teachers()).copied().collect()
            }
            Self::Transform { inputs, .. } | Self::Probe { inputs, .. } => inputs.clone(),
        }
    }

    /// Whether its result is parameters, and not a record.
    pub fn has_params(&self) -> bool {
        !matches!(self, Self::Probe { .. })
    }

    /// Readable name of the node, for example `deep-1`, or `deep-1-epoch-10` for a snapshot.
    pub fn name(&self) -> String {
        match self {
            Self::Init { seed } => seed.replace('/', "-"),
            Self::Train { trajectory, .. } => trajectory.name.clone(),
            Self::Import { name, .. } | Self::Transform { name, .. } | Self::Probe { name, .. } => {
                name.clone()
            }
        }
    }
}
