//! Networks whose wiring names show in part or not at all: whatever is answered leaves their functions as they were.

use crate::forward::{Rows, add, gelu, random_rows};
use crate::images::Image;
use crate::layers::{Conv, Function, Kind, attention, each, image, mean, relu, with};
use crate::recognised::{check, check_or_asked, never_wrong, untold};
use network_recognition::recognise::Told;

fn heads(heads: usize) -> Told {
    Told { heads: Some(heads), ..untold() }
}

fn split(rows: &Rows, width: usize) -> [Rows; 3] {
    [0, 1, 2].map(|part| each(rows, |row| row[part * width..][..width].to_vec()))
}

/// Lucidrains' ViT, whose heads together may be wider or narrower than the stream.
#[test]
fn attention_of_another_width_than_the_stream() {
    for (dim, count, size) in [(12, 3, 4), (12, 2, 4), (8, 4, 4), (8, 1, 4)] {
        let inner = count * size;
        let function: Function<'_> = &|net| {
            let positions = net.array("pos_embedding", &[1, 5, dim]);
            let class = net.array("cls_token", &[1, 1, dim]);
            let x = net.layer_norm("to_patch_embedding.1", &random_rows(4, 9, 1));
            let x = net.dense("to_patch_embedding.2", &x, dim, true);
            let x = net.layer_norm("to_patch_embedding.3", &x);
            let x: Rows = [class].into_iter().chain(x).collect();
            let mut x = add(&x, &positions.chunks(dim).map(<[f64]>::to_vec).collect());
            for i in 0..2 {
                let name = |part: &str| format!("transformer.layers.{i}.{part}");
                let rows =
                    net.dense(&name("0.to_qkv"), &net.layer_norm(&name("0.norm"), &x), 3 * inner, false);
                let [q, k, v] = split(&rows, inner);
                x = add(&x, &net.dense(&name("0.to_out.0"), &attention(&q, &k, &v, count), dim, true));
                let y = gelu(&net.dense(&name("1.net.1"), &net.layer_norm(&name("1.net.0"), &x), 20, true));
                x = add(&x, &net.dense(&name("1.net.4"), &y, dim, true));
            }
            let x = net.layer_norm("transformer.norm", &x);
            net.dense("mlp_head", &vec![x[0].clone()], 5, true)
        };
        let name = format!("{dim} {count} {size}");
        assert!(never_wrong(&name, function, &[heads(count)]) > 0, "{name}");
    }
}

/// torch.nn.TransformerEncoder between layers of its owner, norms first or last.
#[test]
fn encoders_of_pytorch() {
    for first in [true, false] {
        for hidden in [16, 30] {
            let function: Function<'_> = &|net| {
                let mut x = net.dense("embed", &random_rows(4, 7, 1), 12, true);
                for i in 0..2 {
                    let name = |part: &str| format!("encoder.layers.{i}.{part}");
                    let attend = |x: &Rows| {
                        let (weight, bias) =
                            (name("self_attn.in_proj_weight"), name("self_attn.in_proj_bias"));
                        let [q, k, v] = split(&net.linear(&weight, Some(&bias), x, 36), 12);
                        net.dense(&name("self_attn.out_proj"), &attention(&q, &k, &v, 3), 12, true)
                    };
                    let perceptron = |x: &Rows| {
                        net.dense(
                            &name("linear2"),
                            &gelu(&net.dense(&name("linear1"), x, hidden, true)),
                            12,
                            true,
                        )
                    };
                    let norm = |i: usize, x: &Rows| net.layer_norm(&name(&format!("norm{i}")), x);
                    x = match first {
                        true => {
                            let x = add(&x, &attend(&norm(1, &x)));
                            add(&x, &perceptron(&norm(2, &x)))
                        }
                        false => {
                            let x = norm(1, &add(&x, &attend(&x)));
                            norm(2, &add(&x, &perceptron(&x)))
                        }
                    };
                }
                net.dense("head", &mean(&x), 5, true)
            };
            assert!(never_wrong(&format!("{first} {hidden}"), function, &[heads(3)]) > 0);
        }
    }
}

/// MLP-Mixer: a perceptron over tokens, of which there may be as many as channels.
#[test]
fn perceptrons_over_tokens() {
    let transposed =
        |x: &Rows| -> Rows { (0..x[0].len()).map(|c| x.iter().map(|x| x[c]).collect()).collect() };
    for (tokens, dim) in [(4, 6), (6, 6), (6, 12), (12, 6)] {
        let function: Function<'_> = &|net| {
            let mut x = net.dense("stem.proj", &random_rows(tokens, 9, 1), dim, true);
            for i in 0..2 {
                let name = |part: &str| format!("blocks.{i}.{part}");
                let layer = |part: &str, x: &Rows, out| net.dense(&name(part), x, out, true);
                let y = transposed(&net.layer_norm(&name("norm1"), &x));
                let y = layer("mlp_tokens.fc2", &gelu(&layer("mlp_tokens.fc1", &y, 10)), tokens);
                x = add(&x, &transposed(&y));
                let y = net.layer_norm(&name("norm2"), &x);
                x = add(&x, &layer("mlp_channels.fc2", &gelu(&layer("mlp_channels.fc1", &y, 15)), dim));
            }
            net.dense("head", &mean(&net.layer_norm("norm", &x)), 5, true)
        };
        never_wrong(&format!("mixer of {tokens} tokens, {dim} channels"), function, &[]);
    }
}

/// The first variational autoencoder of PyTorch's examples: two layers side by side whose results meet.
#[test]
fn layers_side_by_side() {
    for (names, latent) in [
        (["fc1", "fc21", "fc22", "fc3", "fc4"], 4),
        (["encoder", "mu", "logvar", "decoder", "output"], 4),
        (["enc.0", "fc_mu", "fc_var", "decoder_input", "dec.1"], 4),
        (["fc1", "fc21", "fc22", "fc3", "fc4"], 12),
    ] {
        let function: Function<'_> = &|net| {
            let hidden = relu(&net.dense(names[0], &random_rows(3, 9, 1), 12, true));
            let mean = net.dense(names[1], &hidden, latent, true);
            let spread = net.dense(names[2], &hidden, latent, true);
            let z = with(&mean, &spread, |m, s| m + 0.7 * (s / 2.0).exp());
            net.dense(names[4], &relu(&net.dense(names[3], &z, 12, true)), 9, true)
        };
        never_wrong(names[1], function, &[]);
    }
    // Policy and value on one trunk.
    let function: Function<'_> = &|net| {
        let x = relu(&net.dense("fc1", &random_rows(3, 9, 1), 12, true));
        let x = relu(&net.dense("fc2", &x, 10, true));
        [net.dense("actor", &x, 4, true), net.dense("critic", &x, 1, true)].concat()
    };
    assert!(never_wrong("actor and critic", function, &[]) > 0);
    // Two towers that meet.
    for equal in [true, false] {
        let function: Function<'_> = &|net| {
            let tower = |name: &str, hidden, seed| {
                let x = relu(&net.dense(&format!("{name}.0"), &random_rows(3, 9, seed), hidden, true));
                net.dense(&format!("{name}.2"), &x, 8, true)
            };
            let (a, b) = (tower("user", 12, 1), tower("item", if equal { 12 } else { 10 }, 2));
            let product = with(&a, &b, |a, b| a * b);
            net.dense("output", &product, 5, true)
        };
        never_wrong("towers", function, &[]);
    }
}

/// Channels that are put side by side: dense blocks, and the two halves of a U.
#[test]
fn channels_side_by_side() {
    let beside = |a: &Image, b: &Image| Image::new(a.side, [a.channels.clone(), b.channels.clone()].concat());
    for (growth, start) in [(4, 8), (8, 8), (6, 12)] {
        let dense_net: Function<'_> = &|net| {
            let batch = |name: &str, x: Image| net.norm(name, Kind::Batch, x);
            let mut x = net.conv("features.conv0", &image(4), Conv::of(start, 3));
            x = batch("features.norm0", x).relu();
            for block in 1..3 {
                for layer in 1..3 {
                    let name = |part: &str| format!("features.denseblock{block}.denselayer{layer}.{part}");
                    let y = batch(&name("norm1"), x.clone()).relu();
                    let y =
                        batch(&name("norm2"), net.conv(&name("conv1"), &y, Conv::of(2 * growth, 1))).relu();
                    x = beside(&x, &net.conv(&name("conv2"), &y, Conv::of(growth, 3)));
                }
                if block == 1 {
                    let y = batch("features.transition1.norm", x.clone()).relu();
                    x = net.conv("features.transition1.conv", &y, Conv::of(y.channels.len() / 2, 1));
                }
            }
            let x = batch("features.norm5", x).relu();
            net.dense("classifier", &x.means(), 5, true)
        };
        assert!(never_wrong(&format!("DenseNet {growth} {start}"), dense_net, &[]) > 0);
    }
    for base in [4, 6] {
        let u_net: Function<'_> = &|net| {
            let double = |name: &str, x: &Image, out: usize| {
                let step = |x: &Image, at: usize| {
                    let y = net.conv(&format!("{name}.double_conv.{at}"), x, Conv::of(out, 3));
                    net.norm(&format!("{name}.double_conv.{}", at + 1), Kind::Batch, y).relu()
                };
                step(&step(x, 0), 3)
            };
            let first = double("inc", &image(4), base);
            let second = double("down1", &first, 2 * base);
            let third = double("down2", &second, 4 * base);
            let x = double("up1.conv", &beside(&second, &third), 2 * base);
            let x = double("up2.conv", &beside(&first, &x), base);
            net.conv("outc.conv", &x, Conv::of(2, 1).bias(true)).channels
        };
        never_wrong(&format!("U-Net {base}"), u_net, &[]);
    }
}

/// Wide ResNets by the names most have, with a normalisation behind all blocks that is called like the first.
#[test]
fn wide_residual_networks() {
    for (start, wide) in [(4, 8), (8, 8)] {
        for kind in [Kind::Batch, Kind::Groups(4), Kind::Layer] {
            let function: Function<'_> = &|net| {
                let mut x = net.conv("conv1", &image(4), Conv::of(start, 3));
                for (group, block) in (0..3).flat_map(|group| (0..2).map(move |block| (group, block))) {
                    let name = |part: &str| format!("block{}.layer.{block}.{part}", group + 1);
                    let (stride, out) = (if group > 0 && block == 0 { 2 } else { 1 }, wide << group);
                    let start = net.norm(&name("bn1"), kind, x.clone()).relu();
                    let y = net.conv(&name("conv1"), &start, Conv::of(out, 3).stride(stride));
                    let y =
                        net.conv(&name("conv2"), &net.norm(&name("bn2"), kind, y).relu(), Conv::of(out, 3));
                    x = match x.channels.len() == out {
                        true => y.plus(&x),
                        false => {
                            y.plus(&net.conv(&name("convShortcut"), &start, Conv::of(out, 1).stride(stride)))
                        }
                    };
                }
                net.dense("fc", &net.norm("bn1", kind, x).relu().means(), 5, true)
            };
            let groups = match kind {
                Kind::Groups(groups) => Some(groups),
                Kind::Layer => Some(1),
                _ => None,
            };
            let name = format!("wide {start} {wide} {kind:?}");
            check(&name, &[function], &Told { groups, ..untold() }, 0);
            check_or_asked(&name, &[function], &untold(), 1);
        }
    }
}
