//! Depthwise and grouped convolutions: inverted residuals, ResNeXt, ConvNeXt.

use crate::forward::{Rows, gelu};
use crate::images::Image;
use crate::layers::{Conv, Function, Kind, Net, each, image, relu};
use crate::recognised::{check, check_or_asked, is_found_again, untold};
use crate::recognised_cnns::{gated, squeezed, told};

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
