//! Convolution.

use super::OpError;
use super::count::count;
use super::kernel::{Kernel, Values, apply, check, ready, spent};
use basin_kernels::conv::{ConvShape, Padding};
use basin_kernels::ops::Convolution;
use candle_core::{Result, Tensor};
use std::borrow::Cow;

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
    let on_host = Convolution::new(stride, padding, [&x, &weight].map(Tensor::track_op));
    apply(Conv { stride, padding, on_host }, [&x, &weight])
}

/// What a device's kernels are told is told to those of the CPU at the beginning.
#[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "read where there is a device"))]
pub(super) struct Conv {
    pub(super) stride: usize,
    pub(super) padding: Padding,
    on_host: Convolution,
}

impl Kernel<2> for Conv {
    const NAME: &'static str = "basin-conv2d";

    fn forward(&self, [x, weight]: [Values<'_>; 2]) -> Result<(Vec<f32>, Vec<usize>)> {
        self.on_host.forward((x.data, x.dims), (weight.data, weight.dims))
    }

    fn backward(
        &self,
        [x, weight]: [Values<'_>; 2],
        _: [bool; 2],
        _: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 2]> {
        let gradients = self.on_host.backward((x.data, x.dims), weight.dims, &dy);
        spent(dy);
        gradients
    }
}
