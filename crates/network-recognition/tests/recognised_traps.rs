//! Blocks that look like others by their names: layers side by side where most have them one after the other, channels
//! that are cut, shuffled, padded or put side by side.

use crate::forward::{Rows, random_rows};
use crate::images::Image;
use crate::layers::{Conv, Kind, Net, image, relu};
use crate::recognised::{never_wrong, untold};
use network_recognition::recognise::{Padding, Told};

fn beside(parts: &[&Image]) -> Image {
    Image::new(parts[0].side, parts.iter().flat_map(|part| part.channels.clone()).collect())
}

fn half(x: &Image, behind: bool) -> Image {
    let (first, second) = x.channels.split_at(x.channels.len() / 2);
    Image::new(x.side, if behind { second } else { first }.to_vec())
}

/// Channels of the two halves in turn.
fn shuffled(x: &Image) -> Image {
    let each = x.channels.len() / 2;
    let channels = (0..2 * each).map(|c| x.channels[c % 2 * each + c / 2].clone()).collect();
    Image::new(x.side, channels)
}

fn batch(net: &Net<'_>, conv: &str, norm: &str, x: &Image, layer: Conv) -> Image {
    net.norm(norm, Kind::Batch, net.conv(conv, x, layer))
}

/// ShuffleNet V2 as kuangliu writes it; the second branch of a block has the numbers behind the first.
#[test]
fn halves_of_channels_that_are_shuffled() {
    for widths in [[8, 16], [8, 12], [12, 24], [8, 8]] {
        let function = |net: &Net<'_>| -> Rows {
            let mut x = batch(net, "conv1", "bn1", &image(4), Conv::of(widths[0], 1)).relu();
            for (layer, out) in [(1, widths[1]), (2, 2 * widths[1])] {
                for block in 0..2 {
                    let step = |i: usize, x: &Image, conv: Conv| {
                        let name = format!("layer{layer}.{block}");
                        batch(net, &format!("{name}.conv{i}"), &format!("{name}.bn{i}"), x, conv)
                    };
                    let wide = out / 2;
                    let depthwise = |x: &Image| Conv::of(x.channels.len(), 3).groups(x.channels.len());
                    x = if block == 0 {
                        let left = step(1, &x, depthwise(&x).stride(2));
                        let left = step(2, &left, Conv::of(wide, 1)).relu();
                        let right = step(3, &x, Conv::of(wide, 1)).relu();
                        let right = step(4, &right, depthwise(&right).stride(2));
                        shuffled(&beside(&[&left, &step(5, &right, Conv::of(wide, 1)).relu()]))
                    } else {
                        let y = step(1, &half(&x, true), Conv::of(wide, 1)).relu();
                        let y = step(2, &y, depthwise(&y));
                        shuffled(&beside(&[&half(&x, false), &step(3, &y, Conv::of(wide, 1)).relu()]))
                    };
                }
            }
            let x = batch(net, "conv2", "bn2", &x, Conv::of(20, 1)).relu();
            net.dense("linear", &x.means(), 5, true)
        };
        never_wrong(&format!("ShuffleNet {widths:?}"), &function, &[]);
    }
}

/// PyramidNet: every block is a little wider, its shortcut padded behind.
#[test]
fn widths_that_grow_from_block_to_block() {
    for step in 1..5 {
        for first in [true, false] {
            let function = |net: &Net<'_>| -> Rows {
                let mut x = batch(net, "conv1", "bn1", &image(4), Conv::of(8, 3));
                let mut out = 8;
                for (group, block) in (1..3).flat_map(|group| (0..2).map(move |block| (group, block))) {
                    out += step;
                    let name = |part: &str| format!("layer{group}.{block}.{part}");
                    let y = match first {
                        true => {
                            let y = net.norm(&name("bn1"), Kind::Batch, x.clone());
                            let y = batch(net, &name("conv1"), &name("bn2"), &y, Conv::of(out, 3)).relu();
                            batch(net, &name("conv2"), &name("bn3"), &y, Conv::of(out, 3))
                        }
                        false => {
                            let y = batch(net, &name("conv1"), &name("bn1"), &x, Conv::of(out, 3)).relu();
                            batch(net, &name("conv2"), &name("bn2"), &y, Conv::of(out, 3))
                        }
                    };
                    let zeros = Image::new(x.side, vec![vec![0.0; x.side * x.side]; out - x.channels.len()]);
                    x = y.plus(&beside(&[&x, &zeros]));
                }
                let x = net.norm("bn_final", Kind::Batch, x).relu();
                net.dense("fc", &x.means(), 5, true)
            };
            let told = Told { padding: Some(Padding::Behind), ..untold() };
            never_wrong(&format!("PyramidNet {step} {first}"), &function, &[told]);
        }
    }
}

/// A third convolution that is the shortcut, or one more of the block.
#[test]
fn third_convolutions_may_stand_beside_the_others() {
    for (width, out) in [(8, 8), (8, 16), (6, 12)] {
        for around in [true, false] {
            let function = |net: &Net<'_>| -> Rows {
                let mut x = batch(net, "conv1", "bn1", &image(4), Conv::of(width, 3)).relu();
                for (layer, out) in [(1, width), (2, out), (3, out)] {
                    let name = |part: &str| format!("layer{layer}.0.{part}");
                    let y = batch(net, &name("conv1"), &name("bn1"), &x, Conv::of(out, 3)).relu();
                    let y = batch(net, &name("conv2"), &name("bn2"), &y, Conv::of(out, 3));
                    x = match around {
                        true => y.plus(&net.conv(&name("conv3"), &x, Conv::of(out, 1).bias(true))).relu(),
                        false => net.conv(&name("conv3"), &y.relu(), Conv::of(out, 1).bias(true)).relu(),
                    };
                }
                net.dense("fc", &x.means(), 5, true)
            };
            never_wrong(&format!("third {width} {out} {around}"), &function, &[]);
        }
    }
}

/// Convolutions of several sizes on one image, added or side by side.
#[test]
fn branches_that_are_added_or_side_by_side() {
    const NAMES: [[[&str; 2]; 3]; 2] = [
        [["rbr_dense.conv", "rbr_dense.bn"], ["rbr_1x1.conv", "rbr_1x1.bn"], ["", "rbr_identity"]],
        [["conv3x3", "bn3x3"], ["conv1x1", "bn1x1"], ["", "bn"]],
    ];
    for names in NAMES {
        for (width, out) in [(8, 8), (8, 12)] {
            let added = |net: &Net<'_>| -> Rows {
                let mut x = batch(net, "stem.0", "stem.1", &image(4), Conv::of(width, 3)).relu();
                for (i, out) in [width, out, out].into_iter().enumerate() {
                    let name = |part: &str| format!("stage{}.0.{part}", i + 1);
                    let [[conv_3, norm_3], [conv_1, norm_1], [_, identity]] = names;
                    let y = batch(net, &name(conv_3), &name(norm_3), &x, Conv::of(out, 3));
                    let y = y.plus(&batch(net, &name(conv_1), &name(norm_1), &x, Conv::of(out, 1)));
                    x = match x.channels.len() == out {
                        true => y.plus(&net.norm(&name(identity), Kind::Batch, x)).relu(),
                        false => y.relu(),
                    };
                }
                net.dense("linear", &x.means(), 5, true)
            };
            never_wrong(&format!("added {names:?} {width} {out}"), &added, &[]);
        }
    }
    // GoogLeNet's modules: by kuangliu's names, and by torchvision's.
    for (stem, branch) in [("pre_layers", "b"), ("conv1", "branch")] {
        for (width, part) in [(8, 4), (8, 8), (12, 6)] {
            let function = |net: &Net<'_>| -> Rows {
                let mut x =
                    batch(net, &format!("{stem}.0"), &format!("{stem}.1"), &image(4), Conv::of(width, 3));
                for module in ["a3", "b3"] {
                    let chain = |number: usize, layers: &[Conv]| {
                        layers.iter().enumerate().fold(x.clone(), |x, (i, layer)| {
                            let name = |at: usize| format!("{module}.{branch}{number}.{at}");
                            batch(net, &name(3 * i), &name(3 * i + 1), &x, *layer).relu()
                        })
                    };
                    let one = chain(1, &[Conv::of(part, 1)]);
                    let two = chain(2, &[Conv::of(part, 1), Conv::of(part, 3)]);
                    let three = chain(3, &[Conv::of(6, 1), Conv::of(part, 3), Conv::of(part, 3)]);
                    x = beside(&[&one, &two, &three]);
                }
                net.dense("linear", &x.means(), 5, true)
            };
            never_wrong(&format!("GoogLeNet {branch} {width} {part}"), &function, &[]);
        }
    }
}

/// A radiance field: the input comes in once more in the middle, and two heads read one layer.
#[test]
fn inputs_that_come_in_again() {
    for (wide, view) in [(12, 6), (12, 12), (9, 9)] {
        let function = |net: &Net<'_>| -> Rows {
            let input = random_rows(3, 9, 1);
            let with = |x: &Rows, y: &Rows| -> Rows {
                x.iter().zip(y).map(|(x, y)| [x.clone(), y.clone()].concat()).collect()
            };
            let mut x = input.clone();
            for i in 0..5 {
                x = if i == 3 { with(&input, &x) } else { x };
                x = relu(&net.dense(&format!("pts_linears.{i}"), &x, wide, true));
            }
            let directions = random_rows(3, 4, 2);
            // Its code makes the layer of directions first, and reads it last.
            let views = |x: &Rows| relu(&net.dense("views_linears.0", &with(x, &directions), view, true));
            let alpha = net.dense("alpha_linear", &x, 1, true);
            let colours =
                net.dense("rgb_linear", &views(&net.dense("feature_linear", &x, wide, true)), 3, true);
            [alpha, colours].concat()
        };
        never_wrong(&format!("field {wide} {view}"), &function, &[]);
    }
}
