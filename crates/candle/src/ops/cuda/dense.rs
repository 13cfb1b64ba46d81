//! A dense layer on a device.

use super::super::dense::Dense;
use super::conv::convolve;
use super::{Array, F32, Launched, On};
use basin_cuda::Room;
use basin_gpu::columns::Columns;
use basin_gpu::dense::Epilogue;
use basin_gpu::{Convolution, Operands, Pass, Precision, Span};
use basin_kernels::conv::{ConvShape, Padding};
use candle_core::Result;

/// The call of one product: a convolution of images of one pixel.
fn call(x: Array<'_>, weight: Array<'_>, pass: Pass) -> Convolution {
    let shape = ConvShape::dense(weight.dims[1], weight.dims[0]);
    let (padding, precision) = (Padding::Same, Precision::F32);
    Convolution { shape, padding, images: x.rows()[0], height: 1, width: 1, pass, precision, add: false }
}

/// x Wᵀ + b.
fn product(on: &On, x: Array<'_>, weight: Array<'_>, bias: Option<Span<'_>>) -> Result<(Room, Vec<usize>)> {
    let call = call(x, weight, Pass::Forward);
    let (rows, channels) = (call.images, call.shape.cout);
    let y = on.make(rows * channels, |output| {
        convolve(on, &call, Operands { input: x.span, weights: weight.span, output })?;
        let add = Epilogue { storage: F32, rows, channels, gelu: false, drop: None };
        bias.map_or(Ok(()), |bias| add.forward(on.queue(), output, bias, None, output))
    })?;
    let mut dims = x.dims.to_vec();
    if let Some(last) = dims.last_mut() {
        *last = channels;
    }
    Ok((y, dims))
}

fn gradients(
    on: &On,
    x: Array<'_>,
    weight: Array<'_>,
    [wants_x, wants_weight]: [bool; 2],
    dy: Array<'_>,
) -> Result<[Option<Room>; 2]> {
    let of_x = |input: Span<'_>| {
        let operands = Operands { input, weights: weight.span, output: dy.span };
        convolve(on, &call(x, weight, Pass::InputGradient), operands)
    };
    let of_weight = |weights: Span<'_>| {
        let operands = Operands { input: x.span, weights, output: dy.span };
        convolve(on, &call(x, weight, Pass::WeightGradient), operands)
    };
    let dx = wants_x.then(|| on.make(x.len(), of_x)).transpose()?;
    Ok([dx, wants_weight.then(|| on.make(weight.len(), of_weight)).transpose()?])
}

/// Sums over the rows.
pub(super) fn column_sums(on: &On, from: Span<'_>, [rows, columns]: [usize; 2]) -> Result<Room> {
    let all = Columns { from, storage: F32, rows, columns, pitch: columns };
    on.make(columns, |to| all.total(&on.pool, to))
}

impl Launched<2> for Dense {
    fn launch(&self, on: &On, [x, weight]: [Array<'_>; 2]) -> Result<(Room, Vec<usize>)> {
        product(on, x, weight, None)
    }

    fn launch_back(
        &self,
        on: &On,
        [x, weight]: [Array<'_>; 2],
        wanted: [bool; 2],
        _: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 2]> {
        gradients(on, x, weight, wanted, dy)
    }
}

impl Launched<3> for Dense {
    fn launch(&self, on: &On, [x, weight, bias]: [Array<'_>; 3]) -> Result<(Room, Vec<usize>)> {
        product(on, x, weight, Some(bias.span))
    }

    fn launch_back(
        &self,
        on: &On,
        [x, weight, _]: [Array<'_>; 3],
        [wants_x, wants_weight, wants_bias]: [bool; 3],
        _: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 3]> {
        let [dx, dw] = gradients(on, x, weight, [wants_x, wants_weight], dy)?;
        let db = wants_bias.then(|| column_sums(on, dy.span, dy.rows())).transpose()?;
        Ok([dx, dw, db])
    }
}
