//! Attention against a float64 reference, on every instruction set of this CPU.

use basin_fixtures::{array, close};
use basin_kernels::{Isa, attention};

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|v| f64::from(*v)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Textbook attention with its gradient. For one image: output, ln Σ exp, and the gradient of Σ dout·output.
struct Reference {
    out: Vec<f64>,
    log_sum: Vec<f64>,
    dqkv: Vec<f64>,
}

fn attend(qkv: &[f64], dout: &[f64], tokens: usize, d: usize, heads: usize) -> Reference {
    let (s, row) = (d / heads, 3 * d);
    let scale = 1.0 / (s as f64).sqrt();
    let mut all = Reference {
        out: vec![0.0; tokens * d],
        log_sum: vec![0.0; heads * tokens],
        dqkv: vec![0.0; tokens * row],
    };
    for h in 0..heads {
        let part = |third: usize, token: usize| &qkv[token * row + third * d + h * s..][..s];
        for i in 0..tokens {
            let scores: Vec<f64> = (0..tokens).map(|j| scale * dot(part(0, i), part(1, j))).collect();
            let max = scores.iter().fold(f64::NEG_INFINITY, |m, x| m.max(*x));
            let sum: f64 = scores.iter().map(|x| (x - max).exp()).sum();
            all.log_sum[h * tokens + i] = max + sum.ln();
            let p: Vec<f64> = scores.iter().map(|x| (x - max).exp() / sum).collect();
            let g = &dout[i * d + h * s..][..s];
            let dp: Vec<f64> = (0..tokens).map(|j| dot(g, part(2, j))).collect();
            let mean = dot(&p, &dp);
            for j in 0..tokens {
                let ds = p[j] * (dp[j] - mean) * scale;
                for c in 0..s {
                    all.out[i * d + h * s + c] += p[j] * part(2, j)[c];
                    all.dqkv[i * row + h * s + c] += ds * part(1, j)[c];
                    all.dqkv[j * row + d + h * s + c] += ds * part(0, i)[c];
                    all.dqkv[j * row + 2 * d + h * s + c] += p[j] * g[c];
                }
            }
        }
    }
    all
}

#[test]
fn the_reference_gradient_of_attention_matches_finite_differences() {
    for (tokens, d, heads) in [(1, 2, 1), (4, 3, 3), (5, 6, 2)] {
        let qkv = wide(&array(1, tokens * 3 * d, 1.5, 0.0));
        let dout = wide(&array(2, tokens * d, 1.0, 0.0));
        let gradient = attend(&qkv, &dout, tokens, d, heads).dqkv;
        for (i, g) in gradient.iter().enumerate() {
            let moved = |by: f64| {
                let mut qkv = qkv.clone();
                qkv[i] += by;
                dot(&attend(&qkv, &dout, tokens, d, heads).out, &dout)
            };
            let quotient = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((g - quotient).abs() < 1e-8, "{tokens}×{d}, {heads} heads, [{i}]: {g} and {quotient}");
        }
    }
}

#[test]
fn attention_and_its_gradients_agree_with_the_reference() {
    for (case, (n, tokens, d, heads, size)) in [
        (1, 1, 1, 1, 1.0),
        (2, 1, 6, 2, 1.0),
        (1, 2, 8, 8, 1.0),
        (3, 5, 3, 1, 1.0),
        (2, 7, 9, 3, 2.0),
        (1, 13, 20, 1, 1.0),
        (2, 17, 32, 2, 1.0),
        (1, 16, 64, 4, 1.0),
        (1, 33, 48, 1, 1.0),
        (1, 50, 80, 1, 1.0),
        (1, 12, 384, 2, 0.5),
        (1, 100, 14, 2, 1.0),
        (2, 65, 256, 8, 1.5),
        // Nearly one-hot rows: scores of several dozens.
        (1, 65, 64, 2, 5.0),
    ]
    .into_iter()
    .enumerate()
    {
        let stream = 10 * case as u32;
        let (qkv, dout) =
            (array(stream, n * tokens * 3 * d, size, 0.0), array(stream + 1, n * tokens * d, 1.0, 0.0));
        let images: Vec<Reference> = (0..n)
            .map(|i| {
                let (qkv, dout) = (&qkv[i * tokens * 3 * d..], &dout[i * tokens * d..]);
                attend(&wide(&qkv[..tokens * 3 * d]), &wide(&dout[..tokens * d]), tokens, d, heads)
            })
            .collect();
        let join = |f: fn(&Reference) -> &Vec<f64>| images.iter().flat_map(f).copied().collect::<Vec<f64>>();
        for isa in Isa::available() {
            let name = format!("{n}×{tokens}×{d}, {heads} heads on {isa:?}");
            let mut out = vec![f32::NAN; dout.len()];
            let mut log_sum = vec![f32::NAN; n * heads * tokens];
            attention::forward(&qkv, tokens, d, heads, &mut out, &mut log_sum, isa);
            // A score's rounding is a probability's relative error.
            let slack = if size > 2.0 { 10.0 } else { 1.0 };
            close(&format!("output {name}"), &out, &join(|r| &r.out), slack * 1e-6);
            close(&format!("sums {name}"), &log_sum, &join(|r| &r.log_sum), 5e-7);
            let mut dqkv = vec![f32::NAN; qkv.len()];
            attention::backward(&qkv, &log_sum, &dout, tokens, d, heads, &mut dqkv, isa);
            close(&format!("gradient {name}"), &dqkv, &join(|r| &r.dqkv), slack * 2e-6);
        }
    }
}

#[test]
fn attention_of_an_image_does_not_depend_on_its_company() {
    let (tokens, d, heads) = (9, 24, 2);
    let (qkv, dout) = (array(1, 3 * tokens * 3 * d, 1.0, 0.0), array(2, 3 * tokens * d, 1.0, 0.0));
    for isa in Isa::available() {
        let run = |images: std::ops::Range<usize>| {
            let qkv = &qkv[images.start * tokens * 3 * d..images.end * tokens * 3 * d];
            let dout = &dout[images.start * tokens * d..images.end * tokens * d];
            let (mut out, mut sums) = (vec![0.0; dout.len()], vec![0.0; images.len() * heads * tokens]);
            attention::forward(qkv, tokens, d, heads, &mut out, &mut sums, isa);
            let mut dqkv = vec![0.0; qkv.len()];
            attention::backward(qkv, &sums, dout, tokens, d, heads, &mut dqkv, isa);
            (out, dqkv)
        };
        let together = run(0..3);
        let (first, others) = (run(0..1), run(1..3));
        assert_eq!(together.0, [first.0, others.0].concat(), "{isa:?}");
        assert_eq!(together.1, [first.1, others.1].concat(), "{isa:?}");
    }
}

#[test]
fn attention_keeps_large_scores_finite_and_nan_in_its_row() {
    let (tokens, d, heads) = (5, 8, 2);
    for isa in Isa::available() {
        let mut qkv = array(3, tokens * 3 * d, 300.0, 0.0);
        let (mut out, mut sums) = (vec![0.0; tokens * d], vec![0.0; heads * tokens]);
        attention::forward(&qkv, tokens, d, heads, &mut out, &mut sums, isa);
        assert!(out.iter().chain(&sums).all(|x| x.is_finite()), "{isa:?}");
        // A query of the first head: its row of that head, nothing else.
        qkv[2 * 3 * d] = f32::NAN;
        attention::forward(&qkv, tokens, d, heads, &mut out, &mut sums, isa);
        for (i, x) in out.iter().enumerate() {
            assert_eq!(x.is_nan(), i / d == 2 && i % d < d / heads, "{isa:?}: output {i} is {x}");
        }
        assert!(sums[2].is_nan() && sums[3].is_finite(), "{isa:?}");
    }
}
