//! Every operation against candle's own operations in f64: results by value, gradients by finite differences of the f64
//! result, on shapes that fill no vector register. What candle differentiates by itself plays no part.

use basin_candle::ops::{
    Fusion, Padding, Window, add_bias, add_relu, attention, avg_pool2d, batch_norm, batch_norm_with, conv2d,
    cross_entropy, dense, distillation, drop_path, dropout, gelu, layer_norm, max_pool2d, mean_pool, relu,
};
use candle_core::{D, DType, Device, Result, Tensor, Var};

const STEP: f64 = 1e-5;

/// Values without pattern in [-1, 1).
fn values(stream: u32, dims: &[usize]) -> Vec<f32> {
    basin_fixtures::array(stream, dims.iter().product(), 1.0, 0.0)
}

fn tensor(stream: u32, dims: &[usize]) -> Tensor {
    Tensor::from_vec(values(stream, dims), dims, &Device::Cpu).unwrap()
}

/// Compares results, and the gradients of Σ w · result in every element of every argument.
#[track_caller]
fn check(
    name: &str,
    shapes: &[&[usize]],
    ours: impl Fn(&[Tensor]) -> Result<Tensor>,
    reference: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    let vars: Vec<Var> =
        shapes.iter().zip(1..).map(|(dims, i)| Var::from_tensor(&tensor(i, dims)).unwrap()).collect();
    let arguments: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let wide: Vec<Tensor> =
        vars.iter().map(|var| var.as_detached_tensor().to_dtype(DType::F64).unwrap()).collect();
    let (y, expected) = (ours(&arguments).unwrap(), reference(&wide).unwrap());
    assert_eq!(y.dims(), expected.dims(), "{name}");
    let (y_values, expected) = (flat(&y), flat(&expected));
    close(&format!("{name}: result"), &y_values, &expected);
    let weights = tensor(77, y.dims());
    let store = (&y * &weights).unwrap().sum_all().unwrap().backward().unwrap();
    let weights = weights.to_dtype(DType::F64).unwrap();
    let scalar = |arguments: &[Tensor]| -> f64 {
        let y = reference(arguments).unwrap();
        (y * &weights).unwrap().sum_all().unwrap().to_scalar().unwrap()
    };
    for (place, var) in vars.iter().enumerate() {
        let gradient = store.get(var).unwrap_or_else(|| panic!("{name}: argument {place} has no gradient"));
        assert_eq!(gradient.dims(), var.dims(), "{name}: argument {place}");
        let base = flat(&wide[place]);
        let quotient = |i: usize| {
            let moved = |by: f64| {
                let (mut data, mut arguments) = (base.clone(), wide.clone());
                data[i] += by;
                arguments[place] = Tensor::from_vec(data, var.dims(), &Device::Cpu).unwrap();
                scalar(&arguments)
            };
            (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
        };
        let quotients: Vec<f64> = (0..base.len()).map(quotient).collect();
        assert!(quotients.iter().any(|q| q.abs() > 1e-6), "{name}: argument {place} does not matter");
        close(&format!("{name}: gradient of argument {place}"), &flat(gradient), &quotients);
    }
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Within 10⁻⁵ of the largest.
#[track_caller]
fn close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-3f64, |largest, e| largest.max(e.abs()));
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= 1e-5 * largest, "{what}[{i}]: {f} against {e}, largest {largest}");
    }
}

/// `[n, h, w, c]` to candle's order and back.
fn first(x: &Tensor) -> Result<Tensor> {
    x.permute((0, 3, 1, 2))?.contiguous()
}

fn last(x: &Tensor) -> Result<Tensor> {
    x.permute((0, 2, 3, 1))?.contiguous()
}

#[test]
fn convolutions() {
    let cases = [
        // n, h, w, cin, cout, kernel, stride
        (1, 1, 1, 1, 1, 1, 1),
        (2, 5, 4, 3, 2, 3, 1),
        (3, 6, 6, 2, 5, 3, 2),
        (1, 7, 6, 2, 17, 3, 2),
        (9, 3, 3, 1, 3, 3, 2),
        (2, 5, 5, 3, 2, 1, 2),
        (1, 9, 8, 2, 3, 7, 2),
        (1, 6, 7, 1, 2, 5, 3),
    ];
    for (n, h, w, cin, cout, kernel, stride) in cases {
        for padding in [Padding::Same, Padding::Each(0), Padding::Each(1), Padding::Each(kernel / 2)] {
            let around = if let Padding::Each(pad) = padding { 2 * pad } else { kernel };
            if h.min(w) + around < kernel {
                continue;
            }
            let name = format!("conv {n}×{h}×{w}×{cin} → {cout}, k{kernel} s{stride} {padding:?}");
            let shapes: [&[usize]; 2] = [&[n, h, w, cin], &[cout, cin, kernel, kernel]];
            let before_and_after = |side: usize| match padding {
                Padding::Each(pad) => (pad, pad),
                Padding::Same => {
                    let total = ((side.div_ceil(stride) - 1) * stride + kernel).saturating_sub(side);
                    (total / 2, total - total / 2)
                }
            };
            check(
                &name,
                &shapes,
                |v| conv2d(&v[0], &v[1], stride, padding),
                |v| {
                    let ((top, bottom), (left, right)) = (before_and_after(h), before_and_after(w));
                    let x = first(&v[0])?.pad_with_zeros(2, top, bottom)?.pad_with_zeros(3, left, right)?;
                    last(&x.conv2d(&v[1], 0, stride, 1, 1)?)
                },
            );
        }
    }
}

/// As wide as Winograd's filtering needs it, which the cases above are not.
#[test]
fn convolutions_of_whole_vectors() {
    let shapes: [&[usize]; 2] = [&[1, 3, 2, 16], &[16, 16, 3, 3]];
    check(
        "conv of 16 channels",
        &shapes,
        |v| conv2d(&v[0], &v[1], 1, Padding::Each(1)),
        |v| last(&first(&v[0])?.conv2d(&v[1], 1, 1, 1, 1)?),
    );
}

fn normalised(x: &Tensor, axes: &[usize], epsilon: f64) -> Result<Tensor> {
    let apart = x.broadcast_sub(&mean(x, axes)?)?;
    apart.broadcast_div(&(mean(&apart.sqr()?, axes)? + epsilon)?.sqrt()?)
}

fn mean(x: &Tensor, axes: &[usize]) -> Result<Tensor> {
    axes.iter().try_fold(x.clone(), |x, axis| x.mean_keepdim(*axis))
}

fn scaled(x: &Tensor, gamma: &Tensor, beta: &Tensor) -> Result<Tensor> {
    x.broadcast_mul(gamma)?.broadcast_add(beta)
}

#[test]
fn norms_with_what_follows_them() {
    // Rows of a perceptron, images of odd sizes, channels that fill vectors and that do not.
    let shapes: [&[usize]; 5] = [&[5, 3], &[2, 2, 3, 5], &[3, 3, 1, 16], &[1, 2, 2, 20], &[2, 1, 2, 70]];
    for dims in shapes {
        let c = dims[dims.len() - 1];
        let all: [&[usize]; 4] = [dims, &[c], &[c], dims];
        let pixels: Vec<usize> = (0..dims.len() - 1).collect();
        for (relu, shortcut) in [(false, false), (true, false), (false, true), (true, true)] {
            let shapes = &all[..if shortcut { 4 } else { 3 }];
            let then = |v: &[Tensor], x: Tensor| -> Result<Tensor> {
                let x = if shortcut { (x + &v[3])? } else { x };
                if relu { x.relu() } else { Ok(x) }
            };
            let fusion = |v: &'_ [Tensor]| v.get(3).cloned();
            let name = format!("{dims:?} relu {relu} shortcut {shortcut}");
            check(
                &format!("layer norm {name}"),
                shapes,
                |v| {
                    let other = fusion(v);
                    layer_norm(&v[0], &v[1], &v[2], 1e-2, Fusion { shortcut: other.as_ref(), relu })
                },
                |v| then(v, scaled(&normalised(&v[0], &[dims.len() - 1], 1e-2)?, &v[1], &v[2])?),
            );
            check(
                &format!("batch norm {name}"),
                shapes,
                |v| {
                    let other = fusion(v);
                    let then = Fusion { shortcut: other.as_ref(), relu };
                    Ok(batch_norm(&v[0], &v[1], &v[2], 1e-2, then)?.0)
                },
                |v| then(v, scaled(&normalised(&v[0], &pixels, 1e-2)?, &v[1], &v[2])?),
            );
            let given = (tensor(50, &[c]), tensor(51, &[c]).sqr().unwrap());
            check(
                &format!("batch norm by running statistics {name}"),
                shapes,
                |v| {
                    let other = fusion(v);
                    let then = Fusion { shortcut: other.as_ref(), relu };
                    batch_norm_with(&v[0], (&given.0, &given.1), &v[1], &v[2], 1e-2, then)
                },
                |v| {
                    let (mean, variance) = (given.0.to_dtype(DType::F64)?, given.1.to_dtype(DType::F64)?);
                    let x = v[0].broadcast_sub(&mean)?.broadcast_div(&(variance + 1e-2)?.sqrt()?)?;
                    then(v, scaled(&x, &v[1], &v[2])?)
                },
            );
        }
    }
}

/// Larger than a chunk of the kernel, so that chunks are merged and gradients of several are added.
#[test]
fn batch_norm_of_many_chunks_is_that_of_candle_in_f64() {
    let (dims, c) = ([9, 23, 29, 6], 6);
    let inputs = [&dims[..], &[c], &[c], &dims[..]];
    let vars: Vec<Var> =
        inputs.iter().zip(1..).map(|(d, i)| Var::from_tensor(&tensor(i, d)).unwrap()).collect();
    let wide: Vec<Var> =
        vars.iter().map(|v| Var::from_tensor(&v.to_dtype(DType::F64).unwrap()).unwrap()).collect();
    let weights = tensor(77, &dims);
    let then = Fusion { shortcut: Some(vars[3].as_tensor()), relu: true };
    let (y, measured) = batch_norm(&vars[0], &vars[1], &vars[2], 1e-5, then).unwrap();
    let reference = scaled(&normalised(&wide[0], &[0, 1, 2], 1e-5).unwrap(), &wide[1], &wide[2]).unwrap();
    let reference = (reference + wide[3].as_tensor()).unwrap().relu().unwrap();
    close("result", &flat(&y), &flat(&reference));
    let found = (y * &weights).unwrap().sum_all().unwrap().backward().unwrap();
    let weights = weights.to_dtype(DType::F64).unwrap();
    let expected = (reference * weights).unwrap().sum_all().unwrap().backward().unwrap();
    for (place, (var, wide)) in vars.iter().zip(&wide).enumerate() {
        let (found, expected) = (found.get(var).unwrap(), expected.get(wide).unwrap());
        close(&format!("gradient {place}"), &flat(found), &flat(expected));
    }
    assert_eq!(measured.pixels, 9 * 23 * 29);
    let mean = flat(&mean(&wide[0], &[0, 1, 2]).unwrap());
    close("mean", &measured.mean.iter().map(|m| f64::from(*m)).collect::<Vec<_>>(), &mean);
}

#[test]
fn activations() {
    for dims in [&[3][..], &[2, 3, 5], &[1, 70]] {
        check("relu", &[dims], |v| relu(&v[0]), |v| v[0].relu());
        check("add relu", &[dims, dims], |v| add_relu(&v[0], &v[1]), |v| (&v[0] + &v[1])?.relu());
        check("gelu", &[dims], |v| gelu(&v[0]), |v| v[0].gelu_erf());
        let c = dims[dims.len() - 1];
        check("add bias", &[dims, &[c]], |v| add_bias(&v[0], &v[1], false), |v| v[0].broadcast_add(&v[1]));
        let rectified = |v: &[Tensor]| v[0].broadcast_add(&v[1])?.relu();
        check("add bias, relu", &[dims, &[c]], |v| add_bias(&v[0], &v[1], true), rectified);
    }
}

#[test]
fn pools() {
    for (n, h, w, c) in [(1, 2, 2, 1), (2, 5, 4, 3), (1, 7, 7, 17)] {
        let dims: &[usize] = &[n, h, w, c];
        check("mean pool", &[dims], |v| mean_pool(&v[0]), |v| v[0].mean((1, 2)));
        for (kernel, stride, padding) in [(2, 2, 0), (2, 1, 1), (3, 2, 1), (1, 2, 0)] {
            let (window, name) = (Window { kernel, stride, padding }, format!("{dims:?} {kernel} {stride}"));
            if h.min(w) + 2 * padding < kernel {
                continue;
            }
            check(
                &format!("max pool {name}"),
                &[dims],
                |v| max_pool2d(&v[0], window),
                |v| {
                    // Beyond the image, less than all that is in it.
                    let around = |x: Tensor, axis: usize| -> Result<Tensor> {
                        let mut edge = x.dims().to_vec();
                        edge[axis] = padding;
                        let edge = Tensor::full(-1e9, edge, &Device::Cpu)?;
                        if padding == 0 { Ok(x) } else { Tensor::cat(&[&edge, &x, &edge], axis) }
                    };
                    last(&around(around(first(&v[0])?, 2)?, 3)?.max_pool2d_with_stride(kernel, stride)?)
                },
            );
            if padding == 0 {
                check(
                    &format!("mean pool {name}"),
                    &[dims],
                    |v| avg_pool2d(&v[0], kernel, stride),
                    |v| last(&first(&v[0])?.avg_pool2d_with_stride(kernel, stride)?),
                );
            }
        }
    }
}

#[test]
fn dense_layers() {
    for (rows, inputs, outputs) in [(1, 1, 1), (5, 3, 7), (19, 5, 2), (2, 17, 18)] {
        let shapes: [&[usize]; 3] = [&[rows, inputs], &[outputs, inputs], &[outputs]];
        let product = |v: &[Tensor]| v[0].matmul(&v[1].t()?);
        check("dense without bias", &shapes[..2], |v| dense(&v[0], &v[1], None), product);
        check("dense", &shapes, |v| dense(&v[0], &v[1], Some(&v[2])), |v| product(v)?.broadcast_add(&v[2]));
    }
    let shapes: [&[usize]; 3] = [&[2, 3, 4], &[5, 4], &[5]];
    check(
        "dense on tokens",
        &shapes,
        |v| dense(&v[0], &v[1], Some(&v[2])),
        |v| v[0].broadcast_matmul(&v[1].t()?)?.broadcast_add(&v[2]),
    );
}

#[test]
fn attention_between_tokens() {
    for (n, tokens, size, heads) in [(1, 1, 1, 1), (2, 5, 3, 2), (1, 17, 2, 1)] {
        let d = size * heads;
        check(
            "attention",
            &[&[n, tokens, 3 * d]],
            |v| attention(&v[0], heads),
            |v| {
                let parts =
                    v[0].reshape((n, tokens, 3, heads, size))?.permute((2, 0, 3, 1, 4))?.contiguous()?;
                let (q, k, value) = (parts.get(0)?, parts.get(1)?, parts.get(2)?);
                let scores =
                    (q.matmul(&k.transpose(2, 3)?.contiguous()?)? * (1.0 / (size as f64).sqrt()))?.exp()?;
                let weights = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
                weights.matmul(&value)?.transpose(1, 2)?.contiguous()?.reshape((n, tokens, d))
            },
        );
    }
}

#[test]
fn losses() {
    let labels = [0, 2, 4];
    let log_softmax =
        |z: &Tensor| -> Result<Tensor> { z.broadcast_sub(&z.exp()?.sum_keepdim(D::Minus1)?.log()?) };
    let labelled = |z: &Tensor| -> Result<Tensor> {
        let chosen = Tensor::new(&labels[..], &Device::Cpu)?.reshape((3, 1))?;
        log_softmax(z)?.gather(&chosen, 1)?.mean_all()?.neg()
    };
    check("cross-entropy", &[&[3, 5]], |v| cross_entropy(&v[0], &labels), |v| labelled(&v[0]));
    let teacher = tensor(8, &[3, 5]);
    for (beta, tau) in [(0.0f32, 1.0f32), (0.2, 3.0), (1.0, 3.0), (0.5, 20.0)] {
        let ours = |v: &[Tensor]| distillation(&v[0], &labels, &teacher, beta, tau);
        check(&format!("distillation {beta} {tau}"), &[&[3, 5]], ours, |v| {
            let (beta, tau) = (f64::from(beta), f64::from(tau));
            let taught = log_softmax(&(teacher.to_dtype(DType::F64)? / tau)?)?;
            let apart = (&taught - log_softmax(&(&v[0] / tau)?)?)?;
            let kl = ((taught.exp()? * apart)?.sum_all()? / 3.0)?;
            (kl * ((1.0 - beta) * tau * tau))? + (labelled(&v[0])? * beta)?
        });
    }
}

#[test]
fn dropout_by_seeds() {
    let (dims, seeds) = ([3, 2, 5, 7], [1u64, 2, 1]);
    let ones = Tensor::ones(&dims[..], DType::F32, &Device::Cpu).unwrap();
    for (rate, site) in [(0.5, 0), (0.1, 3)] {
        let mask = dropout(&ones, rate, &seeds, site).unwrap();
        let ours = |v: &[Tensor]| dropout(&v[0], rate, &seeds, site);
        check("dropout", &[&dims], ours, |v| &v[0] * mask.to_dtype(DType::F64)?);
        let kept = flat(&mask);
        assert!(kept.contains(&0.0) && kept.iter().any(|k| *k > 1.0), "some are dropped, some are scaled");
        let images: Vec<&[f64]> = kept.chunks(70).collect();
        assert!(images[0] == images[2] && images[0] != images[1], "a mask is its image's seed's");
    }
}

#[test]
fn whole_images_dropped_by_seeds() {
    let (dims, seeds) = ([4, 2, 3, 5], [1u64, 2, 3, 1]);
    let ones = Tensor::ones(&dims[..], DType::F32, &Device::Cpu).unwrap();
    for (rate, site) in [(0.5, 1), (0.25, 5)] {
        let mask = drop_path(&ones, rate, &seeds, site).unwrap();
        let ours = |v: &[Tensor]| drop_path(&v[0], rate, &seeds, site);
        check("drop path", &[&dims], ours, |v| &v[0] * mask.to_dtype(DType::F64)?);
        let kept = flat(&mask);
        let images: Vec<&[f64]> = kept.chunks(30).collect();
        let scale = f64::from(1.0 / (1.0 - rate));
        for image in &images {
            assert!(image.iter().all(|k| *k == image[0]) && [0.0, scale].contains(&image[0]), "{image:?}");
        }
        assert!(images[0] == images[3] && kept.contains(&0.0) && kept.contains(&scale), "{kept:?}");
    }
}

/// Values that no kernel takes as they are: other orders and pieces of memory.
#[test]
fn tensors_in_any_order_are_taken_and_differentiated() {
    let x = Var::from_tensor(&tensor(1, &[2, 3, 5, 4])).unwrap();
    let weight = Var::from_tensor(&tensor(2, &[4, 3, 3, 3])).unwrap();
    let turned = x.permute((0, 2, 3, 1)).unwrap();
    assert!(!turned.is_contiguous());
    let y = conv2d(&turned, &weight.narrow(0, 1, 2).unwrap(), 1, Padding::Same).unwrap();
    let whole = conv2d(&turned.contiguous().unwrap(), &weight.narrow(0, 1, 2).unwrap(), 1, Padding::Same);
    assert_eq!(flat(&y), flat(&whole.unwrap()));
    let store = y.sum_all().unwrap().backward().unwrap();
    let (dx, dw) = (store.get(&x).unwrap(), store.get(&weight).unwrap());
    assert_eq!((dx.dims(), dw.dims()), (x.dims(), weight.dims()));
    assert!(flat(dx).iter().all(|g| *g != 0.0));
}
