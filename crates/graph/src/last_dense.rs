//! Forward passes that remember what goes into the last dense layer: the features that a network classifies by.

use crate::graph::Graph;
use crate::operation::Operation;
use candle_core::Result;

/// An executor that does what another does and keeps the input of the last dense layer so far.
#[derive(Debug)]
pub struct LastDense<G: Graph> {
    graph: G,
    input: Option<G::Value>,
}

impl<G: Graph> LastDense<G> {
    /// Keeps what goes into the dense layers of this executor.
    pub fn new(graph: G) -> Self {
        Self { graph, input: None }
    }

    /// What went into the last dense layer; none where there was no such layer.
    pub fn input(self) -> Option<G::Value> {
        self.input
    }
}

impl<G: Graph> Graph for LastDense<G> {
    type Value = G::Value;

    fn apply(
        &mut self,
        operation: Operation,
        x: &Self::Value,
        other: Option<&Self::Value>,
    ) -> Result<Self::Value> {
        if let Operation::Dense(_) = operation {
            self.input = Some(x.clone());
        }
        self.graph.apply(operation, x, other)
    }
}
