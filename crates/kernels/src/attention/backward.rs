//! Gradients of queries, keys and values, from probabilities made again.

use super::Sizes;
use super::pack::{copy_rows, transpose, with_scratch};
use super::product::{Extent, Left, product};
use crate::exp::exp2;
use crate::simd::{Isa, MOST_LANES, Simd, dispatch};
use std::f32::consts::LOG2_E;

/// Writes `dqkv` (like `qkv`, `[n, tokens, 3 · channels]`) from the output's gradient `dout`
/// (`[n, tokens, channels]`) and the `log_sum` that [`forward`](super::forward()) wrote.
///
/// With P = exp(scale · Q Kᵀ − log_sum) and dP = dO Vᵀ: dV = Pᵀ dO, dS = scale · P ∘ (dP − Σ P ∘ dP),
/// dQ = dS K, dK = dSᵀ Q. The row sums Σ P ∘ dP equal Σ dO ∘ O, so the output itself is not needed.
///
/// # Panics
/// When lengths disagree or `heads` does not divide `channels`.
#[allow(clippy::too_many_arguments)]
pub fn backward(
    qkv: &[f32],
    log_sum: &[f32],
    dout: &[f32],
    tokens: usize,
    channels: usize,
    heads: usize,
    dqkv: &mut [f32],
    isa: Isa,
) {
    let sizes = Sizes::new(qkv, tokens, channels, heads, isa);
    assert_eq!(dout.len(), sizes.images * tokens * channels, "output gradients of {} images", sizes.images);
    assert_eq!(log_sum.len(), sizes.images * heads * tokens, "sums of {} images", sizes.images);
    assert_eq!(dqkv.len(), qkv.len(), "gradients of {} images", sizes.images);
    let Sizes { head, columns, width, .. } = sizes;
    let (across, down, square) = (head * columns, tokens * width, tokens * columns);
    let lengths = [across, across, down, down, down, square, square, columns, down];
    with_scratch(lengths, |[queries_t, douts_t, queries, keys, douts, p, ds, logs, padded]| {
        let block = (tokens, head);
        for image in 0..sizes.images {
            let qkv = &qkv[image * tokens * 3 * channels..][..tokens * 3 * channels];
            let dqkv = &mut dqkv[image * tokens * 3 * channels..][..tokens * 3 * channels];
            let dout = &dout[image * tokens * channels..][..tokens * channels];
            for h in 0..heads {
                let at = h * head;
                logs[..tokens].copy_from_slice(&log_sum[(image * heads + h) * tokens..][..tokens]);
                transpose(&qkv[at..], 3 * channels, queries_t, columns, block, isa);
                transpose(&dout[at..], channels, douts_t, columns, block, isa);
                copy_rows(&qkv[at..], 3 * channels, queries, width, block, isa);
                copy_rows(&qkv[channels + at..], 3 * channels, keys, width, block, isa);
                copy_rows(&dout[at..], channels, douts, width, block, isa);

                let extent = Extent { rows: tokens, depth: head, width: columns };
                product(Left { data: keys, row: width, step: 1 }, queries_t, p, columns, extent, None, isa);
                let values = Left { data: &qkv[2 * channels + at..], row: 3 * channels, step: 1 };
                product(values, douts_t, ds, columns, extent, None, isa);
                softmax_gradient(p, ds, tokens, columns, sizes.scale(), logs, isa);

                let extent = Extent { rows: tokens, depth: tokens, width };
                let mut gradient = |left: Left<'_>, right: &[f32], to: usize| {
                    let target = &mut dqkv[to + at..];
                    if width == head {
                        product(left, right, target, 3 * channels, extent, None, isa);
                    } else {
                        product(left, right, padded, width, extent, None, isa);
                        copy_rows(padded, width, target, 3 * channels, block, isa);
                    }
                };
                gradient(Left { data: p, row: columns, step: 1 }, douts, 2 * channels);
                gradient(Left { data: ds, row: columns, step: 1 }, queries, channels);
                gradient(Left { data: ds, row: 1, step: columns }, keys, 0);
            }
        }
    });
}

/// Replaces unscaled scores by probabilities, and gradients of probabilities by gradients of the unscaled
/// scores; both `[keys, columns]`.
fn softmax_gradient(
    p: &mut [f32],
    ds: &mut [f32],
    keys: usize,
    columns: usize,
    scale: f32,
    logs: &[f32],
    isa: Isa,
) {
    assert!(p.len() >= keys * columns && ds.len() >= keys * columns && logs.len() >= columns);
    // SAFETY: all lengths were checked; columns are whole vectors; the set comes from `Isa::available`.
    unsafe {
        softmax_gradient_on(isa, p.as_mut_ptr(), ds.as_mut_ptr(), keys, columns, scale, logs.as_ptr());
    }
}

dispatch!(fn softmax_gradient_on(
    p: *mut f32,
    ds: *mut f32,
    keys: usize,
    columns: usize,
    scale: f32,
    logs: *const f32,
) => softmax_gradient_any);

#[inline(always)]
unsafe fn softmax_gradient_any<S: Simd>(
    p: *mut f32,
    ds: *mut f32,
    keys: usize,
    columns: usize,
    scale: f32,
    logs: *const f32,
) {
    // SAFETY: `softmax_gradient` checked the lengths.
    unsafe {
        let (factor, scale) = (S::splat(scale * LOG2_E), S::splat(scale));
        for column in (0..columns).step_by(S::LANES) {
            let (p, ds) = (p.add(column), ds.add(column));
            let shift = S::load(logs.add(column)).mul(S::splat(-LOG2_E));
            // The logarithm of the sum is rounded like the scores it belongs to, which may be large; the sum of
            // what it gives is 1 but for that rounding, and dividing by it takes the rounding out again.
            let mut sum = S::splat(0.0);
            for key in 0..keys {
                let at = key * columns;
                let probability = exp2(S::load(p.add(at)).fma(factor, shift));
                probability.store(p.add(at));
                sum = sum.add(probability);
            }
            let mut sums = [0.0f32; MOST_LANES];
            sum.store(sums.as_mut_ptr());
            sums.iter_mut().for_each(|s| *s = 1.0 / *s);
            let inverse = S::load(sums.as_ptr());
            let mut mean = S::splat(0.0);
            for key in 0..keys {
                let at = key * columns;
                let probability = S::load(p.add(at)).mul(inverse);
                probability.store(p.add(at));
                mean = probability.fma(S::load(ds.add(at)), mean);
            }
            let scaled_mean = S::splat(0.0).sub(mean.mul(scale));
            for key in 0..keys {
                let at = key * columns;
                let centred = S::load(ds.add(at)).fma(scale, scaled_mean);
                centred.mul(S::load(p.add(at))).store(ds.add(at));
            }
        }
    }
}
