//! BatchNorm with running statistics.

use crate::ops::{Fusion, batch_norm, batch_norm_with};
use candle_core::{Result, Tensor, Var};
use candle_nn::VarBuilder;
use candle_nn::init::Init;

/// PyTorch's share of a batch in the running statistics.
const MOMENTUM: f32 = 0.1;
/// PyTorch's ε.
const EPSILON: f32 = 1e-5;

/// BatchNorm over all but the last axis, as PyTorch's is over all but the second: `weight`, `bias`, `running_mean` and
/// `running_var`, `[channels]` each, ε 10⁻⁵, momentum 0.1.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Var,
    running_var: Var,
}

impl BatchNorm {
    /// Scale 1, shift 0, running mean 0 and variance 1 at first.
    ///
    /// # Errors
    /// The `VarBuilder`'s.
    pub fn new(channels: usize, vb: VarBuilder<'_>) -> Result<Self> {
        let get = |name: &str, value| vb.get_with_hints(channels, name, Init::Const(value));
        let (weight, bias) = (get("weight", 1.0)?, get("bias", 0.0)?);
        let (running_mean, running_var) = (get("running_mean", 0.0)?, get("running_var", 1.0)?);
        // A variable stays the variable that it is, so that what is measured reaches its owner.
        let (running_mean, running_var) = (Var::from_tensor(&running_mean)?, Var::from_tensor(&running_var)?);
        Ok(Self { weight, bias, running_mean, running_var })
    }

    /// In training by the batch's statistics, which the running ones move towards; else by the running ones.
    ///
    /// # Errors
    /// [`crate::ops::OpError`].
    pub fn forward_then(&self, x: &Tensor, then: Fusion<'_>, train: bool) -> Result<Tensor> {
        let (weight, bias) = (&self.weight, &self.bias);
        if !train {
            let running = (self.running_mean.as_tensor(), self.running_var.as_tensor());
            return batch_norm_with(x, running, weight, bias, EPSILON, then);
        }
        let (y, batch) = batch_norm(x, weight, bias, EPSILON, then)?;
        towards(&self.running_mean, batch.mean.iter().copied())?;
        towards(&self.running_var, batch.unbiased())?;
        Ok(y)
    }
}

/// r ← (1 − m) r + m s.
fn towards(running: &Var, measured: impl Iterator<Item = f32>) -> Result<()> {
    let old: Vec<f32> = running.to_vec1()?;
    let new: Vec<f32> = old.iter().zip(measured).map(|(r, s)| (1.0 - MOMENTUM) * r + MOMENTUM * s).collect();
    running.set(&Tensor::from_vec(new, running.shape(), running.device())?)
}
