//! Convolution on a device.

use super::super::conv::Conv;
use super::{Array, Launched, On};
use basin_cuda::Room;
use basin_gpu::{Block, Convolution, GpuError, Operands, Pass, Precision, Span, arrays};
use basin_kernels::conv::ConvShape;
use candle_core::Result;

/// The call of one product, from the shapes of images and weights, which were checked.
fn call(of: &Conv, x: &[usize], weight: &[usize], pass: Pass) -> Convolution {
    let shape = ConvShape { cin: weight[1], cout: weight[0], kernel: weight[2], stride: of.stride };
    let (images, height, width) = (x[0], x[1], x[2]);
    let (padding, precision) = (of.padding.of(shape), Precision::F32);
    Convolution { shape, padding, images, height, width, pass, precision, add: false }
}

/// Whether weights lie for the kernels, `[cout, kh, kw, cin]`, as they do for PyTorch, `[cout, cin, kh, kw]`.
fn in_one_order(shape: ConvShape) -> bool {
    shape.kernel == 1 || shape.cin == 1
}

/// PyTorch's weights as the kernels read them; nothing where that is the same.
fn reordered(on: &On, shape: ConvShape, weight: Span<'_>) -> Result<Option<Block>> {
    if in_one_order(shape) {
        return Ok(None);
    }
    let to = on.pool.take(4 * shape.weights())?;
    arrays::swap_axes(on.queue(), to.span(), weight, [shape.cout, shape.cin, shape.kernel * shape.kernel])?;
    Ok(Some(to))
}

pub(super) fn convolve(
    on: &On,
    call: &Convolution,
    operands: Operands<'_>,
) -> std::result::Result<(), GpuError> {
    call.check(&operands)?;
    let scratch = on.pool.take(on.queue().convolution_scratch(call)?)?;
    on.queue().convolve(call, operands, scratch.span())
}

impl Launched<2> for Conv {
    fn launch(&self, on: &On, [x, weight]: [Array<'_>; 2]) -> Result<(Room, Vec<usize>)> {
        let call = call(self, x.dims, weight.dims, Pass::Forward);
        let ours = reordered(on, call.shape, weight.span)?;
        let weights = ours.as_ref().map_or(weight.span, Block::span);
        let [rows, columns] = call.output();
        let y = on.make(call.output_rows() * call.shape.cout, |output| {
            convolve(on, &call, Operands { input: x.span, weights, output })
        })?;
        Ok((y, vec![call.images, rows, columns, call.shape.cout]))
    }

    fn launch_back(
        &self,
        on: &On,
        [x, weight]: [Array<'_>; 2],
        [wants_x, wants_weight]: [bool; 2],
        _: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 2]> {
        let of = |pass| call(self, x.dims, weight.dims, pass);
        let (mut dx, mut dw) = (None, None);
        if wants_x {
            let call = of(Pass::InputGradient);
            let ours = reordered(on, call.shape, weight.span)?;
            let weights = ours.as_ref().map_or(weight.span, Block::span);
            dx =
                Some(on.make(x.len(), |input| {
                    convolve(on, &call, Operands { input, weights, output: dy.span })
                })?);
        }
        if wants_weight {
            let call = of(Pass::WeightGradient);
            let ConvShape { cin, cout, kernel, .. } = call.shape;
            let product =
                |weights: Span<'_>| convolve(on, &call, Operands { input: x.span, weights, output: dy.span });
            dw = Some(match in_one_order(call.shape) {
                true => on.make(weight.len(), product)?,
                false => {
                    let ours = on.pool.take(4 * weight.len())?;
                    product(ours.span())?;
                    on.make(weight.len(), |to| {
                        arrays::swap_axes(on.queue(), to, ours.span(), [cout, kernel * kernel, cin])
                    })?
                }
            });
        }
        Ok([dx, dw])
    }
}
