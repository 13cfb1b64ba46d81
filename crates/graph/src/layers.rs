//! What computes operations: the contract between the tape and a kind of memory.

use crate::operation::Operation;
use crate::tape::Inputs;
use candle_core::Result;
use std::borrow::Cow;

/// What a forward pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Its result alone.
    Evaluate,
    /// Training: the reverse pass will come, and values are dropped.
    Train {
        /// How many times values were dropped before it in this pass, if it drops any ([`Operation::drops`]).
        site: Option<u32>,
    },
}

/// The operations of a network's layers on one kind of memory, with the weights to use: all that a backend has to bring
/// for [`crate::Tape`], [`crate::Inference`] and [`crate::Tapped`].
pub trait Layers: Sized {
    /// An intermediate result.
    type Value;
    /// The gradient of one, in the same order.
    type Gradient;
    /// What the reverse pass of an operation needs besides its inputs and its output.
    type Saved;
    /// Sums of the parameters' gradients.
    type Sums;

    /// An operation's result, and what its reverse pass needs: in training.
    ///
    /// # Errors
    /// When sizes do not fit, and the device's.
    fn forward(
        &self,
        operation: Operation,
        x: &Self::Value,
        other: Option<&Self::Value>,
        mode: Mode,
    ) -> Result<(Self::Value, Self::Saved)>;

    /// An operation's reverse pass, from the gradient `dy` of its result `y`: gradients of its inputs arrive at
    /// `inputs`, those of parameters are added to `sums`.
    ///
    /// # Errors
    /// As [`Layers::forward`].
    fn backward(&self, step: Step<Self>, inputs: &mut Inputs<'_, Self>, sums: &mut Self::Sums) -> Result<()>;

    /// Adds a gradient to another of the same value.
    ///
    /// # Errors
    /// The device's.
    fn accumulate(&self, sum: &mut Self::Gradient, gradient: &Self::Gradient, of: &Self::Value)
    -> Result<()>;

    /// Refuses a gradient that is not of this value's size.
    ///
    /// # Errors
    /// When it is not.
    fn fits(&self, gradient: &Self::Gradient, value: &Self::Value) -> Result<()>;

    /// Completes sums that a reverse pass left in parts.
    ///
    /// # Errors
    /// The device's.
    fn finish(&self, sums: &mut Self::Sums) -> Result<()>;

    /// [`Layers::forward`] of every part of a batch, for evaluation; parts may be computed side by side.
    ///
    /// # Errors
    /// As [`Layers::forward`], or when there are other parts than of `x`.
    fn each(
        &self,
        operation: Operation,
        x: &[Self::Value],
        other: Option<&[Self::Value]>,
    ) -> Result<Vec<Self::Value>> {
        let part = |i: usize, x: &Self::Value| -> Result<Self::Value> {
            Ok(self.forward(operation, x, other.map(|other| &other[i]), Mode::Evaluate)?.0)
        };
        x.iter().enumerate().map(|(i, x)| part(i, x)).collect()
    }

    /// Channels of a value.
    fn channels(&self, value: &Self::Value) -> usize;

    /// A value as the host sees it, channels fastest.
    ///
    /// # Errors
    /// The device's.
    fn read<'v>(&self, value: &'v Self::Value) -> Result<Cow<'v, [f32]>>;

    /// Puts other numbers into a value.
    ///
    /// # Errors
    /// When there are not as many, and the device's.
    fn write(&self, value: &mut Self::Value, numbers: &[f32]) -> Result<()>;
}

/// An operation on the way back.
#[derive(Debug)]
pub struct Step<L: Layers> {
    /// What was done.
    pub operation: Operation,
    /// How many times values were dropped before it, if it dropped any.
    pub site: Option<u32>,
    /// What its forward pass kept.
    pub saved: L::Saved,
    /// Its result.
    pub y: L::Value,
    /// Gradient of the result.
    pub dy: L::Gradient,
}
