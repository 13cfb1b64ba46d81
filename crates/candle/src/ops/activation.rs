//! Functions of single values, and sums that end in one.

use super::OpError;
use super::kernel::{Kernel, Values, apply, ready, spent};
use basin_kernels::bias::{add_bias as add_to_rows, bias_gradient};
use basin_kernels::{Isa, gelu as exact, reuse};
use candle_core::{Result, Tensor};
use rayon::prelude::*;
use std::borrow::Cow;

/// Values of one task.
const CHUNK: usize = 64 * 1024;

/// max(x, 0); NaN stays NaN, and the gradient at 0 is 0, as in PyTorch.
///
/// # Errors
/// [`OpError`].
pub fn relu(x: &Tensor) -> Result<Tensor> {
    let [x] = ready("relu", [x])?;
    apply(Relu, [&x])
}

/// max(x + shortcut, 0), of two tensors of one shape: how a residual block ends.
///
/// # Errors
/// [`OpError`].
pub fn add_relu(x: &Tensor, shortcut: &Tensor) -> Result<Tensor> {
    let [x, shortcut] = ready("add_relu", [x, shortcut])?;
    if x.dims() != shortcut.dims() {
        let (found, expected) = (format!("{:?} and {:?}", x.dims(), shortcut.dims()), "two of one shape");
        return Err(OpError::Shape { operation: "add_relu", found, expected }.into());
    }
    apply(Relu, [&x, &shortcut])
}

/// act(x + b) for `x` `[…, channels]` and `b` `[channels]`, with a ReLU where asked for.
///
/// # Errors
/// [`OpError`].
pub fn add_bias(x: &Tensor, bias: &Tensor, relu: bool) -> Result<Tensor> {
    let [x, bias] = ready("add_bias", [x, bias])?;
    if bias.elem_count() == 0 || x.dims().last().copied().as_slice() != bias.dims() {
        let (found, expected) =
            (format!("{:?} and {:?}", x.dims(), bias.dims()), "[…, channels] and [channels]");
        return Err(OpError::Shape { operation: "add_bias", found, expected }.into());
    }
    apply(Bias { relu }, [&x, &bias])
}

/// x Φ(x), exact.
///
/// # Errors
/// [`OpError`].
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    let [x] = ready("gelu", [x])?;
    apply(Gelu, [&x])
}

pub(super) struct Relu;

/// What of a gradient passes the ReLU behind `y`.
fn passed(y: &[f32], dy: Cow<'_, [f32]>) -> Vec<f32> {
    let mut dx = dy.into_owned();
    dx.par_chunks_mut(CHUNK).zip(y.par_chunks(CHUNK)).for_each(|(dx, y)| {
        dx.iter_mut().zip(y).for_each(|(dx, y)| *dx = if *y > 0.0 { *dx } else { 0.0 });
    });
    dx
}

impl Kernel<1> for Relu {
    const NAME: &'static str = "basin-relu";

    fn forward(&self, [x]: [Values<'_>; 1]) -> Result<(Vec<f32>, Vec<usize>)> {
        let mut y = reuse::stale(x.data.len());
        y.par_chunks_mut(CHUNK).zip(x.data.par_chunks(CHUNK)).for_each(|(y, x)| {
            // In this order NaN stays NaN.
            y.iter_mut().zip(x).for_each(|(y, x)| *y = if *x < 0.0 { 0.0 } else { *x });
        });
        Ok((y, x.dims.to_vec()))
    }

    fn backward(
        &self,
        _: [Values<'_>; 1],
        _: [bool; 1],
        y: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 1]> {
        Ok([Some(passed(y, dy))])
    }
}

impl Kernel<2> for Relu {
    const NAME: &'static str = "basin-add-relu";

    fn forward(&self, [x, shortcut]: [Values<'_>; 2]) -> Result<(Vec<f32>, Vec<usize>)> {
        let mut y = reuse::stale(x.data.len());
        let chunks = y.par_chunks_mut(CHUNK).zip(x.data.par_chunks(CHUNK));
        chunks.zip(shortcut.data.par_chunks(CHUNK)).for_each(|((y, a), b)| {
            for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
                let sum = a + b;
                *y = if sum < 0.0 { 0.0 } else { sum };
            }
        });
        Ok((y, x.dims.to_vec()))
    }

    fn backward(
        &self,
        _: [Values<'_>; 2],
        [first, second]: [bool; 2],
        y: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 2]> {
        let dx = passed(y, dy);
        let copy = (first && second).then(|| {
            let mut copy = reuse::stale(dx.len());
            copy.copy_from_slice(&dx);
            copy
        });
        Ok(if first { [Some(dx), copy] } else { [None, Some(dx)] })
    }
}

pub(super) struct Bias {
    pub(super) relu: bool,
}

impl Kernel<2> for Bias {
    const NAME: &'static str = "basin-add-bias";

    fn forward(&self, [x, bias]: [Values<'_>; 2]) -> Result<(Vec<f32>, Vec<usize>)> {
        let (mut y, isa) = (x.data.to_vec(), Isa::detect());
        y.par_chunks_mut(whole_rows(bias.data.len())).for_each(|y| {
            add_to_rows(y, bias.data, None, isa);
            if self.relu {
                y.iter_mut().for_each(|y| *y = if *y < 0.0 { 0.0 } else { *y });
            }
        });
        Ok((y, x.dims.to_vec()))
    }

    fn backward(
        &self,
        [_, bias]: [Values<'_>; 2],
        [wants_x, wants_bias]: [bool; 2],
        y: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 2]> {
        let (dx, c) = (if self.relu { passed(y, dy) } else { dy.into_owned() }, bias.data.len());
        let db = wants_bias.then(|| {
            let parts = dx.par_chunks(whole_rows(c)).map(|dx| {
                let mut db = vec![0.0; c];
                bias_gradient(dx, dx.len() / c, &mut db, Isa::detect());
                db
            });
            let mut db = vec![0.0; c];
            for part in parts.collect::<Vec<_>>() {
                db.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            }
            db
        });
        Ok([wants_x.then_some(dx), db])
    }
}

/// Values of one task that is rows of `c`.
fn whole_rows(c: usize) -> usize {
    (CHUNK / c).max(1) * c
}

pub(super) struct Gelu;

impl Kernel<1> for Gelu {
    const NAME: &'static str = "basin-gelu";

    fn forward(&self, [x]: [Values<'_>; 1]) -> Result<(Vec<f32>, Vec<usize>)> {
        let (mut y, isa) = (reuse::stale(x.data.len()), Isa::detect());
        let chunks = y.par_chunks_mut(CHUNK).zip(x.data.par_chunks(CHUNK));
        chunks.for_each(|(y, x)| exact::forward(x, y, isa));
        Ok((y, x.dims.to_vec()))
    }

    fn backward(
        &self,
        [x]: [Values<'_>; 1],
        _: [bool; 1],
        _: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 1]> {
        let (mut dx, isa) = (reuse::stale(dy.len()), Isa::detect());
        let chunks = dx.par_chunks_mut(CHUNK).zip(x.data.par_chunks(CHUNK)).zip(dy.par_chunks(CHUNK));
        chunks.for_each(|((dx, x), dy)| exact::backward(x, dy, dx, isa));
        spent(dy);
        Ok([Some(dx)])
    }
}
