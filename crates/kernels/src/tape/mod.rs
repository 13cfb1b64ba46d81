//! Forward passes that remember, and the reverse pass over them.
//!
//! A tape runs on one thread over a few images. Gradients of activations are moved, not zero-filled and added
//! edge by edge; activations are freed as the reverse pass walks, and their buffers serve the next layers.
//! Parameter gradients go to [`Accumulators`] that outlive the tape.

mod accumulators;
mod reverse;

pub use accumulators::Accumulators;

use crate::buffer::{Activation, Buffer};
use crate::dropout;
use crate::graph::{Dense, Graph, Norm};
use crate::layers::{self, Drop, Normalised};
use crate::weights::{ParamId, Weights};
use candle_core::Result;

/// A value on a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VarId(usize);

/// What made a value, with what its reverse needs.
enum Op {
    /// No gradient flows further.
    Leaf,
    ConvNorm {
        x: VarId,
        weight: ParamId,
        shortcut: Option<VarId>,
        norm: Norm,
        saved: Normalised,
    },
    Norm {
        x: VarId,
        norm: Norm,
        statistics: Buffer,
    },
    MeanPool {
        x: VarId,
    },
    Dense {
        x: VarId,
        layer: Dense,
        residual: Option<VarId>,
        before: Option<Buffer>,
        site: Option<u32>,
    },
    Prepend {
        x: VarId,
        class: ParamId,
        positions: ParamId,
        dropout: f32,
        site: Option<u32>,
    },
    Attention {
        qkv: VarId,
        heads: usize,
        log_sum: Buffer,
    },
    FirstToken {
        x: VarId,
    },
}

/// Records a forward pass; [`Tape::backward`] consumes it.
pub struct Tape<'w> {
    weights: &'w Weights,
    values: Vec<Option<Activation>>,
    ops: Vec<Op>,
    seeds: Vec<u64>,
    sites: u32,
}

impl std::fmt::Debug for Tape<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tape").field("operations", &self.ops.len()).finish()
    }
}

impl<'w> Tape<'w> {
    /// An empty tape of a network without dropout.
    pub fn new(weights: &'w Weights) -> Self {
        Self::with_dropout(weights, Vec::new())
    }

    /// An empty tape with a seed of the dropout masks for every image. An image's masks depend on its seed and
    /// the order of the layers alone.
    pub fn with_dropout(weights: &'w Weights, seeds: Vec<u64>) -> Self {
        Self { weights, values: Vec::new(), ops: Vec::new(), seeds, sites: 0 }
    }

    /// Puts an input on the tape; no gradient flows to it.
    pub fn input(&mut self, x: Activation) -> VarId {
        self.push(x, Op::Leaf)
    }

    /// A value computed earlier.
    ///
    /// # Errors
    /// Never before [`Tape::backward`], which consumes the tape.
    pub fn value(&self, id: VarId) -> Result<&Activation> {
        match &self.values[id.0] {
            Some(value) => Ok(value),
            None => candle_core::bail!("value {} was freed", id.0),
        }
    }

    fn optional(&self, id: Option<&VarId>) -> Result<Option<&Activation>> {
        id.map(|id| self.value(*id)).transpose()
    }

    fn push(&mut self, value: Activation, op: Op) -> VarId {
        self.values.push(Some(value));
        self.ops.push(op);
        VarId(self.values.len() - 1)
    }

    /// The number of the next dropping layer, if it drops.
    fn next_site(&mut self, rate: f32, images: usize) -> Result<Option<u32>> {
        if rate == 0.0 {
            return Ok(None);
        }
        if self.seeds.len() != images {
            candle_core::bail!("dropout of {images} images with {} seeds", self.seeds.len());
        }
        self.sites += 1;
        Ok(Some(self.sites - 1))
    }
}

impl Graph for Tape<'_> {
    type Value = VarId;

    fn conv_norm(
        &mut self,
        x: &VarId,
        weight: ParamId,
        shortcut: Option<&VarId>,
        norm: Norm,
    ) -> Result<VarId> {
        let residual = self.optional(shortcut)?;
        let (y, saved) = layers::conv_norm(self.weights, self.value(*x)?, weight, residual, norm, true)?;
        let Some(saved) = saved else { candle_core::bail!("training keeps what the reverse pass needs") };
        Ok(self.push(y, Op::ConvNorm { x: *x, weight, shortcut: shortcut.copied(), norm, saved }))
    }

    fn norm(&mut self, x: &VarId, norm: Norm) -> Result<VarId> {
        let (y, statistics) = layers::layer_norm(self.weights, self.value(*x)?, norm)?;
        Ok(self.push(y, Op::Norm { x: *x, norm, statistics }))
    }

    fn mean_pool(&mut self, x: &VarId) -> Result<VarId> {
        let y = layers::mean_pool(self.value(*x)?);
        Ok(self.push(y, Op::MeanPool { x: *x }))
    }

    fn dense(&mut self, x: &VarId, layer: Dense, residual: Option<&VarId>) -> Result<VarId> {
        let site = self.next_site(layer.dropout, self.value(*x)?.dims.images)?;
        let drop = site.map(|site| Drop { seeds: &self.seeds, site });
        let (y, before) =
            layers::dense(self.weights, self.value(*x)?, layer, self.optional(residual)?, drop)?;
        Ok(self.push(y, Op::Dense { x: *x, layer, residual: residual.copied(), before, site }))
    }

    fn patches(&mut self, x: &VarId, patch: usize) -> Result<VarId> {
        if !matches!(self.ops[x.0], Op::Leaf) {
            candle_core::bail!("patches are cut from images, to which no gradient flows");
        }
        let y = layers::patches(self.value(*x)?, patch)?;
        Ok(self.push(y, Op::Leaf))
    }

    fn prepend(&mut self, x: &VarId, class: ParamId, positions: ParamId, dropout: f32) -> Result<VarId> {
        let mut y = layers::prepend(self.weights, self.value(*x)?, class, positions)?;
        let site = self.next_site(dropout, y.dims.images)?;
        if let Some(site) = site {
            dropout::apply(&mut y.data, &self.seeds, site, dropout, self.weights.isa());
        }
        Ok(self.push(y, Op::Prepend { x: *x, class, positions, dropout, site }))
    }

    fn attention(&mut self, qkv: &VarId, heads: usize) -> Result<VarId> {
        let (y, log_sum) = layers::attention(self.weights, self.value(*qkv)?, heads)?;
        Ok(self.push(y, Op::Attention { qkv: *qkv, heads, log_sum }))
    }

    fn first_token(&mut self, x: &VarId) -> Result<VarId> {
        let y = layers::first_token(self.value(*x)?);
        Ok(self.push(y, Op::FirstToken { x: *x }))
    }
}
