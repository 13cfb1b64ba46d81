//! Stochastic gradient descent with momentum, for training loops of candle's own.

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};
use candle_nn::Optimizer;

/// The coefficients of [`SgdMomentum`], as PyTorch's `SGD` names them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdConfig {
    /// Learning rate ≥ 0.
    pub learning_rate: f64,
    /// Momentum μ in `[0, 1)`.
    pub momentum: f64,
    /// Weight decay λ ≥ 0.
    pub weight_decay: f64,
    /// Whether the decay multiplies the weights by 1 − rate · λ instead of being part of the gradient.
    pub decoupled: bool,
    /// Whether the step looks ahead by the momentum (Nesterov).
    pub nesterov: bool,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self { learning_rate: 0.1, momentum: 0.9, weight_decay: 0.0, decoupled: false, nesterov: false }
    }
}

/// v ← μ v + g, θ ← θ − rate · v, or with Nesterov θ ← θ − rate · (g + μ v): PyTorch's `SGD` without dampening. On whatever
/// device the variables are.
#[derive(Debug)]
pub struct SgdMomentum {
    vars: Vec<(Var, Option<Tensor>)>,
    config: SgdConfig,
}

impl Optimizer for SgdMomentum {
    type Config = SgdConfig;

    fn new(vars: Vec<Var>, config: SgdConfig) -> Result<Self> {
        let vars = vars.into_iter().filter(|var| var.dtype().is_float());
        Ok(Self { vars: vars.map(|var| (var, None)).collect(), config })
    }

    fn learning_rate(&self) -> f64 {
        self.config.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        self.config.learning_rate = learning_rate;
    }

    /// Variables without a gradient stay as they are, as in PyTorch.
    fn step(&mut self, gradients: &GradStore) -> Result<()> {
        let SgdConfig { learning_rate, momentum, weight_decay, decoupled, nesterov } = self.config;
        for (var, velocity) in &mut self.vars {
            let Some(gradient) = gradients.get(var) else { continue };
            let mut theta = var.as_detached_tensor();
            let mut gradient = gradient.detach();
            if weight_decay != 0.0 && decoupled {
                theta = (theta * (1.0 - learning_rate * weight_decay))?;
            } else if weight_decay != 0.0 {
                gradient = (gradient + (&theta * weight_decay)?)?;
            }
            let moved = match velocity {
                Some(velocity) => ((&*velocity * momentum)? + &gradient)?,
                None => gradient.clone(),
            };
            let direction = if nesterov { (gradient + (&moved * momentum)?)? } else { moved.clone() };
            var.set(&(theta - (direction * learning_rate)?)?)?;
            *velocity = Some(moved);
        }
        Ok(())
    }
}
