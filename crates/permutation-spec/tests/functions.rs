//! Every ready spec leaves what its networks compute as it was, and says no more than it must.
//!
//! Random networks of each family are permuted at random and by what weight matching found. In f64 their logits differ
//! by at most 1.0e-15 of the largest, from sums in another order. A single parameter that stays behind changes them by at
//! least 6e-6.

use crate::forward::{Rows, largest_difference, mlp, random_rows, residual_mlp, timm_vit, vit};
use crate::images::{Image, cifar_resnet, torchvision_resnet, vgg};
use crate::networks::{VitShape, network_with, random_permutations};
use basin_core::{Params, SeedTree};
use permutation_spec::{Norm, PermutationSpec, Permutations, Shortcut, apply};
use weight_matching::{MatchingOptions, weight_matching};

/// Largest difference between the logits of a network and of its permuted self, relative to the largest logit.
const ROUNDING: f64 = 1e-13;

/// Smallest change when one parameter stays behind.
const STAYED: f64 = 1e-6;

const NORMS: [Norm; 4] = [Norm::None, Norm::Layer, Norm::Group, Norm::Batch];
const CLASSES: usize = 5;
const VIT: VitShape =
    VitShape { dim: 12, heads: 3, hidden: 10, layers: 2, patch: 12, tokens: 5, classes: CLASSES };

type Sizes<'a> = &'a [(&'a str, usize)];

/// Scales near 1 and mostly positive shifts, so that no unit is off for every input.
fn lively(net: &Params) -> Params {
    net.map(|name, values| {
        let one_axis = net.get(name).is_some_and(|array| array.shape().len() == 1);
        let near = |middle: f32| values.iter().map(|x| middle + 0.2 * x).collect();
        match name {
            _ if one_axis && name.ends_with("weight") => near(1.0),
            _ if one_axis && name.ends_with("bias") => near(0.3),
            _ => values.to_vec(),
        }
    })
}

/// A family with sizes for its permutations, lengths for other axes, and its function.
fn check(
    name: &str,
    spec: &PermutationSpec,
    sizes: Sizes<'_>,
    fixed: impl Fn(&str, usize) -> usize,
    function: impl Fn(&Params) -> Rows,
) {
    let [a, b] = [0, 1].map(|seed| lively(&network_with(spec, sizes, &fixed, seed)));
    let before = function(&b);
    let largest = before.iter().flatten().fold(0.0f64, |m, x| m.max(x.abs()));
    let change = |net: &Params| largest_difference(&before, &function(net)) / largest;
    assert!(change(&a) > 0.1, "{name}: another network must differ");

    let moves = |permutations: &Permutations| permutations.iter().all(|(_, p)| 2 * p.moved() > p.len());
    let mut random = (0..).map(|seed| random_permutations(spec, &b, seed)).filter(moves);
    let random = random.next().expect("some permutations move most units");
    let matching = weight_matching(spec, &a, &b, &MatchingOptions::new(SeedTree::root(0))).unwrap();
    for permutations in [&random, &matching.permutations] {
        let difference = change(&apply(spec, &b, permutations).unwrap());
        assert!(difference < ROUNDING, "{name}: {difference:e}");
    }

    let permuted = apply(spec, &b, &random).unwrap();
    let moved = b.iter().filter(|(name, old)| permuted.get(name) != Some(old));
    for (parameter, old) in moved {
        let torn = permuted.map(|name, new| if name == parameter { old.data() } else { new }.to_vec());
        let changed = change(&torn);
        assert!(changed > STAYED, "{name}: {parameter} stays and changes {changed:e}");
    }
}

/// Kernel sizes, colours and classes of a convolutional network.
fn lengths(kernel: impl Fn(&str) -> usize) -> impl Fn(&str, usize) -> usize {
    move |name, axis| match axis {
        2 | 3 => kernel(name),
        1 => 3,
        _ => CLASSES,
    }
}

fn image(side: usize) -> Image {
    Image::new(side, random_rows(3, side * side, 2))
}

#[test]
fn perceptrons() {
    let layers = ["in", "hidden", "out"];
    let x = random_rows(4, 6, 2);
    let fixed = |_: &str, axis: usize| if axis == 1 { 6 } else { CLASSES };
    let spec = PermutationSpec::mlp(&layers).unwrap();
    check("MLP", &spec, &[("in", 9), ("hidden", 8)], fixed, |net| mlp(net, &layers, &x));
    let blocks = [("up0", "down0"), ("up1", "down1")];
    let spec = PermutationSpec::residual_mlp("first", &blocks, "last").unwrap();
    let sizes = [("stream", 8), ("up0", 12), ("up1", 10)];
    check("residual MLP", &spec, &sizes, fixed, |net| residual_mlp(net, &blocks, &x));
}

#[test]
fn cifar_resnets_with_every_shortcut_and_norm() {
    let image = image(8);
    for norm in NORMS {
        for (shortcut, kernel) in
            [(Shortcut::Identity, 3), (Shortcut::Conv, 3), (Shortcut::Conv, 1), (Shortcut::ZeroPad, 3)]
        {
            let spec = PermutationSpec::cifar_resnet(1, shortcut, norm).unwrap();
            let sizes: Sizes<'_> = match shortcut {
                Shortcut::Identity => &[("bg", 7), ("inner", 8)],
                Shortcut::Conv => &[("bg0", 6), ("bg1", 7), ("bg2", 8), ("inner", 8)],
                // As many channels more on each side.
                Shortcut::ZeroPad => &[("bg0", 6), ("bg1", 4), ("bg2", 3), ("inner", 8)],
            };
            let fixed = lengths(|name| if name.contains("shortcut") { kernel } else { 3 });
            let name = format!("CIFAR ResNet {shortcut:?} {kernel} {norm:?}");
            check(&name, &spec, sizes, fixed, |net| cifar_resnet(net, 1, norm, &image));
        }
    }
    let spec = PermutationSpec::resnet(20).unwrap();
    let sizes = [("bg", 6), ("inner", 7)];
    check("ResNet20", &spec, &sizes, lengths(|_| 3), |net| cifar_resnet(net, 3, Norm::Layer, &image));
}

#[test]
fn vgg_with_every_norm_and_flattened_pixels() {
    let stages = [1, 1, 2, 2, 2];
    for norm in NORMS {
        let spec = PermutationSpec::vgg(11, norm, 1, &["classifier"]).unwrap();
        let image = image(32);
        let function = |net: &Params| vgg(net, &stages, norm, &["classifier"], &image);
        check(&format!("VGG11 {norm:?}"), &spec, &[("out", 5)], lengths(|_| 3), function);
    }
    let classifier = ["classifier.0", "classifier.3", "classifier.6"];
    let spec = PermutationSpec::vgg(16, Norm::Batch, 4, &classifier).unwrap();
    let image = image(64);
    let function = |net: &Params| vgg(net, &[2, 2, 3, 3, 3], Norm::Batch, &classifier, &image);
    check("VGG16 with four pixels", &spec, &[("out", 4)], lengths(|_| 3), function);
}

#[test]
fn torchvision_resnets() {
    let image = image(32);
    let sizes = [("inner", 6), ("layer", 7), ("stem", 5)];
    for (depth, layers) in [(18, [2, 2, 2, 2]), (34, [3, 4, 6, 3]), (50, [3, 4, 6, 3])] {
        let bottleneck = depth >= 50;
        let kernel = move |name: &str| match name {
            "conv1.weight" => 7,
            _ if name.contains("downsample") => 1,
            _ if bottleneck && !name.contains("conv2") => 1,
            _ => 3,
        };
        let spec = PermutationSpec::torchvision_resnet(depth).unwrap();
        let function = |net: &Params| torchvision_resnet(net, layers, bottleneck, &image);
        check(&format!("torchvision ResNet-{depth}"), &spec, &sizes, lengths(kernel), function);
    }
}

#[test]
fn vision_transformers() {
    let patches = random_rows(VIT.tokens - 1, VIT.patch, 2);
    let sizes = [("stream", VIT.dim), ("attn", VIT.dim), ("mlp", VIT.hidden)];
    let fixed = |name: &str, axis: usize| match (name, axis) {
        ("cls_token", _) | ("pos_embedding" | "pos_embed", 0) => 1,
        ("pos_embedding" | "pos_embed", _) => VIT.tokens,
        // Three colours of two by two pixels.
        ("patch_embed.proj.weight", 1) => 3,
        ("patch_embed.proj.weight", _) => 2,
        ("input_layer.weight", _) => VIT.patch,
        _ => CLASSES,
    };
    let spec = PermutationSpec::vit(VIT.layers, VIT.heads).unwrap();
    check("ViT", &spec, &sizes, fixed, |net| vit(net, VIT, &patches));
    let spec = PermutationSpec::timm_vit(VIT.layers, VIT.heads).unwrap();
    check("timm ViT", &spec, &sizes, fixed, |net| timm_vit(net, VIT, &patches));
}
