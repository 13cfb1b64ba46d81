//! The transformer's layers against PyTorch's float64 values, on every instruction set of this CPU.

use basin_fixtures::{array, close, numbers, sizes};
use basin_kernels::norm::{self, NormShape};
use basin_kernels::{Isa, attention, gelu};
use serde_json::Value;

const GOLDEN: &str = include_str!("../../../fixtures/vit/layers.json");

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
