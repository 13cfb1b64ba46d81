//! The transformer's layers against PyTorch's float64 values, on every instruction set of this processor.

use basin_kernels::norm::{self, NormShape};
use basin_kernels::{Isa, attention, gelu};
use serde_json::Value;

const GOLDEN: &str = include_str!("../../../fixtures/vit/layers.json");

/// The hash that fills the fixtures' arrays (see their README).
fn u(stream: u32, k: u32) -> f64 {
    let mut h = k.wrapping_add(0x9E37_79B9_u32.wrapping_mul(stream + 1));
    h = (h ^ (h >> 16)).wrapping_mul(0x7FEB_352D);
    h = (h ^ (h >> 15)).wrapping_mul(0x846C_A68B);
    f64::from(h ^ (h >> 16)) / 2_147_483_648.0 - 1.0
}

fn array(stream: u32, len: usize, scale: f64, offset: f64) -> Vec<f32> {
    (0..len as u32).map(|k| (offset + scale * u(stream, k)) as f32).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn sizes(value: &Value) -> Vec<usize> {
    numbers(value).iter().map(|x| *x as usize).collect()
}

/// Compares with a full array, or with samples of one.
#[track_caller]
fn close(what: &str, got: &[f32], expected: &Value, tolerance: f64) {
    let full = expected.get("full").or(expected.is_array().then_some(expected));
    let (indices, values) = match full {
        Some(full) => ((0..got.len()).collect(), numbers(full)),
        None => (sizes(&expected["indices"]), numbers(&expected["values"])),
    };
    assert!(!values.is_empty() && indices.len() == values.len(), "{what}");
    let largest = match expected.get("max_abs") {
        Some(max) => max.as_f64().unwrap(),
        None => values.iter().fold(1e-30f64, |m, x| m.max(x.abs())),
    };
    for (i, e) in indices.into_iter().zip(values) {
        let error = (f64::from(got[i]) - e).abs();
        assert!(error <= tolerance * largest, "{what}[{i}]: {} against {e}, largest {largest}", got[i]);
    }
}

#[test]
fn attention_and_its_gradient_agree_with_pytorch() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    for isa in Isa::available() {
        for case in golden["attention"].as_array().unwrap() {
            let name = format!("{} on {isa:?}", case["name"]);
            let [n, tokens, three] = sizes(&case["input_shape"])[..] else { panic!("{name}") };
            let (channels, heads) = (three / 3, case["heads"].as_u64().unwrap() as usize);
            let qkv = array(1000, n * tokens * three, case["input_scale"].as_f64().unwrap(), 0.0);
            let (mut out, mut log_sum) =
                (vec![f32::NAN; n * tokens * channels], vec![f32::NAN; n * heads * tokens]);
            attention::forward(&qkv, tokens, channels, heads, &mut out, &mut log_sum, isa);
            // Scores of 150 are rounded to 1e-5 before they are exponentiated.
            let tolerance = if case["name"] == "large-scores" { 1e-5 } else { 1e-6 };
            close(&name, &out, &case["output"], tolerance);
            let (dout, mut dqkv) = (array(1001, out.len(), 1.0, 0.0), vec![f32::NAN; qkv.len()]);
            attention::backward(&qkv, &log_sum, &dout, tokens, channels, heads, &mut dqkv, isa);
            close(&name, &dqkv, &case["input_gradient"], 2.0 * tolerance);
        }
    }
}

#[test]
fn gelu_and_its_derivative_agree_with_the_error_function() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let gelu_values = &golden["gelu"];
    let x: Vec<f32> = numbers(&gelu_values["x"]).iter().map(|x| *x as f32).collect();
    for isa in Isa::available() {
        let (mut y, mut dz) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
        gelu::forward(&x, &mut y, isa);
        gelu::backward(&x, &vec![1.0; x.len()], &mut dz, isa);
        let (values, derivatives) =
            (numbers(&gelu_values["erfc_value"]), numbers(&gelu_values["erfc_derivative"]));
        for (i, &z) in x.iter().enumerate() {
            let bound = 1e-7 * f64::from(z.abs().max(1.0));
            assert!((f64::from(y[i]) - values[i]).abs() <= bound, "gelu({z}) = {} on {isa:?}", y[i]);
            assert!((f64::from(dz[i]) - derivatives[i]).abs() <= 3e-7, "gelu'({z}) = {} on {isa:?}", dz[i]);
        }
    }
}

#[test]
fn layer_norms_agree_with_pytorch() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    for isa in Isa::available() {
        for case in golden["layer_norm"].as_array().unwrap() {
            let name = format!("{} on {isa:?}", case["name"]);
            let dims = sizes(&case["shape"]);
            let (len, c) = (dims.iter().product::<usize>(), *dims.last().unwrap());
            let number = |key: &str| case[key].as_f64().unwrap();
            let x = array(1000, len, number("input_scale"), number("input_offset"));
            let (gamma, beta) = (array(0, c, 0.2, 1.0), array(1, c, 0.1, 0.0));
            let shape = NormShape { channels: c, epsilon: 1e-5, relu: false };
            let (mut y, mut statistics) = (vec![f32::NAN; len], vec![f32::NAN; 2 * len / c]);
            norm::forward(shape, &x, None, &gamma, &beta, &mut y, &mut statistics, isa);
            // Cases made to be hard: see the fixture's README for what PyTorch itself loses in f32.
            let no_variance = ["one-channel", "equal-channels"].contains(&case["name"].as_str().unwrap());
            let tolerance = if case["name"] == "large-mean" { 4e-5 } else { 2e-6 };
            close(&name, &y, &case["output"], if no_variance { 1e-3 } else { tolerance });
            let (mut dy, mut dx) = (array(1001, len, 1.0, 0.0), vec![f32::NAN; len]);
            let (mut dgamma, mut dbeta) = (vec![0.0; c], vec![0.0; c]);
            norm::backward(
                shape,
                &x,
                &y,
                &statistics,
                &gamma,
                &mut dy,
                &mut dx,
                &mut dgamma,
                &mut dbeta,
                isa,
            );
            if !no_variance {
                close(&name, &dx, &case["input_gradient"], tolerance);
                close(&name, &dgamma, &case["weight_gradient"], tolerance);
            }
            close(&name, &dbeta, &case["bias_gradient"], tolerance);
        }
    }
}
