//! The operations a network is written in, apart from how they are executed.
//!
//! A model's forward pass is one function over [`Graph`]. Run on [`crate::Inference`] it computes logits
//! and keeps nothing; on [`crate::Tape`] it records what the reverse pass needs; on [`crate::Autograd`] it
//! builds candle's own graph, which is the oracle of the tests and the way to mix in other candle code.

use crate::conv::{ConvShape, PackedConv};
use crate::simd::Isa;
use candle_core::{Result, Tensor};
use std::sync::Arc;

/// A parameter's place in its network's ordered list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParamId(pub usize);

/// What a parameter is used for, as far as the kernels must know before the first forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Weights `[out, in, kh, kw]` of a convolution.
    Conv {
        /// Its sizes.
        shape: ConvShape,
        /// Whether the gradient flows on to its input (false for the first layer).
        input_gradient: bool,
    },
    /// Anything used as it is.
    Plain,
}

/// The parameters of one network for one step: PyTorch-shaped tensors and the packed convolutions.
#[derive(Clone, Debug)]
pub struct Weights {
    tensors: Vec<Tensor>,
    packed: Vec<Option<Arc<PackedConv>>>,
    isa: Isa,
}

impl Weights {
    /// Packs the convolutions; `training` also packs what the input gradients need.
    ///
    /// # Errors
    /// When a tensor is not a contiguous `f32` tensor on the CPU.
    pub fn new(tensors: Vec<Tensor>, roles: &[Role], training: bool) -> Result<Self> {
        Self::for_isa(tensors, roles, training, Isa::detect())
    }

    /// As [`Weights::new`], for a given instruction set (tests compare them).
    ///
    /// # Errors
    /// As [`Weights::new`].
    pub fn for_isa(tensors: Vec<Tensor>, roles: &[Role], training: bool, isa: Isa) -> Result<Self> {
        let pack = |(tensor, role): (&Tensor, &Role)| match *role {
            Role::Conv { shape, input_gradient } => {
                let values = crate::tensor::floats(tensor)?;
                Ok(Some(Arc::new(PackedConv::new(shape, &values, training && input_gradient, isa))))
            }
            Role::Plain => Ok(None),
        };
        let packed = tensors.iter().zip(roles).map(pack).collect::<Result<_>>()?;
        Ok(Self { tensors, packed, isa })
    }

    /// The parameter in PyTorch's shape.
    pub fn tensor(&self, id: ParamId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    pub(crate) fn conv(&self, id: ParamId) -> Result<&Arc<PackedConv>> {
        match &self.packed[id.0] {
            Some(packed) => Ok(packed),
            None => candle_core::bail!("parameter {} is not a convolution", id.0),
        }
    }

    pub(crate) fn isa(&self) -> Isa {
        self.isa
    }
}

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

/// An executor of forward passes over NHWC tensors.
pub trait Graph {
    /// A handle to an intermediate result.
    type Value: Clone;

    /// Convolution with SAME padding: `[n, h, w, cin]` to `[n, ⌈h/s⌉, ⌈w/s⌉, cout]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn conv(&mut self, x: &Self::Value, weight: ParamId) -> Result<Self::Value>;

    /// LayerNorm over channels, plus the shortcut where given, then ReLU where asked for.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn norm(&mut self, x: &Self::Value, shortcut: Option<&Self::Value>, norm: Norm) -> Result<Self::Value>;

    /// Mean over height and width: `[n, h, w, c]` to `[n, c]`.
    ///
    /// # Errors
    /// When the value has not four axes.
    fn mean_pool(&mut self, x: &Self::Value) -> Result<Self::Value>;

    /// x Wᵀ + b: `[n, in]` to `[n, out]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn dense(&mut self, x: &Self::Value, weight: ParamId, bias: ParamId) -> Result<Self::Value>;
}
