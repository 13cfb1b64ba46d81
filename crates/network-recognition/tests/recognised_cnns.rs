//! Convolutional networks: flattened pixels, layers of one width, gates.

use crate::forward::Rows;
use crate::images::Image;
use crate::layers::{Conv, Function, Kind, Net, image, relu};
use crate::recognised::{check, check_if_any, check_or_asked, is_found_again, untold};
use network_recognition::recognise::Told;

/// What is told of normalisations.
pub(crate) fn told(kind: Kind) -> Told {
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
pub(crate) fn gated(x: &Image, gate: &Rows) -> Image {
    x.map(|c, x| x / (1.0 + (-gate[0][c]).exp()))
}

/// A layer on the means, a convolution of one pixel or a matrix.
pub(crate) fn squeezed(net: &Net<'_>, name: &str, x: &Rows, out: usize, conv: bool) -> Rows {
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
