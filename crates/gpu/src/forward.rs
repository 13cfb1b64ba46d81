//! The forward pass on a device, operation by operation.

use super::dense::Drop;
use super::layers::{Activation, GpuLayers, Normalised};
use super::norm::Kept;
use super::{Block, GpuError, Operands, Pass, elementwise, head, nonlinearity, tokens};
use basin_graph::ParamId;
use basin_graph::{Dense, Nonlinearity, Norm};
use basin_kernels::Dims;

impl GpuLayers<'_> {
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
    pub(super) fn conv(
        &self,
        x: &Activation,
        weight: ParamId,
        bias: Option<ParamId>,
    ) -> Result<Activation, GpuError> {
        let z = self.multiply(x, weight)?;
        if let Some(bias) = bias {
            let (offset, at) = (self.weights.plain(bias)?, z.block.span());
            self.epilogue(z.dims, false, None).forward(self.pool.queue(), at, offset, None, at)?;
        }
        Ok(z)
    }

    pub(super) fn nonlinearity(
        &self,
        x: &Activation,
        function: Nonlinearity,
    ) -> Result<Activation, GpuError> {
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
