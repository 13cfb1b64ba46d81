//! Forward passes that keep nothing: values are freed as soon as the model drops them.

use crate::graph::Graph;
use crate::layers::{Layers, Mode};
use crate::operation::Operation;
use candle_core::Result;
use std::rc::Rc;

/// Executes a forward pass on layers.
#[derive(Debug)]
pub struct Inference<L> {
    layers: L,
}

impl<L: Layers> Inference<L> {
    /// An executor on these layers.
    pub fn new(layers: L) -> Self {
        Self { layers }
    }
}

impl<L: Layers> Graph for Inference<L> {
    type Value = Rc<L::Value>;

    fn apply(
        &mut self,
        operation: Operation,
        x: &Rc<L::Value>,
        other: Option<&Rc<L::Value>>,
    ) -> Result<Rc<L::Value>> {
        let other = other.map(|other| &**other);
        Ok(Rc::new(self.layers.forward(operation, x, other, Mode::Evaluate)?.0))
    }
}
