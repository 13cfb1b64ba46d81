//! A dense layer.

use super::OpError;
use super::count::count;
use super::kernel::{Kernel, Op, Values, check, ready};
use basin_kernels::Isa;
use basin_kernels::bias::{add_bias, bias_gradient};
use basin_kernels::conv::{ConvShape, PackedConv, forward_then, input_gradient, weight_gradient};
use candle_core::{Result, Tensor};
use rayon::prelude::*;
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
    let op = Op(Dense { input: x.track_op(), packed: OnceLock::new() });
    match bias {
        None => x.apply_op2(&weight, op),
        Some(bias) => {
            let [bias] = ready("dense", [bias])?;
            x.apply_op3(&weight, &bias, op)
        }
    }
}

struct Dense {
    /// Whether the input wants a gradient.
    input: bool,
    /// The weights of the forward pass, for the reverse one.
    packed: OnceLock<PackedConv>,
}

fn rows_of_a_task(rows: usize) -> usize {
    rows.div_ceil(TASKS).clamp(ROWS.0, ROWS.1)
}

impl Dense {
    fn run(&self, x: Values<'_>, weight: Values<'_>, bias: Option<&[f32]>) -> Result<(Vec<f32>, Vec<usize>)> {
        let (outputs, inputs, isa) = (weight.dims[0], weight.dims[1], Isa::detect());
        let packed = self
            .packed
            .get_or_init(|| PackedConv::new(ConvShape::dense(inputs, outputs), weight.data, self.input, isa));
        let rows = x.data.len() / inputs;
        let (mut y, each) = (vec![0.0; rows * outputs], rows_of_a_task(rows));
        let tasks = y.par_chunks_mut(each * outputs).zip(x.data.par_chunks(each * inputs));
        tasks.try_for_each(|(y, x)| {
            forward_then(packed, x, 1, 1, y, |_, rows| {
                if let Some(bias) = bias {
                    add_bias(rows, bias, None, isa);
                }
            })
        })?;
        let mut dims = x.dims.to_vec();
        if let Some(last) = dims.last_mut() {
            *last = outputs;
        }
        Ok((y, dims))
    }

    fn gradients(
        &self,
        x: &[f32],
        [inputs, outputs]: [usize; 2],
        [wants_x, wants_weight]: [bool; 2],
        dy: &[f32],
    ) -> Result<[Option<Vec<f32>>; 2]> {
        let Some(packed) = self.packed.get() else {
            candle_core::bail!("dense kept nothing for the reverse pass");
        };
        let rows = x.len() / inputs;
        let each = rows_of_a_task(rows);
        let mut dx = None;
        if wants_x {
            let dx = dx.insert(vec![0.0; x.len()]);
            let tasks = dx.par_chunks_mut(each * inputs).zip(dy.par_chunks(each * outputs));
            tasks.try_for_each(|(dx, dy)| input_gradient(packed, dy, 1, 1, dx, false))?;
        }
        let mut dw = None;
        if wants_weight {
            let mut sum = vec![0.0; packed.gradient_len()];
            weight_gradient(packed, x, dy, 1, 1, &mut sum, false)?;
            packed.unpack_gradient(&sum, dw.insert(vec![0.0; inputs * outputs]));
        }
        Ok([dx, dw])
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
        dy: &[f32],
    ) -> Result<[Option<Vec<f32>>; 2]> {
        self.gradients(x.data, [weight.dims[1], weight.dims[0]], wanted, dy)
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
        dy: &[f32],
    ) -> Result<[Option<Vec<f32>>; 3]> {
        let sizes = [weight.dims[1], weight.dims[0]];
        let [dx, dw] = self.gradients(x.data, sizes, [wants_x, wants_weight], dy)?;
        let db = wants_bias.then(|| {
            let mut db = vec![0.0; bias.data.len()];
            if !dy.is_empty() {
                bias_gradient(dy, dy.len() / bias.data.len(), &mut db, Isa::detect());
            }
            db
        });
        Ok([dx, dw, db])
    }
}
