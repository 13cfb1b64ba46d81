//! Mean losses over a batch as candle operations.

use crate::loss::{LossSum, Target, loss};
use crate::tensor::{floats, slice, tensor};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

/// Mean of −log softmax(z)_y over the rows of `[n, classes]`.
///
/// # Errors
/// When labels do not fit, or the tensor is not a contiguous `f32` tensor on the CPU.
pub fn cross_entropy(logits: &Tensor, labels: &[u32]) -> Result<Tensor> {
    logits.apply_op1(MeanLoss { labels: labels.to_vec(), teacher: None })
}

/// Eq. 1 of Lion et al. as a mean over the rows: (1−β)·τ²·KL(softmax(t/τ) ‖ softmax(z/τ)) + β·CE. No gradient
/// flows to the teacher.
///
/// # Errors
/// As [`cross_entropy`], or when β is outside `[0, 1]` or τ ≤ 0.
pub fn distillation(
    logits: &Tensor,
    labels: &[u32],
    teacher: &Tensor,
    label_weight: f32,
    temperature: f32,
) -> Result<Tensor> {
    if !(0.0..=1.0).contains(&label_weight) || temperature.is_nan() || temperature <= 0.0 {
        bail!("distillation with label weight {label_weight} and temperature {temperature}");
    }
    if teacher.dims() != logits.dims() {
        bail!("teacher logits {:?} for student logits {:?}", teacher.dims(), logits.dims());
    }
    let teacher = Some((floats(teacher)?.to_vec(), label_weight, temperature));
    logits.apply_op1(MeanLoss { labels: labels.to_vec(), teacher })
}

struct MeanLoss {
    labels: Vec<u32>,
    teacher: Option<(Vec<f32>, f32, f32)>,
}

impl MeanLoss {
    fn sum(&self, logits: &[f32], dims: &[usize]) -> Result<LossSum> {
        let &[n, classes] = dims else { bail!("losses take logits [n, classes], found {dims:?}") };
        if n != self.labels.len() || n == 0 || self.labels.iter().any(|&y| y as usize >= classes) {
            bail!("{} labels do not fit logits {dims:?}", self.labels.len());
        }
        let target = match &self.teacher {
            None => Target::Labels,
            Some((logits, label_weight, temperature)) => {
                Target::Teacher { logits, label_weight: *label_weight, temperature: *temperature }
            }
        };
        Ok(loss(logits, &self.labels, target, 1.0 / n as f32))
    }
}

impl CustomOp1 for MeanLoss {
    fn name(&self) -> &'static str {
        "basin-loss"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let sum = self.sum(slice(logits, layout)?, layout.dims())?;
        let mean = (sum.loss / self.labels.len() as f64) as f32;
        Ok((CpuStorage::F32(vec![mean]), Shape::from(())))
    }

    fn bwd(&self, logits: &Tensor, _loss: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let sum = self.sum(&floats(logits)?, logits.dims())?;
        Ok(Some(tensor(sum.gradient, logits.dims())?.broadcast_mul(gradient)?))
    }
}
