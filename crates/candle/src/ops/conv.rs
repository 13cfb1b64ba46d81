//! Convolution.

use super::OpError;
use super::count::count;
use super::kernel::ready;
use basin_kernels::conv::Padding;
use basin_kernels::ops;
use candle_core::{Result, Tensor};

/// Convolves `[n, h, w, cin]` with `[cout, cin, k, k]` to `[n, h', w', cout]`, in one group. [`Padding::Same`] is
/// TensorFlow's and XLA's (h' = ⌈h/s⌉), [`Padding::Each`] PyTorch's `padding`. Differentiable in both.
///
/// # Errors
/// [`OpError`], where shapes do not fit also where the kernel is larger than the padded image.
pub fn conv2d(x: &Tensor, weight: &Tensor, stride: usize, padding: Padding) -> Result<Tensor> {
    let [x, weight] = ready("conv2d", [x, weight])?;
    let fits = match (x.dims(), weight.dims()) {
        (&[_, h, w, cin], &[cout, inputs, kernel, width]) => {
            let around = if let Padding::Each(pad) = padding { 2 * pad } else { kernel };
            let reaches = h + around >= kernel && w + around >= kernel;
            inputs == cin && kernel == width && h * w * cin * cout * kernel > 0 && reaches
        }
        _ => false,
    };
    if !fits {
        let found = format!("{:?} and weights {:?} with padding {padding:?}", x.dims(), weight.dims());
        let expected =
            "[n, h, w, cin] and [cout, cin, k, k] of sizes above 0, k at most the padded image's side";
        return Err(OpError::Shape { operation: "conv2d", found, expected }.into());
    }
    if stride == 0 {
        let (found, expected) = ("0".into(), "at least 1");
        return Err(OpError::Number { operation: "conv2d", name: "stride", found, expected }.into());
    }
    let y = ops::conv2d(&x, &weight, stride, padding)?;
    let (weights, channels) = (weight.elem_count(), weight.dim(0)?);
    count(y.elem_count() / channels * weights, weights);
    Ok(y)
}
