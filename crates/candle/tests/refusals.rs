//! Operations on what they do not take: typed errors that name operation, found and expected.

use basin_candle::ops::{
    Fusion, OpError, Padding, Window, add_bias, add_relu, attention, avg_pool2d, batch_norm, batch_norm_with,
    conv2d, cross_entropy, dense, distillation, dropout, gelu, layer_norm, max_pool2d, mean_pool, relu,
};
use candle_core::{DType, Device, Result, Tensor};

fn zeros(dims: &[usize]) -> Tensor {
    Tensor::zeros(dims, DType::F32, &Device::Cpu).unwrap()
}

#[track_caller]
fn told<T: std::fmt::Debug>(result: Result<T>) -> (&'static str, String) {
    let error = result.unwrap_err();
    let refused = OpError::within(&error).unwrap_or_else(|| panic!("untyped: {error}"));
    assert!(error.to_string().starts_with(&refused.to_string()), "{error}");
    let kind = match refused {
        OpError::Device { .. } => "device",
        OpError::Type { .. } => "type",
        OpError::Shape { .. } => "shape",
        OpError::Number { .. } => "number",
        other => panic!("{other:?}"),
    };
    (kind, refused.to_string())
}

/// Other types would be rounded in silence; there is no device here but the CPU to try the other refusal on.
#[test]
fn other_types_are_refused_by_every_operation() {
    let wide = |dims: &[usize]| Tensor::zeros(dims, DType::F64, &Device::Cpu).unwrap();
    let (x, c, w, z) = (wide(&[2, 4, 4, 3]), wide(&[3]), wide(&[5, 3, 3, 3]), wide(&[2, 3]));
    let window = Window::tiles(2);
    let refused = [
        ("conv2d", conv2d(&x, &w, 1, Padding::Same)),
        ("layer_norm", layer_norm(&x, &c, &c, 1e-5, Fusion::default())),
        ("batch_norm", batch_norm(&x, &c, &c, 1e-5, Fusion::default()).map(|(y, _)| y)),
        ("batch_norm", batch_norm_with(&x, (&c, &c), &c, &c, 1e-5, Fusion::default())),
        ("relu", relu(&x)),
        ("gelu", gelu(&x)),
        ("add_relu", add_relu(&x, &x)),
        ("add_bias", add_bias(&x, &c, true)),
        ("max_pool2d", max_pool2d(&x, window)),
        ("avg_pool2d", avg_pool2d(&x, 2, 2)),
        ("mean_pool", mean_pool(&x)),
        ("dense", dense(&z, &wide(&[4, 3]), None)),
        ("attention", attention(&wide(&[1, 2, 6]), 1)),
        ("dropout", dropout(&z, 0.5, &[1, 2], 0)),
        ("cross_entropy", cross_entropy(&z, &[0, 1])),
        ("distillation", distillation(&z, &[0, 1], &z, 0.5, 1.0)),
    ];
    for (name, result) in refused {
        assert_eq!(told(result), ("type", format!("{name} was given f64, expected f32")));
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let (x, c, z) = (zeros(&[2, 4, 4, 3]), zeros(&[3]), zeros(&[2, 3]));
    let (two, other) = (zeros(&[2]), zeros(&[2, 4, 4, 2]));
    let shortcut = Fusion { shortcut: Some(&other), relu: false };
    let refused = [
        conv2d(&x, &zeros(&[5, 4, 3, 3]), 1, Padding::Same),
        conv2d(&x, &zeros(&[5, 3, 3, 2]), 1, Padding::Same),
        conv2d(&x, &zeros(&[5, 3, 7, 7]), 1, Padding::Each(1)),
        conv2d(&zeros(&[2, 0, 4, 3]), &zeros(&[5, 3, 3, 3]), 1, Padding::Same),
        conv2d(&z, &zeros(&[5, 3, 3, 3]), 1, Padding::Same),
        layer_norm(&x, &two, &c, 1e-5, Fusion::default()),
        layer_norm(&x, &c, &c, 1e-5, shortcut),
        batch_norm(&x, &c, &two, 1e-5, Fusion::default()).map(|(y, _)| y),
        batch_norm(&x, &c, &c, 1e-5, shortcut).map(|(y, _)| y),
        batch_norm(&zeros(&[1, 3]), &c, &c, 1e-5, Fusion::default()).map(|(y, _)| y),
        batch_norm_with(&x, (&two, &c), &c, &c, 1e-5, Fusion::default()),
        add_relu(&x, &other),
        add_bias(&x, &two, false),
        max_pool2d(&x, Window::tiles(5)),
        max_pool2d(&z, Window::tiles(2)),
        avg_pool2d(&x, 5, 1),
        mean_pool(&z),
        dense(&z, &zeros(&[4, 2]), None),
        dense(&z, &zeros(&[4, 3]), Some(&c)),
        attention(&zeros(&[1, 2, 7]), 1),
        attention(&zeros(&[1, 2, 6]), 0),
        dropout(&z, 0.5, &[1], 0),
        cross_entropy(&z, &[0]),
        cross_entropy(&c, &[0, 1, 2]),
        distillation(&z, &[0, 1], &zeros(&[2, 4]), 0.5, 1.0),
    ];
    for (place, result) in refused.into_iter().enumerate() {
        let (kind, message) = told(result);
        assert_eq!(kind, "shape", "{place}: {message}");
        assert!(message.contains(" was given ") && message.contains(", expected "), "{place}: {message}");
    }
}

#[test]
fn numbers_outside_of_their_range_are_refused() {
    let (x, z) = (zeros(&[2, 4, 4, 3]), zeros(&[2, 3]));
    let window = |kernel, stride, padding| Window { kernel, stride, padding };
    let refused = [
        (conv2d(&x, &zeros(&[5, 3, 3, 3]), 0, Padding::Same), "conv2d with stride 0, expected at least 1"),
        (max_pool2d(&x, window(0, 1, 0)), "max_pool2d with kernel 0, expected at least 1"),
        (max_pool2d(&x, window(2, 0, 0)), "max_pool2d with stride 0, expected at least 1"),
        (max_pool2d(&x, window(3, 1, 2)), "max_pool2d with padding 2, expected at most half the kernel"),
        (dropout(&z, 1.0, &[1, 2], 0), "dropout with rate 1, expected 0 ≤ rate < 1"),
        (dropout(&z, f32::NAN, &[1, 2], 0), "dropout with rate NaN, expected 0 ≤ rate < 1"),
        (cross_entropy(&z, &[0, 3]), "cross_entropy with label 3 of 3 classes, expected a class"),
        (distillation(&z, &[0, 1], &z, 1.5, 1.0), "distillation with label weight 1.5, expected 0 ≤ β ≤ 1"),
        (distillation(&z, &[0, 1], &z, 0.5, 0.0), "distillation with temperature 0, expected τ > 0"),
    ];
    for (result, expected) in refused {
        assert_eq!(told(result), ("number", expected.to_owned()));
    }
}
