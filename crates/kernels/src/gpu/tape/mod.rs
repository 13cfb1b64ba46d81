//! Forward passes on the device that remember, and the reverse pass over them.
//!
//! The tape of [`crate::Tape`] with memory of the device: a whole batch at once, gradients of activations moved,
//! not zero-filled and added; memory goes back to the pool as the reverse pass walks.

mod reverse;

use super::dense::Drop;
use super::layers::{Activation, Device, Normalised};
use super::weights::Weights;
use super::{Block, GpuError, Pool, Span};
use crate::graph::{Dense, Graph, Norm};
use crate::weights::ParamId;
use candle_core::Result;

/// A value on a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Var(usize);

/// What made a value, with what its reverse needs.
#[derive(Debug)]
enum Op {
    /// No gradient flows further.
    Leaf,
    ConvNorm {
        x: Var,
        weight: ParamId,
        shortcut: Option<Var>,
        norm: Norm,
        before: Block,
        saved: Normalised,
    },
    Norm {
        x: Var,
        norm: Norm,
        saved: Normalised,
    },
    MeanPool {
        x: Var,
    },
    Dense {
        x: Var,
        layer: Dense,
        residual: Option<Var>,
        before: Option<Block>,
        site: Option<u32>,
    },
    Prepend {
        x: Var,
        class: ParamId,
        positions: ParamId,
        dropout: f32,
        site: Option<u32>,
    },
    Attention {
        qkv: Var,
        heads: usize,
        log_sum: Block,
    },
    FirstToken {
        x: Var,
    },
}

/// Records a forward pass of a batch; [`Tape::backward`] consumes it.
#[derive(Debug)]
pub struct Tape<'w> {
    device: Device<'w>,
    values: Vec<Option<Activation>>,
    ops: Vec<Op>,
    /// A seed of the dropout masks for every image.
    seeds: Option<Span<'w>>,
    sites: u32,
}

impl<'w> Tape<'w> {
    /// An empty tape; `seeds` (u64, one for every image) for a network with dropout.
    pub fn new(pool: &'w Pool, weights: &'w Weights, seeds: Option<Span<'w>>) -> Self {
        let device = Device { pool, weights };
        Self { device, values: Vec::new(), ops: Vec::new(), seeds, sites: 0 }
    }

    /// Puts an input on the tape; no gradient flows to it.
    pub fn input(&mut self, x: Activation) -> Var {
        self.push(x, Op::Leaf)
    }

    /// A value computed earlier.
    ///
    /// # Errors
    /// Never before [`Tape::backward`], which consumes the tape.
    pub fn value(&self, id: Var) -> std::result::Result<&Activation, GpuError> {
        match &self.values[id.0] {
            Some(value) => Ok(value),
            None => Err(GpuError::size("a value of the tape", "one that is kept", format!("{}", id.0))),
        }
    }

    fn optional(&self, id: Option<&Var>) -> Result<Option<&Activation>> {
        Ok(id.map(|id| self.value(*id)).transpose()?)
    }

    fn push(&mut self, value: Activation, op: Op) -> Var {
        self.values.push(Some(value));
        self.ops.push(op);
        Var(self.values.len() - 1)
    }

    /// The number of the next dropping layer, if it drops.
    fn next_site(&mut self, rate: f32) -> Option<u32> {
        let site = (rate > 0.0).then_some(self.sites);
        self.sites += u32::from(site.is_some());
        site
    }

    fn drop(
        &self,
        site: Option<u32>,
        rate: f32,
        images: usize,
    ) -> std::result::Result<Option<Drop<'w>>, GpuError> {
        match (site, self.seeds) {
            (None, _) => Ok(None),
            (Some(site), Some(seeds)) => Ok(Some(Drop { seeds, images, site, rate })),
            (Some(_), None) => Err(GpuError::size("dropout", "a seed for every image", "none")),
        }
    }
}

impl Graph for Tape<'_> {
    type Value = Var;

    fn conv_norm(&mut self, x: &Var, weight: ParamId, shortcut: Option<&Var>, norm: Norm) -> Result<Var> {
        let residual = self.optional(shortcut)?;
        let (y, saved) = self.device.conv_norm(self.value(*x)?, weight, residual, norm, true)?;
        let Some((before, saved)) = saved else {
            candle_core::bail!("training keeps what the reverse pass needs")
        };
        Ok(self.push(y, Op::ConvNorm { x: *x, weight, shortcut: shortcut.copied(), norm, before, saved }))
    }

    fn norm(&mut self, x: &Var, norm: Norm) -> Result<Var> {
        let (y, saved) = self.device.norm(self.value(*x)?, norm)?;
        Ok(self.push(y, Op::Norm { x: *x, norm, saved }))
    }

    fn mean_pool(&mut self, x: &Var) -> Result<Var> {
        let y = self.device.mean_pool(self.value(*x)?)?;
        Ok(self.push(y, Op::MeanPool { x: *x }))
    }

    fn dense(&mut self, x: &Var, layer: Dense, residual: Option<&Var>) -> Result<Var> {
        let site = self.next_site(layer.dropout);
        let drop = self.drop(site, layer.dropout, self.value(*x)?.dims.images)?;
        let (y, before) = self.device.dense(self.value(*x)?, layer, self.optional(residual)?, drop)?;
        Ok(self.push(y, Op::Dense { x: *x, layer, residual: residual.copied(), before, site }))
    }

    fn patches(&mut self, x: &Var, patch: usize) -> Result<Var> {
        if !matches!(self.ops[x.0], Op::Leaf) {
            candle_core::bail!("patches are cut from images, to which no gradient flows");
        }
        let y = self.device.patches(self.value(*x)?, patch)?;
        Ok(self.push(y, Op::Leaf))
    }

    fn prepend(&mut self, x: &Var, class: ParamId, positions: ParamId, dropout: f32) -> Result<Var> {
        let y = self.device.prepend(self.value(*x)?, class, positions)?;
        let site = self.next_site(dropout);
        if let Some(drop) = self.drop(site, dropout, y.dims.images)? {
            let at = y.block.span();
            self.device.epilogue(y.dims, false, Some(drop)).backward(
                self.device.pool.queue(),
                at,
                None,
                at,
            )?;
        }
        Ok(self.push(y, Op::Prepend { x: *x, class, positions, dropout, site }))
    }

    fn attention(&mut self, qkv: &Var, heads: usize) -> Result<Var> {
        let (y, log_sum) = self.device.attention(self.value(*qkv)?, heads)?;
        Ok(self.push(y, Op::Attention { qkv: *qkv, heads, log_sum }))
    }

    fn first_token(&mut self, x: &Var) -> Result<Var> {
        let y = self.device.first_token(self.value(*x)?)?;
        Ok(self.push(y, Op::FirstToken { x: *x }))
    }
}
