//! Forward passes that show a visitor the output of every layer with a scale and a shift, before its nonlinearity: the
//! place to measure channel statistics, and to correct them.

use crate::buffer::{Activation, Buffer};
use crate::graph::{Dense, Graph, Norm};
use crate::weights::{ParamId, Weights};
use crate::{Inference, gelu, layers};
use candle_core::Result;
use std::rc::Rc;

/// The parameters that scale and shift the channels of a layer's output: γ and β of a norm, weight and bias of a dense
/// layer with a GELU. Multiplying a channel by s and adding d is the same as s·scale and s·shift + d.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// γ `[channels]`, or W `[channels, in]`.
    pub scale: ParamId,
    /// β or b, `[channels]`.
    pub shift: ParamId,
}

/// Executes a forward pass on the calling thread as [`Inference`] does, and hands over the output of every [`Site`] in the
/// order of the pass, before shortcut, residual and nonlinearity. What the visitor makes of it is what goes on.
#[derive(Debug)]
pub struct Tapped<'w, F> {
    weights: &'w Weights,
    plain: Inference<'w>,
    visit: F,
}

impl<'w, F: FnMut(Site, &mut Activation) -> Result<()>> Tapped<'w, F> {
    /// An executor for these weights.
    pub fn new(weights: &'w Weights, visit: F) -> Self {
        Self { weights, plain: Inference::new(weights), visit }
    }

    /// The visit, then the shortcut, then the ReLU.
    fn normed(
        &mut self,
        mut y: Activation,
        norm: Norm,
        shortcut: Option<&Activation>,
    ) -> Result<Rc<Activation>> {
        (self.visit)(Site { scale: norm.scale, shift: norm.shift }, &mut y)?;
        if let Some(shortcut) = shortcut {
            add(&mut y, shortcut)?;
        }
        if norm.relu {
            y.data.iter_mut().for_each(|y| *y = y.max(0.0));
        }
        Ok(Rc::new(y))
    }
}

fn add(to: &mut Activation, other: &Activation) -> Result<()> {
    if to.dims != other.dims {
        candle_core::bail!("a shortcut of {:?} for {:?}", other.dims, to.dims);
    }
    to.data.iter_mut().zip(other.data.iter()).for_each(|(to, other)| *to += other);
    Ok(())
}

impl<F: FnMut(Site, &mut Activation) -> Result<()>> Graph for Tapped<'_, F> {
    type Value = Rc<Activation>;

    fn conv_norm(
        &mut self,
        x: &Rc<Activation>,
        weight: ParamId,
        shortcut: Option<&Rc<Activation>>,
        norm: Norm,
    ) -> Result<Rc<Activation>> {
        let bare = Norm { relu: false, ..norm };
        let (y, _) = layers::conv_norm(self.weights, x, weight, None, bare, false)?;
        self.normed(y, norm, shortcut.map(|s| &**s))
    }

    fn norm(&mut self, x: &Rc<Activation>, norm: Norm) -> Result<Rc<Activation>> {
        let (y, _) = layers::layer_norm(self.weights, x, Norm { relu: false, ..norm })?;
        self.normed(y, norm, None)
    }

    fn mean_pool(&mut self, x: &Rc<Activation>) -> Result<Rc<Activation>> {
        self.plain.mean_pool(x)
    }

    fn dense(
        &mut self,
        x: &Rc<Activation>,
        layer: Dense,
        residual: Option<&Rc<Activation>>,
    ) -> Result<Rc<Activation>> {
        if !layer.gelu {
            return self.plain.dense(x, layer, residual);
        }
        let (mut before, _) = layers::dense(self.weights, x, Dense { gelu: false, ..layer }, None, None)?;
        (self.visit)(Site { scale: layer.weight, shift: layer.bias }, &mut before)?;
        let mut y = Activation { dims: before.dims, data: Buffer::stale(before.data.len()) };
        gelu::forward(&before.data, &mut y.data, self.weights.isa());
        if let Some(residual) = residual {
            add(&mut y, residual)?;
        }
        Ok(Rc::new(y))
    }

    fn patches(&mut self, x: &Rc<Activation>, patch: usize) -> Result<Rc<Activation>> {
        self.plain.patches(x, patch)
    }

    fn prepend(
        &mut self,
        x: &Rc<Activation>,
        class: ParamId,
        positions: ParamId,
        dropout: f32,
    ) -> Result<Rc<Activation>> {
        self.plain.prepend(x, class, positions, dropout)
    }

    fn attention(&mut self, qkv: &Rc<Activation>, heads: usize) -> Result<Rc<Activation>> {
        self.plain.attention(qkv, heads)
    }

    fn first_token(&mut self, x: &Rc<Activation>) -> Result<Rc<Activation>> {
        self.plain.first_token(x)
    }
}
