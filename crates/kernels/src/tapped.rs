//! Forward passes that show a visitor the output of every layer with a scale and a shift, before its nonlinearity: the
//! place to measure channel statistics, and to correct them.

use crate::buffer::{Activation, Buffer};
use crate::graph::{Dense, Graph, Norm};
use crate::weights::{ParamId, Weights};
use crate::{gelu, layers};
use candle_core::Result;
use rayon::prelude::*;
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

/// An intermediate result of a batch that is cut into parts, each some of its images.
#[derive(Clone, Debug)]
pub struct Parts(Vec<Activation>);

impl Parts {
    /// The parts in order.
    pub fn all(&self) -> &[Activation] {
        &self.0
    }
}

impl From<Vec<Activation>> for Parts {
    fn from(parts: Vec<Activation>) -> Self {
        Self(parts)
    }
}

impl std::ops::Drop for Parts {
    /// Other threads made the parts and will not find them in this one's store of buffers: they are freed.
    fn drop(&mut self) {
        self.0.clear();
        Buffer::release();
    }
}

/// Executes a forward pass of a batch cut into parts, each part on a core of its own, and hands over the outputs of every
/// [`Site`] in the order of the pass, before shortcut, residual and nonlinearity. What the visitor makes of them is what
/// goes on. All of a batch is at one layer at a time, so statistics of a corrected layer lead to those of the next.
#[derive(Debug)]
pub struct Tapped<'w, F> {
    weights: &'w Weights,
    visit: F,
}

impl<'w, F: FnMut(Site, &mut [Activation]) -> Result<()>> Tapped<'w, F> {
    /// An executor for these weights.
    pub fn new(weights: &'w Weights, visit: F) -> Self {
        Self { weights, visit }
    }

    /// The visit, then the shortcut, then the ReLU.
    fn normed(&mut self, mut y: Parts, norm: Norm, shortcut: Option<&Rc<Parts>>) -> Result<Rc<Parts>> {
        (self.visit)(Site { scale: norm.scale, shift: norm.shift }, &mut y.0)?;
        if let Some(shortcut) = shortcut {
            add(&mut y, shortcut)?;
        }
        if norm.relu {
            y.0.par_iter_mut().for_each(|y| y.data.iter_mut().for_each(|y| *y = y.max(0.0)));
        }
        Ok(Rc::new(y))
    }
}

/// The layer of every part.
fn each(x: &Parts, layer: impl Fn(&Activation) -> Result<Activation> + Send + Sync) -> Result<Parts> {
    Ok(Parts(x.0.par_iter().map(layer).collect::<Result<_>>()?))
}

fn add(to: &mut Parts, other: &Parts) -> Result<()> {
    if to.0.len() != other.0.len() {
        candle_core::bail!("a shortcut of {} parts for {}", other.0.len(), to.0.len());
    }
    to.0.par_iter_mut().zip(&other.0).try_for_each(|(to, other)| {
        if to.dims != other.dims {
            candle_core::bail!("a shortcut of {:?} for {:?}", other.dims, to.dims);
        }
        to.data.iter_mut().zip(other.data.iter()).for_each(|(to, other)| *to += other);
        Ok(())
    })
}

impl<F: FnMut(Site, &mut [Activation]) -> Result<()>> Graph for Tapped<'_, F> {
    type Value = Rc<Parts>;

    fn conv_norm(
        &mut self,
        x: &Rc<Parts>,
        weight: ParamId,
        shortcut: Option<&Rc<Parts>>,
        norm: Norm,
    ) -> Result<Rc<Parts>> {
        let (weights, bare) = (self.weights, Norm { relu: false, ..norm });
        let y = each(x, |x| Ok(layers::conv_norm(weights, x, weight, None, bare, false)?.0))?;
        self.normed(y, norm, shortcut)
    }

    fn norm(&mut self, x: &Rc<Parts>, norm: Norm) -> Result<Rc<Parts>> {
        let (weights, bare) = (self.weights, Norm { relu: false, ..norm });
        let y = each(x, |x| Ok(layers::layer_norm(weights, x, bare)?.0))?;
        self.normed(y, norm, None)
    }

    fn mean_pool(&mut self, x: &Rc<Parts>) -> Result<Rc<Parts>> {
        Ok(Rc::new(each(x, |x| Ok(layers::mean_pool(x)))?))
    }

    fn dense(&mut self, x: &Rc<Parts>, layer: Dense, residual: Option<&Rc<Parts>>) -> Result<Rc<Parts>> {
        let (weights, plain) = (self.weights, Dense { gelu: false, ..layer });
        let mut y = each(x, |x| Ok(layers::dense(weights, x, plain, None, None)?.0))?;
        if layer.gelu {
            (self.visit)(Site { scale: layer.weight, shift: layer.bias }, &mut y.0)?;
            y = each(&y, |before| {
                let mut data = Buffer::stale(before.data.len());
                gelu::forward(&before.data, &mut data, weights.isa());
                Ok(Activation { dims: before.dims, data })
            })?;
        }
        if let Some(residual) = residual {
            add(&mut y, residual)?;
        }
        Ok(Rc::new(y))
    }

    fn patches(&mut self, x: &Rc<Parts>, patch: usize) -> Result<Rc<Parts>> {
        Ok(Rc::new(each(x, |x| layers::patches(x, patch))?))
    }

    fn prepend(
        &mut self,
        x: &Rc<Parts>,
        class: ParamId,
        positions: ParamId,
        _dropout: f32,
    ) -> Result<Rc<Parts>> {
        let weights = self.weights;
        Ok(Rc::new(each(x, |x| layers::prepend(weights, x, class, positions))?))
    }

    fn attention(&mut self, qkv: &Rc<Parts>, heads: usize) -> Result<Rc<Parts>> {
        let weights = self.weights;
        Ok(Rc::new(each(qkv, |qkv| Ok(layers::attention(weights, qkv, heads)?.0))?))
    }

    fn first_token(&mut self, x: &Rc<Parts>) -> Result<Rc<Parts>> {
        Ok(Rc::new(each(x, |x| Ok(layers::first_token(x)))?))
    }
}
