//! Convolution as a candle operation.

use crate::conv::{ConvShape, PackedConv, Padding, forward, input_gradient, weight_gradient};
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
    let (input_gradient, kept) = (x.track_op(), x.track_op() || weight.track_op());
    x.apply_op2(weight, Conv2d { stride, padding, input_gradient, kept, packed: OnceLock::new() })
}

struct Conv2d {
    stride: usize,
    padding: Padding,
    /// Whether the input wants a gradient.
    input_gradient: bool,
    /// Whether a reverse pass may come.
    kept: bool,
    /// The weights of the forward pass, for the reverse one.
    packed: OnceLock<PackedConv>,
}

impl Conv2d {
    fn shape(&self, x: &[usize], weight: &[usize]) -> Result<ConvShape> {
        let (&[_, h, w, cin], &[cout, inputs, kernel, kw]) = (x, weight) else {
            bail!("conv2d takes [n, h, w, cin] and [cout, cin, k, k], found {x:?} and {weight:?}");
        };
        if inputs != cin || kernel != kw || self.stride == 0 || kernel == 0 || h * w * cin * cout == 0 {
            bail!("conv2d at stride {}: {x:?} does not fit {weight:?}", self.stride);
        }
        Ok(ConvShape { cin, cout, kernel, stride: self.stride })
    }

    fn packed(&self, shape: ConvShape, weights: &[f32]) -> PackedConv {
        let mut packed = PackedConv::padded(shape, self.padding, self.input_gradient, Isa::detect());
        packed.pack(weights);
        packed
    }
}

impl CustomOp2 for Conv2d {
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
        let shape = self.shape(x_layout.dims(), weight_layout.dims())?;
        let (n, h, w) = (x_layout.dims()[0], x_layout.dims()[1], x_layout.dims()[2]);
        let packed = self.packed(shape, slice(weight, weight_layout)?);
        let dims = [n, packed.output(h), packed.output(w), shape.cout];
        if dims[1] * dims[2] == 0 {
            bail!("conv2d: a kernel of {} is larger than {h}×{w} with {:?}", shape.kernel, self.padding);
        }
        let mut y = vec![0.0; dims.iter().product()];
        let images = slice(x, x_layout)?.par_chunks(CHUNK * h * w * shape.cin);
        let outputs = y.par_chunks_mut(CHUNK * dims[1] * dims[2] * dims[3]);
        images.zip(outputs).try_for_each(|(x, y)| forward(&packed, x, h, w, y))?;
        if self.kept {
            let _ = self.packed.set(packed);
        }
        Ok((CpuStorage::F32(y), Shape::from_dims(&dims)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let shape = self.shape(x.dims(), weight.dims())?;
        let (n, h, w, _) = x.dims4()?;
        let dy = dy.contiguous()?;
        let (images, gradients) = (floats(x)?, floats(&dy)?);
        let packed = match self.packed.get() {
            Some(packed) => packed,
            None => bail!("conv2d: the forward pass kept nothing for the reverse pass"),
        };
        let (one_in, one_out) = (h * w * shape.cin, y.elem_count() / n.max(1));
        let dx = if self.input_gradient {
            let mut dx = vec![0.0; images.len()];
            let pairs = dx.par_chunks_mut(CHUNK * one_in).zip(gradients.par_chunks(CHUNK * one_out));
            pairs.try_for_each(|(dx, dy)| input_gradient(packed, dy, h, w, dx, false))?;
            Some(tensor(dx, x.dims())?)
        } else {
            None
        };
        if !weight.track_op() {
            return Ok((dx, None));
        }
        // A part is summed some images at a time, so that what they need stays in cache.
        let part = n.div_ceil(PARTS).next_multiple_of(CHUNK);
        let parts = images.par_chunks(part * one_in).zip(gradients.par_chunks(part * one_out));
        let sums = parts.map(|(x, dy)| {
            let mut dw = vec![0.0; packed.gradient_len()];
            for (x, dy) in x.chunks(CHUNK * one_in).zip(dy.chunks(CHUNK * one_out)) {
                weight_gradient(packed, x, dy, h, w, &mut dw, true)?;
            }
            Ok(dw)
        });
        let mut sums = sums.collect::<Result<Vec<Vec<f32>>>>()?.into_iter();
        let mut sum = sums.next().unwrap_or_else(|| vec![0.0; packed.gradient_len()]);
        sums.for_each(|part| sum.iter_mut().zip(part).for_each(|(s, p)| *s += p));
        let mut dw = vec![0.0; shape.weights()];
        packed.unpack_gradient(&sum, &mut dw);
        Ok((dx, Some(tensor(dw, weight.dims())?)))
    }
}
