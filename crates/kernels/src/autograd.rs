//! Forward passes as candle graphs: slower than a tape, but open to every other candle operation.

use crate::graph::{Graph, Norm, ParamId};
use crate::ops::{channel_norm, channel_norm_add, conv2d};
use candle_core::{Result, Tensor};

/// Builds candle's own graph over parameters that are usually `Var`s; call `backward` on the loss.
#[derive(Debug)]
pub struct Autograd<'p> {
    params: &'p [Tensor],
    strides: Vec<usize>,
}

impl<'p> Autograd<'p> {
    /// Parameters in PyTorch's shapes, and what each is used for.
    pub fn new(params: &'p [Tensor], roles: &[crate::Role]) -> Self {
        let stride = |role: &crate::Role| match role {
            crate::Role::Conv { shape, .. } => shape.stride,
            crate::Role::Plain => 1,
        };
        Self { params, strides: roles.iter().map(stride).collect() }
    }

    fn param(&self, id: ParamId) -> &Tensor {
        &self.params[id.0]
    }
}

impl Graph for Autograd<'_> {
    type Value = Tensor;

    fn conv(&mut self, x: &Tensor, weight: ParamId) -> Result<Tensor> {
        conv2d(x, self.param(weight), self.strides[weight.0])
    }

    fn norm(&mut self, x: &Tensor, shortcut: Option<&Tensor>, n: Norm) -> Result<Tensor> {
        let (scale, shift) = (self.param(n.scale), self.param(n.shift));
        match shortcut {
            Some(shortcut) => channel_norm_add(x, shortcut, scale, shift, n.epsilon, n.relu),
            None => channel_norm(x, scale, shift, n.epsilon, n.relu),
        }
    }

    fn mean_pool(&mut self, x: &Tensor) -> Result<Tensor> {
        x.mean((1, 2))
    }

    fn dense(&mut self, x: &Tensor, weight: ParamId, bias: ParamId) -> Result<Tensor> {
        x.matmul(&self.param(weight).t()?)?.broadcast_add(self.param(bias))
    }
}
