//! Forward passes that keep nothing: values are freed as soon as the model drops them.

use crate::graph::{Graph, Norm, ParamId, Weights};
use crate::norm::NormShape;
use crate::tensor::{floats, tensor};
use crate::{conv, head, norm};
use candle_core::{Result, Tensor};

/// Executes a forward pass on the calling thread.
#[derive(Debug)]
pub struct Inference<'w> {
    weights: &'w Weights,
}

impl<'w> Inference<'w> {
    /// An executor for these weights.
    pub fn new(weights: &'w Weights) -> Self {
        Self { weights }
    }
}

pub(crate) fn conv_forward(weights: &Weights, x: &Tensor, id: ParamId) -> Result<Tensor> {
    let (n, h, w, cin) = x.dims4()?;
    let packed = weights.conv(id)?;
    if cin != packed.shape.cin {
        candle_core::bail!("a convolution of {} channels was given {:?}", packed.shape.cin, x.dims());
    }
    let dims = [n, packed.shape.output(h), packed.shape.output(w), packed.shape.cout];
    let mut out = vec![0.0; dims.iter().product()];
    conv::forward(packed, &floats(x)?, h, w, &mut out);
    tensor(out, &dims)
}

/// Output and the saved statistics `[rows, 2]`.
pub(crate) fn norm_forward(
    weights: &Weights,
    x: &Tensor,
    shortcut: Option<&Tensor>,
    n: Norm,
) -> Result<(Tensor, Vec<f32>)> {
    let channels = *x.dims().last().unwrap_or(&0);
    let values = floats(x)?;
    let mut y = vec![0.0; values.len()];
    let mut statistics = vec![0.0; 2 * values.len() / channels.max(1)];
    let shape = NormShape { channels, epsilon: n.epsilon, relu: n.relu };
    let shortcut = shortcut.map(floats).transpose()?;
    let (gamma, beta) = (floats(weights.tensor(n.scale))?, floats(weights.tensor(n.shift))?);
    let fits = gamma.len() == channels && beta.len() == channels && channels > 0;
    if !fits || shortcut.as_ref().is_some_and(|s| s.len() != values.len()) {
        candle_core::bail!("a norm of {} channels with its shortcut was given {:?}", gamma.len(), x.dims());
    }
    norm::forward(shape, &values, shortcut.as_deref(), &gamma, &beta, &mut y, &mut statistics, weights.isa());
    Ok((tensor(y, x.dims())?, statistics))
}

pub(crate) fn pool_forward(x: &Tensor) -> Result<Tensor> {
    let (n, h, w, c) = x.dims4()?;
    tensor(head::mean_pool(&floats(x)?, h * w, c), &[n, c])
}

pub(crate) fn dense_forward(weights: &Weights, x: &Tensor, weight: ParamId, bias: ParamId) -> Result<Tensor> {
    let (n, inputs) = x.dims2()?;
    let (w, b) = (floats(weights.tensor(weight))?, floats(weights.tensor(bias))?);
    if w.len() != inputs * b.len() {
        candle_core::bail!("a dense layer {:?} was given {:?}", weights.tensor(weight).dims(), x.dims());
    }
    tensor(head::dense(&floats(x)?, &w, &b), &[n, b.len()])
}

impl Graph for Inference<'_> {
    type Value = Tensor;

    fn conv(&mut self, x: &Tensor, weight: ParamId) -> Result<Tensor> {
        conv_forward(self.weights, x, weight)
    }

    fn norm(&mut self, x: &Tensor, shortcut: Option<&Tensor>, norm: Norm) -> Result<Tensor> {
        Ok(norm_forward(self.weights, x, shortcut, norm)?.0)
    }

    fn mean_pool(&mut self, x: &Tensor) -> Result<Tensor> {
        pool_forward(x)
    }

    fn dense(&mut self, x: &Tensor, weight: ParamId, bias: ParamId) -> Result<Tensor> {
        dense_forward(self.weights, x, weight, bias)
    }
}
