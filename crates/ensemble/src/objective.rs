//! What a trajectory minimises.

use crate::NodeId;
use std::fmt::Debug;
use std::sync::Arc;

/// The loss of a trajectory. The built-in ones are data that kernels execute where the logits are.
#[derive(Clone, Debug)]
pub enum Objective {
    /// Mean cross-entropy with the labels.
    CrossEntropy,
    /// Eq. 1 of Lion et al.: (1−β)·τ²·KL(σ(t/τ) ‖ σ(z/τ)) + β·CE, mean over the batch.
    Distillation {
        /// The networks whose logits t on the same augmented images are the target, at least one; of several, the
        /// mean of their σ(t/τ).
        teachers: Vec<NodeId>,
        /// β in `[0, 1]`: share of the labels.
        label_weight: f64,
        /// τ > 0.
        temperature: f64,
        /// Repeat the augmentation of every image after that many epochs (at least 1), so that the target of each
        /// repetition is computed once and kept (a fixed set of targets, as in Shen and Xing, *A Fast Knowledge
        /// Distillation Framework*, 2112.01528); batch orders stay fresh. None: new augmentation in every epoch.
        replay: Option<u64>,
    },
    /// A loss of a method's own, computed on the host.
    Custom {
        /// The loss.
        objective: Arc<dyn LogitObjective>,
        /// The network whose logits it also sees.
        teacher: Option<NodeId>,
    },
}

/// A loss given by its value and gradient with respect to logits.
pub trait LogitObjective: Debug + Send + Sync {
    /// Everything that determines the loss, as text: part of the name of the work.
    fn id(&self) -> String;

    /// Sum of the losses of the rows of `logits` (`[labels.len(), classes]`); writes the gradient of that sum.
    /// Rows must not influence each other: a batch is handed over in pieces.
    fn loss(&self, logits: &[f32], labels: &[u32], teacher: Option<&[f32]>, gradient: &mut [f32]) -> f64;
}

impl Objective {
    /// The teachers, if there are any.
    pub fn teachers(&self) -> &[NodeId] {
        match self {
            Self::CrossEntropy => &[],
            Self::Distillation { teachers, .. } => teachers,
            Self::Custom { teacher, .. } => teacher.as_slice(),
        }
    }

    /// Epochs after which the augmentation repeats, if it does.
    pub fn replay(&self) -> Option<u64> {
        match self {
            Self::Distillation { replay, .. } => *replay,
            Self::CrossEntropy | Self::Custom { .. } => None,
        }
    }

    /// Cost of so many epochs in passes over the training set: a forward and backward pass counts 1, the forward pass
    /// of each teacher 1/3, once per repetition where the augmentation repeats.
    pub fn passes(&self, epochs: u64) -> f64 {
        let taught = self.replay().map_or(epochs, |replay| replay.min(epochs));
        epochs as f64 + taught as f64 * self.teachers().len() as f64 / 3.0
    }

    pub(crate) fn id(&self) -> String {
        match self {
            Self::CrossEntropy => "cross-entropy 1".into(),
            Self::Distillation { label_weight, temperature, replay, .. } => {
                let replay = replay.map_or_else(String::new, |epochs| format!(", replay {epochs}"));
                format!("distillation 1 (label weight {label_weight:?}, temperature {temperature:?}{replay})")
            }
            Self::Custom { objective, .. } => format!("custom ({})", objective.id()),
        }
    }
}
