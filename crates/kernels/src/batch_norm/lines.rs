//! The inner loops over lines of pixels: plain, so that the compiler vectorises them for the instruction set.
#![allow(clippy::too_many_arguments)]

use crate::simd::{Simd, dispatch};

/// Slices of one length.
pub(super) type Four<'a> = (&'a [f32], &'a [f32], &'a [f32], &'a [f32]);

dispatch!(pub(super) fn sums_on(x: &[f32], sum: &mut [f32]) => sums);
dispatch!(pub(super) fn squares_on(x: &[f32], mean: &[f32], sums: (&mut [f32], &mut [f32])) => squares);
dispatch!(
    pub(super) fn forward_on(
        x: &[f32],
        shortcut: Option<&[f32]>,
        channels: (&[f32], &[f32], &[f32]),
        relu: bool,
        y: &mut [f32],
    ) => forward_lines
);
dispatch!(
    pub(super) fn products_on(
        x: &[f32],
        y: &[f32],
        dy: &[f32],
        mean: &[f32],
        relu: bool,
        sums: (&mut [f32], &mut [f32]),
    ) => products
);
dispatch!(
    pub(super) fn backward_on(
        x: &[f32],
        y: &[f32],
        dy: &[f32],
        channels: Four<'_>,
        relu: bool,
        dx: &mut [f32],
        dshortcut: Option<&mut [f32]>,
    ) => backward_lines
);

#[inline(always)]
unsafe fn sums<S: Simd>(x: &[f32], sum: &mut [f32]) {
    for line in x.chunks_exact(sum.len()) {
        sum.iter_mut().zip(line).for_each(|(s, v)| *s += v);
    }
}

#[inline(always)]
unsafe fn squares<S: Simd>(x: &[f32], mean: &[f32], (first, second): (&mut [f32], &mut [f32])) {
    let c = mean.len();
    for line in x.chunks_exact(c) {
        for i in 0..c {
            let apart = line[i] - mean[i];
            first[i] += apart;
            second[i] += apart * apart;
        }
    }
}

/// In this order NaN stays NaN, as in PyTorch.
#[inline(always)]
fn rectified(value: f32) -> f32 {
    if value < 0.0 { 0.0 } else { value }
}

#[inline(always)]
unsafe fn forward_lines<S: Simd>(
    x: &[f32],
    shortcut: Option<&[f32]>,
    (mean, scale, beta): (&[f32], &[f32], &[f32]),
    relu: bool,
    y: &mut [f32],
) {
    let c = mean.len();
    let normalised = |i: usize, x: f32| (x - mean[i]) * scale[i] + beta[i];
    let pairs = y.chunks_exact_mut(c).zip(x.chunks_exact(c));
    match (shortcut, relu) {
        (None, false) => pairs.for_each(|(y, x)| (0..c).for_each(|i| y[i] = normalised(i, x[i]))),
        (None, true) => {
            pairs.for_each(|(y, x)| (0..c).for_each(|i| y[i] = rectified(normalised(i, x[i]))));
        }
        (Some(s), false) => {
            let lines = pairs.zip(s.chunks_exact(c));
            lines.for_each(|((y, x), s)| (0..c).for_each(|i| y[i] = normalised(i, x[i]) + s[i]));
        }
        (Some(s), true) => {
            let lines = pairs.zip(s.chunks_exact(c));
            lines.for_each(|((y, x), s)| (0..c).for_each(|i| y[i] = rectified(normalised(i, x[i]) + s[i])));
        }
    }
}

#[inline(always)]
unsafe fn products<S: Simd>(
    x: &[f32],
    y: &[f32],
    dy: &[f32],
    mean: &[f32],
    relu: bool,
    (dgamma, dbeta): (&mut [f32], &mut [f32]),
) {
    let c = mean.len();
    for ((x, y), dy) in x.chunks_exact(c).zip(y.chunks_exact(c)).zip(dy.chunks_exact(c)) {
        for i in 0..c {
            let g = if !relu || y[i] > 0.0 { dy[i] } else { 0.0 };
            dgamma[i] += g * (x[i] - mean[i]);
            dbeta[i] += g;
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn backward_lines<S: Simd>(
    x: &[f32],
    y: &[f32],
    dy: &[f32],
    (mean, scale, slope, offset): Four<'_>,
    relu: bool,
    dx: &mut [f32],
    dshortcut: Option<&mut [f32]>,
) {
    let c = mean.len();
    let lines = dx.chunks_exact_mut(c).zip(x.chunks_exact(c)).zip(y.chunks_exact(c)).zip(dy.chunks_exact(c));
    let gradient = |y: f32, dy: f32| if !relu || y > 0.0 { dy } else { 0.0 };
    let through = |i: usize, x: f32, g: f32| scale[i] * g - slope[i] * (x - mean[i]) - offset[i];
    match dshortcut {
        None => {
            for (((dx, x), y), dy) in lines {
                (0..c).for_each(|i| dx[i] = through(i, x[i], gradient(y[i], dy[i])));
            }
        }
        Some(ds) => {
            for ((((dx, x), y), dy), ds) in lines.zip(ds.chunks_exact_mut(c)) {
                for i in 0..c {
                    ds[i] = gradient(y[i], dy[i]);
                    dx[i] = through(i, x[i], ds[i]);
                }
            }
        }
    }
}
