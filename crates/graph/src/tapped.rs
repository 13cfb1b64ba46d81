//! Forward passes that show a visitor the output of every layer with a scale and a shift, before its nonlinearity: the
//! place to measure channel statistics, and to correct them.

use crate::graph::Graph;
use crate::layers::Layers;
use crate::operation::{Nonlinearity, Norm, Operation};
use crate::weights::ParamId;
use basin_kernels::Buffer;
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

/// An intermediate result of a batch that is cut into parts, each some of its images.
#[derive(Clone, Debug)]
pub struct Parts<V>(Vec<V>);

impl<V> Parts<V> {
    /// The parts in order.
    pub fn all(&self) -> &[V] {
        &self.0
    }
}

impl<V> From<Vec<V>> for Parts<V> {
    fn from(parts: Vec<V>) -> Self {
        Self(parts)
    }
}

impl<V> std::ops::Drop for Parts<V> {
    /// On the CPU other threads made the parts and will not find them in this one's store of buffers: they are freed.
    fn drop(&mut self) {
        self.0.clear();
        Buffer::release();
    }
}

/// Executes a forward pass of a batch cut into parts, and hands over the outputs of every [`Site`] in the order of the
/// pass, before shortcut, residual and nonlinearity. What the visitor makes of them is what goes on. All of a batch is at
/// one layer at a time, so statistics of a corrected layer lead to those of the next.
#[derive(Debug)]
pub struct Tapped<L, F> {
    layers: L,
    visit: F,
}

impl<L: Layers, F: FnMut(&L, Site, &mut [L::Value]) -> Result<()>> Tapped<L, F> {
    /// An executor on these layers.
    pub fn new(layers: L, visit: F) -> Self {
        Self { layers, visit }
    }

    fn each(
        &self,
        operation: Operation,
        x: &Parts<L::Value>,
        other: Option<&Rc<Parts<L::Value>>>,
    ) -> Result<Parts<L::Value>> {
        if let Some(other) = other.filter(|other| other.0.len() != x.0.len()) {
            candle_core::bail!("a second input of {} parts for {}", other.0.len(), x.0.len());
        }
        Ok(Parts(self.layers.each(operation, &x.0, other.map(|other| &other.0[..]))?))
    }
}

impl<L: Layers, F: FnMut(&L, Site, &mut [L::Value]) -> Result<()>> Graph for Tapped<L, F> {
    type Value = Rc<Parts<L::Value>>;

    fn apply(
        &mut self,
        operation: Operation,
        x: &Self::Value,
        other: Option<&Self::Value>,
    ) -> Result<Self::Value> {
        match operation {
            Operation::ConvNorm { .. } => self.unfused(operation, x, other),
            Operation::Norm(norm) => {
                let mut y = self.each(Operation::Norm(Norm { relu: false, ..norm }), x, None)?;
                (self.visit)(&self.layers, Site { scale: norm.scale, shift: norm.shift }, &mut y.0)?;
                let y = Rc::new(y);
                if norm.relu { self.nonlinearity(&y, Nonlinearity::Relu) } else { Ok(y) }
            }
            Operation::Dense(layer) => {
                let (weight, bias) = (layer.weight, layer.bias);
                let mut y = self.each(Operation::Conv { weight, bias: Some(bias) }, x, None)?;
                if layer.gelu {
                    (self.visit)(&self.layers, Site { scale: weight, shift: bias }, &mut y.0)?;
                    y = self.each(Operation::Nonlinearity(Nonlinearity::Gelu), &y, None)?;
                }
                match other {
                    Some(residual) => Ok(Rc::new(self.each(Operation::Add, &y, Some(residual))?)),
                    None => Ok(Rc::new(y)),
                }
            }
            _ => Ok(Rc::new(self.each(operation, x, other)?)),
        }
    }
}
