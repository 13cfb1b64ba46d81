//! Convolutions and norms against PyTorch's float64 values, on every instruction set of this CPU.

use basin_fixtures::{array, close, numbers, sizes};
use basin_kernels::Isa;
use basin_kernels::conv::{self, Algorithm, ConvShape, PackedConv};
use basin_kernels::norm::{self, NormShape};
use serde_json::Value;

const GOLDEN: &str = include_str!("../../../fixtures/resnet20/layers.json");

#[test]
fn convolutions_and_their_gradients_agree_with_pytorch() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    for isa in Isa::available() {
        for case in golden["convolution"].as_array().unwrap() {
            let name = format!("{} on {isa:?}", case["name"]);
            let (x_shape, w_shape) = (sizes(&case["input_shape"]), sizes(&case["weight_shape"]));
            let [n, h, w, cin] = x_shape[..] else { panic!("{name}") };
            let (cout, kernel) = (w_shape[0], w_shape[2]);
            let shape = ConvShape { cin, cout, kernel, stride: case["stride"].as_u64().unwrap() as usize };
            let fan_in = (cin * kernel * kernel) as f64;
            let x = array(1000, n * h * w * cin, 1.5, 0.0);
            let weight = array(0, cout * cin * kernel * kernel, (3.0 / fan_in).sqrt(), 0.0);
            let mut packed = PackedConv::with_algorithm(shape, Algorithm::Direct, true, isa);
            packed.pack(&weight);
            let mut y = vec![f32::NAN; n * shape.output(h) * shape.output(w) * cout];
            conv::forward(&packed, &x, h, w, &mut y).unwrap();
            close(&name, &y, &numbers(&case["output"]), 1e-6);

            let dy = array(1001, y.len(), 1.0, 0.0);
            let mut dx = vec![f32::NAN; x.len()];
            conv::input_gradient(&packed, &dy, h, w, &mut dx, false).unwrap();
            close(&name, &dx, &numbers(&case["input_gradient"]), 1e-6);

            let (mut sum, mut dw) = (vec![f32::NAN; packed.gradient_len()], vec![f32::NAN; weight.len()]);
            conv::weight_gradient(&packed, &x, &dy, h, w, &mut sum, false).unwrap();
            packed.unpack_gradient(&sum, &mut dw);
            close(&name, &dw, &numbers(&case["weight_gradient"]), 1e-6);
        }
    }
}

#[test]
fn norms_and_their_gradients_agree_with_pytorch() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    for isa in Isa::available() {
        for case in golden["channel_norm"].as_array().unwrap() {
            let name = format!("{} on {isa:?}", case["name"]);
            let dims = sizes(&case["shape"]);
            let (len, c) = (dims.iter().product::<usize>(), *dims.last().unwrap());
            let scale = |key: &str| case[key].as_f64().unwrap();
            let x = array(1000, len, scale("input_scale"), scale("input_offset"));
            let (gamma, beta) = (array(0, c, 0.2, 1.0), array(1, c, 0.1, 0.0));
            let residual = case["residual"].as_bool().unwrap().then(|| array(1002, len, 1.0, 0.0));
            let shape = NormShape { channels: c, epsilon: 1e-6, relu: case["relu"].as_bool().unwrap() };
            // Cases made to be hard: see the fixture's README for what PyTorch itself loses in f32.
            let tolerance = if case["name"] == "large-mean" { 4e-5 } else { 1e-6 };

            let (mut y, mut statistics) = (vec![f32::NAN; len], vec![f32::NAN; 2 * len / c]);
            norm::forward(shape, &x, residual.as_deref(), &gamma, &beta, &mut y, &mut statistics, isa);
            let no_variance = ["one-channel", "equal-channels"].contains(&case["name"].as_str().unwrap());
            close(&name, &y, &numbers(&case["output"]), if no_variance { 1e-3 } else { tolerance });

            let dy = array(1001, len, 1.0, 0.0);
            let (mut dx, mut dr) = (vec![f32::NAN; len], dy);
            let (mut dgamma, mut dbeta) = (vec![0.0; c], vec![0.0; c]);
            norm::backward(
                shape,
                &x,
                &y,
                &statistics,
                &gamma,
                &mut dr,
                &mut dx,
                &mut dgamma,
                &mut dbeta,
                isa,
            );
            if !no_variance {
                close(&name, &dx, &numbers(&case["input_gradient"]), tolerance);
                close(&name, &dgamma, &numbers(&case["weight_gradient"]), tolerance);
            }
            close(&name, &dbeta, &numbers(&case["bias_gradient"]), tolerance);
            if case["residual"].as_bool().unwrap() {
                close(&name, &dr, &numbers(&case["residual_gradient"]), tolerance);
            }
        }
    }
}

#[test]
fn nan_is_not_hidden_by_the_relu() {
    for isa in Isa::available() {
        for channels in [3, 8, 16, 32] {
            let shape = NormShape { channels, epsilon: 1e-6, relu: true };
            let mut x = array(1, 2 * channels, 1.0, 0.0);
            x[0] = f32::NAN;
            let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
            let (mut y, mut statistics) = (vec![0.0; x.len()], vec![0.0; 4]);
            norm::forward(shape, &x, None, &ones, &zeros, &mut y, &mut statistics, isa);
            assert!(y[..channels].iter().all(|v| v.is_nan()), "{channels} channels on {isa:?}: {y:?}");
            assert!(y[channels..].iter().all(|v| v.is_finite()), "{channels} channels on {isa:?}: {y:?}");
        }
    }
}
