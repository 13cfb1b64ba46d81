//! Mean losses over a batch.

use super::OpError;
use super::device::Kept;
use super::kernel::{Kernel, Values, apply, ready};
use basin_kernels::floats;
use basin_kernels::loss::{LossSum, Target, loss};
use candle_core::{Result, Tensor};
use std::borrow::Cow;

/// Mean of −log softmax(z)_y over the rows of `[n, classes]`: a scalar.
///
/// # Errors
/// [`OpError`]; also where a label is not a class.
pub fn cross_entropy(logits: &Tensor, labels: &[u32]) -> Result<Tensor> {
    let [logits] = ready("cross_entropy", [logits])?;
    fits("cross_entropy", &logits, labels)?;
    apply(MeanLoss { labels: labels.to_vec(), teacher: None, kept: Kept::default() }, [&logits])
}

/// Mean of (1 − β) τ² KL(softmax(t/τ) ‖ softmax(z/τ)) + β · cross-entropy, t the teacher's logits, to which no gradient
/// flows: a scalar.
///
/// # Errors
/// [`OpError`]; also where β is outside `[0, 1]` or τ ≤ 0.
pub fn distillation(
    logits: &Tensor,
    labels: &[u32],
    teacher: &Tensor,
    label_weight: f32,
    temperature: f32,
) -> Result<Tensor> {
    let operation = "distillation";
    let [logits, teacher] = ready(operation, [logits, teacher])?;
    fits(operation, &logits, labels)?;
    if teacher.dims() != logits.dims() {
        let found = format!("{:?} and a teacher's {:?}", logits.dims(), teacher.dims());
        return Err(OpError::Shape { operation, found, expected: "logits of one shape" }.into());
    }
    let wrong =
        |name, found: f32, expected| OpError::Number { operation, name, found: found.to_string(), expected };
    if !(0.0..=1.0).contains(&label_weight) {
        return Err(wrong("label weight", label_weight, "0 ≤ β ≤ 1").into());
    }
    if temperature.is_nan() || temperature <= 0.0 {
        return Err(wrong("temperature", temperature, "τ > 0").into());
    }
    let teacher = Some((teacher.detach(), label_weight, temperature));
    apply(MeanLoss { labels: labels.to_vec(), teacher, kept: Kept::default() }, [&logits])
}

/// A mean over the rows. Sizes and labels fit, as was checked.
#[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "read where there is a device"))]
pub(super) struct MeanLoss {
    pub(super) labels: Vec<u32>,
    /// A teacher's logits, β, τ.
    pub(super) teacher: Option<(Tensor, f32, f32)>,
    /// The gradient of the logits, which a device makes in the same pass.
    pub(super) kept: Kept,
}

impl MeanLoss {
    fn sum(&self, logits: &[f32]) -> Result<LossSum> {
        let scale = 1.0 / self.labels.len() as f32;
        Ok(match &self.teacher {
            None => loss(logits, &self.labels[..], Target::Labels, scale),
            Some((teacher, label_weight, temperature)) => {
                let (logits_of_teacher, label_weight) = (floats(teacher)?, *label_weight);
                let (logits_of_teacher, temperature) = (&logits_of_teacher[..], *temperature);
                let target = Target::Teacher { logits: logits_of_teacher, label_weight, temperature };
                loss(logits, &self.labels[..], target, scale)
            }
        })
    }
}

impl Kernel<1> for MeanLoss {
    const NAME: &'static str = "basin-loss";

    fn forward(&self, [logits]: [Values<'_>; 1]) -> Result<(Vec<f32>, Vec<usize>)> {
        let mean = (self.sum(logits.data)?.loss / self.labels.len() as f64) as f32;
        Ok((vec![mean], Vec::new()))
    }

    fn backward(
        &self,
        [logits]: [Values<'_>; 1],
        _: [bool; 1],
        _: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 1]> {
        let mut gradient = self.sum(logits.data)?.gradient;
        gradient.iter_mut().for_each(|g| *g *= dy[0]);
        Ok([Some(gradient)])
    }
}

/// Labels of the rows; none of the logits may be missing.
fn fits(operation: &'static str, logits: &Tensor, labels: &[u32]) -> Result<()> {
    let rows = match *logits.dims() {
        [n, classes] if n == labels.len() && n > 0 && logits.elem_count() > 0 => Some(classes),
        _ => None,
    };
    let Some(classes) = rows else {
        let found = format!("{:?} and {} labels", logits.dims(), labels.len());
        return Err(OpError::Shape { operation, found, expected: "[n, classes] and n ≥ 1 labels" }.into());
    };
    match labels.iter().find(|label| **label as usize >= classes) {
        None => Ok(()),
        Some(label) => {
            let (name, found) = ("label", format!("{label} of {classes} classes"));
            Err(OpError::Number { operation, name, found, expected: "a class" }.into())
        }
    }
}
