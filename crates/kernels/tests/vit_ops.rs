//! The vision transformer's kernels around attention against float64 references, on every instruction set
//! of this CPU.

use basin_fixtures::{array, close};
use basin_kernels::{Isa, bias, dropout, gelu, tokens};

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|v| f64::from(*v)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Φ(z) = ½ + φ(z) Σ z^(2k+1)/(2k+1)!!, to 10⁻¹⁵ for |z| ≤ 12.
fn normal(z: f64) -> f64 {
    let (mut term, mut sum, mut odd) = (z, z, 1.0);
    while term.abs() > 1e-18 * sum.abs() {
        odd += 2.0;
        term *= z * z / odd;
        sum += term;
    }
    0.5 + density(z) * sum
}

fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

#[test]
fn gelu_and_its_derivative_are_right_to_the_stated_bounds() {
    assert!((normal(1.0) - 0.841_344_746_068_542_9).abs() < 1e-15);
    assert!((normal(-3.0) - 0.001_349_898_031_630_094_6).abs() < 1e-15);
    // An odd number, so that the last vector is ragged.
    let z: Vec<f32> = (0..400_001).map(|i| -12.0 + 24.0 * i as f32 / 400_000.0).collect();
    let ones = vec![1.0; z.len()];
    for isa in Isa::available() {
        let (mut y, mut dz) = (vec![f32::NAN; z.len()], vec![f32::NAN; z.len()]);
        gelu::forward(&z, &mut y, isa);
        gelu::backward(&z, &ones, &mut dz, isa);
        let (mut worst, mut worst_slope) = (0.0f64, 0.0f64);
        for ((z, y), dz) in z.iter().zip(y).zip(dz) {
            let (x, phi) = (f64::from(*z), normal(f64::from(*z)));
            let error = (f64::from(y) - x * phi).abs();
            assert!(x > -4.0 || error <= 2e-8, "{isa:?}: GELU({z}) off by {error:e}");
            worst = worst.max(error / x.abs().max(1.0));
            worst_slope = worst_slope.max((f64::from(dz) - phi - x * density(x)).abs());
        }
        assert!(worst <= 1e-7 && worst_slope <= 2e-7, "{isa:?}: {worst:e}, {worst_slope:e}");
        assert!(worst > 1e-9 && worst_slope > 1e-9, "{isa:?}: nothing was compared");
    }
}

#[test]
fn gelu_at_the_edges() {
    let z = [0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, -11.0];
    for isa in Isa::available() {
        let (mut y, mut dz) = ([0.5; 7], [0.5; 7]);
        gelu::forward(&z, &mut y, isa);
        gelu::backward(&z, &[2.0; 7], &mut dz, isa);
        assert!(y[0] == 0.0 && (dz[0] - 1.0).abs() < 2e-7, "{isa:?}");
        assert!(y[1].is_nan() && dz[1].is_nan(), "{isa:?}");
        assert!(y[2] == f32::INFINITY && y[4] == 1e30 && dz[4] == 2.0, "{isa:?}: {y:?}");
        assert!(
            [3, 5, 6].iter().all(|i| y[*i].abs() < 1e-22 && dz[*i].abs() < 1e-15),
            "{isa:?}: {y:?} {dz:?}"
        );
    }
}

#[test]
fn bias_with_gelu_and_with_a_residual() {
    for (rows, c) in [(1, 1), (3, 5), (4, 16), (2, 37)] {
        let (z, b, r) = (array(1, rows * c, 3.0, 0.0), array(2, c, 1.0, 0.0), array(3, rows * c, 1.0, 0.0));
        let sums: Vec<f32> = (0..rows * c).map(|i| z[i] + b[i % c]).collect();
        for isa in Isa::available() {
            let (mut expected, mut y, mut x) = (vec![0.0; z.len()], vec![f32::NAN; z.len()], z.clone());
            gelu::bias_gelu(&mut x, &b, &mut y, isa);
            gelu::forward(&sums, &mut expected, isa);
            assert_eq!((&x, &y), (&sums, &expected), "{rows}×{c} on {isa:?}");

            let mut x = z.clone();
            bias::add_bias(&mut x, &b, None, isa);
            assert_eq!(x, sums, "{rows}×{c} on {isa:?}");
            let mut x = z.clone();
            bias::add_bias(&mut x, &b, Some(&r), isa);
            let with_residual: Vec<f32> = sums.iter().zip(&r).map(|(s, r)| s + r).collect();
            assert_eq!(x, with_residual, "{rows}×{c} on {isa:?}");
        }
    }
}

#[test]
fn bias_gradients_are_column_sums_image_by_image() {
    for (n, rows, c) in [(1, 1, 1), (2, 3, 5), (3, 7, 130), (2, 65, 300)] {
        let dy = array(4, n * rows * c, 1.0, 0.0);
        let before = array(5, c, 1.0, 0.0);
        let expected: Vec<f64> = (0..c)
            .map(|j| f64::from(before[j]) + (0..n * rows).map(|r| f64::from(dy[r * c + j])).sum::<f64>())
            .collect();
        for isa in Isa::available() {
            let mut together = before.clone();
            bias::bias_gradient(&dy, rows, &mut together, isa);
            close(&format!("{n}×{rows}×{c} on {isa:?}"), &together, &expected, 2e-6);
            let mut apart = before.clone();
            dy.chunks(rows * c).for_each(|image| bias::bias_gradient(image, rows, &mut apart, isa));
            assert_eq!(together, apart, "{n}×{rows}×{c} on {isa:?}");
        }
    }
}

/// Dropout's mask by its documentation, element by element.
fn kept(seed: u64, site: u32, i: usize, threshold: u32) -> bool {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let key = mix(mix(seed.wrapping_add(GOLDEN)).wrapping_add(GOLDEN.wrapping_mul(u64::from(site) + 1)));
    let mut h = ((i / 1024 * 512 + i % 512) as u32).wrapping_add(key as u32);
    h = (h ^ (h >> 16)).wrapping_mul(0x7FEB_352D) ^ (key >> 32) as u32;
    h = (h ^ (h >> 15)).wrapping_mul(0x846C_A68B);
    h ^= h >> 16;
    (if i % 1024 < 512 { h & 0xFFFF } else { h >> 16 }) >= threshold
}

#[test]
fn dropout_is_what_its_documentation_says_on_every_set() {
    let seeds = [7, u64::MAX, 1 << 40];
    for per_image in [1, 5, 511, 513, 1024, 100_001] {
        let x = array(6, seeds.len() * per_image, 2.0, 0.0);
        for isa in Isa::available() {
            for (rate, threshold) in [(0.1f32, 6554), (0.5, 32768), (0.75, 49152)] {
                let mut y = x.clone();
                dropout::apply(&mut y, &seeds, 3, rate, isa);
                for (k, (x, y)) in x.iter().zip(&y).enumerate() {
                    let keep = kept(seeds[k / per_image], 3, k % per_image, threshold);
                    let expected = if keep { x * (1.0 / (1.0 - rate)) } else { 0.0 };
                    assert_eq!(*y, expected, "{per_image} at {rate} on {isa:?}: [{k}]");
                }
            }
            let mut y = x.clone();
            y[0] = f32::NAN;
            dropout::apply(&mut y, &seeds, 3, 0.0, isa);
            assert!(y[0].to_bits() == f32::NAN.to_bits() && y[1..] == x[1..], "rate 0 on {isa:?}");
        }
    }
}

#[test]
fn dropout_masks_look_random() {
    const N: usize = 1 << 18;
    let mask = |seed: u64, site: u32, rate: f32| -> Vec<f64> {
        let mut x = vec![1.0; N];
        dropout::apply(&mut x, &[seed], site, rate, Isa::detect());
        x.iter().map(|v| f64::from(u8::from(*v != 0.0))).collect()
    };
    for rate in [0.1f32, 0.5, 0.9] {
        // The rate as resolved.
        let p = 1.0 - (f64::from(rate) * 65_536.0).round() / 65_536.0;
        let variance = p * (1.0 - p);
        // Sums of N products of two independent centred indicators have deviation variance·√N.
        let independent = |what: &str, a: &[f64], b: &[f64]| {
            let sum: f64 = a.iter().zip(b).map(|(a, b)| (a - p) * (b - p)).sum();
            let sigmas = sum / (variance * (a.len() as f64).sqrt());
            assert!(sigmas.abs() <= 5.0, "{what} at {rate}: {sigmas} deviations");
        };
        let base = mask(1, 0, rate);
        for (seed, site) in [(1, 0), (2, 0), (3, 0), (0, 0), (1, 1), (1, 2), (1 << 32, 0), (2, 1)] {
            let other = mask(seed, site, rate);
            let sigmas = (other.iter().sum::<f64>() - p * N as f64) / (variance * N as f64).sqrt();
            assert!(sigmas.abs() <= 5.0, "mean of ({seed}, {site}) at {rate}: {sigmas} deviations");
            for lag in [1, 2, 3, 16, 32, 256, 512, 1024] {
                independent(&format!("({seed}, {site}), lag {lag}"), &other[lag..], &other[..N - lag]);
            }
            if (seed, site) != (1, 0) {
                independent(&format!("(1, 0) and ({seed}, {site})"), &base, &other);
            }
        }
    }
}

#[test]
fn patches_run_over_channel_row_column() {
    for (n, side, c, patch) in [(1, 1, 1, 1), (2, 6, 3, 2), (1, 6, 2, 3), (2, 4, 3, 4)] {
        let x = array(7, n * side * side * c, 1.0, 0.0);
        let mut out = vec![f32::NAN; x.len()];
        tokens::patches(&x, side, c, patch, &mut out);
        let mut next = out.iter();
        for (i, py, px) in (0..n)
            .flat_map(|i| (0..side / patch).map(move |y| (i, y)))
            .flat_map(|(i, y)| (0..side / patch).map(move |x| (i, y, x)))
        {
            for (channel, row, column) in (0..c)
                .flat_map(|k| (0..patch).map(move |r| (k, r)))
                .flat_map(|(k, r)| (0..patch).map(move |q| (k, r, q)))
            {
                let pixel = (i * side + py * patch + row) * side + px * patch + column;
                assert_eq!(next.next(), Some(&x[pixel * c + channel]), "{n}×{side}×{c} by {patch}");
            }
        }
    }
}

#[test]
fn class_token_and_first_token_with_their_gradients() {
    for (n, t, d) in [(1, 1, 1), (2, 4, 3), (3, 2, 17)] {
        let (e, cls, pos) =
            (array(1, n * t * d, 1.0, 0.0), array(2, d, 1.0, 0.0), array(3, (t + 1) * d, 1.0, 0.0));
        let mut out = vec![f32::NAN; n * (t + 1) * d];
        tokens::prepend(&e, &cls, &pos, &mut out);
        for (k, value) in out.iter().enumerate() {
            let (i, token, j) = (k / ((t + 1) * d), k / d % (t + 1), k % d);
            let x = if token == 0 { cls[j] } else { e[(i * t + token - 1) * d + j] };
            assert_eq!(*value, x + pos[token * d + j], "{n}×{t}×{d}");
        }

        // The map is linear: Σ dout · out = Σ gradients · arguments.
        let dout = array(4, out.len(), 1.0, 0.0);
        let (mut dcls, mut dpos, mut de) = (vec![0.0; d], vec![0.0; pos.len()], vec![f32::NAN; e.len()]);
        tokens::prepend_gradient(&dout, &mut dcls, &mut dpos, &mut de);
        let got = [(&dcls, &cls), (&dpos, &pos), (&de, &e)].map(|(g, x)| dot(&wide(g), &wide(x)));
        let expected = dot(&wide(&dout), &wide(&out));
        assert!((got.iter().sum::<f64>() - expected).abs() < 1e-5, "{n}×{t}×{d}: {got:?}, {expected}");
        let doubled = |g: &[f32]| g.iter().map(|v| 2.0 * f64::from(*v)).collect::<Vec<f64>>();
        let (twice_cls, twice_pos) = (doubled(&dcls), doubled(&dpos));
        tokens::prepend_gradient(&dout, &mut dcls, &mut dpos, &mut de);
        close("added class token", &dcls, &twice_cls, 1e-6);
        close("added positions", &dpos, &twice_pos, 1e-6);

        let (mut first, mut dx) = (vec![f32::NAN; n * d], vec![f32::NAN; out.len()]);
        tokens::first_token(&out, t + 1, d, &mut first);
        let g = array(5, n * d, 1.0, 0.0);
        tokens::first_token_gradient(&g, t + 1, d, &mut dx);
        assert!((0..n * d).all(|k| first[k] == out[k / d * (t + 1) * d + k % d]), "{n}×{t}×{d}");
        assert!((0..n * d).all(|k| dx[k / d * (t + 1) * d + k % d] == g[k]), "{n}×{t}×{d}");
        assert_eq!(dx.iter().filter(|v| **v != 0.0).count(), g.iter().filter(|v| **v != 0.0).count());
    }
}
