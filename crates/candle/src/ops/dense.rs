//! A dense layer.

use super::OpError;
use super::count::count;
use super::kernel::{Kernel, Values, apply, check, ready, spent};
use basin_kernels::bias::{add_bias, bias_gradient};
use basin_kernels::conv::{ConvShape, PackedConv, forward_then, input_gradient};
use basin_kernels::dense::{self as few, FEW_ROWS};
use basin_kernels::{Isa, reuse};
use candle_core::{Result, Tensor};
use rayon::prelude::*;
use std::borrow::Cow;
use std::sync::OnceLock;

/// Rows of one task, from few to many rows: they also fix the order of summation, whatever the threads.
const ROWS: (usize, usize) = (16, 256);
/// Tasks there are with many rows.
const TASKS: usize = 8;

/// x Wᵀ + b for rows `[…, in]`, `W` `[out, in]` and `b` `[out]`, if any. Differentiable in all three.
///
/// # Errors
/// [`OpError`].
pub fn dense(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    check("dense", [x, weight])?;
    let fits = match (x.dims().last(), weight.dims()) {
        (Some(&inputs), &[outputs, width]) => {
            inputs == width && inputs * outputs > 0 && bias.is_none_or(|bias| bias.dims() == [outputs])
        }
        _ => false,
    };
    if !fits {
        let bias = bias.map_or(&[][..], Tensor::dims);
        let found = format!("{:?}, weights {:?}, bias {bias:?}", x.dims(), weight.dims());
        let expected = "[…, in], [out, in] and [out]";
        return Err(OpError::Shape { operation: "dense", found, expected }.into());
    }
    let (outputs, _) = weight.dims2()?;
    let (macs, mut result) = (x.elem_count() as u64 * outputs as u64, x.dims().to_vec());
    if let Some(last) = result.last_mut() {
        *last = outputs;
    }
    if let Some(counted) = count(macs, weight.elem_count(), &result) {
        return counted;
    }
    let [x, weight] = ready("dense", [x, weight])?;
    let kernel = Dense { input: x.track_op(), packed: OnceLock::new() };
    match bias {
        None => apply(kernel, [&x, &weight]),
        Some(bias) => {
            let [bias] = ready("dense", [bias])?;
            apply(kernel, [&x, &weight, &bias])
        }
    }
}

pub(super) struct Dense {
    /// Whether the input wants a gradient.
    input: bool,
    /// The weights of the forward pass, for the reverse one: of many rows, where packing them pays.
    packed: OnceLock<PackedConv>,
}

fn rows_of_a_task(rows: usize) -> usize {
    rows.div_ceil(TASKS).clamp(ROWS.0, ROWS.1)
}

impl Dense {
    fn run(&self, x: Values<'_>, weight: Values<'_>, bias: Option<&[f32]>) -> Result<(Vec<f32>, Vec<usize>)> {
        let (outputs, inputs, isa) = (weight.dims[0], weight.dims[1], Isa::detect());
        let rows = x.data.len() / inputs;
        let mut y = reuse::stale(rows * outputs);
        if rows <= FEW_ROWS {
            few::forward(x.data, weight.data, bias, [inputs, outputs], &mut y, isa);
        } else {
            let shape = ConvShape::dense(inputs, outputs);
            let packed = self.packed.get_or_init(|| PackedConv::new(shape, weight.data, self.input, isa));
            let each = rows_of_a_task(rows);
            let tasks = y.par_chunks_mut(each * outputs).zip(x.data.par_chunks(each * inputs));
            tasks.try_for_each(|(y, x)| {
                forward_then(packed, x, 1, 1, y, |_, rows| {
                    if let Some(bias) = bias {
                        add_bias(rows, bias, None, isa);
                    }
                })
            })?;
        }
        let mut dims = x.dims.to_vec();
        if let Some(last) = dims.last_mut() {
            *last = outputs;
        }
        Ok((y, dims))
    }

    fn gradients(
        &self,
        x: &[f32],
        weight: Values<'_>,
        [wants_x, wants_weight]: [bool; 2],
        dy: &[f32],
    ) -> Result<[Option<Vec<f32>>; 2]> {
        let (outputs, inputs, isa) = (weight.dims[0], weight.dims[1], Isa::detect());
        let rows = x.len() / inputs;
        let dx = if wants_x { Some(self.of_input(weight.data, [inputs, outputs], rows, dy)?) } else { None };
        let dw = wants_weight.then(|| {
            let mut dw = reuse::stale(inputs * outputs);
            few::weight_gradient(x, dy, [inputs, outputs], &mut dw, isa);
            dw
        });
        Ok([dx, dw])
    }

    fn of_input(&self, weight: &[f32], sizes: [usize; 2], rows: usize, dy: &[f32]) -> Result<Vec<f32>> {
        let [inputs, outputs] = sizes;
        let mut dx = reuse::stale(rows * inputs);
        if rows <= FEW_ROWS {
            few::input_gradient(dy, weight, sizes, &mut dx, Isa::detect());
            return Ok(dx);
        }
        let Some(packed) = self.packed.get() else {
            candle_core::bail!("dense kept nothing for the reverse pass");
        };
        let each = rows_of_a_task(rows);
        let tasks = dx.par_chunks_mut(each * inputs).zip(dy.par_chunks(each * outputs));
        tasks.try_for_each(|(dx, dy)| input_gradient(packed, dy, 1, 1, dx, false))?;
        Ok(dx)
    }
}

impl Kernel<2> for Dense {
    const NAME: &'static str = "basin-dense";

    fn forward(&self, [x, weight]: [Values<'_>; 2]) -> Result<(Vec<f32>, Vec<usize>)> {
        self.run(x, weight, None)
    }

    fn backward(
        &self,
        [x, weight]: [Values<'_>; 2],
        wanted: [bool; 2],
        _: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 2]> {
        let gradients = self.gradients(x.data, weight, wanted, &dy);
        spent(dy);
        gradients
    }
}

impl Kernel<3> for Dense {
    const NAME: &'static str = "basin-dense-bias";

    fn forward(&self, [x, weight, bias]: [Values<'_>; 3]) -> Result<(Vec<f32>, Vec<usize>)> {
        self.run(x, weight, Some(bias.data))
    }

    fn backward(
        &self,
        [x, weight, bias]: [Values<'_>; 3],
        [wants_x, wants_weight, wants_bias]: [bool; 3],
        _: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 3]> {
        let [dx, dw] = self.gradients(x.data, weight, [wants_x, wants_weight], &dy)?;
        let db = wants_bias.then(|| {
            let mut db = vec![0.0; bias.data.len()];
            if !dy.is_empty() {
                bias_gradient(&dy, dy.len() / bias.data.len(), &mut db, Isa::detect());
            }
            db
        });
        spent(dy);
        Ok([dx, dw, db])
    }
}
