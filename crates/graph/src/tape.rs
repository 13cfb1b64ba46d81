//! Forward passes that remember, and the reverse pass over them.
//!
//! Gradients of activations are moved, not zero-filled and added edge by edge; activations are freed as the reverse pass
//! walks, and their memory serves the next layers. The tape knows no operation and no memory: both are
//! [`Layers`]'. Parameter gradients go to sums that outlive it.

use crate::graph::Graph;
use crate::layers::{Layers, Mode, Step};
use crate::operation::Operation;
use candle_core::Result;

/// A value on a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VarId(usize);

/// What made a value.
enum Node<L: Layers> {
    /// An input, or what was made of inputs alone: no gradient flows further.
    Leaf,
    Made {
        operation: Operation,
        inputs: [Option<VarId>; 2],
        site: Option<u32>,
        saved: L::Saved,
    },
}

/// Records a forward pass; [`Tape::backward`] consumes it.
pub struct Tape<L: Layers> {
    layers: L,
    values: Vec<Option<L::Value>>,
    nodes: Vec<Node<L>>,
    /// How many times operations have dropped values so far.
    sites: u32,
    /// Whether any does.
    drops: bool,
}

impl<L: Layers> std::fmt::Debug for Tape<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tape").field("operations", &self.nodes.len()).finish()
    }
}

impl<L: Layers> Tape<L> {
    /// An empty tape. For a network with dropout the layers must have seeds.
    pub fn new(layers: L) -> Self {
        Self { layers, values: Vec::new(), nodes: Vec::new(), sites: 0, drops: true }
    }

    /// An empty tape on which nothing is dropped, as in evaluation: for gradients outside of training.
    pub fn without_dropout(layers: L) -> Self {
        Self { drops: false, ..Self::new(layers) }
    }

    /// Puts an input on the tape; no gradient flows to it.
    pub fn input(&mut self, x: L::Value) -> VarId {
        self.push(x, Node::Leaf)
    }

    /// A value computed earlier.
    ///
    /// # Errors
    /// For a value of another tape.
    pub fn value(&self, id: VarId) -> Result<&L::Value> {
        value(&self.values, id)
    }

    /// Walks back from `output` with d loss / d output, adding parameter gradients to `sums`.
    ///
    /// # Errors
    /// When the gradient's length is not the output's, and the layers'.
    pub fn backward(mut self, output: VarId, gradient: L::Gradient, sums: &mut L::Sums) -> Result<()> {
        self.layers.fits(&gradient, self.value(output)?)?;
        let mut waiting: Vec<Option<L::Gradient>> = self.values.iter().map(|_| None).collect();
        waiting[output.0] = Some(gradient);
        while let Some(node) = self.nodes.pop() {
            let at = self.nodes.len();
            // What nothing further back reads is freed here, and its memory serves the next layer.
            let (value, dy) = (self.values[at].take(), waiting[at].take());
            let (Some(y), Some(dy)) = (value, dy) else { continue };
            let Node::Made { operation, inputs: places, site, saved } = node else { continue };
            let (layers, values, nodes) = (&self.layers, &self.values[..], &self.nodes[..]);
            let mut inputs = Inputs { layers, places, values, nodes, waiting: &mut waiting };
            self.layers.backward(Step { operation, site, saved, y, dy }, &mut inputs, sums)?;
        }
        self.layers.finish(sums)
    }

    fn push(&mut self, value: L::Value, node: Node<L>) -> VarId {
        self.values.push(Some(value));
        self.nodes.push(node);
        VarId(self.values.len() - 1)
    }
}

impl<L: Layers> Graph for Tape<L> {
    type Value = VarId;

    fn apply(&mut self, operation: Operation, x: &VarId, other: Option<&VarId>) -> Result<VarId> {
        let leaf = operation.stops_gradients();
        if leaf && !matches!(self.nodes.get(x.0), Some(Node::Leaf)) {
            candle_core::bail!("{operation:?} is of images, to which no gradient flows");
        }
        let drops = if self.drops { operation.drops() } else { 0 };
        let site = (drops > 0).then_some(self.sites);
        self.sites += drops;
        let second = other.map(|id| self.value(*id)).transpose()?;
        let (y, saved) = self.layers.forward(operation, self.value(*x)?, second, Mode::Train { site })?;
        let inputs = [Some(*x), other.copied()];
        Ok(self.push(y, if leaf { Node::Leaf } else { Node::Made { operation, inputs, site, saved } }))
    }
}

fn value<V>(values: &[Option<V>], id: VarId) -> Result<&V> {
    match values.get(id.0) {
        Some(Some(value)) => Ok(value),
        _ => candle_core::bail!("value {} is not on this tape", id.0),
    }
}

/// The inputs of an operation on the way back: their values, and the gradients that arrived at them.
pub struct Inputs<'t, L: Layers> {
    layers: &'t L,
    places: [Option<VarId>; 2],
    values: &'t [Option<L::Value>],
    nodes: &'t [Node<L>],
    waiting: &'t mut [Option<L::Gradient>],
}

impl<L: Layers> std::fmt::Debug for Inputs<'_, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs").field("places", &self.places).finish()
    }
}

impl<'t, L: Layers> Inputs<'t, L> {
    fn place(&self, input: usize) -> Result<VarId> {
        match self.places.get(input) {
            Some(Some(place)) => Ok(*place),
            _ => candle_core::bail!("an operation has no input {input}"),
        }
    }

    /// Whether the operation had an input number `input`.
    pub fn has(&self, input: usize) -> bool {
        self.place(input).is_ok()
    }

    /// The value of an input.
    ///
    /// # Errors
    /// When there is no such input.
    pub fn value(&self, input: usize) -> Result<&'t L::Value> {
        value(self.values, self.place(input)?)
    }

    /// Whether a gradient flows on from an input.
    ///
    /// # Errors
    /// When there is no such input.
    pub fn flows(&self, input: usize) -> Result<bool> {
        Ok(matches!(self.nodes[self.place(input)?.0], Node::Made { .. }))
    }

    /// The gradient that arrived at an input so far: for kernels that write the first and add to what is there.
    ///
    /// # Errors
    /// When there is no such input.
    pub fn arrived(&mut self, input: usize) -> Result<&mut Option<L::Gradient>> {
        let place = self.place(input)?;
        Ok(&mut self.waiting[place.0])
    }

    /// A gradient arrives: the first is kept as it is, later ones are added.
    ///
    /// # Errors
    /// When there is no such input, and the layers'.
    pub fn arrive(&mut self, input: usize, gradient: L::Gradient) -> Result<()> {
        let (place, of) = (self.place(input)?, self.value(input)?);
        match &mut self.waiting[place.0] {
            Some(sum) => self.layers.accumulate(sum, &gradient, of),
            empty => {
                *empty = Some(gradient);
                Ok(())
            }
        }
    }
}
