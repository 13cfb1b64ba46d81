//! What a network in training is taught, and the loss of a few images.

use basin_ensemble::LogitObjective;
use basin_kernels::loss::{LossSum, Target, loss};
use basin_kernels::{Inference, Weights};
use basin_models::Network;
use candle_core::Result;
use std::rc::Rc;
use std::sync::Arc;

/// What the student is trained towards; teachers come with their packed weights.
#[derive(Clone, Debug)]
pub enum Teaching {
    /// The labels.
    Labels,
    /// A teacher's logits on the same augmented images, Eq. 1.
    Teacher {
        /// The teacher.
        weights: Arc<Weights>,
        /// β.
        label_weight: f64,
        /// τ.
        temperature: f64,
    },
    /// A method's own loss.
    Custom {
        /// The loss.
        objective: Arc<dyn LogitObjective>,
        /// The teacher, if it wants one.
        weights: Option<Arc<Weights>>,
    },
}

/// Loss and gradient of a few images' logits; the gradient is multiplied by `scale`.
pub(crate) fn learn(
    network: &Network,
    teaching: &Teaching,
    logits: &[f32],
    images: &[f32],
    labels: &[u32],
    scale: f32,
) -> Result<LossSum> {
    let teacher =
        |weights: &Weights| network.forward(&mut Inference::new(weights), &Rc::new(network.input(images)?));
    match teaching {
        Teaching::Labels => Ok(loss(logits, labels, Target::Labels, scale)),
        Teaching::Teacher { weights, label_weight, temperature } => {
            let taught = teacher(weights)?;
            let (label_weight, temperature) = (*label_weight as f32, *temperature as f32);
            let target = Target::Teacher { logits: &taught.data, label_weight, temperature };
            Ok(loss(logits, labels, target, scale))
        }
        Teaching::Custom { objective, weights } => {
            let taught = weights.as_deref().map(teacher).transpose()?;
            let taught = taught.as_ref().map(|t| &*t.data);
            // For the count of correct images; loss and gradient are the objective's, which finds zeros.
            let mut sum = loss(logits, labels, Target::Labels, scale);
            sum.gradient.fill(0.0);
            sum.loss = objective.loss(logits, labels, taught, &mut sum.gradient);
            sum.gradient.iter_mut().for_each(|g| *g *= scale);
            Ok(sum)
        }
    }
}
