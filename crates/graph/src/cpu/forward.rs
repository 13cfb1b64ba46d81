//! Forward passes of single layers on the CPU.

use crate::operation::{Dense, Nonlinearity, Norm};
use crate::weights::{ParamId, Weights};
use basin_kernels::Isa;
use basin_kernels::conv::forward_then;
use basin_kernels::norm::NormShape;
use basin_kernels::{Activation, Buffer, Dims};
use basin_kernels::{attention, bias, dropout, gelu, head, norm, tokens};
use candle_core::Result;

/// Where dropout gets its masks from: a seed per image, and the number of the layer that drops.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drop<'a> {
    pub(super) seeds: &'a [u64],
    pub(super) site: u32,
}

impl Drop<'_> {
    /// Drops what a dense layer drops: single values, then all of an image.
    pub(super) fn values(&self, x: &mut [f32], layer: Dense, isa: Isa) {
        dropout::apply(x, self.seeds, self.site, layer.dropout, isa);
        let after = self.site + u32::from(layer.dropout > 0.0);
        dropout::drop_images(x, self.seeds, after, layer.drop_path);
    }
}

/// What the reverse pass of a normalisation needs besides input and output.
#[derive(Debug)]
pub(super) struct Normalised {
    /// The values that were normalised.
    pub(super) before: Buffer,
    /// `[rows, 2]`.
    pub(super) statistics: Buffer,
}

/// Shape, γ and β of a norm over `channels`.
pub(super) fn norm_parts(weights: &Weights, channels: usize, n: Norm) -> Result<(NormShape, &[f32], &[f32])> {
    let (gamma, beta) = (weights.plain(n.scale), weights.plain(n.shift));
    if gamma.len() != channels || beta.len() != channels || channels == 0 {
        candle_core::bail!("a norm of {} channels was given {channels}", gamma.len());
    }
    Ok((NormShape { channels, epsilon: n.epsilon, relu: n.relu }, gamma, beta))
}

/// Convolution and norm, line by line while the line is in cache. `keep` is for training.
pub(super) fn conv_norm(
    weights: &Weights,
    x: &Activation,
    id: ParamId,
    shortcut: Option<&Activation>,
    n: Norm,
    keep: bool,
) -> Result<(Activation, Option<Normalised>)> {
    let (packed, d) = (weights.conv(id)?, x.dims);
    if d.channels != packed.shape().cin {
        candle_core::bail!("a convolution of {} channels was given {d:?}", packed.shape().cin);
    }
    let c = packed.shape().cout;
    let dims = Dims::new(d.images, packed.output(d.height), packed.output(d.width), c);
    if let Some(shortcut) = shortcut.filter(|s| s.dims != dims) {
        candle_core::bail!("a shortcut of {:?} for {dims:?}", shortcut.dims);
    }
    let (shape, gamma, beta) = norm_parts(weights, c, n)?;
    let part = |first: usize, len: usize| shortcut.map(|s| &s.data[first * c..][..len]);
    let mut out = Buffer::stale(dims.len());
    if !keep {
        forward_then(packed, &x.data, d.height, d.width, &mut out, |first, rows| {
            norm::forward_in_place(shape, rows, part(first, rows.len()), gamma, beta, weights.isa());
        })?;
        return Ok((Activation { dims, data: out }, None));
    }
    let (mut y, mut statistics) = (Buffer::stale(dims.len()), Buffer::stale(2 * dims.rows()));
    forward_then(packed, &x.data, d.height, d.width, &mut out, |first, rows| {
        let (y, statistics) =
            (&mut y[first * c..][..rows.len()], &mut statistics[2 * first..][..2 * rows.len() / c]);
        norm::forward(shape, rows, part(first, rows.len()), gamma, beta, y, statistics, weights.isa());
    })?;
    Ok((Activation { dims, data: y }, Some(Normalised { before: out, statistics })))
}

/// A convolution, and its bias where given.
pub(super) fn conv(
    weights: &Weights,
    x: &Activation,
    id: ParamId,
    bias: Option<ParamId>,
) -> Result<Activation> {
    let (packed, d) = (weights.conv(id)?, x.dims);
    let s = packed.shape();
    let offset = bias.map(|bias| weights.plain(bias));
    if d.channels != s.cin || offset.is_some_and(|offset| offset.len() != s.cout) {
        candle_core::bail!("{s:?} with a bias of {:?} was given {d:?}", offset.map(<[f32]>::len));
    }
    let dims = Dims::new(d.images, packed.output(d.height), packed.output(d.width), s.cout);
    let mut data = Buffer::stale(dims.len());
    forward_then(packed, &x.data, d.height, d.width, &mut data, |_, rows| {
        if let Some(offset) = offset {
            bias::add_bias(rows, offset, None, weights.isa());
        }
    })?;
    Ok(Activation { dims, data })
}

/// A function of every value.
pub(super) fn nonlinearity(weights: &Weights, x: &Activation, function: Nonlinearity) -> Activation {
    let mut data = Buffer::stale(x.data.len());
    match function {
        // In this order NaN stays NaN, as in PyTorch.
        Nonlinearity::Relu => {
            data.iter_mut().zip(&*x.data).for_each(|(y, x)| *y = if *x < 0.0 { 0.0 } else { *x });
        }
        Nonlinearity::Gelu => gelu::forward(&x.data, &mut data, weights.isa()),
    }
    Activation { dims: x.dims, data }
}

/// The sum of two values of one size.
pub(super) fn add(x: &Activation, other: &Activation) -> Result<Activation> {
    if x.dims != other.dims {
        candle_core::bail!("a sum of {:?} and {:?}", x.dims, other.dims);
    }
    let mut data = Buffer::copied(&x.data);
    data.iter_mut().zip(&*other.data).for_each(|(x, other)| *x += other);
    Ok(Activation { dims: x.dims, data })
}

/// Some values zero, the others scaled up; all as they are without a drop.
pub(super) fn drop_values(
    weights: &Weights,
    x: &Activation,
    rate: f32,
    drop: Option<Drop<'_>>,
) -> Activation {
    let mut y = copied(x);
    if let Some(Drop { seeds, site }) = drop {
        dropout::apply(&mut y.data, seeds, site, rate, weights.isa());
    }
    y
}

/// The same values.
pub(super) fn copied(x: &Activation) -> Activation {
    Activation { dims: x.dims, data: Buffer::copied(&x.data) }
}

/// A residual branch, dropped for some images, plus its shortcut, and a ReLU where one follows.
pub(super) fn joined(
    mut branch: Activation,
    shortcut: Option<&Activation>,
    Drop { seeds, site }: Drop<'_>,
    drop_path: f32,
    relu: bool,
) -> Result<Activation> {
    if let Some(shortcut) = shortcut.filter(|s| s.dims != branch.dims) {
        candle_core::bail!("a shortcut of {:?} for {:?}", shortcut.dims, branch.dims);
    }
    dropout::drop_images(&mut branch.data, seeds, site, drop_path);
    if let Some(shortcut) = shortcut {
        branch.data.iter_mut().zip(&*shortcut.data).for_each(|(y, s)| *y += s);
    }
    if relu {
        // In this order NaN stays NaN, as in PyTorch.
        branch.data.iter_mut().for_each(|y| *y = if *y < 0.0 { 0.0 } else { *y });
    }
    Ok(branch)
}

/// LayerNorm and its statistics.
pub(super) fn layer_norm(weights: &Weights, x: &Activation, n: Norm) -> Result<(Activation, Buffer)> {
    let (shape, gamma, beta) = norm_parts(weights, x.dims.channels, n)?;
    let (mut y, mut statistics) = (Buffer::stale(x.data.len()), Buffer::stale(2 * x.dims.rows()));
    norm::forward(shape, &x.data, None, gamma, beta, &mut y, &mut statistics, weights.isa());
    Ok((Activation { dims: x.dims, data: y }, statistics))
}

pub(super) fn mean_pool(x: &Activation) -> Activation {
    let d = x.dims;
    let mut data = Buffer::stale(d.images * d.channels);
    head::mean_pool(&x.data, d.pixels(), d.channels, &mut data);
    Activation { dims: Dims::new(d.images, 1, 1, d.channels), data }
}

/// The layer's output, and with a GELU the values before it.
pub(super) fn dense(
    weights: &Weights,
    x: &Activation,
    layer: Dense,
    residual: Option<&Activation>,
    drop: Option<Drop<'_>>,
) -> Result<(Activation, Option<Buffer>)> {
    let (packed, offset, isa) = (weights.conv(layer.weight)?, weights.plain(layer.bias), weights.isa());
    let shape = packed.shape();
    if shape.kernel != 1 || x.dims.channels != shape.cin || offset.len() != shape.cout {
        candle_core::bail!("a dense layer {}×{} was given {:?}", shape.cout, shape.cin, x.dims);
    }
    let dims = Dims { channels: shape.cout, ..x.dims };
    if let Some(residual) = residual.filter(|r| r.dims != dims) {
        candle_core::bail!("a residual of {:?} for {dims:?}", residual.dims);
    }
    let residual = residual.map(|r| &*r.data);
    let mut out = Buffer::stale(dims.len());
    let (h, w) = (x.dims.height, x.dims.width);
    if !layer.gelu {
        // Dropout comes between the bias and the residual; without it they are added together.
        let early = residual.filter(|_| drop.is_none());
        forward_then(packed, &x.data, h, w, &mut out, |first, rows| {
            let part = early.map(|r| &r[first * shape.cout..][..rows.len()]);
            bias::add_bias(rows, offset, part, isa);
        })?;
        if let Some(drop) = drop {
            drop.values(&mut out, layer, isa);
            if let Some(residual) = residual {
                out.iter_mut().zip(residual).for_each(|(o, r)| *o += r);
            }
        }
        return Ok((Activation { dims, data: out }, None));
    }
    let mut y = Buffer::stale(dims.len());
    forward_then(packed, &x.data, h, w, &mut out, |first, rows| {
        gelu::bias_gelu(rows, offset, &mut y[first * shape.cout..][..rows.len()], isa);
    })?;
    if let Some(drop) = drop {
        drop.values(&mut y, layer, isa);
    }
    if let Some(residual) = residual {
        y.iter_mut().zip(residual).for_each(|(o, r)| *o += r);
    }
    Ok((Activation { dims, data: y }, Some(out)))
}

pub(super) fn patches(x: &Activation, patch: usize) -> Result<Activation> {
    let d = x.dims;
    if patch == 0 || d.height != d.width || !d.height.is_multiple_of(patch) {
        candle_core::bail!("{d:?} cannot be cut into patches of {patch}×{patch}");
    }
    let side = d.height / patch;
    let dims = Dims::new(d.images, side * side, 1, d.channels * patch * patch);
    let mut data = Buffer::stale(dims.len());
    tokens::patches(&x.data, d.height, d.channels, patch, &mut data);
    Ok(Activation { dims, data })
}

pub(super) fn prepend(
    weights: &Weights,
    x: &Activation,
    class: ParamId,
    positions: ParamId,
) -> Result<Activation> {
    let (class, positions, d) = (weights.plain(class), weights.plain(positions), x.dims);
    let dims = Dims { height: d.pixels() + 1, width: 1, ..d };
    if class.len() != d.channels || positions.len() != dims.height * d.channels {
        candle_core::bail!("{} positions and a class token of {} for {d:?}", positions.len(), class.len());
    }
    let mut data = Buffer::stale(dims.len());
    tokens::prepend(&x.data, class, positions, &mut data);
    Ok(Activation { dims, data })
}

/// The output and the logarithms of the softmax sums, `[n, heads, t]`.
pub(super) fn attention(weights: &Weights, qkv: &Activation, heads: usize) -> Result<(Activation, Buffer)> {
    let (d, channels) = (qkv.dims, qkv.dims.channels / 3);
    if heads == 0 || d.is_empty() || d.channels != 3 * channels || !channels.is_multiple_of(heads) {
        candle_core::bail!("attention with {heads} heads was given {d:?}");
    }
    let dims = Dims { channels, ..d };
    let mut data = Buffer::stale(dims.len());
    let mut log_sum = Buffer::stale(dims.rows() * heads);
    attention::forward(&qkv.data, d.pixels(), channels, heads, &mut data, &mut log_sum, weights.isa());
    Ok((Activation { dims, data }, log_sum))
}

pub(super) fn first_token(x: &Activation) -> Activation {
    let d = x.dims;
    let mut data = Buffer::stale(d.images * d.channels);
    tokens::first_token(&x.data, d.pixels(), d.channels, &mut data);
    Activation { dims: Dims::new(d.images, 1, 1, d.channels), data }
}
