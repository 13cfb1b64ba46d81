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
        dy: &mut [f32],
        mean: &[f32],
        relu: bool,
        sums: (&mut [f32], &mut [f32]),
    ) => products
);
dispatch!(
    pub(super) fn backward_on(x: &[f32], g: &[f32], channels: Four<'_>, dx: &mut [f32]) => backward_lines
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
    dy: &mut [f32],
    mean: &[f32],
    relu: bool,
    (dgamma, dbeta): (&mut [f32], &mut [f32]),
) {
    let c = mean.len();
    if relu {
        dy.iter_mut().zip(y).for_each(|(dy, y)| *dy = if *y > 0.0 { *dy } else { 0.0 });
    }
    for (x, g) in x.chunks_exact(c).zip(dy.chunks_exact(c)) {
        for i in 0..c {
            dgamma[i] += g[i] * (x[i] - mean[i]);
            dbeta[i] += g[i];
        }
    }
}

#[inline(always)]
unsafe fn backward_lines<S: Simd>(
    x: &[f32],
    g: &[f32],
    (mean, scale, slope, offset): Four<'_>,
    dx: &mut [f32],
) {
    let c = mean.len();
    for ((dx, x), g) in dx.chunks_exact_mut(c).zip(x.chunks_exact(c)).zip(g.chunks_exact(c)) {
        for i in 0..c {
            dx[i] = scale[i] * g[i] - slope[i] * (x[i] - mean[i]) - offset[i];
        }
    }
}
