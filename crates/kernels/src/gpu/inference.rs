//! Forward passes on the device that keep nothing: memory goes back to the pool as the model drops values.

use super::Pool;
use super::layers::{Activation, Device};
use super::weights::Weights;
use crate::graph::{Dense, Graph, Norm};
use crate::weights::ParamId;
use candle_core::Result;
use std::rc::Rc;

/// Puts a forward pass into the queue.
#[derive(Debug)]
pub struct Inference<'w> {
    device: Device<'w>,
}

impl<'w> Inference<'w> {
    /// An executor for these weights.
    pub fn new(pool: &'w Pool, weights: &'w Weights) -> Self {
        Self { device: Device { pool, weights } }
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
        Ok(Rc::new(self.device.conv_norm(x, weight, shortcut, norm, false)?.0))
    }

    fn norm(&mut self, x: &Rc<Activation>, norm: Norm) -> Result<Rc<Activation>> {
        Ok(Rc::new(self.device.norm(x, norm)?.0))
    }

    fn mean_pool(&mut self, x: &Rc<Activation>) -> Result<Rc<Activation>> {
        Ok(Rc::new(self.device.mean_pool(x)?))
    }

    fn dense(
        &mut self,
        x: &Rc<Activation>,
        layer: Dense,
        residual: Option<&Rc<Activation>>,
    ) -> Result<Rc<Activation>> {
        Ok(Rc::new(self.device.dense(x, layer, residual.map(|r| &**r), None)?.0))
    }

    fn patches(&mut self, x: &Rc<Activation>, patch: usize) -> Result<Rc<Activation>> {
        Ok(Rc::new(self.device.patches(x, patch)?))
    }

    fn prepend(
        &mut self,
        x: &Rc<Activation>,
        class: ParamId,
        positions: ParamId,
        _dropout: f32,
    ) -> Result<Rc<Activation>> {
        Ok(Rc::new(self.device.prepend(x, class, positions)?))
    }

    fn attention(&mut self, qkv: &Rc<Activation>, heads: usize) -> Result<Rc<Activation>> {
        Ok(Rc::new(self.device.attention(qkv, heads)?.0))
    }

    fn first_token(&mut self, x: &Rc<Activation>) -> Result<Rc<Activation>> {
        Ok(Rc::new(self.device.first_token(x)?))
    }
}
