//! The layers on a device: a whole batch at once, put into a queue.

use super::attention::Attention;
use super::dense::{Drop, Epilogue};
use super::norm::{Kept, LayerNorm};
use super::tokens::Prepend;
use super::weights::Weights;
use super::{
    Block, Convolution, GpuError, Gradients, Operands, Pass, Pool, Span, Storage, elementwise, head,
    nonlinearity, tokens, weights,
};
use crate::layers::{Layers, Mode, Step};
use crate::operation::{Dense, Nonlinearity, Norm, Operation};
use crate::tape::Inputs;
use crate::weights::ParamId;
use crate::{Dims, conv::ConvShape};
use candle_core::Result as Outcome;
use std::borrow::Cow;

/// An intermediate result on the device.
#[derive(Debug)]
pub struct Activation {
    /// Sizes.
    pub dims: Dims,
    /// Values in the network's storage, channels fastest.
    pub block: Block,
}

/// Memory and weights to use, and in training with dropout a seed (u64) of the masks for every image.
#[derive(Clone, Copy, Debug)]
pub struct GpuLayers<'w> {
    pub(super) pool: &'w Pool,
    pub(super) weights: &'w Weights,
    seeds: Option<Span<'w>>,
}

/// What the reverse pass needs on a device.
#[derive(Debug, Default)]
pub struct Saved {
    /// Values before a norm or a GELU.
    pub(super) before: Option<Block>,
    pub(super) normalised: Option<Normalised>,
    /// Logarithms of attention's softmax sums.
    pub(super) log_sum: Option<Block>,
}

/// What the forward pass kept.
pub(super) fn kept<T>(what: Option<T>) -> Result<T, GpuError> {
    what.ok_or_else(|| GpuError::size("a reverse pass", "what its forward pass keeps", "nothing"))
}

/// What the reverse pass of a normalisation needs besides its input.
#[derive(Debug)]
pub(crate) struct Normalised {
    pub(super) statistics: Block,
    pub(super) passed: Option<Block>,
}

impl Normalised {
    fn room(pool: &Pool, norm: &LayerNorm) -> Result<Self, GpuError> {
        let statistics = pool.take(4 * 2 * norm.rows)?;
        let passed = norm.relu.then(|| pool.take(norm.passed_bytes())).transpose()?;
        Ok(Self { statistics, passed })
    }

    fn kept(&self) -> Kept<'_> {
        Kept { statistics: Some(self.statistics.span()), passed: self.passed.as_ref().map(Block::span) }
    }
}

impl<'w> GpuLayers<'w> {
    /// For evaluation, or training without dropout.
    pub fn new(pool: &'w Pool, weights: &'w Weights) -> Self {
        Self::with_dropout(pool, weights, None)
    }

    /// For training, with a seed for every image where something is dropped.
    pub fn with_dropout(pool: &'w Pool, weights: &'w Weights, seeds: Option<Span<'w>>) -> Self {
        Self { pool, weights, seeds }
    }

    /// Where masks come from, if something is dropped.
    pub(super) fn drop(
        &self,
        site: Option<u32>,
        rate: f32,
        images: usize,
    ) -> Result<Option<Drop<'w>>, GpuError> {
        match (site, self.seeds) {
            (None, _) => Ok(None),
            (Some(site), Some(seeds)) => Ok(Some(Drop { seeds, images, site, rate })),
            (Some(_), None) => Err(GpuError::size("dropout", "a seed for every image", "none")),
        }
    }
}

impl GpuLayers<'_> {
    pub(super) fn storage(&self) -> Storage {
        self.weights.precision().storage()
    }

    /// Room for an activation.
    pub(super) fn room(&self, dims: Dims) -> Result<Activation, GpuError> {
        Ok(Activation { dims, block: self.pool.take(dims.len() * self.storage().bytes())? })
    }

    /// The call of one product of a weight on inputs of these sizes.
    pub(super) fn product(
        &self,
        shape: ConvShape,
        d: Dims,
        pass: Pass,
        add: bool,
    ) -> Result<Convolution, GpuError> {
        if d.channels != shape.cin || d.is_empty() {
            return Err(GpuError::size(
                format!("input of {shape:?}"),
                format!("{} channels", shape.cin),
                format!("{d:?}"),
            ));
        }
        let precision = self.weights.precision();
        Ok(Convolution { shape, images: d.images, height: d.height, width: d.width, pass, precision, add })
    }

    pub(super) fn convolve(&self, call: &Convolution, operands: Operands<'_>) -> Result<(), GpuError> {
        let queue = self.pool.queue();
        let scratch = self.pool.take(queue.convolution_scratch(call)?)?;
        queue.convolve(call, operands, scratch.span())
    }

    pub(super) fn layer_norm(&self, d: Dims, n: Norm) -> LayerNorm {
        let (storage, epsilon, relu) = (self.storage(), n.epsilon, n.relu);
        LayerNorm { storage, rows: d.rows(), channels: d.channels, epsilon, relu }
    }

    /// A convolution or dense product alone.
    fn multiply(&self, x: &Activation, id: ParamId) -> Result<Activation, GpuError> {
        let p = self.weights.product(id)?;
        let call = self.product(p.shape, x.dims, Pass::Forward, false)?;
        let d = x.dims;
        let out = Dims::new(d.images, p.shape.output(d.height), p.shape.output(d.width), p.shape.cout);
        let out = self.room(out)?;
        let operands = Operands { input: x.block.span(), weights: p.weights, output: out.block.span() };
        self.convolve(&call, operands)?;
        Ok(out)
    }

    /// A convolution, and its bias where given.
    fn conv(&self, x: &Activation, weight: ParamId, bias: Option<ParamId>) -> Result<Activation, GpuError> {
        let z = self.multiply(x, weight)?;
        if let Some(bias) = bias {
            let (offset, at) = (self.weights.plain(bias)?, z.block.span());
            self.epilogue(z.dims, false, None).forward(self.pool.queue(), at, offset, None, at)?;
        }
        Ok(z)
    }

    fn nonlinearity(&self, x: &Activation, function: Nonlinearity) -> Result<Activation, GpuError> {
        let y = self.room(x.dims)?;
        let (queue, to) = (self.pool.queue(), y.block.span());
        nonlinearity::forward(queue, self.storage(), function, to, x.block.span(), x.dims.len())?;
        Ok(y)
    }

    /// x, and another value of its size added where given.
    pub(super) fn sum(&self, x: &Activation, other: Option<&Activation>) -> Result<Activation, GpuError> {
        if let Some(other) = other.filter(|other| other.dims != x.dims) {
            return Err(GpuError::size("a sum", format!("{:?}", x.dims), format!("{:?}", other.dims)));
        }
        let y = self.room(x.dims)?;
        let (queue, to, other) = (self.pool.queue(), y.block.span(), other.map(|other| other.block.span()));
        elementwise::sum(queue, self.storage(), to, x.block.span(), other, x.dims.len())?;
        Ok(y)
    }

    /// Drops values in place, if something is dropped.
    pub(super) fn drop_values(&self, d: Dims, at: Span<'_>, drop: Option<Drop<'_>>) -> Result<(), GpuError> {
        match drop {
            Some(_) => self.epilogue(d, false, drop).backward(self.pool.queue(), at, None, at),
            None => Ok(()),
        }
    }

    /// Convolution, norm, shortcut, ReLU. `keep` is for training: with the values before the norm.
    pub(super) fn conv_norm(
        &self,
        x: &Activation,
        id: ParamId,
        shortcut: Option<&Activation>,
        n: Norm,
        keep: bool,
    ) -> Result<(Activation, Option<(Block, Normalised)>), GpuError> {
        let out = self.multiply(x, id)?;
        let dims = out.dims;
        if let Some(shortcut) = shortcut.filter(|s| s.dims != dims) {
            return Err(GpuError::size("a shortcut", format!("{dims:?}"), format!("{:?}", shortcut.dims)));
        }
        let (norm, queue) = (self.layer_norm(dims, n), self.pool.queue());
        let (gamma, beta) = (self.weights.plain(n.scale)?, self.weights.plain(n.shift)?);
        let (before, beside) = (out.block.span(), shortcut.map(|s| s.block.span()));
        if !keep {
            norm.forward(queue, before, beside, gamma, beta, before, Kept::default())?;
            return Ok((out, None));
        }
        let (y, saved) = (self.room(dims)?, Normalised::room(self.pool, &norm)?);
        norm.forward(queue, before, beside, gamma, beta, y.block.span(), saved.kept())?;
        Ok((y, Some((out.block, saved))))
    }

    pub(super) fn norm(&self, x: &Activation, n: Norm) -> Result<(Activation, Normalised), GpuError> {
        let (gamma, beta) = (self.weights.plain(n.scale)?, self.weights.plain(n.shift)?);
        let norm = self.layer_norm(x.dims, n);
        let (y, saved) = (self.room(x.dims)?, Normalised::room(self.pool, &norm)?);
        let (from, to) = (x.block.span(), y.block.span());
        norm.forward(self.pool.queue(), from, None, gamma, beta, to, saved.kept())?;
        Ok((y, saved))
    }

    pub(super) fn mean_pool(&self, x: &Activation) -> Result<Activation, GpuError> {
        let y = self.room(Dims::new(x.dims.images, 1, 1, x.dims.channels))?;
        head::mean_pool(self.pool.queue(), self.storage(), x.dims, x.block.span(), y.block.span())?;
        Ok(y)
    }

    pub(super) fn epilogue<'m>(&self, d: Dims, gelu: bool, drop: Option<Drop<'m>>) -> Epilogue<'m> {
        Epilogue { storage: self.storage(), rows: d.rows(), channels: d.channels, gelu, drop }
    }

    /// The layer's output, and with a GELU the values before it.
    pub(super) fn dense(
        &self,
        x: &Activation,
        layer: Dense,
        residual: Option<&Activation>,
        drop: Option<Drop<'_>>,
    ) -> Result<(Activation, Option<Block>), GpuError> {
        let z = self.multiply(x, layer.weight)?;
        if let Some(residual) = residual.filter(|r| r.dims != z.dims) {
            return Err(GpuError::size(
                "a residual",
                format!("{:?}", z.dims),
                format!("{:?}", residual.dims),
            ));
        }
        let (bias, beside) = (self.weights.plain(layer.bias)?, residual.map(|r| r.block.span()));
        let epilogue = self.epilogue(z.dims, layer.gelu, drop);
        let queue = self.pool.queue();
        if !layer.gelu {
            epilogue.forward(queue, z.block.span(), bias, beside, z.block.span())?;
            return Ok((z, None));
        }
        let y = self.room(z.dims)?;
        epilogue.forward(queue, z.block.span(), bias, beside, y.block.span())?;
        Ok((y, Some(z.block)))
    }

    pub(super) fn patches(&self, x: &Activation, patch: usize) -> Result<Activation, GpuError> {
        let (d, side) = (x.dims, x.dims.height.checked_div(patch).unwrap_or(0));
        let y = self.room(Dims::new(d.images, side * side, 1, d.channels * patch * patch))?;
        tokens::patches(self.pool.queue(), self.storage(), d, patch, x.block.span(), y.block.span())?;
        Ok(y)
    }

    pub(super) fn token(&self, d: Dims) -> Prepend {
        Prepend { storage: self.storage(), images: d.images, tokens: d.pixels(), channels: d.channels }
    }

    /// Without its dropout.
    pub(super) fn prepend(
        &self,
        x: &Activation,
        class: ParamId,
        positions: ParamId,
    ) -> Result<Activation, GpuError> {
        let y = self.room(Dims { height: x.dims.pixels() + 1, width: 1, ..x.dims })?;
        let (class, positions) = (self.weights.plain(class)?, self.weights.plain(positions)?);
        let (from, to) = (x.block.span(), y.block.span());
        self.token(x.dims).forward(self.pool.queue(), from, class, positions, to)?;
        Ok(y)
    }

    /// Sizes of attention on `[n, t, 1, 3d]`.
    pub(super) fn attention_of(&self, d: Dims, heads: usize) -> Result<Attention, GpuError> {
        if !d.channels.is_multiple_of(3) {
            return Err(GpuError::size("attention", "queries, keys and values", format!("{d:?}")));
        }
        let (precision, channels) = (self.weights.precision(), d.channels / 3);
        Ok(Attention { precision, images: d.images, tokens: d.pixels(), channels, heads })
    }

    /// The output and the logarithms of the softmax sums.
    pub(super) fn attention(&self, qkv: &Activation, heads: usize) -> Result<(Activation, Block), GpuError> {
        let attention = self.attention_of(qkv.dims, heads)?;
        let y = self.room(Dims { channels: attention.channels, ..qkv.dims })?;
        let log_sum = self.pool.take(4 * attention.sums())?;
        attention.forward(self.pool.queue(), qkv.block.span(), y.block.span(), log_sum.span())?;
        Ok((y, log_sum))
    }

    pub(super) fn first_token(&self, x: &Activation) -> Result<Activation, GpuError> {
        let y = self.room(Dims::new(x.dims.images, 1, 1, x.dims.channels))?;
        tokens::first_token(self.pool.queue(), self.storage(), x.dims, x.block.span(), y.block.span())?;
        Ok(y)
    }
}

impl Layers for GpuLayers<'_> {
    type Value = Activation;
    type Gradient = Block;
    type Saved = Saved;
    type Sums = Gradients;

    fn forward(
        &self,
        operation: Operation,
        x: &Activation,
        other: Option<&Activation>,
        mode: Mode,
    ) -> Outcome<(Activation, Saved)> {
        let (keep, site) = match mode {
            Mode::Evaluate => (false, None),
            Mode::Train { site } => (true, site),
        };
        let drop = self.drop(site, operation.dropout(), x.dims.images)?;
        let mut saved = Saved::default();
        let y = match operation {
            Operation::Conv { weight, bias } => self.conv(x, weight, bias)?,
            Operation::Norm(norm) => {
                let (y, normalised) = self.norm(x, norm)?;
                saved.normalised = keep.then_some(normalised);
                y
            }
            Operation::Nonlinearity(function) => self.nonlinearity(x, function)?,
            Operation::Add if other.is_none() => candle_core::bail!("a sum of one value"),
            Operation::Add => self.sum(x, other)?,
            Operation::Dropout(_) => {
                let y = self.sum(x, None)?;
                self.drop_values(y.dims, y.block.span(), drop)?;
                y
            }
            Operation::MeanPool => self.mean_pool(x)?,
            Operation::Patches(patch) => self.patches(x, patch)?,
            Operation::Prepend { class, positions, .. } => {
                let y = self.prepend(x, class, positions)?;
                self.drop_values(y.dims, y.block.span(), drop)?;
                y
            }
            Operation::Attention(heads) => {
                let (y, log_sum) = self.attention(x, heads)?;
                saved.log_sum = keep.then_some(log_sum);
                y
            }
            Operation::FirstToken => self.first_token(x)?,
            Operation::ConvNorm { weight, norm } => {
                let (y, normalised) = self.conv_norm(x, weight, other, norm, keep)?;
                if let Some((before, normalised)) = normalised {
                    saved = Saved { before: Some(before), normalised: Some(normalised), log_sum: None };
                }
                y
            }
            Operation::Dense(layer) => {
                let (y, before) = self.dense(x, layer, other, drop)?;
                saved.before = before.filter(|_| keep);
                y
            }
        };
        Ok((y, saved))
    }

    fn backward(&self, step: Step<Self>, inputs: &mut Inputs<'_, Self>, sums: &mut Gradients) -> Outcome<()> {
        self.reverse(step, inputs, sums)
    }

    fn accumulate(&self, sum: &mut Block, gradient: &Block, of: &Activation) -> Outcome<()> {
        let (queue, storage) = (self.pool.queue(), self.storage());
        Ok(elementwise::add(queue, storage, sum.span(), gradient.span(), of.dims.len())?)
    }

    fn fits(&self, gradient: &Block, value: &Activation) -> Outcome<()> {
        let (needed, found) = (value.dims.len() * self.storage().bytes(), gradient.span().bytes());
        match found >= needed {
            true => Ok(()),
            false => Err(GpuError::size("a gradient of logits", needed, found).into()),
        }
    }

    fn finish(&self, sums: &mut Gradients) -> Outcome<()> {
        Ok(sums.finish(self.pool)?)
    }

    fn channels(&self, value: &Activation) -> usize {
        value.dims.channels
    }

    fn read<'v>(&self, value: &'v Activation) -> Outcome<Cow<'v, [f32]>> {
        let (n, queue) = (value.dims.len(), self.pool.queue());
        let wide = self.pool.take(4 * n)?;
        elementwise::widen(queue, self.storage(), wide.span(), value.block.span(), n)?;
        Ok(Cow::Owned(weights::read(self.pool, wide.span(), n)?))
    }

    fn write(&self, value: &mut Activation, numbers: &[f32]) -> Outcome<()> {
        let n = value.dims.len();
        if numbers.len() != n {
            return Err(GpuError::size("numbers of a value", n, numbers.len()).into());
        }
        let wide = self.pool.take(4 * n)?;
        weights::write(self.pool, wide.span(), numbers)?;
        let (queue, to) = (self.pool.queue(), value.block.span());
        match self.storage() {
            Storage::F32 => elementwise::widen(queue, Storage::F32, to, wide.span(), n)?,
            Storage::Bf16 => elementwise::narrow(queue, to, wide.span(), n)?,
        }
        Ok(())
    }
}
