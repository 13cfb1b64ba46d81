//! What a network in training is taught, and the loss of a few images.

use crate::Batch;
use basin_core::Params;
use basin_ensemble::LogitObjective;
use basin_graph::{CpuLayers, Inference, Role, Weights};
use basin_kernels::loss::{LossSum, Target, loss};
use basin_models::Network;
use candle_core::Result;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

/// A network whose logits are taught; packed for the CPU's kernels when they first ask for it.
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
    pub fn params(&self) -> &[Vec<f32>] {
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
        /// Targets computed once, for an augmentation that repeats.
        kept: Option<Arc<KeptTargets>>,
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
    /// The networks whose logits it takes.
    pub fn teachers(&self) -> &[Arc<Teacher>] {
        match self {
            Self::Labels => &[],
            Self::Teachers { teachers, .. } => teachers,
            Self::Custom { teacher, .. } => teacher.as_slice(),
        }
    }

    /// Packs the teachers, once, before shards ask for them all at the same time.
    pub(crate) fn prepare(&self) -> Result<()> {
        self.teachers().iter().try_for_each(|teacher| teacher.weights().map(drop))
    }
}

/// What gives a teacher's logits `[n, classes]` on images: how, is the backend's.
pub type Ask<'a> = dyn Fn(&Teacher, &[f32]) -> Result<Vec<f32>> + 'a;

/// Loss and gradient of a few images' logits `[n, classes]`; the gradient is multiplied by `scale`.
///
/// # Errors
/// When a teacher cannot be asked.
pub fn learn(
    teaching: &Teaching,
    classes: usize,
    logits: &[f32],
    batch: Batch<'_>,
    scale: f32,
    ask: &Ask<'_>,
) -> Result<LossSum> {
    let (Batch { images, slots, .. }, labels) = (batch, batch.targets());
    match teaching {
        Teaching::Labels => Ok(loss(logits, labels, Target::Labels, scale)),
        Teaching::Teachers { teachers, label_weight, temperature, kept } => {
            let target = |images: &[f32]| target(teachers, classes, *temperature as f32, images, ask);
            let target = match kept {
                Some(_) if slots.is_empty() => {
                    candle_core::bail!(
                        "kept targets without slots: the recipe's augmentation does not repeat"
                    )
                }
                Some(kept) => kept.rows(images, slots, target)?,
                None => target(images)?,
            };
            let (label_weight, temperature) = (*label_weight as f32, *temperature as f32);
            Ok(loss(logits, labels, Target::Teacher { logits: &target, label_weight, temperature }, scale))
        }
        Teaching::Custom { objective, teacher } => {
            if !labels.are_hard() {
                candle_core::bail!("softened labels for a loss that takes classes");
            }
            let taught = teacher.as_ref().map(|teacher| ask(teacher, images)).transpose()?;
            // For the count of correct images; loss and gradient are the objective's, which finds zeros.
            let mut sum = loss(logits, labels, Target::Labels, scale);
            sum.gradient.fill(0.0);
            sum.loss = objective.loss(logits, labels.first, taught.as_deref(), &mut sum.gradient);
            sum.gradient.iter_mut().for_each(|g| *g *= scale);
            Ok(sum)
        }
    }
}

/// A teacher's logits by the CPU's kernels, on the calling thread.
pub(crate) fn forward(network: &Network, teacher: &Teacher, images: &[f32]) -> Result<Vec<f32>> {
    let layers = CpuLayers::new(teacher.weights()?);
    let taught = network.forward(&mut Inference::new(layers), &Rc::new(network.input(images)?))?;
    Ok(taught.data.to_vec())
}

/// The logits that a student is trained towards, `[n, classes]`.
fn target(
    teachers: &[Arc<Teacher>],
    classes: usize,
    temperature: f32,
    images: &[f32],
    ask: &Ask<'_>,
) -> Result<Vec<f32>> {
    let mut taught = teachers.iter().map(|teacher| ask(teacher, images)).collect::<Result<Vec<_>>>()?;
    if taught.len() == 1 {
        return Ok(taught.swap_remove(0));
    }
    let each: Vec<&[f32]> = taught.iter().map(Vec::as_slice).collect();
    Ok(together(&each, classes, temperature))
}

/// The targets of every image in every repetition of its augmentation, each computed when it is first asked for. A row
/// depends on its image alone, so who asks first makes no difference; a resumed training computes them again.
/// Takes 4 · classes bytes per image and repetition, and some 40 more.
#[derive(Debug)]
pub struct KeptTargets {
    rows: Vec<OnceLock<Box<[f32]>>>,
}

impl KeptTargets {
    /// Room for so many images in so many repetitions.
    pub fn new(images: usize, repetitions: u64) -> Self {
        let mut rows = Vec::new();
        rows.resize_with(images * repetitions as usize, OnceLock::new);
        Self { rows }
    }

    /// The rows of some images, one after another; `compute` makes those of images that are new.
    fn rows(
        &self,
        images: &[f32],
        slots: &[usize],
        compute: impl Fn(&[f32]) -> Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        if let Some(slot) = slots.iter().find(|slot| **slot >= self.rows.len()) {
            candle_core::bail!("slot {slot} of {} kept targets", self.rows.len());
        }
        let each = images.len() / slots.len().max(1);
        let missing = slots.iter().enumerate().filter(|(_, slot)| self.rows[**slot].get().is_none());
        let missing: Vec<(usize, usize)> = missing.map(|(i, slot)| (i, *slot)).collect();
        if !missing.is_empty() {
            let new: Vec<f32> =
                missing.iter().flat_map(|(i, _)| &images[i * each..][..each]).copied().collect();
            let computed = compute(&new)?;
            let classes = computed.len() / missing.len();
            for ((_, slot), row) in missing.iter().zip(computed.chunks_exact(classes.max(1))) {
                self.rows[*slot].get_or_init(|| row.into());
            }
        }
        let kept = slots.iter().filter_map(|slot| self.rows[*slot].get());
        Ok(kept.flat_map(|row| row.iter().copied()).collect())
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
    fn kept_targets_are_computed_once_and_come_back_in_the_order_asked_for() {
        let (kept, asked) = (KeptTargets::new(2, 2), std::cell::Cell::new(0));
        // The target of an image of one value is that value and its double.
        let compute = |images: &[f32]| {
            asked.set(asked.get() + images.len());
            Ok(images.iter().flat_map(|x| [*x, 2.0 * x]).collect())
        };
        assert_eq!(kept.rows(&[1.0, 2.0], &[0, 3], compute).unwrap(), [1.0, 2.0, 2.0, 4.0]);
        assert_eq!(
            kept.rows(&[2.0, 5.0, 1.0], &[3, 1, 0], compute).unwrap(),
            [2.0, 4.0, 5.0, 10.0, 1.0, 2.0]
        );
        assert_eq!(asked.get(), 3);
        assert!(kept.rows(&[0.0], &[4], compute).is_err());
    }

    #[test]
    fn one_teacher_twice_is_one_teacher() {
        let logits = [0.3, -1.0, 2.0];
        let twice = together(&[&logits, &logits], 3, 2.0);
        let shifted = twice[0] - logits[0];
        twice.iter().zip(logits).for_each(|(t, x)| assert!((t - x - shifted).abs() < 1e-5));
    }
}
