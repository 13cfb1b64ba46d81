//! What a network in training is taught, and the loss of a few images.

use basin_core::Params;
use basin_ensemble::LogitObjective;
use basin_kernels::loss::{LossSum, Target, loss};
use basin_kernels::{Inference, Role, Weights};
use basin_models::Network;
use candle_core::Result;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

/// A network whose logits are taught; packed for the processor's kernels when they first ask for it.
#[derive(Clone, Debug)]
pub struct Teacher {
    params: Vec<Vec<f32>>,
    roles: Vec<Role>,
    packed: OnceLock<Weights>,
}

impl Teacher {
    /// A teacher of a network's layout.
    ///
    /// # Errors
    /// When the parameters do not have it.
    pub fn new(network: &Network, params: &Params) -> Result<Self> {
        let params = network.slices(params)?.into_iter().map(<[f32]>::to_vec).collect();
        Ok(Self { params, roles: network.layout().roles(), packed: OnceLock::new() })
    }

    /// Values in the network's order, each in PyTorch's.
    pub(crate) fn params(&self) -> &[Vec<f32>] {
        &self.params
    }

    fn weights(&self) -> Result<&Weights> {
        match self.packed.get() {
            Some(weights) => Ok(weights),
            None => {
                let weights = Weights::new(&self.params, &self.roles, false)?;
                Ok(self.packed.get_or_init(|| weights))
            }
        }
    }
}

/// What the student is trained towards.
#[derive(Clone, Debug)]
pub enum Teaching {
    /// The labels.
    Labels,
    /// The logits of one or more teachers on the same augmented images, Eq. 1.
    Teachers {
        /// The teachers, at least one.
        teachers: Vec<Arc<Teacher>>,
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
        teacher: Option<Arc<Teacher>>,
    },
}

impl Teaching {
    /// Packs the teachers, once, before shards ask for them all at the same time.
    pub(crate) fn prepare(&self) -> Result<()> {
        let teachers = match self {
            Self::Labels => &[][..],
            Self::Teachers { teachers, .. } => teachers,
            Self::Custom { teacher, .. } => teacher.as_slice(),
        };
        teachers.iter().try_for_each(|teacher| teacher.weights().map(drop))
    }
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
    let logits_of = |teacher: &Arc<Teacher>| {
        network.forward(&mut Inference::new(teacher.weights()?), &Rc::new(network.input(images)?))
    };
    match teaching {
        Teaching::Labels => Ok(loss(logits, labels, Target::Labels, scale)),
        Teaching::Teachers { teachers, label_weight, temperature } => {
            let taught = teachers.iter().map(logits_of).collect::<Result<Vec<_>>>()?;
            let (label_weight, temperature) = (*label_weight as f32, *temperature as f32);
            let each: Vec<&[f32]> = taught.iter().map(|taught| &*taught.data).collect();
            let classes = logits.len() / labels.len().max(1);
            let target = match each[..] {
                [only] => Target::Teacher { logits: only, label_weight, temperature },
                _ => {
                    let together = together(&each, classes, temperature);
                    let target = Target::Teacher { logits: &together, label_weight, temperature };
                    return Ok(loss(logits, labels, target, scale));
                }
            };
            Ok(loss(logits, labels, target, scale))
        }
        Teaching::Custom { objective, teacher } => {
            let taught = teacher.as_ref().map(logits_of).transpose()?;
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

/// Logits t whose σ(t/τ) is the mean of the teachers' σ(tᵢ/τ): τ times the logarithm of that mean.
fn together(teachers: &[&[f32]], classes: usize, temperature: f32) -> Vec<f32> {
    let mut together = vec![0.0; teachers.first().map_or(0, |logits| logits.len())];
    for (row, out) in together.chunks_exact_mut(classes.max(1)).enumerate() {
        for logits in teachers {
            let logits = &logits[row * classes..][..classes];
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exp = |x: &f32| ((x - largest) / temperature).exp();
            let sum: f32 = logits.iter().map(exp).sum();
            out.iter_mut().zip(logits).for_each(|(mean, x)| *mean += exp(x) / sum);
        }
        // The smallest normal number stands for a probability that underflowed in every teacher.
        let share = 1.0 / teachers.len() as f32;
        out.iter_mut().for_each(|mean| *mean = temperature * (*mean * share).max(f32::MIN_POSITIVE).ln());
    }
    together
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_teachers_teach_the_mean_of_their_soft_predictions() {
        let (a, b) = ([1.0, -2.0, 0.5, 100.0, 0.0, -100.0], [0.0, 3.0, 0.5, -100.0, 0.0, 100.0]);
        let soft = |logits: &[f32]| -> Vec<f32> {
            let exp: Vec<f32> = logits.iter().map(|x| (x / 3.0).exp()).collect();
            exp.iter().map(|x| x / exp.iter().sum::<f32>()).collect()
        };
        let together = together(&[&a, &b], 3, 3.0);
        for row in 0..2 {
            let of = |logits: &[f32]| soft(&logits[3 * row..][..3]);
            let (first, second, got) = (of(&a), of(&b), of(&together));
            for c in 0..3 {
                assert!((got[c] - 0.5 * (first[c] + second[c])).abs() < 1e-6, "{row} {c}: {got:?}");
            }
        }
    }

    #[test]
    fn one_teacher_twice_is_one_teacher() {
        let logits = [0.3, -1.0, 2.0];
        let twice = together(&[&logits, &logits], 3, 2.0);
        let shifted = twice[0] - logits[0];
        twice.iter().zip(logits).for_each(|(t, x)| assert!((t - x - shifted).abs() < 1e-5));
    }
}
