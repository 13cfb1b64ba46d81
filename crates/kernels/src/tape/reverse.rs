//! The reverse pass, operation by operation.

use super::{Accumulators, Op, Tape, VarId};
use crate::buffer::{Activation, Buffer};
use crate::graph::{Dense, Norm};
use crate::layers::{Normalised, norm_parts};
use crate::weights::ParamId;
use crate::{attention, bias, conv, dropout, gelu, head, norm, tokens};
use candle_core::Result;

/// Gradients of activations that have arrived and wait for the walk to reach them.
type Waiting = Vec<Option<Buffer>>;

impl Tape<'_> {
    /// Walks back from `output` with d loss / d output, adding parameter gradients to `sums`.
    ///
    /// # Errors
    /// When the gradient's length is not the output's.
    pub fn backward(mut self, output: VarId, gradient: &[f32], sums: &mut Accumulators) -> Result<()> {
        if gradient.len() != self.value(output)?.data.len() {
            candle_core::bail!("{} gradients for {:?}", gradient.len(), self.value(output)?.dims);
        }
        let mut waiting: Waiting = self.values.iter().map(|_| None).collect();
        waiting[output.0] = Some(Buffer::copied(gradient));
        while let Some(op) = self.ops.pop() {
            // What nothing further back reads is freed here, and its buffer serves the next layer.
            let value = self.values[self.ops.len()].take();
            if let (Some(dy), Some(y)) = (waiting[self.ops.len()].take(), value) {
                self.step(op, y, dy, &mut waiting, sums)?;
            }
        }
        Ok(())
    }

    fn step(
        &self,
        op: Op,
        y: Activation,
        mut dy: Buffer,
        waiting: &mut Waiting,
        sums: &mut Accumulators,
    ) -> Result<()> {
        match op {
            Op::Leaf => {}
            Op::ConvNorm { x, weight, shortcut, norm, saved } => {
                let Normalised { before, statistics } = saved;
                let dz = self.norm_step(&before, &statistics, &y, norm, &mut dy, sums)?;
                drop((before, statistics, y));
                if let Some(shortcut) = shortcut {
                    arrive(&mut waiting[shortcut.0], dy);
                }
                self.conv_step(x, weight, &dz, waiting, sums)?;
            }
            Op::Norm { x, norm, statistics } => {
                let dx = self.norm_step(&self.value(x)?.data, &statistics, &y, norm, &mut dy, sums)?;
                arrive(&mut waiting[x.0], dx);
            }
            Op::MeanPool { x } => {
                let d = self.value(x)?.dims;
                let mut dx = Buffer::stale(d.len());
                head::mean_pool_gradient(&dy, d.pixels(), d.channels, &mut dx);
                arrive(&mut waiting[x.0], dx);
            }
            Op::Dense { x, layer, residual, before, site } => {
                drop(y);
                self.dense_step(x, layer, before, site, &dy, waiting, sums)?;
                if let Some(residual) = residual {
                    arrive(&mut waiting[residual.0], dy);
                }
            }
            Op::Prepend { x, class, positions, dropout, site } => {
                if let Some(site) = site {
                    dropout::apply(&mut dy, &self.seeds, site, dropout, self.weights.isa());
                }
                let mut dx = Buffer::stale(self.value(x)?.data.len());
                let (dclass, dpositions) = sums.pair(class, positions)?;
                tokens::prepend_gradient(&dy, dclass, dpositions, &mut dx);
                arrive(&mut waiting[x.0], dx);
            }
            Op::Attention { qkv, heads, log_sum } => {
                let input = self.value(qkv)?;
                let mut dx = Buffer::stale(input.data.len());
                attention::backward(
                    &input.data,
                    &log_sum,
                    &dy,
                    y.dims.pixels(),
                    y.dims.channels,
                    heads,
                    &mut dx,
                    self.weights.isa(),
                );
                arrive(&mut waiting[qkv.0], dx);
            }
            Op::FirstToken { x } => {
                let d = self.value(x)?.dims;
                let mut dx = Buffer::stale(d.len());
                tokens::first_token_gradient(&dy, d.pixels(), d.channels, &mut dx);
                arrive(&mut waiting[x.0], dx);
            }
        }
        Ok(())
    }

    /// The gradient before a normalisation; `dy` becomes the shortcut's.
    fn norm_step(
        &self,
        before: &[f32],
        statistics: &[f32],
        y: &Activation,
        n: Norm,
        dy: &mut Buffer,
        sums: &mut Accumulators,
    ) -> Result<Buffer> {
        let (shape, gamma, _) = norm_parts(self.weights, y.dims.channels, n)?;
        let mut dz = Buffer::stale(dy.len());
        let (dgamma, dbeta) = sums.pair(n.scale, n.shift)?;
        let isa = self.weights.isa();
        norm::backward(shape, before, &y.data, statistics, gamma, dy, &mut dz, dgamma, dbeta, isa);
        Ok(dz)
    }

    /// Weight gradient of a convolution, and its input gradient where the input wants one.
    fn conv_step(
        &self,
        x: VarId,
        weight: ParamId,
        dz: &[f32],
        waiting: &mut Waiting,
        sums: &mut Accumulators,
    ) -> Result<()> {
        let (packed, input) = (self.weights.conv(weight)?, self.value(x)?);
        let (h, w) = (input.dims.height, input.dims.width);
        let (dw, add) = sums.open(weight);
        conv::weight_gradient(packed, &input.data, dz, h, w, dw, add)?;
        if matches!(self.ops[x.0], Op::Leaf) {
            return Ok(());
        }
        let add = waiting[x.0].is_some();
        let dx = waiting[x.0].get_or_insert_with(|| Buffer::stale(input.data.len()));
        conv::input_gradient(packed, dz, h, w, dx, add)
    }

    #[allow(clippy::too_many_arguments)]
    fn dense_step(
        &self,
        x: VarId,
        layer: Dense,
        before: Option<Buffer>,
        site: Option<u32>,
        dy: &[f32],
        waiting: &mut Waiting,
        sums: &mut Accumulators,
    ) -> Result<()> {
        let isa = self.weights.isa();
        let kept = site.map(|site| {
            let mut kept = Buffer::copied(dy);
            dropout::apply(&mut kept, &self.seeds, site, layer.dropout, isa);
            kept
        });
        let mut dz = kept.as_deref().unwrap_or(dy);
        let mut through = None;
        if let Some(before) = before {
            let out = through.insert(Buffer::stale(dy.len()));
            gelu::backward(&before, dz, out, isa);
            dz = out;
        }
        let rows = self.value(x)?.dims.pixels();
        let (dbias, add) = sums.open(layer.bias);
        if !add {
            dbias.fill(0.0);
        }
        bias::bias_gradient(dz, rows, dbias, isa);
        self.conv_step(x, layer.weight, dz, waiting, sums)
    }
}

/// The first gradient to arrive is kept as it is, later ones are added.
fn arrive(slot: &mut Option<Buffer>, gradient: Buffer) {
    match slot {
        Some(sum) => sum.iter_mut().zip(&*gradient).for_each(|(s, g)| *s += g),
        None => *slot = Some(gradient),
    }
}
