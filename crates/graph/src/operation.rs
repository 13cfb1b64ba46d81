//! The operations that networks are made of, as data.

use crate::weights::ParamId;

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

/// A dense layer and what follows it: drop path(dropout(act(x Wᵀ + b))) + residual.
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
    /// Probability in `[0, 1)` with which all values of an image are dropped in training, so that its residual is left.
    pub drop_path: f32,
}

impl Dense {
    /// x Wᵀ + b alone.
    pub fn new(weight: ParamId, bias: ParamId) -> Self {
        Self { weight, bias, gelu: false, dropout: 0.0, drop_path: 0.0 }
    }
}

/// A function of single values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonlinearity {
    /// max(x, 0); NaN stays NaN.
    Relu,
    /// x Φ(x), exact.
    Gelu,
}

/// An operation over NHWC activations; tokens are images of width 1. A new one is a variant here and a method of
/// [`crate::Graph`], its forward and reverse pass in every [`crate::Layers`], and its meaning in [`crate::Autograd`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operation {
    /// Convolution with SAME padding, `[n, h, w, cin]` to `[n, ⌈h/s⌉, ⌈w/s⌉, cout]`, and a bias where given.
    Conv {
        /// `[cout, cin, k, k]` or `[cout, cin]`.
        weight: ParamId,
        /// `[cout]`.
        bias: Option<ParamId>,
    },
    /// LayerNorm over channels.
    Norm(Norm),
    /// A function of every value.
    Nonlinearity(Nonlinearity),
    /// The sum of two results of one size.
    Add,
    /// In training, zero with this probability in `[0, 1)`, else scaled up by 1/(1 − p).
    Dropout(f32),
    /// In training, all values of an image zero with this probability in `[0, 1)`, else scaled up by 1/(1 − p): stochastic
    /// depth of a residual branch (Huang et al., arXiv 1603.09382).
    DropPath(f32),
    /// Mean over height and width: `[n, h, w, c]` to `[n, 1, 1, c]`.
    MeanPool,
    /// Square patches as tokens: `[n, side, side, c]` to `[n, (side/patch)², 1, c·patch²]`, each ordered channel, row,
    /// column. Of images alone: no gradient flows to them.
    Patches(usize),
    /// The class token before the others, plus positions, then dropout: `[n, t, 1, d]` to `[n, t+1, 1, d]`.
    Prepend {
        /// `[d]`.
        class: ParamId,
        /// `[t+1, d]`.
        positions: ParamId,
        /// Probability in `[0, 1)`.
        dropout: f32,
    },
    /// Multi-head attention softmax(q kᵀ / √(d/heads)) v: `[n, t, 1, 3d]` (q, k, v) to `[n, t, 1, d]`; so many heads.
    Attention(usize),
    /// The first token of every image: `[n, t, 1, d]` to `[n, 1, 1, d]`.
    FirstToken,
    /// Convolution, norm, drop path, plus the second input where given, then the norm's ReLU: one pass over memory where
    /// nothing is dropped.
    ConvNorm {
        /// As of a convolution.
        weight: ParamId,
        /// The norm.
        norm: Norm,
        /// Probability in `[0, 1)` with which all values of an image are dropped in training before the second input is
        /// added.
        drop_path: f32,
    },
    /// A dense layer on every pixel or token and what follows it; the second input is the residual.
    Dense(Dense),
}

impl Operation {
    /// Probability with which its values are dropped in training.
    pub fn dropout(&self) -> f32 {
        match *self {
            Self::Dropout(rate) | Self::Prepend { dropout: rate, .. } => rate,
            Self::Dense(layer) => layer.dropout,
            _ => 0.0,
        }
    }

    /// Probability with which all values of an image are dropped in training.
    pub fn drop_path(&self) -> f32 {
        match *self {
            Self::DropPath(rate) | Self::ConvNorm { drop_path: rate, .. } => rate,
            Self::Dense(layer) => layer.drop_path,
            _ => 0.0,
        }
    }

    /// How many times it drops in training; each has a number of its own among those of a pass, dropout before drop path.
    pub fn drops(&self) -> u32 {
        u32::from(self.dropout() > 0.0) + u32::from(self.drop_path() > 0.0)
    }

    /// Whether no gradient flows through it.
    pub fn stops_gradients(&self) -> bool {
        matches!(self, Self::Patches(_))
    }
}
