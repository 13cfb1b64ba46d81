//! What small networks compute, written out in f64 from the definitions.

use crate::networks::VitShape;
use basin_core::{Params, SeedTree};

pub(crate) type Rows = Vec<Vec<f64>>;

pub(crate) fn largest_difference(a: &Rows, b: &Rows) -> f64 {
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

pub(crate) fn random_rows(rows: usize, cols: usize, seed: u64) -> Rows {
    let mut rng = SeedTree::root(seed).child("input").rng();
    (0..rows).map(|_| (0..cols).map(|_| rng.normal()).collect()).collect()
}

fn values(net: &Params, name: &str) -> Vec<f64> {
    let array = net.get(name).unwrap_or_else(|| panic!("no {name}"));
    array.data().iter().map(|&x| f64::from(x)).collect()
}

/// `prefix` ends where `weight` and `bias` begin.
pub(crate) fn dense(net: &Params, prefix: &str, x: &Rows) -> Rows {
    let (weight, bias) = (values(net, &format!("{prefix}weight")), values(net, &format!("{prefix}bias")));
    let unit =
        |x: &Vec<f64>, (row, bias): (&[f64], &f64)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + bias;
    x.iter().map(|x| weight.chunks(x.len()).zip(&bias).map(|row| unit(x, row)).collect()).collect()
}

fn layer_norm(net: &Params, name: &str, x: &Rows) -> Rows {
    let (scale, shift) = (values(net, &format!("{name}.weight")), values(net, &format!("{name}.bias")));
    let row = |x: &Vec<f64>| {
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
        let unit = |((x, w), b): ((&f64, &f64), &f64)| (x - mean) / (variance + 1e-5).sqrt() * w + b;
        x.iter().zip(&scale).zip(&shift).map(unit).collect()
    };
    x.iter().map(row).collect()
}

pub(crate) fn add(x: &Rows, y: &Rows) -> Rows {
    x.iter().zip(y).map(|(x, y)| x.iter().zip(y).map(|(x, y)| x + y).collect()).collect()
}

/// Any smooth activation serves; this is the tanh form of GELU.
pub(crate) fn gelu(x: &Rows) -> Rows {
    let unit = |x: &f64| 0.5 * x * (1.0 + (0.797_884_56 * (x + 0.044_715 * x.powi(3))).tanh());
    x.iter().map(|x| x.iter().map(unit).collect()).collect()
}

/// Tokens `[T, 3d]` of packed queries, keys and values to `[T, d]`.
fn attention(qkv: &Rows, heads: usize) -> Rows {
    let dim = qkv[0].len() / 3;
    let size = dim / heads;
    let of = |token: &[f64], part: usize, head: usize| token[part * dim + head * size..][..size].to_vec();
    let row = |token: &Vec<f64>| {
        let head = |head: usize| {
            let query = of(token, 0, head);
            let score = |other: &Vec<f64>| {
                let product = query.iter().zip(of(other, 1, head)).map(|(q, k)| q * k).sum::<f64>();
                (product / (size as f64).sqrt()).exp()
            };
            let scores: Vec<f64> = qkv.iter().map(score).collect();
            let total: f64 = scores.iter().sum();
            (0..size)
                .map(move |unit| {
                    let mixed =
                        qkv.iter().zip(&scores).map(|(other, s)| s * other[2 * dim + head * size + unit]);
                    mixed.sum::<f64>() / total
                })
                .collect::<Vec<f64>>()
        };
        (0..heads).flat_map(head).collect()
    };
    qkv.iter().map(row).collect()
}

/// Attention alone, for a layer called `a`.
pub(crate) fn attention_layer(net: &Params, heads: usize, x: &Rows) -> Rows {
    dense(net, "a.out_proj.", &attention(&dense(net, "a.in_proj_", x), heads))
}

/// Logits of a Vision Transformer of Lippe's for patches `[T - 1, patch]`.
pub(crate) fn vit(net: &Params, shape: VitShape, patches: &Rows) -> Rows {
    let class = vec![values(net, "cls_token")];
    let tokens: Rows = class.into_iter().chain(dense(net, "input_layer.", patches)).collect();
    let positions: Rows = values(net, "pos_embedding").chunks(shape.dim).map(<[f64]>::to_vec).collect();
    let mut x = add(&tokens, &positions);
    for i in 0..shape.layers {
        let name = |layer: &str| format!("transformer.{i}.{layer}");
        let qkv = dense(net, &name("attn.in_proj_"), &layer_norm(net, &name("layer_norm_1"), &x));
        x = add(&x, &dense(net, &name("attn.out_proj."), &attention(&qkv, shape.heads)));
        let hidden = gelu(&dense(net, &name("linear.0."), &layer_norm(net, &name("layer_norm_2"), &x)));
        x = add(&x, &dense(net, &name("linear.3."), &hidden));
    }
    dense(net, "mlp_head.1.", &layer_norm(net, "mlp_head.0", &vec![x[0].clone()]))
}

/// A residual perceptron: `first`, blocks `(up, down)`, `last`.
pub(crate) fn residual_mlp(net: &Params, blocks: &[(&str, &str)], x: &Rows) -> Rows {
    let stream = blocks.iter().fold(dense(net, "first.", x), |x, (up, down)| {
        add(&x, &dense(net, &format!("{down}."), &gelu(&dense(net, &format!("{up}."), &x))))
    });
    dense(net, "last.", &stream)
}

/// Channels of a square image, each row-major.
struct Image {
    side: usize,
    channels: Rows,
}

/// Convolution of odd size with zero padding.
fn conv(net: &Params, name: &str, x: &Image, stride: usize) -> Image {
    let weight = values(net, &format!("{name}.weight"));
    let shape = net.get(&format!("{name}.weight")).unwrap().shape().to_vec();
    let (inputs, k, side) = (shape[1], shape[2], x.side.div_ceil(stride));
    let at = |o: usize, row: usize, col: usize| {
        let taps = (0..inputs * k * k).map(|t| (t / (k * k), t / k % k, t % k));
        let tap = |(i, dr, dc): (usize, usize, usize)| {
            let (r, c) = ((row * stride + dr).wrapping_sub(k / 2), (col * stride + dc).wrapping_sub(k / 2));
            let inside = r < x.side && c < x.side;
            if inside {
                weight[((o * inputs + i) * k + dr) * k + dc] * x.channels[i][r * x.side + c]
            } else {
                0.0
            }
        };
        taps.map(tap).sum::<f64>()
    };
    let channel = |o| (0..side * side).map(|p| at(o, p / side, p % side)).collect();
    Image { side, channels: (0..shape[0]).map(channel).collect() }
}

/// Batch normalisation as at evaluation.
fn batch_norm(net: &Params, name: &str, x: Image) -> Image {
    let of = |kind: &str| values(net, &format!("{name}.{kind}"));
    let (scale, shift, mean, variance) = (of("weight"), of("bias"), of("running_mean"), of("running_var"));
    let channel = |(c, x): (usize, &Vec<f64>)| {
        let unit = |x: &f64| (x - mean[c]) / (variance[c] + 1e-5).sqrt() * scale[c] + shift[c];
        x.iter().map(unit).collect()
    };
    Image { side: x.side, channels: x.channels.iter().enumerate().map(channel).collect() }
}

fn relu(x: Image) -> Image {
    let channels = x.channels.iter().map(|c| c.iter().map(|x| x.max(0.0)).collect()).collect();
    Image { side: x.side, channels }
}

/// Logits of a CIFAR ResNet with batch normalisation and convolutional shortcuts, or zero padding where
/// there is none, for an image `[3, side²]`.
pub(crate) fn cifar_resnet(net: &Params, blocks: usize, side: usize, image: &Rows) -> Rows {
    let image = Image { side, channels: image.clone() };
    let mut x = relu(batch_norm(net, "norm1", conv(net, "conv1", &image, 1)));
    for (group, block) in (0..3).flat_map(|group| (0..blocks).map(move |block| (group, block))) {
        let name = format!("blockgroups.{group}.blocks.{block}");
        let stride = if group > 0 && block == 0 { 2 } else { 1 };
        let layer = |i: usize, x: &Image, stride| {
            batch_norm(net, &format!("{name}.norm{i}"), conv(net, &format!("{name}.conv{i}"), x, stride))
        };
        let y = layer(2, &relu(layer(1, &x, stride)), 1);
        let shortcut = if stride == 1 {
            x
        } else if net.get(&format!("{name}.shortcut.conv.weight")).is_some() {
            let projected = conv(net, &format!("{name}.shortcut.conv"), &x, 2);
            batch_norm(net, &format!("{name}.shortcut.norm"), projected)
        } else {
            padded(&x, y.channels.len())
        };
        x = relu(Image { side: y.side, channels: add(&y.channels, &shortcut.channels) });
    }
    let means = x.channels.iter().map(|c| c.iter().sum::<f64>() / c.len() as f64).collect();
    dense(net, "dense.", &vec![means])
}

/// Every second pixel, with as many channels of zeros before as behind.
fn padded(x: &Image, channels: usize) -> Image {
    let side = x.side.div_ceil(2);
    let pixel = |c: &[f64], p: usize| c[2 * (p / side) * x.side + 2 * (p % side)];
    let zeros = || vec![vec![0.0; side * side]; (channels - x.channels.len()) / 2];
    let kept = x.channels.iter().map(|c| (0..side * side).map(|p| pixel(c, p)).collect());
    Image { side, channels: zeros().into_iter().chain(kept).chain(zeros()).collect() }
}
