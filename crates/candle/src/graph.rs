//! The networks of `basin-models` on candle tensors: their operations by those of [`crate::ops`].

use crate::layers::{DropPath, next_masks};
use crate::ops::{
    Fusion, Padding, attention, conv2d, dense, drop_path, dropout, gelu, layer_norm, mean_pixel, on_the_cpu,
    relu,
};
use basin_graph::{Graph, Nonlinearity, Norm, Operation, ParamId, Role, patches, prepended};
use candle_core::{Result, Tensor, bail};

/// Builds candle's graph over the parameters of a network, in the order of its layout.
#[derive(Debug)]
pub(crate) struct Tensors<'p> {
    params: &'p [Tensor],
    roles: &'p [Role],
    /// Whether values are dropped.
    train: bool,
}

impl<'p> Tensors<'p> {
    pub(crate) fn new(params: &'p [Tensor], roles: &'p [Role], train: bool) -> Self {
        Self { params, roles, train }
    }

    fn param(&self, id: ParamId) -> &Tensor {
        &self.params[id.0]
    }

    fn dropped(&self, x: Tensor, rate: f32) -> Result<Tensor> {
        match next_masks(rate, self.train)? {
            Some((seeds, site)) => dropout(&x, rate, &seeds, site),
            None => Ok(x),
        }
    }

    fn normed(&self, x: &Tensor, shortcut: Option<&Tensor>, norm: Norm) -> Result<Tensor> {
        let (scale, shift) = (self.param(norm.scale), self.param(norm.shift));
        layer_norm(x, scale, shift, norm.epsilon, Fusion { shortcut, relu: norm.relu })
    }

    fn convolved(&self, x: &Tensor, weight: ParamId, bias: Option<ParamId>) -> Result<Tensor> {
        let (w, bias) = (self.param(weight), bias.map(|bias| self.param(bias)));
        match (w.dims(), self.roles[weight.0]) {
            (&[_, _], _) => dense(x, w, bias),
            (_, Role::Conv { shape, .. }) => {
                let y = conv2d(x, w, shape.stride, Padding::Same)?;
                bias.map_or(Ok(y.clone()), |bias| y.broadcast_add(bias))
            }
            (_, role) => bail!("a convolution by a parameter of {role:?}"),
        }
    }
}

impl Graph for Tensors<'_> {
    type Value = Tensor;

    fn apply(&mut self, operation: Operation, x: &Tensor, other: Option<&Tensor>) -> Result<Tensor> {
        match operation {
            Operation::Conv { weight, bias } => self.convolved(x, weight, bias),
            Operation::Norm(norm) => self.normed(x, None, norm),
            Operation::Nonlinearity(Nonlinearity::Relu) => relu(x),
            Operation::Nonlinearity(Nonlinearity::Gelu) => gelu(x),
            Operation::Add => match other {
                Some(other) => x + other,
                None => bail!("a sum of one value"),
            },
            Operation::Dropout(rate) => self.dropped(x.clone(), rate),
            Operation::DropPath(rate) => match next_masks(rate, self.train)? {
                Some((seeds, site)) => drop_path(x, rate, &seeds, site),
                None => Ok(x.clone()),
            },
            Operation::MeanPool => mean_pixel(x),
            Operation::Patches(patch) => {
                on_the_cpu("patches", x)?;
                patches(x, patch)
            }
            Operation::Prepend { class, positions, dropout } => {
                on_the_cpu("a class token", x)?;
                let y = prepended(x, self.param(class), self.param(positions))?;
                self.dropped(y, dropout)
            }
            Operation::Attention(heads) => {
                let (n, t, _, width) = x.dims4()?;
                attention(&x.reshape((n, t, width))?, heads)?.unsqueeze(2)
            }
            Operation::FirstToken => x.narrow(1, 0, 1),
            Operation::ConvNorm { weight, norm, drop_path: rate } => {
                let y = self.convolved(x, weight, None)?;
                match (other, norm.relu) {
                    (Some(shortcut), true) => DropPath::new(rate).residual(shortcut, self.train, |then| {
                        self.normed(&y, then.shortcut, Norm { relu: then.relu, ..norm })
                    }),
                    _ if rate > 0.0 => self.unfused(operation, x, other),
                    _ => self.normed(&y, other, norm),
                }
            }
            Operation::Dense(_) => self.unfused(operation, x, other),
        }
    }
}
