//! Forward passes as candle graphs: slower than a tape, but open to every other candle operation.

use crate::graph::Graph;
use crate::operation::{Nonlinearity, Operation};
use crate::weights::{ParamId, Role};
use basin_kernels::conv::Padding;
use basin_kernels::ops::{channel_norm, channel_norm_add, conv2d};
use candle_core::{D, Result, Tensor, bail};

/// Builds candle's own graph over parameters that are usually `Var`s; call `backward` on the loss. Nothing is
/// dropped.
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
            Role::Plain | Role::Statistic => 1,
        };
        Self { params, strides: roles.iter().map(stride).collect() }
    }

    fn param(&self, id: ParamId) -> &Tensor {
        &self.params[id.0]
    }
}

impl Graph for Autograd<'_> {
    type Value = Tensor;

    fn apply(&mut self, operation: Operation, x: &Tensor, other: Option<&Tensor>) -> Result<Tensor> {
        match operation {
            Operation::Conv { weight, bias } => self.convolve(x, weight, bias),
            Operation::Norm(n) => {
                channel_norm(x, self.param(n.scale), self.param(n.shift), n.epsilon, n.relu)
            }
            Operation::Nonlinearity(Nonlinearity::Relu) => x.relu(),
            Operation::Nonlinearity(Nonlinearity::Gelu) => x.gelu_erf(),
            Operation::Add => match other {
                Some(other) => x + other,
                None => bail!("a sum of one value"),
            },
            Operation::Dropout(_) | Operation::DropPath(_) => Ok(x.clone()),
            Operation::MeanPool => x.mean_keepdim((1, 2)),
            Operation::Patches(patch) => patches(x, patch),
            Operation::Prepend { class, positions, .. } => {
                prepended(x, self.param(class), self.param(positions))
            }
            Operation::Attention(heads) => attention(x, heads),
            Operation::FirstToken => x.narrow(1, 0, 1),
            Operation::ConvNorm { weight, norm: n, .. } => match other {
                None => {
                    let y = self.convolve(x, weight, None)?;
                    self.norm(&y, n)
                }
                Some(shortcut) => {
                    let (y, scale, shift) =
                        (self.convolve(x, weight, None)?, self.param(n.scale), self.param(n.shift));
                    channel_norm_add(&y, shortcut, scale, shift, n.epsilon, n.relu)
                }
            },
            Operation::Dense(_) => self.unfused(operation, x, other),
        }
    }
}

impl Autograd<'_> {
    fn convolve(&self, x: &Tensor, weight: ParamId, bias: Option<ParamId>) -> Result<Tensor> {
        let w = self.param(weight);
        let y = match w.dims() {
            [_, _] => x.broadcast_matmul(&w.t()?)?,
            _ => conv2d(x, w, self.strides[weight.0], Padding::Same)?,
        };
        match bias {
            Some(bias) => y.broadcast_add(self.param(bias)),
            None => Ok(y),
        }
    }
}

/// Tokens `[n, t, 1, d]` behind a class token of d, with `[t + 1, d]` positions added, by candle's operations.
///
/// # Errors
/// When shapes do not fit.
pub fn prepended(x: &Tensor, class: &Tensor, positions: &Tensor) -> Result<Tensor> {
    let (n, t, _, d) = x.dims4()?;
    let class = class.reshape((1, 1, 1, d))?.broadcast_as((n, 1, 1, d))?;
    let positions = positions.reshape((1, t + 1, 1, d))?;
    Tensor::cat(&[&class.contiguous()?, x], 1)?.broadcast_add(&positions)
}

/// Images `[n, h, h, c]` as patches `[n, t, 1, c · patch²]`, channels outermost, by candle's operations.
///
/// # Errors
/// When images are not square, or their side is not a multiple of the patch's.
pub fn patches(x: &Tensor, patch: usize) -> Result<Tensor> {
    let (n, h, w, c) = x.dims4()?;
    if patch == 0 || h != w || !h.is_multiple_of(patch) {
        bail!("{:?} cannot be cut into patches of {patch}×{patch}", x.dims());
    }
    let side = h / patch;
    let x = x.reshape(&[n, side, patch, side, patch, c][..])?.permute(vec![0, 1, 3, 5, 2, 4])?;
    x.reshape((n, side * side, 1, c * patch * patch))
}

fn attention(qkv: &Tensor, heads: usize) -> Result<Tensor> {
    let (n, t, _, channels) = qkv.dims4()?;
    let (d, size) = (channels / 3, channels / 3 / heads.max(1));
    let parts = qkv.reshape((n, t, 3, heads, size))?.permute((2, 0, 3, 1, 4))?.contiguous()?;
    let (q, k, v) = (parts.get(0)?, parts.get(1)?, parts.get(2)?);
    let scores = (q.matmul(&k.transpose(2, 3)?.contiguous()?)? * (1.0 / (size as f64).sqrt()))?;
    let scores = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?.exp()?;
    let weights = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
    weights.matmul(&v)?.transpose(1, 2)?.contiguous()?.reshape((n, t, 1, d))
}
