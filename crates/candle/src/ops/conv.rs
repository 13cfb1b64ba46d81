//! Convolution.

use super::OpError;
use super::count::count;
use super::kernel::{check, ready};
use basin_kernels::conv::{ConvShape, Padding};
use basin_kernels::ops;
use candle_core::{Result, Tensor};

/// Convolves `[n, h, w, cin]` with `[cout, cin, k, k]` to `[n, h', w', cout]`, in one group. [`Padding::Same`] is
/// TensorFlow's and XLA's (h' = ⌈h/s⌉), [`Padding::Each`] PyTorch's `padding`. Differentiable in both.
///
/// # Errors
/// [`OpError`], where shapes do not fit also where the kernel is larger than the padded image.
pub fn conv2d(x: &Tensor, weight: &Tensor, stride: usize, padding: Padding) -> Result<Tensor> {
    check("conv2d", [x, weight])?;
    if stride == 0 {
        let (found, expected) = ("0".into(), "at least 1");
        return Err(OpError::Number { operation: "conv2d", name: "stride", found, expected }.into());
    }
    let result = match (x.dims(), weight.dims()) {
        (&[n, h, w, cin], &[cout, inputs, kernel, width])
            if inputs == cin && kernel == width && h * w * cin * cout * kernel > 0 =>
        {
            let side = |side| padding.output(ConvShape { cin, cout, kernel, stride }, side);
            Some([n, side(h), side(w), cout]).filter(|[_, h, w, _]| h * w > 0)
        }
        _ => None,
    };
    let Some(result) = result else {
        let found = format!("{:?} and weights {:?} with padding {padding:?}", x.dims(), weight.dims());
        let expected =
            "[n, h, w, cin] and [cout, cin, k, k] of sizes above 0, k at most the padded image's side";
        return Err(OpError::Shape { operation: "conv2d", found, expected }.into());
    };
    let ([n, h, w, _], weights) = (result, weight.elem_count());
    if let Some(counted) = count((n * h * w) as u64 * weights as u64, weights, &result) {
        return counted;
    }
    let [x, weight] = ready("conv2d", [x, weight])?;
    ops::conv2d(&x, &weight, stride, padding)
}
