//! CIFAR ResNets by the names of four repositories, with every normalisation, groups told or not, arrays sorted or not.

use crate::forward::Rows;
use crate::images::Image;
use crate::layers::{Conv, Function, Kind, Net, image};
use crate::recognised::{check, check_or_asked, is_found_again, untold};
use network_recognition::recognise::{Padding, Told};
use permutation_spec::PermutationSpec;

/// Whose names a network has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Kuangliu,
    Chenyaofo,
    GitReBasin,
    /// Shortcuts without layers, zeros on both sides.
    Akamaster,
}

const ALL: [Names; 4] = [Names::Kuangliu, Names::Chenyaofo, Names::GitReBasin, Names::Akamaster];

#[derive(Clone, Copy, Debug)]
struct ResNet {
    names: Names,
    width: usize,
    blocks: usize,
    kind: Kind,
    bias: bool,
    bottleneck: bool,
    /// Normalisations before convolutions, and no normalisation in shortcuts.
    first: bool,
}

impl ResNet {
    fn of(names: Names, width: usize, blocks: usize, kind: Kind) -> Self {
        Self { names, width, blocks, kind, bias: false, bottleneck: false, first: false }
    }

    fn norm_name(&self, i: usize) -> String {
        format!("{}{i}", if self.names == Names::GitReBasin { "norm" } else { "bn" })
    }

    fn shortcut(&self, net: &Net<'_>, block: &str, x: &Image, out: usize, stride: usize) -> Image {
        let [conv, norm] = match self.names {
            Names::Kuangliu => ["shortcut.0", "shortcut.1"],
            Names::Chenyaofo => ["downsample.0", "downsample.1"],
            Names::GitReBasin => ["shortcut.conv", "shortcut.norm"],
            Names::Akamaster => return padded(x, out, stride, Padding::Both),
        };
        let kind = if self.first { Kind::None } else { self.kind };
        let conv = net.conv(&format!("{block}.{conv}"), x, Conv::of(out, 1).stride(stride).bias(self.bias));
        net.norm(&format!("{block}.{norm}"), kind, conv)
    }

    fn block(&self, net: &Net<'_>, name: &str, x: &Image, planes: usize, stride: usize) -> Image {
        let out = if self.bottleneck { 2 * planes } else { planes };
        let norm = |i: usize, x: Image| net.norm(&format!("{name}.{}", self.norm_name(i)), self.kind, x);
        let conv =
            |i: usize, x: &Image, conv: Conv| net.conv(&format!("{name}.conv{i}"), x, conv.bias(self.bias));
        let convs = match self.bottleneck {
            true => vec![Conv::of(planes, 1), Conv::of(planes, 3).stride(stride), Conv::of(out, 1)],
            false => vec![Conv::of(planes, 3).stride(stride), Conv::of(out, 3)],
        };
        let changes = stride > 1 || x.channels.len() != out;
        if self.first {
            let start = norm(1, x.clone()).relu();
            let mut y = conv(1, &start, convs[0]);
            for (i, layer) in (2..).zip(&convs[1..]) {
                y = conv(i, &norm(i, y).relu(), *layer);
            }
            return match changes {
                true => y.plus(&self.shortcut(net, name, &start, out, stride)),
                false => y.plus(x),
            };
        }
        let mut y = x.clone();
        for (i, layer) in (1..).zip(&convs) {
            y = norm(i, conv(i, &y, *layer));
            y = if i < convs.len() { y.relu() } else { y };
        }
        match changes {
            true => y.plus(&self.shortcut(net, name, x, out, stride)).relu(),
            false => y.plus(x).relu(),
        }
    }

    fn run(&self, net: &Net<'_>) -> Rows {
        let mut x = net.conv("conv1", &image(4), Conv::of(self.width, 3).bias(self.bias));
        if !self.first {
            x = net.norm(&self.norm_name(1), self.kind, x).relu();
        }
        let groups = if self.names == Names::Kuangliu { 4 } else { 3 };
        for group in 0..groups {
            for block in 0..self.blocks {
                let name = match self.names {
                    Names::GitReBasin => format!("blockgroups.{group}.blocks.{block}"),
                    _ => format!("layer{}.{block}", group + 1),
                };
                let stride = if group > 0 && block == 0 { 2 } else { 1 };
                x = self.block(net, &name, &x, self.width << group, stride);
            }
        }
        let head = match self.names {
            Names::Kuangliu | Names::Akamaster => "linear",
            Names::Chenyaofo => "fc",
            Names::GitReBasin => "dense",
        };
        net.dense(head, &x.means(), 5, true)
    }

    fn check(&self, told: &Told, seed: u64) -> [PermutationSpec; 2] {
        check(&format!("{self:?} {told:?}"), &[&|net: &Net<'_>| self.run(net)], told, seed)
    }
}

/// Every second pixel where the stride is two, between zeros.
fn padded(x: &Image, out: usize, stride: usize, padding: Padding) -> Image {
    let side = x.side.div_ceil(stride);
    let pixel = |c: &[f64], p: usize| c[stride * (p / side) * x.side + stride * (p % side)];
    let more = out - x.channels.len();
    let low = if padding == Padding::Both { more / 2 } else { 0 };
    let zeros = |count: usize| vec![vec![0.0; side * side]; count];
    let kept: Rows = x.channels.iter().map(|c| (0..side * side).map(|p| pixel(c, p)).collect()).collect();
    Image::new(side, [zeros(low), kept, zeros(more - low)].concat())
}

/// Streams, and what is inside blocks.
fn permutations(net: &ResNet) -> usize {
    let groups = if net.names == Names::Kuangliu { 4 } else { 3 };
    groups + usize::from(net.bottleneck) + groups * net.blocks * if net.bottleneck { 2 } else { 1 }
}

#[test]
fn networks_with_running_statistics_are_free_but_for_their_streams() {
    for (i, names) in ALL.into_iter().enumerate() {
        for variant in 0..8 {
            let bit = |i: usize| variant >> i & 1 == 1;
            let blocks = 1 + (variant + i) % 3;
            let (bias, bottleneck, first) = (bit(0), bit(1), bit(2));
            let net = ResNet { bias, bottleneck, first, ..ResNet::of(names, 4, blocks, Kind::Batch) };
            if names == Names::Akamaster && bottleneck {
                continue;
            }
            for spec in net.check(&untold(), variant as u64) {
                if names != Names::Akamaster {
                    assert_eq!(spec.permutations().len(), permutations(&net), "{net:?}");
                }
            }
        }
    }
}

#[test]
fn groups_of_normalisations_are_kept_for_every_number_of_them() {
    for (i, names) in ALL.into_iter().enumerate() {
        for width in [4, 6, 9] {
            if width == 9 && names == Names::Akamaster {
                continue;
            }
            let groups = (1..=width).filter(|groups| width % groups == 0);
            for (j, kind) in groups.map(Kind::Groups).chain([Kind::Layer]).enumerate() {
                let bit = |bit: usize| (i + j + width) >> bit & 1 == 1;
                let (bias, first) = (bit(0), bit(1));
                let bottleneck = j % 2 == 0 && names != Names::Akamaster;
                let net = ResNet { bias, first, bottleneck, ..ResNet::of(names, width, 1 + j % 2, kind) };
                let known = match kind {
                    Kind::Groups(groups) => groups,
                    _ => 1,
                };
                net.check(&Told { groups: Some(known), ..untold() }, j as u64);
                // Groups of 4 have pairs in common with those of 2, of 9 only 3; of 6, groups of 2 and 3 have nothing.
                if width == 6 {
                    let function = |inner: &Net<'_>| net.run(inner);
                    check_or_asked(&format!("{net:?}"), &[&function], &untold(), j as u64);
                } else {
                    net.check(&untold(), j as u64);
                }
            }
        }
    }
}

#[test]
fn shortcuts_without_layers_pad_as_told_or_as_all_may() {
    for padding in [Padding::None, Padding::Both, Padding::Behind] {
        for (blocks, kind) in [(1, Kind::Batch), (2, Kind::Batch), (2, Kind::Groups(2)), (3, Kind::Layer)] {
            let function = |net: &Net<'_>| -> Rows {
                let mut x = net.conv("conv1", &image(4), Conv::of(4, 3));
                x = net.norm("bn1", kind, x).relu();
                for (group, block) in (0..3).flat_map(|group| (0..blocks).map(move |block| (group, block))) {
                    let name = |part: &str| format!("layer{}.{block}.{part}", group + 1);
                    let (stride, out) = (if group > 0 && block == 0 { 2 } else { 1 }, 4 << group);
                    let y = net.conv(&name("conv1"), &x, Conv::of(out, 3).stride(stride));
                    let y = net.norm(&name("bn1"), kind, y).relu();
                    let y = net.norm(&name("bn2"), kind, net.conv(&name("conv2"), &y, Conv::of(out, 3)));
                    x = match padding {
                        _ if x.channels.len() == out => y.plus(&x).relu(),
                        Padding::None => y.relu(),
                        _ => y.plus(&padded(&x, out, stride, padding)).relu(),
                    };
                }
                net.dense("linear", &x.means(), 5, true)
            };
            let groups = match kind {
                Kind::Groups(groups) => Some(groups),
                Kind::Layer => Some(1),
                _ => None,
            };
            let name = format!("{padding:?} {blocks} {kind:?}");
            check(&name, &[&function], &untold(), blocks as u64);
            let told = Told { padding: Some(padding), groups, ..untold() };
            check(&name, &[&function], &told, blocks as u64);
        }
    }
}

#[test]
fn planted_permutations_of_residual_networks_are_found_again() {
    for (seed, names) in ALL.into_iter().enumerate() {
        let net = ResNet::of(names, 8, 2, Kind::Batch);
        let function: Function<'_> = &|inner| net.run(inner);
        for spec in net.check(&untold(), seed as u64) {
            assert!(is_found_again(&spec, function, seed as u64), "{names:?}");
        }
    }
}
