//! The language that a network is written in, apart from how it is executed.
//!
//! A model's forward pass is one function over [`Graph`]. Run on [`crate::Inference`] it computes logits and keeps
//! nothing; on [`crate::Tape`] it records what the reverse pass needs, both on any [`crate::Layers`]; on
//! [`crate::Autograd`] it builds candle's own graph, which is the oracle of the tests and the way to mix in other candle
//! code.

use crate::operation::{Dense, Nonlinearity, Norm, Operation};
use crate::weights::ParamId;
use candle_core::Result;

/// An executor of forward passes over NHWC activations; tokens are images of width 1.
///
/// An executor implements [`Graph::apply`]; the other methods are names for [`Operation`]s. Where it has no fast path for
/// a fusion (`ConvNorm`, `Dense`), it hands it to [`Graph::unfused`]. Every method fails when sizes do not fit.
pub trait Graph {
    /// A handle to an intermediate result.
    type Value: Clone;

    /// An operation on one or two results.
    ///
    /// # Errors
    /// When sizes do not fit.
    fn apply(
        &mut self,
        operation: Operation,
        x: &Self::Value,
        other: Option<&Self::Value>,
    ) -> Result<Self::Value>;

    /// A fusion, done by its parts.
    ///
    /// # Errors
    /// When sizes do not fit or the operation is not a fusion.
    fn unfused(
        &mut self,
        fusion: Operation,
        x: &Self::Value,
        other: Option<&Self::Value>,
    ) -> Result<Self::Value> {
        match fusion {
            Operation::ConvNorm { weight, norm, drop_path } => {
                let mut y = self.conv(x, weight, None)?;
                y = self.norm(&y, Norm { relu: false, ..norm })?;
                if drop_path > 0.0 {
                    y = self.apply(Operation::DropPath(drop_path), &y, None)?;
                }
                if let Some(shortcut) = other {
                    y = self.add(&y, shortcut)?;
                }
                if norm.relu { self.nonlinearity(&y, Nonlinearity::Relu) } else { Ok(y) }
            }
            Operation::Dense(layer) => {
                let mut y = self.conv(x, layer.weight, Some(layer.bias))?;
                if layer.gelu {
                    y = self.nonlinearity(&y, Nonlinearity::Gelu)?;
                }
                if layer.dropout > 0.0 {
                    y = self.apply(Operation::Dropout(layer.dropout), &y, None)?;
                }
                if layer.drop_path > 0.0 {
                    y = self.apply(Operation::DropPath(layer.drop_path), &y, None)?;
                }
                match other {
                    Some(residual) => self.add(&y, residual),
                    None => Ok(y),
                }
            }
            other => candle_core::bail!("{other:?} is not made of other operations"),
        }
    }

    /// [`Operation::Conv`].
    ///
    /// # Errors
    /// When sizes do not fit.
    fn conv(&mut self, x: &Self::Value, weight: ParamId, bias: Option<ParamId>) -> Result<Self::Value> {
        self.apply(Operation::Conv { weight, bias }, x, None)
    }

    /// [`Operation::Norm`].
    ///
    /// # Errors
    /// When sizes do not fit.
    fn norm(&mut self, x: &Self::Value, norm: Norm) -> Result<Self::Value> {
        self.apply(Operation::Norm(norm), x, None)
    }

    /// [`Operation::Nonlinearity`].
    ///
    /// # Errors
    /// When sizes do not fit.
    fn nonlinearity(&mut self, x: &Self::Value, function: Nonlinearity) -> Result<Self::Value> {
        self.apply(Operation::Nonlinearity(function), x, None)
    }

    /// [`Operation::Add`].
    ///
    /// # Errors
    /// When sizes do not fit.
    fn add(&mut self, x: &Self::Value, other: &Self::Value) -> Result<Self::Value> {
        self.apply(Operation::Add, x, Some(other))
    }

    /// [`Operation::ConvNorm`].
    ///
    /// # Errors
    /// When sizes do not fit.
    fn conv_norm(
        &mut self,
        x: &Self::Value,
        weight: ParamId,
        shortcut: Option<&Self::Value>,
        norm: Norm,
        drop_path: f32,
    ) -> Result<Self::Value> {
        self.apply(Operation::ConvNorm { weight, norm, drop_path }, x, shortcut)
    }

    /// [`Operation::MeanPool`].
    ///
    /// # Errors
    /// When sizes do not fit.
    fn mean_pool(&mut self, x: &Self::Value) -> Result<Self::Value> {
        self.apply(Operation::MeanPool, x, None)
    }

    /// [`Operation::Dense`].
    ///
    /// # Errors
    /// When sizes do not fit.
    fn dense(
        &mut self,
        x: &Self::Value,
        layer: Dense,
        residual: Option<&Self::Value>,
    ) -> Result<Self::Value> {
        self.apply(Operation::Dense(layer), x, residual)
    }

    /// [`Operation::Patches`].
    ///
    /// # Errors
    /// When sizes do not fit.
    fn patches(&mut self, x: &Self::Value, patch: usize) -> Result<Self::Value> {
        self.apply(Operation::Patches(patch), x, None)
    }

    /// [`Operation::Prepend`].
    ///
    /// # Errors
    /// When sizes do not fit.
    fn prepend(
        &mut self,
        x: &Self::Value,
        class: ParamId,
        positions: ParamId,
        dropout: f32,
    ) -> Result<Self::Value> {
        self.apply(Operation::Prepend { class, positions, dropout }, x, None)
    }

    /// [`Operation::Attention`].
    ///
    /// # Errors
    /// When sizes do not fit.
    fn attention(&mut self, qkv: &Self::Value, heads: usize) -> Result<Self::Value> {
        self.apply(Operation::Attention(heads), qkv, None)
    }

    /// [`Operation::FirstToken`].
    ///
    /// # Errors
    /// When sizes do not fit.
    fn first_token(&mut self, x: &Self::Value) -> Result<Self::Value> {
        self.apply(Operation::FirstToken, x, None)
    }
}
