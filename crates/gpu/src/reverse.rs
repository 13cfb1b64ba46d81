//! The reverse pass on a device, operation by operation.

use super::columns::Columns;
use super::layers::{GpuLayers, Normalised, kept};
use super::norm::{Gradients as NormGradients, Saved};
use super::{Block, GpuError, Gradients, Operands, Pass, Span, head, nonlinearity, tokens};
use basin_graph::Inputs;
use basin_graph::ParamId;
use basin_graph::Step;
use basin_graph::{Dense, Norm, Operation};
use basin_kernels::Dims;
use candle_core::Result;

/// Where the gradient before a normalisation goes, and whether it is added to what is there.
struct Into {
    dims: Dims,
    dx: Block,
    onto: bool,
}

type Arrivals<'i, 'w> = Inputs<'i, GpuLayers<'w>>;

impl<'w> GpuLayers<'w> {
    pub(super) fn reverse(
        &self,
        step: Step<Self>,
        inputs: &mut Arrivals<'_, 'w>,
        sums: &mut Gradients,
    ) -> Result<()> {
        let Step { operation, site, saved, y, dy } = step;
        let (queue, storage, out) = (self.pool.queue(), self.storage(), y.dims);
        match operation {
            Operation::Conv { weight, bias } => {
                if let Some(bias) = bias {
                    self.bias_step(bias, out, dy.span(), sums)?;
                }
                self.product_step(weight, &dy, inputs, sums)
            }
            Operation::Norm(norm) => {
                drop(y);
                let before = inputs.value(0)?.block.span();
                let into = match inputs.arrived(0)?.take() {
                    Some(dx) => Into { dims: out, dx, onto: true },
                    None => Into { dims: out, dx: self.room(out)?.block, onto: false },
                };
                let normalised = kept(saved.normalised)?;
                let dx = self.norm_step(before, &normalised, norm, dy.span(), into, None, sums)?;
                *inputs.arrived(0)? = Some(dx);
                Ok(())
            }
            Operation::Nonlinearity(function) => {
                let (dx, x) = (self.room(out)?.block, inputs.value(0)?.block.span());
                nonlinearity::backward(queue, storage, function, dx.span(), dy.span(), x, out.len())?;
                inputs.arrive(0, dx)
            }
            Operation::Add => {
                let dy = super::Activation { dims: out, block: dy };
                inputs.arrive(1, self.sum(&dy, None)?.block)?;
                inputs.arrive(0, dy.block)
            }
            Operation::Dropout(rate) => {
                self.drop_values(out, dy.span(), self.drop(site, rate, out.images)?)?;
                inputs.arrive(0, dy)
            }
            // In training the forward pass has refused it.
            Operation::DropPath(_) => inputs.arrive(0, dy),
            Operation::MeanPool => {
                let d = inputs.value(0)?.dims;
                let dx = self.room(d)?;
                head::mean_pool_gradient(queue, storage, d, dy.span(), dx.block.span())?;
                inputs.arrive(0, dx.block)
            }
            Operation::Patches(_) => Ok(()),
            Operation::Prepend { class, positions, dropout } => {
                self.drop_values(out, dy.span(), self.drop(site, dropout, out.images)?)?;
                let d = inputs.value(0)?.dims;
                let dx = self.room(d)?;
                let ([class, positions], gathered) = sums.pair(class, positions)?;
                let token = self.token(d);
                token.backward(self.pool, dy.span(), dx.block.span(), class, positions, gathered)?;
                inputs.arrive(0, dx.block)
            }
            Operation::Attention(heads) => {
                let (input, log_sum) = (inputs.value(0)?, kept(saved.log_sum)?);
                let attention = self.attention_of(input.dims, heads)?;
                let dx = self.room(input.dims)?;
                let (result, sums, to) = (y.block.span(), log_sum.span(), dx.block.span());
                attention.backward(self.pool, input.block.span(), result, sums, dy.span(), to)?;
                inputs.arrive(0, dx.block)
            }
            Operation::FirstToken => {
                let d = inputs.value(0)?.dims;
                let dx = self.room(d)?;
                tokens::first_token_gradient(queue, storage, d, dy.span(), dx.block.span())?;
                inputs.arrive(0, dx.block)
            }
            Operation::ConvNorm { weight, norm, .. } => {
                drop(y);
                let open = inputs.has(1).then(|| self.room(out)).transpose()?;
                let open_span = open.as_ref().map(|o| o.block.span());
                let into = Into { dims: out, dx: self.room(out)?.block, onto: false };
                let (before, normalised) = (kept(saved.before)?, kept(saved.normalised)?);
                let dz =
                    self.norm_step(before.span(), &normalised, norm, dy.span(), into, open_span, sums)?;
                drop((before, normalised, dy));
                if let Some(open) = open {
                    inputs.arrive(1, open.block)?;
                }
                self.product_step(weight, &dz, inputs, sums)
            }
            Operation::Dense(layer) => {
                self.dense_step(layer, saved.before, site, out, &dy, inputs, sums)?;
                match inputs.has(1) {
                    true => inputs.arrive(1, dy),
                    false => Ok(()),
                }
            }
        }
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
    ) -> std::result::Result<Block, GpuError> {
        let (pool, norm) = (self.pool, self.layer_norm(into.dims, n));
        let gamma = self.weights.plain(n.scale)?;
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
        weight: ParamId,
        dz: &Block,
        inputs: &mut Arrivals<'_, 'w>,
        sums: &mut Gradients,
    ) -> Result<()> {
        let (p, input) = (self.weights.product(weight)?, inputs.value(0)?);
        let (place, _) = sums.open(weight)?;
        let call = self.product(p.shape, input.dims, Pass::WeightGradient, place.add)?;
        let (x_span, dz) = (input.block.span(), dz.span());
        self.convolve(&call, Operands { input: x_span, weights: place.to, output: dz })?;
        if !inputs.flows(0)? {
            return Ok(());
        }
        if !p.input_gradient {
            let what = format!("the input gradient of parameter {}", weight.0);
            return Err(GpuError::size(what, "a role that has one", "one that has none").into());
        }
        let arrived = inputs.arrived(0)?;
        let add = arrived.is_some();
        let dx = match arrived.take() {
            Some(dx) => dx,
            None => self.room(input.dims)?.block,
        };
        let call = self.product(p.shape, input.dims, Pass::InputGradient, add)?;
        self.convolve(&call, Operands { input: dx.span(), weights: p.weights, output: dz })?;
        *arrived = Some(dx);
        Ok(())
    }

    fn bias_step(
        &self,
        bias: ParamId,
        d: Dims,
        dz: Span<'_>,
        sums: &mut Gradients,
    ) -> std::result::Result<(), GpuError> {
        let columns = d.channels;
        let all = Columns { from: dz, storage: self.storage(), rows: d.rows(), columns, pitch: columns };
        let (place, gathered) = sums.open(bias)?;
        all.sum(self.pool, place, gathered)
    }

    #[allow(clippy::too_many_arguments)]
    fn dense_step(
        &self,
        layer: Dense,
        before: Option<Block>,
        site: Option<u32>,
        d: Dims,
        dy: &Block,
        inputs: &mut Arrivals<'_, 'w>,
        sums: &mut Gradients,
    ) -> Result<()> {
        let drop = self.drop(site, layer.dropout, d.images)?;
        let changed = match drop.is_some() || layer.gelu {
            true => Some(self.room(d)?.block),
            false => None,
        };
        if let Some(dz) = &changed {
            let epilogue = self.epilogue(d, layer.gelu, drop);
            let z = before.as_ref().map(Block::span);
            epilogue.backward(self.pool.queue(), dy.span(), z, dz.span())?;
        }
        let dz = changed.as_ref().unwrap_or(dy);
        self.bias_step(layer.bias, d, dz.span(), sums)?;
        self.product_step(layer.weight, dz, inputs, sums)
    }
}
