//! Every candle operation against finite differences, on shapes that fill no vector register.

use basin_kernels::conv::Padding;
use basin_kernels::ops::{channel_norm, channel_norm_add, conv2d, cross_entropy, distillation};
use basin_kernels::{floats, tensor};
use candle_core::{Result, Tensor, Var};

/// Values without pattern in [-1, 1).
fn values(stream: u32, len: usize) -> Vec<f32> {
    basin_fixtures::array(stream, len, 1.0, 0.0)
}

fn var(stream: u32, dims: &[usize]) -> Var {
    Var::from_tensor(&tensor(values(stream, dims.iter().product()), dims).unwrap()).unwrap()
}

/// The gradient of Σ weights · f(vars) along a random direction in each variable, against the difference
/// quotient. JAX's mark for f32 is 2e-3.
#[track_caller]
fn check(name: &str, vars: &[Var], f: impl Fn(&[Tensor]) -> Result<Tensor>) {
    let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let y = f(&tensors).unwrap();
    let weights = tensor(values(77, y.elem_count()), y.dims()).unwrap();
    let scalar = |y: &Tensor| -> f64 {
        floats(y).unwrap().iter().zip(floats(&weights).unwrap().iter()).map(|(a, b)| f64::from(a * b)).sum()
    };
    let grads = (&y * &weights).unwrap().sum_all().unwrap().backward().unwrap();
    for (i, var) in vars.iter().enumerate() {
        let grad = grads.get(var).unwrap_or_else(|| panic!("{name}: argument {i} has no gradient"));
        assert_eq!(grad.dims(), var.dims(), "{name}: argument {i}");
        let direction = values(100 + i as u32, var.elem_count());
        let along: f64 = floats(grad).unwrap().iter().zip(&direction).map(|(g, d)| f64::from(g * d)).sum();
        let epsilon = 1e-2f32;
        let moved = |sign: f32| {
            let base = floats(var).unwrap();
            let data = base.iter().zip(&direction).map(|(v, d)| v + sign * epsilon * d).collect();
            let mut arguments = tensors.clone();
            arguments[i] = tensor(data, var.dims()).unwrap();
            scalar(&f(&arguments).unwrap())
        };
        let quotient = (moved(1.0) - moved(-1.0)) / (2.0 * f64::from(epsilon));
        let scale = along.abs().max(quotient.abs()).max(0.1);
        assert!((along - quotient).abs() <= 5e-3 * scale, "{name} argument {i}: {along} against {quotient}");
        assert!(floats(grad).unwrap().iter().any(|g| *g != 0.0), "{name}: argument {i} has a zero gradient");
    }
}

#[test]
fn convolution_gradients_match_finite_differences() {
    for (n, side, cin, cout, kernel, stride) in [
        (1, 1, 1, 1, 1, 1),
        (2, 5, 3, 4, 3, 1),
        (3, 6, 5, 7, 3, 2),
        (1, 7, 2, 17, 3, 2),
        (9, 4, 1, 33, 5, 1),
        (2, 5, 3, 2, 1, 2),
    ] {
        let vars = [var(1, &[n, side, side, cin]), var(2, &[cout, cin, kernel, kernel])];
        check(&format!("conv {side} {cin}→{cout} k{kernel} s{stride}"), &vars, |v| {
            conv2d(&v[0], &v[1], stride, Padding::Same)
        });
    }
}

#[test]
fn norm_gradients_match_finite_differences() {
    for channels in [2, 3, 8, 16, 20, 48, 64, 96, 192] {
        let shape = [2, 2, 3, channels];
        let vars = [var(3, &shape), var(4, &[channels]), var(5, &[channels])];
        let name = format!("norm of {channels}");
        // Without the ReLU: its kink is not a place for difference quotients. The golden values cover it.
        check(&name, &vars, |v| channel_norm(&v[0], &v[1], &v[2], 1e-2, false));
        let with_shortcut = [vars[0].clone(), var(6, &shape), vars[1].clone(), vars[2].clone()];
        check(&name, &with_shortcut, |v| channel_norm_add(&v[0], &v[1], &v[2], &v[3], 1e-2, false));
    }
}

#[test]
fn loss_gradients_match_finite_differences() {
    let labels = [0, 2, 4];
    check("cross-entropy", &[var(7, &[3, 5])], |v| cross_entropy(&v[0], &labels));
    let teacher = tensor(values(8, 15), &[3, 5]).unwrap();
    for (beta, tau) in [(0.0, 1.0), (0.2, 3.0), (1.0, 3.0), (0.5, 20.0)] {
        check("distillation", &[var(7, &[3, 5])], |v| distillation(&v[0], &labels, &teacher, beta, tau));
    }
}

#[test]
fn arguments_that_do_not_fit_are_refused() {
    let x = tensor(vec![0.0; 2 * 4 * 4 * 3], &[2, 4, 4, 3]).unwrap();
    let weight = tensor(vec![0.0; 5 * 4 * 3 * 3], &[5, 4, 3, 3]).unwrap();
    assert!(conv2d(&x, &weight, 1, Padding::Same).is_err(), "four input channels for images of three");
    let three = tensor(vec![0.0; 3], &[3]).unwrap();
    assert!(conv2d(&x, &three, 1, Padding::Same).is_err());
    assert!(channel_norm(&x, &weight, &weight, 1e-6, true).is_err());
    assert!(cross_entropy(&three, &[0]).is_err());
    let z = tensor(vec![0.0; 6], &[2, 3]).unwrap();
    assert!(cross_entropy(&z, &[0, 3]).is_err(), "label 3 of three classes");
    assert!(distillation(&z, &[0, 1], &z, 1.5, 3.0).is_err());
    assert!(distillation(&z, &[0, 1], &z, 0.5, 0.0).is_err());
}
