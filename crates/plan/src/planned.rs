//! The nodes of a plan: each a piece of work with its inputs resolved.

use anyhow::Result;
use basin_core::{DataRef, Digest};
use basin_ensemble::{Objective, ParamOp, Probe, Trajectory};
use basin_store::{NodeDir, RunDir};
use std::path::PathBuf;
use std::sync::Arc;

/// A node of the plan, by its place in [`Plan::nodes`](crate::Plan::nodes).
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
    /// Whether it is work of that case's source.
    pub at_source: bool,
    /// Root seed.
    pub seed: u64,
    /// What is done.
    pub work: PlannedWork,
    /// Price in passes over the case's training set: a forward and backward pass counts 1, a forward pass 1/3.
    pub passes: f64,
}

/// A stretch within the first epoch of a trajectory, from one power of a half of it to the next that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Early {
    /// It starts after the first 2⁻ᵏ of the epoch; 0: at its beginning.
    pub after: u32,
    /// It ends after the first 2⁻ᵏ of the epoch, at least 1.
    pub until: u32,
}

impl Early {
    /// Its share of the epoch.
    pub fn share(self) -> f64 {
        let before = if self.after == 0 { 0.0 } else { 0.5f64.powi(self.after as i32) };
        0.5f64.powi(self.until as i32) - before
    }

    /// Steps of an epoch of so many before it and until its end, rounded down.
    pub fn steps(self, per_epoch: u64) -> (u64, u64) {
        let first = |halvings: u32| per_epoch.checked_shr(halvings).unwrap_or(0);
        (if self.after == 0 { 0 } else { first(self.after) }, first(self.until))
    }
}

/// What a node does, with its inputs resolved.
#[derive(Clone, Debug)]
pub enum PlannedWork {
    /// Fresh parameters from a seed path.
    Init {
        /// The path.
        path: String,
    },
    /// Parameters from a file.
    Import {
        /// The file.
        path: PathBuf,
        /// Digest of its bytes.
        content: Digest,
        /// Classes of its head where these are not the experiment's.
        classes: Option<usize>,
    },
    /// A stretch of a trajectory, from an earlier state of it or from where it starts.
    Train {
        /// The trajectory.
        trajectory: Box<Trajectory>,
        /// The node whose state it continues.
        from: NodeIndex,
        /// The teachers.
        teachers: Vec<NodeIndex>,
        /// First epoch of this stretch.
        start: u64,
        /// Epoch after which it ends.
        end: u64,
        /// Where it is a stretch of the epoch that follows, and `start` and `end` are the same.
        early: Option<Early>,
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
    /// A measurement.
    Probe {
        /// What is measured.
        probe: Arc<dyn Probe>,
        /// The networks that it measures.
        networks: Vec<NodeIndex>,
        /// The measurements that it builds on.
        records: Vec<NodeIndex>,
        /// Seed path.
        path: String,
    },
}

impl PlannedNode {
    /// What names it in a run, with the beginning of its key.
    pub fn name_in_run(&self) -> String {
        format!("s{}-{}", self.seed, self.name)
    }

    /// Its directory in a run.
    ///
    /// # Errors
    /// When the name cannot be a directory's.
    pub fn dir(&self, run: &RunDir) -> Result<NodeDir> {
        Ok(run.node(&self.name_in_run(), &self.key.short())?)
    }

    /// Epochs that this node trains.
    pub fn epochs(&self) -> u64 {
        match self.work {
            PlannedWork::Train { start, end, .. } => end - start,
            _ => 0,
        }
    }

    /// The images that it trains on.
    pub fn training_data(&self) -> Option<&DataRef> {
        match &self.work {
            PlannedWork::Train { trajectory, .. } => Some(&trajectory.data),
            _ => None,
        }
    }

    /// What kind of work it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self.work {
            PlannedWork::Init { .. } => "init",
            PlannedWork::Import { .. } => "import",
            PlannedWork::Train { .. } => "train",
            PlannedWork::Transform { .. } => "transform",
            PlannedWork::Probe { .. } => "probe",
        }
    }

    /// Nodes that must be done before.
    pub fn inputs(&self) -> Vec<NodeIndex> {
        match &self.work {
            PlannedWork::Init { .. } | PlannedWork::Import { .. } => Vec::new(),
            PlannedWork::Train { from, teachers, .. } => {
                [from].into_iter().chain(teachers).copied().collect()
            }
            PlannedWork::Transform { inputs, .. } => inputs.clone(),
            PlannedWork::Probe { networks, records, .. } => networks.iter().chain(records).copied().collect(),
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
