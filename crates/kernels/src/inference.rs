//! Forward passes that keep nothing: values are freed as soon as the model drops them.

use crate::buffer::Activation;
use crate::graph::{Dense, Graph, Norm};
use crate::layers;
use crate::weights::{ParamId, Weights};
use candle_core::Result;
use std::rc::Rc;

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

impl Graph for Inference<'_> {
    type Value = Rc<Activation>;

    fn conv_norm(
        &mut self,
        x: &Rc<Activation>,
        weight: ParamId,
        shortcut: Option<&Rc<Activation>>,
        norm: Norm,
    ) -> Result<Rc<Activation>> {
        let shortcut = shortcut.map(|s| &**s);
        Ok(Rc::new(layers::conv_norm(self.weights, x, weight, shortcut, norm, false)?.0))
    }

    fn norm(&mut self, x: &Rc<Activation>, norm: Norm) -> Result<Rc<Activation>> {
        Ok(Rc::new(layers::layer_norm(self.weights, x, norm)?.0))
    }

    fn mean_pool(&mut self, x: &Rc<Activation>) -> Result<Rc<Activation>> {
        Ok(Rc::new(layers::mean_pool(x)))
    }

    fn dense(
        &mut self,
        x: &Rc<Activation>,
        layer: Dense,
        residual: Option<&Rc<Activation>>,
    ) -> Result<Rc<Activation>> {
        Ok(Rc::new(layers::dense(self.weights, x, layer, residual.map(|r| &**r), None)?.0))
    }

    fn patches(&mut self, x: &Rc<Activation>, patch: usize) -> Result<Rc<Activation>> {
        Ok(Rc::new(layers::patches(x, patch)?))
    }

    fn prepend(
        &mut self,
        x: &Rc<Activation>,
        class: ParamId,
        positions: ParamId,
        _dropout: f32,
    ) -> Result<Rc<Activation>> {
        Ok(Rc::new(layers::prepend(self.weights, x, class, positions)?))
    }

    fn attention(&mut self, qkv: &Rc<Activation>, heads: usize) -> Result<Rc<Activation>> {
        Ok(Rc::new(layers::attention(self.weights, qkv, heads)?.0))
    }

    fn first_token(&mut self, x: &Rc<Activation>) -> Result<Rc<Activation>> {
        Ok(Rc::new(layers::first_token(x)))
    }
}
