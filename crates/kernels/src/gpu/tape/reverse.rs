//! The reverse pass, operation by operation.

use super::super::columns::Columns;
use super::super::layers::Normalised;
use super::super::norm::{Gradients as NormGradients, Saved};
use super::super::weights::Gradients;
use super::super::{Block, GpuError, Operands, Pass, Span, elementwise, head, tokens};
use super::{Activation, Op, Tape, Var};
use crate::Dims;
use crate::graph::{Dense, Norm};
use crate::weights::ParamId;

/// Where the gradient before a normalisation goes, and whether it is added to what is there.
struct Into {
    dims: Dims,
    dx: Block,
    onto: bool,
}

/// Gradients of activations that have arrived and wait for the walk to reach them.
type Waiting = Vec<Option<Block>>;

impl Tape<'_> {
    /// Walks back from `output` with d loss / d output, in the storage of activations, writing or adding parameter
    /// gradients to `sums`.
    ///
    /// # Errors
    /// [`GpuError::Size`] where the gradient is too short, and the queue's.
    pub fn backward(mut self, output: Var, gradient: Block, sums: &mut Gradients) -> Result<(), GpuError> {
        let needed = self.value(output)?.dims.len() * self.device.storage().bytes();
        if gradient.span().bytes() < needed {
            return Err(GpuError::size("a gradient of logits", needed, gradient.span().bytes()));
        }
        let mut waiting: Waiting = self.values.iter().map(|_| None).collect();
        waiting[output.0] = Some(gradient);
        while let Some(op) = self.ops.pop() {
            // What nothing further back reads goes back to the pool here.
            let value = self.values[self.ops.len()].take();
            if let (Some(dy), Some(y)) = (waiting[self.ops.len()].take(), value) {
                self.step(op, y, dy, &mut waiting, sums)?;
            }
        }
        sums.finish(self.device.pool)
    }

    fn step(
        &self,
        op: Op,
        y: Activation,
        dy: Block,
        waiting: &mut Waiting,
        sums: &mut Gradients,
    ) -> Result<(), GpuError> {
        let (pool, storage) = (self.device.pool, self.device.storage());
        match op {
            Op::Leaf => {}
            Op::ConvNorm { x, weight, shortcut, norm, before, saved } => {
                drop(y.block);
                let open = shortcut.map(|_| self.device.room(y.dims)).transpose()?;
                let open_span = open.as_ref().map(|o| o.block.span());
                let into = Into { dims: y.dims, dx: self.device.room(y.dims)?.block, onto: false };
                let dz = self.norm_step(before.span(), &saved, norm, dy.span(), into, open_span, sums)?;
                drop((before, saved, dy));
                if let (Some(shortcut), Some(open)) = (shortcut, open) {
                    self.arrive(&mut waiting[shortcut.0], open.block, y.dims)?;
                }
                self.product_step(x, weight, &dz, waiting, sums)?;
            }
            Op::Norm { x, norm, saved } => {
                drop(y.block);
                let before = self.value(x)?.block.span();
                let into = match waiting[x.0].take() {
                    Some(dx) => Into { dims: y.dims, dx, onto: true },
                    None => Into { dims: y.dims, dx: self.device.room(y.dims)?.block, onto: false },
                };
                let dx = self.norm_step(before, &saved, norm, dy.span(), into, None, sums)?;
                waiting[x.0] = Some(dx);
            }
            Op::MeanPool { x } => {
                let d = self.value(x)?.dims;
                let dx = self.device.room(d)?;
                head::mean_pool_gradient(pool.queue(), storage, d, dy.span(), dx.block.span())?;
                self.arrive(&mut waiting[x.0], dx.block, d)?;
            }
            Op::Dense { x, layer, residual, before, site } => {
                self.dense_step(x, layer, before, site, y.dims, &dy, waiting, sums)?;
                if let Some(residual) = residual {
                    self.arrive(&mut waiting[residual.0], dy, y.dims)?;
                }
            }
            Op::Prepend { x, class, positions, dropout, site } => {
                if let Some(drop) = self.drop(site, dropout, y.dims.images)? {
                    let at = dy.span();
                    self.device.epilogue(y.dims, false, Some(drop)).backward(pool.queue(), at, None, at)?;
                }
                let d = self.value(x)?.dims;
                let dx = self.device.room(d)?;
                let ([class, positions], gathered) = sums.pair(class, positions)?;
                let token = self.device.token(d);
                token.backward(pool, dy.span(), dx.block.span(), class, positions, gathered)?;
                self.arrive(&mut waiting[x.0], dx.block, d)?;
            }
            Op::Attention { qkv, heads, log_sum } => {
                let input = self.value(qkv)?;
                let attention = self.device.attention_of(input.dims, heads)?;
                let dx = self.device.room(input.dims)?;
                let (out, sums, to) = (y.block.span(), log_sum.span(), dx.block.span());
                attention.backward(pool, input.block.span(), out, sums, dy.span(), to)?;
                self.arrive(&mut waiting[qkv.0], dx.block, input.dims)?;
            }
            Op::FirstToken { x } => {
                let d = self.value(x)?.dims;
                let dx = self.device.room(d)?;
                tokens::first_token_gradient(pool.queue(), storage, d, dy.span(), dx.block.span())?;
                self.arrive(&mut waiting[x.0], dx.block, d)?;
            }
        }
        Ok(())
    }

    /// The gradient before a normalisation.
    #[allow(clippy::too_many_arguments)]
    fn norm_step(
        &self,
        before: Span<'_>,
        saved: &Normalised,
        n: Norm,
        dy: Span<'_>,
        into: Into,
        open: Option<Span<'_>>,
        sums: &mut Gradients,
    ) -> Result<Block, GpuError> {
        let (pool, norm) = (self.device.pool, self.device.layer_norm(into.dims, n));
        let gamma = self.device.weights.plain(n.scale)?;
        let ([scale, shift], gathered) = sums.pair(n.scale, n.shift)?;
        let places = [(scale, norm.channels), (shift, norm.channels)];
        let partial = gathered.room(pool, norm.blocks(), &places)?;
        let (statistics, passed) = (saved.statistics.span(), saved.passed.as_ref().map(Block::span));
        let saved = Saved { x: before, passed, statistics, gamma };
        let to = NormGradients { dx: into.dx.span(), onto: into.onto, shortcut: open, partial };
        norm.backward(pool.queue(), dy, saved, to)?;
        Ok(into.dx)
    }

    /// Weight gradient of a product, and its input gradient where the input wants one.
    fn product_step(
        &self,
        x: Var,
        weight: ParamId,
        dz: &Block,
        waiting: &mut Waiting,
        sums: &mut Gradients,
    ) -> Result<(), GpuError> {
        let (p, input) = (self.device.weights.product(weight)?, self.value(x)?);
        let (place, _) = sums.open(weight)?;
        let call = self.device.product(p.shape, input.dims, Pass::WeightGradient, place.add)?;
        let (x_span, dz) = (input.block.span(), dz.span());
        self.device.convolve(&call, Operands { input: x_span, weights: place.to, output: dz })?;
        if matches!(self.ops[x.0], Op::Leaf) {
            return Ok(());
        }
        if !p.input_gradient {
            let what = format!("the input gradient of parameter {}", weight.0);
            return Err(GpuError::size(what, "a role that has one", "one that has none"));
        }
        let add = waiting[x.0].is_some();
        let dx = match waiting[x.0].take() {
            Some(dx) => dx,
            None => self.device.room(input.dims)?.block,
        };
        let call = self.device.product(p.shape, input.dims, Pass::InputGradient, add)?;
        self.device.convolve(&call, Operands { input: dx.span(), weights: p.weights, output: dz })?;
        waiting[x.0] = Some(dx);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn dense_step(
        &self,
        x: Var,
        layer: Dense,
        before: Option<Block>,
        site: Option<u32>,
        d: Dims,
        dy: &Block,
        waiting: &mut Waiting,
        sums: &mut Gradients,
    ) -> Result<(), GpuError> {
        let drop = self.drop(site, layer.dropout, d.images)?;
        let changed = match drop.is_some() || layer.gelu {
            true => Some(self.device.room(d)?.block),
            false => None,
        };
        if let Some(dz) = &changed {
            let epilogue = self.device.epilogue(d, layer.gelu, drop);
            let z = before.as_ref().map(Block::span);
            epilogue.backward(self.device.pool.queue(), dy.span(), z, dz.span())?;
        }
        let dz = changed.as_ref().unwrap_or(dy);
        let columns = d.channels;
        let storage = self.device.storage();
        let all = Columns { from: dz.span(), storage, rows: d.rows(), columns, pitch: columns };
        let (place, gathered) = sums.open(layer.bias)?;
        all.sum(self.device.pool, place, gathered)?;
        self.product_step(x, layer.weight, dz, waiting, sums)
    }

    /// The first gradient to arrive is kept as it is, later ones are added.
    fn arrive(&self, slot: &mut Option<Block>, gradient: Block, d: Dims) -> Result<(), GpuError> {
        match slot {
            Some(sum) => {
                let queue = self.device.pool.queue();
                elementwise::add(queue, self.device.storage(), sum.span(), gradient.span(), d.len())
            }
            None => {
                *slot = Some(gradient);
                Ok(())
            }
        }
    }
}
