//! Convolution with SAME padding as a candle operation.

use crate::conv::{ConvShape, PackedConv, forward, input_gradient, weight_gradient};
use crate::simd::Isa;
use crate::tensor::{floats, slice, tensor};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

/// Images of one task; in the weight gradient it fixes the order of summation, whatever the threads.
const CHUNK: usize = 8;

/// Convolves `[n, h, w, cin]` with `[cout, cin, k, k]` to `[n, ⌈h/s⌉, ⌈w/s⌉, cout]`. On all cores;
/// differentiable in both arguments.
///
/// # Errors
/// When shapes do not fit, or a tensor is not a contiguous `f32` tensor on the CPU.
pub fn conv2d(x: &Tensor, weight: &Tensor, stride: usize) -> Result<Tensor> {
    x.apply_op2(weight, Conv2d { stride })
}

struct Conv2d {
    stride: usize,
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
        let packed = PackedConv::new(shape, slice(weight, weight_layout)?, false, Isa::detect());
        let dims = [n, shape.output(h), shape.output(w), shape.cout];
        let mut y = vec![0.0; dims.iter().product()];
        let images = slice(x, x_layout)?.par_chunks(CHUNK * h * w * shape.cin);
        let outputs = y.par_chunks_mut(CHUNK * dims[1] * dims[2] * dims[3]);
        images.zip(outputs).try_for_each(|(x, y)| forward(&packed, x, h, w, y))?;
        Ok((CpuStorage::F32(y), Shape::from_dims(&dims)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let shape = self.shape(x.dims(), weight.dims())?;
        let (_, h, w, _) = x.dims4()?;
        let dy = dy.contiguous()?;
        let (images, gradients) = (floats(x)?, floats(&dy)?);
        let packed = PackedConv::new(shape, &floats(weight)?, true, Isa::detect());
        let (one_in, one_out) = (h * w * shape.cin, shape.output(h) * shape.output(w) * shape.cout);

        let mut dx = vec![0.0; images.len()];
        let pairs = dx.par_chunks_mut(CHUNK * one_in).zip(gradients.par_chunks(CHUNK * one_out));
        pairs.try_for_each(|(dx, dy)| input_gradient(&packed, dy, h, w, dx, false))?;

        let chunks = images.par_chunks(CHUNK * one_in).zip(gradients.par_chunks(CHUNK * one_out));
        let partial = chunks
            .map(|(x, dy)| {
                let mut dw = vec![0.0; packed.gradient_len()];
                weight_gradient(&packed, x, dy, h, w, &mut dw, false)?;
                Ok(dw)
            })
            .collect::<Result<Vec<Vec<f32>>>>()?;
        let mut sum = vec![0.0; packed.gradient_len()];
        partial.iter().for_each(|part| sum.iter_mut().zip(part).for_each(|(s, p)| *s += p));
        let mut dw = vec![0.0; shape.weights()];
        packed.unpack_gradient(&sum, &mut dw);
        Ok((Some(tensor(dx, x.dims())?), Some(tensor(dw, weight.dims())?)))
    }
}
