//! Convolutional networks: flattened pixels, gates, depthwise and grouped convolutions.

use crate::forward::{Rows, gelu};
use crate::images::Image;
use crate::layers::{Conv, Function, Kind, Net, each, image, relu};
use crate::recognised::{check, check_if_any, check_or_asked, is_found_again, untold};
use weight_matching::recognise::Told;

/// What is told of normalisations.
fn told(kind: Kind) -> Told {
    let groups = match kind {
        Kind::Groups(groups) => Some(groups),
        Kind::Layer => Some(1),
        _ => None,
    };
    Told { groups, ..untold() }
}

/// Pixels row by row, channel by channel.
fn flat(x: &Image) -> Rows {
    vec![x.channels.concat()]
}

/// Channels times what a gate makes of their means.
fn gated(x: &Image, gate: &Rows) -> Image {
    x.map(|c, x| x / (1.0 + (-gate[0][c]).exp()))
}

/// A layer on the means, a convolution of one pixel or a matrix.
fn squeezed(net: &Net<'_>, name: &str, x: &Rows, out: usize, conv: bool) -> Rows {
    if !conv {
        return net.dense(name, x, out, true);
    }
    let x = Image::new(1, x[0].iter().map(|&x| vec![x]).collect());
    vec![net.conv(name, &x, Conv::of(out, 1).bias(true)).channels.concat()]
}

#[test]
fn pixels_that_are_flattened_go_with_their_channels() {
    for kind in [Kind::None, Kind::Batch, Kind::Groups(2), Kind::Layer] {
        for (pools, bias) in [(0, true), (1, true), (2, true), (1, false)] {
            // VGG by its numbers.
            let vgg: Function<'_> = &|net| {
                let (mut x, mut at) = (image(8), 0);
                for (i, width) in [4, 6, 8, 10].into_iter().enumerate() {
                    let y = net.conv(&format!("features.{at}"), &x, Conv::of(width, 3).bias(bias));
                    x = net.norm(&format!("features.{}", at + 1), kind, y).relu();
                    at += if kind == Kind::None { 2 } else { 3 };
                    if i < 3 - usize::from(pools == 0) {
                        x = x.max_pool(2, 2, 0);
                        at += 1;
                    }
                }
                let x = if pools == 2 { x.means() } else { flat(&x) };
                let x = relu(&net.dense("classifier.0", &x, 14, true));
                let x = relu(&net.dense("classifier.3", &x, 12, bias));
                net.dense("classifier.6", &x, 5, true)
            };
            for spec in check("VGG", &[vgg], &told(kind), pools as u64) {
                assert!(spec.permutations().len() >= 6, "{kind:?} {pools}");
                assert!(kind != Kind::Batch || is_found_again(&spec, vgg, 1));
            }
            check_or_asked("VGG", &[vgg], &untold(), pools as u64);
            // A first network by most introductions.
            let small: Function<'_> = &|net| {
                let mut x = image(8);
                for (i, width) in [6, 16].into_iter().enumerate() {
                    let y = net.conv(&format!("conv{}", i + 1), &x, Conv::of(width, 3).bias(bias));
                    x = net.norm(&format!("bn{}", i + 1), kind, y).relu().max_pool(2, 2, 0);
                }
                let x = if pools == 2 { x.means() } else { flat(&x) };
                let x = relu(&net.dense("fc1", &x, 24, true));
                let x = relu(&net.dense("fc2", &x, 12, bias));
                net.dense("fc3", &x, 5, true)
            };
            check("small", &[small], &told(kind), pools as u64);
            check_or_asked("small", &[small], &untold(), pools as u64);
        }
    }
}

#[test]
fn plain_convolutions_of_one_width_may_be_added_or_not() {
    for (adds, names) in [(true, "conv"), (false, "conv"), (true, "layers."), (false, "layers.")] {
        for kind in [Kind::None, Kind::Batch] {
            let function: Function<'_> = &|net| {
                let mut x = image(4);
                for (i, width) in [6, 6, 6, 8].into_iter().enumerate() {
                    let y = net.conv(&format!("{names}{i}"), &x, Conv::of(width, 3).bias(true));
                    let norm = if names == "conv" { "bn" } else { "norms." };
                    let norm = format!("{norm}{i}");
                    let y = net.norm(&norm, kind, y).relu();
                    x = if adds && y.channels.len() == x.channels.len() { x.plus(&y) } else { y };
                }
                net.dense("fc", &x.means(), 5, true)
            };
            let _ = check_if_any(&format!("plain {adds} {names} {kind:?}"), &[function], &untold(), 0);
        }
    }
}

/// Squeeze-and-excitation by the names of its authors' followers.
#[derive(Clone, Copy, Debug)]
enum Gate {
    /// `fc1`, `fc2` in the block, convolutions.
    InBlock,
    /// `se.fc1`, `se.fc2`, convolutions.
    Module,
    /// `se.fc.0`, `se.fc.2`, matrices.
    Sequence,
}

fn senet(net: &Net<'_>, gate: Gate, kind: Kind, reduction: usize) -> Rows {
    let mut x = net.norm("bn1", kind, net.conv("conv1", &image(4), Conv::of(8, 3))).relu();
    for (group, block) in (0..2).flat_map(|group| (0..2).map(move |block| (group, block))) {
        let name = |part: &str| format!("layer{}.{block}.{part}", group + 1);
        let (stride, out) = (if group > 0 && block == 0 { 2 } else { 1 }, 8 << group);
        let y = net.conv(&name("conv1"), &x, Conv::of(out, 3).stride(stride));
        let y = net.norm(&name("bn1"), kind, y).relu();
        let y = net.norm(&name("bn2"), kind, net.conv(&name("conv2"), &y, Conv::of(out, 3)));
        let around = |net: &Net<'_>| {
            let around = net.conv(&name("shortcut.0"), &x, Conv::of(out, 1).stride(stride));
            net.norm(&name("shortcut.1"), kind, around)
        };
        let changes = x.channels.len() != out;
        let (first, second, conv) = match gate {
            Gate::InBlock => ("fc1", "fc2", true),
            Gate::Module => ("se.fc1", "se.fc2", true),
            Gate::Sequence => ("se.fc.0", "se.fc.2", false),
        };
        // One repository makes its shortcut before the gate.
        let early = (changes && matches!(gate, Gate::InBlock)).then(|| around(net));
        let inner = relu(&squeezed(net, &name(first), &y.means(), out / reduction, conv));
        let y = gated(&y, &squeezed(net, &name(second), &inner, out, conv));
        let early = early.or_else(|| changes.then(|| around(net)));
        x = early.map_or_else(|| y.plus(&x), |around| y.plus(&around)).relu();
    }
    net.dense("linear", &x.means(), 5, true)
}

#[test]
fn gates_act_on_the_channels_they_are_made_of() {
    for gate in [Gate::InBlock, Gate::Module, Gate::Sequence] {
        for kind in [Kind::Batch, Kind::Groups(1), Kind::Groups(4), Kind::Layer] {
            for reduction in [2, 4] {
                let function: Function<'_> = &|net| senet(net, gate, kind, reduction);
                let name = format!("{gate:?} {kind:?} {reduction}");
                for spec in check(&name, &[function], &told(kind), reduction as u64) {
                    assert!(kind != Kind::Batch || is_found_again(&spec, function, 1), "{name}");
                }
                check_or_asked(&name, &[function], &untold(), reduction as u64);
            }
        }
    }
}

/// Inverted residuals: by torchvision's names, by a repository's, or by timm's with gates.
#[derive(Clone, Copy, Debug)]
enum Mobile {
    Torchvision,
    Kuangliu,
    Timm,
}

fn mobile_net(net: &Net<'_>, names: Mobile, kind: Kind) -> Rows {
    let layer =
        |conv: String, norm: String, x: &Image, layer: Conv| net.norm(&norm, kind, net.conv(&conv, x, layer));
    let [stem, stem_norm] = match names {
        Mobile::Torchvision => ["features.0.0", "features.0.1"],
        Mobile::Kuangliu => ["conv1", "bn1"],
        Mobile::Timm => ["conv_stem", "bn1"],
    };
    let mut x = layer(stem.into(), stem_norm.into(), &image(4), Conv::of(8, 3)).relu();
    for (i, (out, stride)) in [(12, 1), (12, 1), (16, 2), (16, 1)].into_iter().enumerate() {
        let (block, parts) = match names {
            Mobile::Torchvision => (
                format!("features.{}", i + 1),
                ["conv.0.0", "conv.0.1", "conv.1.0", "conv.1.1", "conv.2", "conv.3"],
            ),
            Mobile::Kuangliu => (format!("layers.{i}"), ["conv1", "bn1", "conv2", "bn2", "conv3", "bn3"]),
            Mobile::Timm => (
                format!("blocks.{}.{}", i / 2, i % 2),
                ["conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"],
            ),
        };
        let [pw, norm_1, dw, norm_2, pwl, norm_3] = parts.map(|part| format!("{block}.{part}"));
        let width = 3 * x.channels.len();
        let y = layer(pw, norm_1, &x, Conv::of(width, 1)).relu();
        let mut y = layer(dw, norm_2, &y, Conv::of(width, 3).stride(stride).groups(width)).relu();
        if matches!(names, Mobile::Timm) {
            let inner = squeezed(net, &format!("{block}.se.conv_reduce"), &y.means(), width / 4, true);
            let gate = squeezed(net, &format!("{block}.se.conv_expand"), &relu(&inner), width, true);
            y = gated(&y, &gate);
        }
        let y = layer(pwl, norm_3, &y, Conv::of(out, 1));
        let same = stride == 1 && x.channels.len() == out;
        x = match names {
            _ if same => y.plus(&x),
            Mobile::Kuangliu if stride == 1 => {
                let [conv, norm] = ["shortcut.0", "shortcut.1"].map(|part| format!("{block}.{part}"));
                y.plus(&layer(conv, norm, &x, Conv::of(out, 1)))
            }
            _ => y,
        };
    }
    let [conv, norm, head] = match names {
        Mobile::Torchvision => ["features.5.0", "features.5.1", "classifier.1"],
        Mobile::Kuangliu => ["conv2", "bn2", "linear"],
        Mobile::Timm => ["conv_head", "bn2", "classifier"],
    };
    let x = layer(conv.into(), norm.into(), &x, Conv::of(20, 1)).relu();
    net.dense(head, &x.means(), 5, true)
}

#[test]
fn depthwise_convolutions_go_with_their_channels() {
    for names in [Mobile::Torchvision, Mobile::Kuangliu, Mobile::Timm] {
        for kind in [Kind::Batch, Kind::Groups(2), Kind::Layer] {
            let function: Function<'_> = &|net| mobile_net(net, names, kind);
            let name = format!("{names:?} {kind:?}");
            for spec in check(&name, &[function], &told(kind), 0) {
                assert!(kind != Kind::Batch || is_found_again(&spec, function, 1), "{name}");
            }
            check_or_asked(&name, &[function], &untold(), 1);
        }
    }
}

/// ResNeXt with that many groups of channels.
fn resnext(net: &Net<'_>, groups: usize, kind: Kind, shortcut: &str, conv: &str) -> Rows {
    let mut x = net.norm("bn1", kind, net.conv("conv1", &image(4), Conv::of(8, 3))).relu();
    for (group, block) in (0..2).flat_map(|group| (0..2).map(move |block| (group, block))) {
        let name = |part: &str| format!("layer{}.{block}.{part}", group + 1);
        let (stride, inner) = (if group > 0 && block == 0 { 2 } else { 1 }, 8 << group);
        let mut y = x.clone();
        let layers =
            [Conv::of(inner, 1), Conv::of(inner, 3).stride(stride).groups(groups), Conv::of(2 * inner, 1)];
        for (i, layer) in (1..).zip(layers) {
            y = net.norm(&name(&format!("bn{i}")), kind, net.conv(&name(&format!("{conv}{i}")), &y, layer));
            y = if i < 3 { y.relu() } else { y };
        }
        x = if block == 0 {
            let around = net.conv(&name(&format!("{shortcut}.0")), &x, Conv::of(2 * inner, 1).stride(stride));
            y.plus(&net.norm(&name(&format!("{shortcut}.1")), kind, around)).relu()
        } else {
            y.plus(&x).relu()
        };
    }
    net.dense("fc", &x.means(), 5, true)
}

#[test]
fn convolutions_in_groups_move_as_their_groups_do() {
    for groups in [1, 2, 4, 8] {
        for (kind, shortcut) in [
            (Kind::Batch, "downsample"),
            (Kind::Batch, "shortcut"),
            (Kind::Groups(2), "downsample"),
            (Kind::Groups(4), "shortcut"),
            (Kind::Layer, "downsample"),
        ] {
            let function: Function<'_> = &|net| resnext(net, groups, kind, shortcut, "conv");
            let name = format!("ResNeXt {groups} {kind:?} {shortcut}");
            for spec in check(&name, &[function], &told(kind), groups as u64) {
                assert!(kind != Kind::Batch || is_found_again(&spec, function, 1), "{name}");
            }
            check(&name, &[function], &untold(), groups as u64);
        }
    }
}

/// ConvNeXt by timm's names or torchvision's: tokens of pixels between convolutions.
fn conv_next(net: &Net<'_>, timm: bool, kernel: usize) -> Rows {
    let pixels = |x: &Image| -> Rows {
        (0..x.side * x.side).map(|p| x.channels.iter().map(|c| c[p]).collect()).collect()
    };
    let back = |x: &Rows, side: usize| {
        Image::new(side, (0..x[0].len()).map(|c| x.iter().map(|x| x[c]).collect()).collect())
    };
    let norm = |name: &str, x: Image| net.norm(name, Kind::Layer, x);
    let stem = if timm { ["stem.0", "stem.1"] } else { ["features.0.0", "features.0.1"] };
    let x = net.conv(stem[0], &image(4), Conv::of(6, 2).bias(true));
    let mut x = norm(stem[1], x);
    for (stage, width) in [6, 8].into_iter().enumerate() {
        if stage > 0 {
            let names = match timm {
                true => ["stages.1.downsample.0", "stages.1.downsample.1"],
                false => ["features.2.0", "features.2.1"],
            };
            x = net.conv(names[1], &norm(names[0], x), Conv::of(width, 2).stride(2).bias(true));
        }
        for block in 0..2 {
            let (at, parts) = match timm {
                true => (format!("stages.{stage}.blocks.{block}"), ["conv_dw", "norm", "mlp.fc1", "mlp.fc2"]),
                false => (
                    format!("features.{}.{block}", 2 * stage + 1),
                    ["block.0", "block.2", "block.3", "block.5"],
                ),
            };
            let [dw, between, up, down] = parts.map(|part| format!("{at}.{part}"));
            // The scale is an array of the block, before its modules.
            let scale = match timm {
                true => net.array(&format!("{at}.gamma"), &[width]),
                false => net.array(&format!("{at}.layer_scale"), &[width, 1, 1]),
            };
            let y = net.conv(&dw, &x, Conv::of(width, kernel).groups(width).bias(true));
            let hidden = gelu(&net.dense(&up, &pixels(&norm(&between, y)), 4 * width, true));
            let y = net.dense(&down, &hidden, width, true);
            let y = each(&y, |y| y.iter().zip(&scale).map(|(y, s)| y * s).collect());
            x = x.plus(&back(&y, x.side));
        }
    }
    let [end, head] = if timm { ["head.norm", "head.fc"] } else { ["classifier.0", "classifier.2"] };
    net.dense(head, &net.layer_norm(end, &x.means()), 5, true)
}

#[test]
fn convnexts_have_one_stream_to_a_stage() {
    for timm in [true, false] {
        for kernel in [3, 7] {
            let function: Function<'_> = &|net| conv_next(net, timm, kernel);
            let name = format!("ConvNeXt {timm} {kernel}");
            for spec in check(&name, &[function], &told(Kind::Layer), kernel as u64) {
                assert_eq!(spec.permutations().len(), 2 + 4, "{name}");
                assert!(is_found_again(&spec, function, 1), "{name}");
            }
            check_or_asked(&name, &[function], &untold(), kernel as u64);
        }
    }
}
