//! Milliseconds per linear assignment, on the Gaussian and Gram matrices that SciPy's solver is timed on:
//! `cargo bench -p weight-matching --bench assignment`.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use basin_core::SeedTree;
use rayon::prelude::*;
use std::time::Instant;
use weight_matching::{Objective, linear_sum_assignment};

fn gaussian(len: usize, name: &str, n: usize) -> Vec<f64> {
    let mut rng = SeedTree::root(n as u64).child(name).rng();
    (0..len).map(|_| rng.normal()).collect()
}

/// The product of two Gaussian matrices [n, 4n] and [4n, n].
fn gram(n: usize) -> Vec<f64> {
    let k = 4 * n;
    let single = |name| gaussian(n * k, name, n).iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let (a, b) = (single("left"), single("right"));
    let mut out = vec![0.0f64; n * n];
    a.par_chunks_exact(k).zip(out.par_chunks_exact_mut(n)).for_each(|(a, out)| {
        for (b, out) in b.chunks_exact(k).zip(out) {
            let mut lanes = [0.0f32; 16];
            for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
                (0..16).for_each(|l| lanes[l] += a[l] * b[l]);
            }
            *out = f64::from(lanes.iter().sum::<f32>());
        }
    });
    out
}

fn main() {
    for n in [64, 256, 512, 1024, 2048, 4096] {
        for kind in ["gaussian", "gram"] {
            let cost = if kind == "gram" { gram(n) } else { gaussian(n * n, "cost", n) };
            let mut times: Vec<f64> = (0..if n <= 512 { 15 } else { 3 })
                .map(|_| {
                    let start = Instant::now();
                    let solved = linear_sum_assignment(&cost, n, n, Objective::Maximise);
                    assert!(solved.is_ok());
                    1e3 * start.elapsed().as_secs_f64()
                })
                .collect();
            times.sort_by(f64::total_cmp);
            println!("{{\"n\": {n}, \"kind\": \"{kind}\", \"milliseconds\": {:.3}}}", times[times.len() / 2]);
        }
    }
}
