//! The operations a network is written in, apart from how they are executed.
//!
//! A model's forward pass is one function over [`Graph`]. Run on [`crate::Inference`] it computes logits
//! and keeps nothing; on [`crate::Tape`] it records what the reverse pass needs; on [`crate::Autograd`] it
//! builds candle's own graph, which is the oracle of the tests and the way to mix in other candle code.

use crate::weights::ParamId;
use candle_core::Result;

/// Scale and shift of a normalisation, its constant, and whether a ReLU follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// γ, `[channels]`.
    pub scale: ParamId,
    /// β, `[channels]`.
    pub shift: ParamId,
    /// ε added to the variance.
    pub epsilon: f32,
    /// Whether a ReLU follows (after the shortcut is added, where there is one).
    pub relu: bool,
}

/// A dense layer and what follows it: dropout(act(x Wᵀ + b)) + residual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dense {
    /// W, `[out, in]`, of [`crate::Role::Conv`] with a kernel of one pixel.
    pub weight: ParamId,
    /// b, `[out]`.
    pub bias: ParamId,
    /// Whether an exact GELU follows.
    pub gelu: bool,
    /// Probability in `[0, 1)` with which a value is dropped in training.
    pub dropout: f32,
}

impl Dense {
    /// x Wᵀ + b alone.
    pub fn new(weight: ParamId, bias: ParamId) -> Self {
        Self { weight, bias, gelu: false, dropout: 0.0 }
    }
}

/// An executor of forward passes over NHWC activations; tokens are images of width 1.
///
/// Every operation fails when sizes do not fit.
pub trait Graph {
    /// A handle to an intermediate result.
    type Value: Clone;

    /// Convolution with SAME padding, `[n, h, w, cin]` to `[n, ⌈h/s⌉, ⌈w/s⌉, cout]`, then LayerNorm over
    /// channels, plus the shortcut where given, then ReLU where asked for.
    ///
    /// # Errors
    /// When sizes do not fit.
    fn conv_norm(
        &mut self,
        x: &Self::Value,
        weight: ParamId,
        shortcut: Option<&Self::Value>,
        norm: Norm,
    ) -> Result<Self::Value>;

    /// LayerNorm over channels.
    ///
    /// # Errors
    /// When sizes do not fit.
    fn norm(&mut self, x: &Self::Value, norm: Norm) -> Result<Self::Value>;

    /// Mean over height and width: `[n, h, w, c]` to `[n, 1, 1, c]`.
    ///
    /// # Errors
    /// When sizes do not fit.
    fn mean_pool(&mut self, x: &Self::Value) -> Result<Self::Value>;

    /// A dense layer on every pixel or token, and what follows it.
    ///
    /// # Errors
    /// When sizes do not fit.
    fn dense(&mut self, x: &Self::Value, layer: Dense, residual: Option<&Self::Value>)
    -> Result<Self::Value>;

    /// Square patches as tokens: `[n, side, side, c]` to `[n, (side/patch)², 1, c·patch²]`, each ordered channel,
    /// row, column.
    ///
    /// # Errors
    /// When sizes do not fit.
    fn patches(&mut self, x: &Self::Value, patch: usize) -> Result<Self::Value>;

    /// Puts the class token before the others and adds the positions, then drops values with a probability of
    /// `dropout` in training: `[n, t, 1, d]` to `[n, t+1, 1, d]`.
    ///
    /// # Errors
    /// When sizes do not fit.
    fn prepend(
        &mut self,
        x: &Self::Value,
        class: ParamId,
        positions: ParamId,
        dropout: f32,
    ) -> Result<Self::Value>;

    /// Multi-head attention softmax(q kᵀ / √(d/heads)) v: `[n, t, 1, 3d]` (q, k, v) to `[n, t, 1, d]`.
    ///
    /// # Errors
    /// When sizes do not fit.
    fn attention(&mut self, qkv: &Self::Value, heads: usize) -> Result<Self::Value>;

    /// The first token of every image: `[n, t, 1, d]` to `[n, 1, 1, d]`.
    ///
    /// # Errors
    /// When sizes do not fit.
    fn first_token(&mut self, x: &Self::Value) -> Result<Self::Value>;
}
