//! What small perceptrons and transformers compute, written out in f64 from the definitions.

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

pub(crate) fn values(net: &Params, name: &str) -> Vec<f64> {
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

/// Names of a library for a block: the list of blocks, the first norm, queries to values, their output, the second
/// norm, the two layers of the perceptron.
type BlockNames = [&'static str; 7];

const LIPPE: BlockNames = [
    "transformer",
    "layer_norm_1",
    "attn.in_proj_",
    "attn.out_proj.",
    "layer_norm_2",
    "linear.0.",
    "linear.3.",
];
const TIMM: BlockNames = ["blocks", "norm1", "attn.qkv.", "attn.proj.", "norm2", "mlp.fc1.", "mlp.fc2."];

/// The class token after all blocks, for patches `[T - 1, patch]` that became tokens.
fn encoded(net: &Params, names: BlockNames, shape: VitShape, tokens: Rows, positions: &str) -> Rows {
    let class = vec![values(net, "cls_token")];
    let tokens: Rows = class.into_iter().chain(tokens).collect();
    let positions: Rows = values(net, positions).chunks(shape.dim).map(<[f64]>::to_vec).collect();
    let mut x = add(&tokens, &positions);
    for i in 0..shape.layers {
        let [blocks, norm_1, qkv, output, norm_2, up, down] = names;
        let name = |layer: &str| format!("{blocks}.{i}.{layer}");
        let qkv = dense(net, &name(qkv), &layer_norm(net, &name(norm_1), &x));
        x = add(&x, &dense(net, &name(output), &attention(&qkv, shape.heads)));
        let hidden = gelu(&dense(net, &name(up), &layer_norm(net, &name(norm_2), &x)));
        x = add(&x, &dense(net, &name(down), &hidden));
    }
    vec![x[0].clone()]
}

/// Logits of a Vision Transformer of Lippe's for patches `[T - 1, patch]`.
pub(crate) fn vit(net: &Params, shape: VitShape, patches: &Rows) -> Rows {
    let tokens = dense(net, "input_layer.", patches);
    let class = encoded(net, LIPPE, shape, tokens, "pos_embedding");
    dense(net, "mlp_head.1.", &layer_norm(net, "mlp_head.0", &class))
}

/// Logits of timm's `vision_transformer` for patches `[T - 1, 3 p²]`, a convolution of stride p on the image.
pub(crate) fn timm_vit(net: &Params, shape: VitShape, patches: &Rows) -> Rows {
    let tokens = dense(net, "patch_embed.proj.", patches);
    let class = encoded(net, TIMM, shape, tokens, "pos_embed");
    dense(net, "head.", &layer_norm(net, "norm", &class))
}

/// A perceptron of these layers with ReLU between them.
pub(crate) fn mlp(net: &Params, layers: &[&str], x: &Rows) -> Rows {
    let relu = |x: &Rows| -> Rows { x.iter().map(|x| x.iter().map(|x| x.max(0.0)).collect()).collect() };
    let (first, rest) = layers.split_first().expect("there is a layer");
    let x = dense(net, &format!("{first}."), x);
    rest.iter().fold(x, |x, name| dense(net, &format!("{name}."), &relu(&x)))
}

/// A residual perceptron: `first`, blocks `(up, down)`, `last`.
pub(crate) fn residual_mlp(net: &Params, blocks: &[(&str, &str)], x: &Rows) -> Rows {
    let stream = blocks.iter().fold(dense(net, "first.", x), |x, (up, down)| {
        add(&x, &dense(net, &format!("{down}."), &gelu(&dense(net, &format!("{up}."), &x))))
    });
    dense(net, "last.", &stream)
}
