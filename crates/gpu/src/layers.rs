//! The layers on a device: a whole batch at once, put into a queue.

use super::attention::Attention;
use super::dense::{Drop, Epilogue};
use super::norm::{Kept, LayerNorm};
use super::tokens::Prepend;
use super::weights::Weights;
use super::{
    Block, Convolution, GpuError, Gradients, Operands, Pass, Pool, Span, Storage, elementwise, weights,
};
use basin_graph::Inputs;
use basin_graph::{Layers, Mode, Step};
use basin_graph::{Norm, Operation};
use basin_kernels::Dims;
use basin_kernels::conv::{ConvShape, Padding};
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
    pub(super) fn room(pool: &Pool, norm: &LayerNorm) -> Result<Self, GpuError> {
        let statistics = pool.take(4 * 2 * norm.rows)?;
        let passed = norm.relu.then(|| pool.take(norm.passed_bytes())).transpose()?;
        Ok(Self { statistics, passed })
    }

    pub(super) fn kept(&self) -> Kept<'_> {
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
        let (images, height, width) = (d.images, d.height, d.width);
        Ok(Convolution { shape, padding: Padding::Same, images, height, width, pass, precision, add })
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

    /// Drops values in place, if something is dropped.
    pub(super) fn drop_values(&self, d: Dims, at: Span<'_>, drop: Option<Drop<'_>>) -> Result<(), GpuError> {
        match drop {
            Some(_) => self.epilogue(d, false, drop).backward(self.pool.queue(), at, None, at),
            None => Ok(()),
        }
    }

    pub(super) fn epilogue<'m>(&self, d: Dims, gelu: bool, drop: Option<Drop<'m>>) -> Epilogue<'m> {
        Epilogue { storage: self.storage(), rows: d.rows(), channels: d.channels, gelu, drop }
    }

    pub(super) fn token(&self, d: Dims) -> Prepend {
        Prepend { storage: self.storage(), images: d.images, tokens: d.pixels(), channels: d.channels }
    }

    /// Sizes of attention on `[n, t, 1, 3d]`.
    pub(super) fn attention_of(&self, d: Dims, heads: usize) -> Result<Attention, GpuError> {
        if !d.channels.is_multiple_of(3) {
            return Err(GpuError::size("attention", "queries, keys and values", format!("{d:?}")));
        }
        let (precision, channels) = (self.weights.precision(), d.channels / 3);
        Ok(Attention { precision, images: d.images, tokens: d.pixels(), channels, heads })
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
        if site.is_some() && operation.drop_path() > 0.0 {
            candle_core::bail!(
                "model.drop_path is above 0, which a GPU does not do so far; set run.device=cpu"
            );
        }
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
            Operation::DropPath(_) => self.sum(x, None)?,
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
            Operation::ConvNorm { weight, norm, .. } => {
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
