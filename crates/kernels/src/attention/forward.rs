//! Scores, softmax and weighted sums of values.

use super::Sizes;
use super::pack::{copy_rows, transpose, with_scratch};
use super::product::{Extent, Left, product};
use crate::exp::{exp2, ln};
use crate::simd::{Isa, Simd, dispatch};
use std::f32::consts::{LN_2, LOG2_E};

/// Writes `out` (`[n, tokens, channels]`) and `log_sum` (`[n, heads, tokens]`: ln Σ exp of a query's
/// scaled scores) for `qkv` (`[n, tokens, 3 · channels]`).
///
/// # Panics
/// When lengths disagree or `heads` does not divide `channels`.
pub fn forward(
    qkv: &[f32],
    tokens: usize,
    channels: usize,
    heads: usize,
    out: &mut [f32],
    log_sum: &mut [f32],
    isa: Isa,
) {
    let sizes = Sizes::new(qkv, tokens, channels, heads, isa);
    assert_eq!(out.len(), sizes.images * tokens * channels, "output of {} images", sizes.images);
    assert_eq!(log_sum.len(), sizes.images * heads * tokens, "sums of {} images", sizes.images);
    let Sizes { head, columns, width, .. } = sizes;
    let lengths = [head * columns, tokens * width, tokens * columns, columns, columns, tokens * width];
    with_scratch(lengths, |[queries, values, scores, inverse, logs, padded]| {
        for image in 0..sizes.images {
            let qkv = &qkv[image * tokens * 3 * channels..][..tokens * 3 * channels];
            let out = &mut out[image * tokens * channels..][..tokens * channels];
            for h in 0..heads {
                let at = h * head;
                transpose(&qkv[at..], 3 * channels, queries, columns, (tokens, head), isa);
                copy_rows(&qkv[2 * channels + at..], 3 * channels, values, width, (tokens, head), isa);
                let keys = Left { data: &qkv[channels + at..], row: 3 * channels, step: 1 };
                let extent = Extent { rows: tokens, depth: head, width: columns };
                product(keys, queries, scores, columns, extent, None, isa);
                softmax(scores, tokens, columns, sizes.scale(), inverse, logs, isa);
                log_sum[(image * heads + h) * tokens..][..tokens].copy_from_slice(&logs[..tokens]);

                let probabilities = Left { data: scores, row: 1, step: columns };
                let extent = Extent { rows: tokens, depth: tokens, width };
                let out = &mut out[at..];
                if width == head {
                    product(probabilities, values, out, channels, extent, Some(inverse), isa);
                } else {
                    product(probabilities, values, padded, width, extent, Some(inverse), isa);
                    copy_rows(padded, width, out, channels, (tokens, head), isa);
                }
            }
        }
    });
}

/// Replaces scores `[keys, columns]` by exp(scale · (score − the column's largest)) and writes each
/// column's 1/Σ and ln Σ exp(scale · score).
fn softmax(
    scores: &mut [f32],
    keys: usize,
    columns: usize,
    scale: f32,
    inverse: &mut [f32],
    logs: &mut [f32],
    isa: Isa,
) {
    assert!(scores.len() >= keys * columns && inverse.len() >= columns && logs.len() >= columns);
    let (scores, inverse, logs) = (scores.as_mut_ptr(), inverse.as_mut_ptr(), logs.as_mut_ptr());
    // SAFETY: all lengths were checked; columns are whole vectors; the set comes from `Isa::available`.
    unsafe { softmax_on(isa, scores, keys, columns, scale, inverse, logs) }
}

dispatch!(fn softmax_on(
    scores: *mut f32,
    keys: usize,
    columns: usize,
    scale: f32,
    inverse: *mut f32,
    logs: *mut f32,
) => softmax_any);

#[inline(always)]
unsafe fn softmax_any<S: Simd>(
    scores: *mut f32,
    keys: usize,
    columns: usize,
    scale: f32,
    inverse: *mut f32,
    logs: *mut f32,
) {
    // SAFETY: `softmax` checked the lengths.
    unsafe {
        // exp(scale · x) = 2^(factor · x).
        let factor = S::splat(scale * LOG2_E);
        for column in (0..columns).step_by(S::LANES) {
            let at = scores.add(column);
            // Four at a time: one maximum waits four cycles for the one before.
            let mut largest = [S::splat(f32::NEG_INFINITY); 4];
            for key in 0..keys / 4 {
                for (i, m) in largest.iter_mut().enumerate() {
                    *m = m.max(S::load(at.add((4 * key + i) * columns)));
                }
            }
            for key in keys / 4 * 4..keys {
                largest[0] = largest[0].max(S::load(at.add(key * columns)));
            }
            let [a, b, c, d] = largest;
            let largest = a.max(b).max(c.max(d)).mul(factor);
            let shift = S::splat(0.0).sub(largest);
            let mut sum = S::splat(0.0);
            for key in 0..keys {
                let p = exp2(S::load(at.add(key * columns)).fma(factor, shift));
                p.store(at.add(key * columns));
                sum = sum.add(p);
            }
            largest.store(logs.add(column));
            sum.store(inverse.add(column));
        }
        for column in 0..columns {
            let sum = *inverse.add(column);
            *inverse.add(column) = 1.0 / sum;
            *logs.add(column) = *logs.add(column) * LN_2 + ln(sum);
        }
    }
}
