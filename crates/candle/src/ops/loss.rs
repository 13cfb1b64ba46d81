//! Mean losses over a batch.

use super::OpError;
use super::kernel::ready;
use basin_kernels::{floats, ops};
use candle_core::{Result, Tensor};

/// Mean of −log softmax(z)_y over the rows of `[n, classes]`: a scalar.
///
/// # Errors
/// [`OpError`]; also where a label is no class.
pub fn cross_entropy(logits: &Tensor, labels: &[u32]) -> Result<Tensor> {
    let [logits] = ready("cross_entropy", [logits])?;
    fits("cross_entropy", &logits, labels)?;
    ops::cross_entropy(&logits, labels)
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
    ops::distillation(&logits, labels, &teacher.detach(), label_weight, temperature)
}

/// Labels of the rows; none of the logits may be missing.
fn fits(operation: &'static str, logits: &Tensor, labels: &[u32]) -> Result<()> {
    let rows = match *logits.dims() {
        [n, classes] if n == labels.len() && n > 0 && !floats(logits)?.is_empty() => Some(classes),
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
