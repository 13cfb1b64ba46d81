//! Convolution as a candle operation.

use crate::conv::{ConvShape, PackedConv, Padding, forward, input_gradient, weight_gradient};
use crate::reuse;
use crate::simd::Isa;
use crate::tensor::{floats, slice, tensor};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::sync::OnceLock;

/// Images of one task.
const CHUNK: usize = 8;
/// Sums of the weight gradient that are made side by side, at most: they fix the order of summation, whatever the threads.
const PARTS: usize = 8;

/// Convolves `[n, h, w, cin]` with `[cout, cin, k, k]` to `[n, h', w', cout]`; with [`Padding::Same`] h' is ⌈h/s⌉. On all
/// cores; differentiable in both arguments.
///
/// # Errors
/// When shapes do not fit, or a tensor is not a contiguous `f32` tensor on the CPU.
pub fn conv2d(x: &Tensor, weight: &Tensor, stride: usize, padding: Padding) -> Result<Tensor> {
    x.apply_op2(weight, Convolution::new(stride, padding, [x.track_op(), weight.track_op()]))
}

/// Values and sizes of a tensor.
pub type Shaped<'a> = (&'a [f32], &'a [usize]);

/// One convolution of a whole batch on all cores, forward and back; weights are packed once for both.
#[derive(Debug)]
pub struct Convolution {
    stride: usize,
    padding: Padding,
    /// Whether input and weights want a gradient.
    wanted: [bool; 2],
    /// The weights of the forward pass, for the reverse one.
    packed: OnceLock<PackedConv>,
}

impl Convolution {
    /// With a stride of at least 1; input and weights want a gradient or not.
    pub fn new(stride: usize, padding: Padding, wanted: [bool; 2]) -> Self {
        Self { stride, padding, wanted, packed: OnceLock::new() }
    }

    fn shape(&self, x: &[usize], weight: &[usize]) -> Result<ConvShape> {
        let (&[_, h, w, cin], &[cout, inputs, kernel, kw]) = (x, weight) else {
            bail!("conv2d takes [n, h, w, cin] and [cout, cin, k, k], found {x:?} and {weight:?}");
        };
        if inputs != cin || kernel != kw || self.stride == 0 || kernel == 0 || h * w * cin * cout == 0 {
            bail!("conv2d at stride {}: {x:?} does not fit {weight:?}", self.stride);
        }
        Ok(ConvShape { cin, cout, kernel, stride: self.stride })
    }

    /// The result of `[n, h, w, cin]` and `[cout, cin, k, k]`, and its sizes.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, (x, sizes): Shaped<'_>, weight: Shaped<'_>) -> Result<(Vec<f32>, Vec<usize>)> {
        let shape = self.shape(sizes, weight.1)?;
        let (n, h, w) = (sizes[0], sizes[1], sizes[2]);
        let [for_input, for_weight] = self.wanted;
        let mut packed = PackedConv::padded(shape, self.padding, for_input, Isa::detect());
        packed.pack(weight.0);
        let dims = [n, packed.output(h), packed.output(w), shape.cout];
        if dims[1] * dims[2] == 0 {
            bail!("conv2d: a kernel of {} is larger than {h}×{w} with {:?}", shape.kernel, self.padding);
        }
        let mut y = reuse::stale(dims.iter().product());
        let images = x.par_chunks(CHUNK * h * w * shape.cin);
        let outputs = y.par_chunks_mut(CHUNK * dims[1] * dims[2] * dims[3]);
        images.zip(outputs).try_for_each(|(x, y)| forward(&packed, x, h, w, y))?;
        if for_input || for_weight {
            let _ = self.packed.set(packed);
        }
        Ok((y, dims.to_vec()))
    }

    /// Gradients of input and weights, as far as they are wanted, from that of the result.
    ///
    /// # Errors
    /// When shapes do not fit, or no forward pass was before.
    pub fn backward(
        &self,
        (x, sizes): Shaped<'_>,
        weight: &[usize],
        dy: &[f32],
    ) -> Result<[Option<Vec<f32>>; 2]> {
        let shape = self.shape(sizes, weight)?;
        let (n, h, w) = (sizes[0], sizes[1], sizes[2]);
        let packed = match self.packed.get() {
            Some(packed) => packed,
            None => bail!("conv2d: the forward pass kept nothing for the reverse pass"),
        };
        let (one_in, one_out) = (h * w * shape.cin, dy.len() / n.max(1));
        let [for_input, for_weight] = self.wanted;
        let mut dx = None;
        if for_input {
            let dx = dx.insert(reuse::stale(x.len()));
            let pairs = dx.par_chunks_mut(CHUNK * one_in).zip(dy.par_chunks(CHUNK * one_out));
            pairs.try_for_each(|(dx, dy)| input_gradient(packed, dy, h, w, dx, false))?;
        }
        if !for_weight {
            return Ok([dx, None]);
        }
        // A part is summed some images at a time, so that what they need stays in cache.
        let part = n.div_ceil(PARTS).next_multiple_of(CHUNK);
        let mut sums = reuse::zeroed(packed.gradient_len() * n.div_ceil(part).max(1));
        let parts = x.par_chunks(part * one_in).zip(dy.par_chunks(part * one_out));
        parts.zip(sums.par_chunks_exact_mut(packed.gradient_len())).try_for_each(|((x, dy), dw)| {
            let pieces = x.chunks(CHUNK * one_in).zip(dy.chunks(CHUNK * one_out));
            pieces.into_iter().try_for_each(|(x, dy)| weight_gradient(packed, x, dy, h, w, dw, true))
        })?;
        let (sum, parts) = sums.split_at_mut(packed.gradient_len());
        add_up(sum, parts);
        let mut dw = reuse::stale(shape.weights());
        packed.unpack_gradient(sum, &mut dw);
        reuse::give_back(sums);
        Ok([dx, Some(dw)])
    }
}

/// Values of a sum that one task adds up: they stay in cache from part to part.
const SUMMED: usize = 4 * 1024;

/// Adds parts of the size of the sum to it, one after another.
fn add_up(sum: &mut [f32], parts: &[f32]) {
    let all = sum.len();
    sum.par_chunks_mut(SUMMED).enumerate().for_each(|(task, sum)| {
        for part in parts.chunks_exact(all) {
            let part = &part[task * SUMMED..][..sum.len()];
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
    });
}

impl CustomOp2 for Convolution {
    fn name(&self) -> &'static str {
        "basin-conv2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = (slice(x, x_layout)?, x_layout.dims());
        let (y, dims) = self.forward(x, (slice(weight, weight_layout)?, weight_layout.dims()))?;
        Ok((CpuStorage::F32(y), Shape::from_dims(&dims)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let [dx, dw] = self.backward((&floats(x)?, x.dims()), weight.dims(), &floats(&dy)?)?;
        let dx = dx.map(|dx| tensor(dx, x.dims())).transpose()?;
        Ok((dx, dw.map(|dw| tensor(dw, weight.dims())).transpose()?))
    }
}
