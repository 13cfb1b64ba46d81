//! Forward passes as candle graphs: slower than a tape, but open to every other candle operation.

use crate::graph::{Dense, Graph, Norm};
use crate::ops::{channel_norm, channel_norm_add, conv2d};
use crate::weights::{ParamId, Role};
use candle_core::{D, Result, Tensor, bail};

/// Builds candle's own graph over parameters that are usually `Var`s; call `backward` on the loss. Dropout is
/// not applied.
#[derive(Debug)]
pub struct Autograd<'p> {
    params: &'p [Tensor],
    strides: Vec<usize>,
}

impl<'p> Autograd<'p> {
    /// Parameters in PyTorch's shapes, and what each is used for.
    pub fn new(params: &'p [Tensor], roles: &[Role]) -> Self {
        let stride = |role: &Role| match role {
            Role::Conv { shape, .. } => shape.stride,
            Role::Plain => 1,
        };
        Self { params, strides: roles.iter().map(stride).collect() }
    }

    fn param(&self, id: ParamId) -> &Tensor {
        &self.params[id.0]
    }
}

impl Graph for Autograd<'_> {
    type Value = Tensor;

    fn conv_norm(
        &mut self,
        x: &Tensor,
        weight: ParamId,
        shortcut: Option<&Tensor>,
        n: Norm,
    ) -> Result<Tensor> {
        let y = conv2d(x, self.param(weight), self.strides[weight.0])?;
        match shortcut {
            None => self.norm(&y, n),
            Some(shortcut) => {
                channel_norm_add(&y, shortcut, self.param(n.scale), self.param(n.shift), n.epsilon, n.relu)
            }
        }
    }

    fn norm(&mut self, x: &Tensor, n: Norm) -> Result<Tensor> {
        channel_norm(x, self.param(n.scale), self.param(n.shift), n.epsilon, n.relu)
    }

    fn mean_pool(&mut self, x: &Tensor) -> Result<Tensor> {
        x.mean_keepdim((1, 2))
    }

    fn dense(&mut self, x: &Tensor, layer: Dense, residual: Option<&Tensor>) -> Result<Tensor> {
        let y = x.broadcast_matmul(&self.param(layer.weight).t()?)?.broadcast_add(self.param(layer.bias))?;
        let y = if layer.gelu { y.gelu_erf()? } else { y };
        match residual {
            Some(residual) => y + residual,
            None => Ok(y),
        }
    }

    fn patches(&mut self, x: &Tensor, patch: usize) -> Result<Tensor> {
        let (n, h, w, c) = x.dims4()?;
        if patch == 0 || h != w || !h.is_multiple_of(patch) {
            bail!("{:?} cannot be cut into patches of {patch}×{patch}", x.dims());
        }
        let side = h / patch;
        let x = x.reshape(&[n, side, patch, side, patch, c][..])?.permute(vec![0, 1, 3, 5, 2, 4])?;
        x.reshape((n, side * side, 1, c * patch * patch))
    }

    fn prepend(&mut self, x: &Tensor, class: ParamId, positions: ParamId, _dropout: f32) -> Result<Tensor> {
        let (n, t, _, d) = x.dims4()?;
        let class = self.param(class).reshape((1, 1, 1, d))?.broadcast_as((n, 1, 1, d))?;
        let positions = self.param(positions).reshape((1, t + 1, 1, d))?;
        Tensor::cat(&[&class.contiguous()?, x], 1)?.broadcast_add(&positions)
    }

    fn attention(&mut self, qkv: &Tensor, heads: usize) -> Result<Tensor> {
        let (n, t, _, channels) = qkv.dims4()?;
        let (d, size) = (channels / 3, channels / 3 / heads.max(1));
        let parts = qkv.reshape((n, t, 3, heads, size))?.permute((2, 0, 3, 1, 4))?.contiguous()?;
        let (q, k, v) = (parts.get(0)?, parts.get(1)?, parts.get(2)?);
        let scores = (q.matmul(&k.transpose(2, 3)?.contiguous()?)? * (1.0 / (size as f64).sqrt()))?;
        let scores = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?.exp()?;
        let weights = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
        weights.matmul(&v)?.transpose(1, 2)?.contiguous()?.reshape((n, t, 1, d))
    }

    fn first_token(&mut self, x: &Tensor) -> Result<Tensor> {
        x.narrow(1, 0, 1)
    }
}
