//! Forward passes of single layers on the device, shared by evaluation and training.

use super::attention::Attention;
use super::dense::{Drop, Epilogue};
use super::norm::{Kept, LayerNorm};
use super::tokens::Prepend;
use super::weights::Weights;
use super::{Block, Convolution, GpuError, Operands, Pass, Pool, Storage, head, tokens};
use crate::graph::{Dense, Norm};
use crate::weights::ParamId;
use crate::{Dims, conv::ConvShape};

/// An intermediate result on the device.
#[derive(Debug)]
pub struct Activation {
    /// Sizes.
    pub dims: Dims,
    /// Values in the network's storage, channels fastest.
    pub block: Block,
}

/// What layers work with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Device<'w> {
    pub(super) pool: &'w Pool,
    pub(super) weights: &'w Weights,
}

/// What the reverse pass of a normalisation needs besides its input.
#[derive(Debug)]
pub(super) struct Normalised {
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

impl Device<'_> {
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
