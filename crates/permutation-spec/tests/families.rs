//! The ready specs: structure of each family.

use crate::networks::{network_of, random_permutations};
use basin_core::{Array, Params, SeedTree};
use permutation_spec::{
    Norm, Permutation, PermutationSpec, Permutations, Segment, Shortcut, SpecError, apply,
};
use weight_matching::{MatchingOptions, weight_matching};

fn cifar_sizes(shortcut: Shortcut) -> &'static [(&'static str, usize)] {
    match shortcut {
        // Padding adds half of what there is on each side.
        Shortcut::ZeroPad => {
            &[("bg0", 4), ("bg1", 2), ("bg2", 4), ("groups.0", 4), ("groups.1", 8), ("groups.2", 16)]
        }
        _ => &[("bg0", 4), ("bg1", 8), ("bg2", 16), ("groups.0", 4), ("groups.1", 8), ("groups.2", 16)],
    }
}

/// Convolutions get three by three pixels, the image three colours, the head three classes.
pub(crate) fn random_cifar(spec: &PermutationSpec, shortcut: Shortcut, seed: u64) -> Params {
    network_of(spec, cifar_sizes(shortcut), 3, seed)
}

#[test]
fn a_planted_permutation_of_a_residual_perceptron_is_recovered() {
    let spec = PermutationSpec::residual_mlp("first", &[("up0", "down0"), ("up1", "down1")], "last").unwrap();
    let net = network_of(&spec, &[("stream", 8), ("up0", 12), ("up1", 10)], 5, 0);
    let planted = random_permutations(&spec, &net, 1);
    let permuted = apply(&spec, &net, &planted).unwrap();
    let found = weight_matching(&spec, &net, &permuted, &MatchingOptions::new(SeedTree::root(0))).unwrap();
    assert_eq!(found.permutations, planted.inverse());
}

#[test]
fn statistics_follow_but_do_not_count() {
    let spec = PermutationSpec::cifar_resnet(1, Shortcut::Conv, Norm::Batch).unwrap();
    let (a, b) = (random_cifar(&spec, Shortcut::Conv, 0), random_cifar(&spec, Shortcut::Conv, 1));
    let is_statistic = |name: &str| name.contains("running") || name.ends_with("num_batches_tracked");
    let louder = |net: &Params| {
        net.map(|name, w| w.iter().map(|x| if is_statistic(name) { x * 1e3 } else { *x }).collect())
    };
    let options = MatchingOptions::new(SeedTree::root(0));
    let quiet = weight_matching(&spec, &a, &b, &options).unwrap();
    assert_eq!(quiet, weight_matching(&spec, &louder(&a), &louder(&b), &options).unwrap());
    assert!(spec.iter().all(|(name, _)| spec.is_matched(name) != is_statistic(name)));
    let aligned = apply(&spec, &b, &quiet.permutations).unwrap();
    assert_eq!(aligned.get("norm1.num_batches_tracked"), b.get("norm1.num_batches_tracked"));
    assert_ne!(aligned.get("norm1.running_mean"), b.get("norm1.running_mean"));
}

#[test]
fn cifar_resnets_have_the_streams_of_their_shortcuts() {
    let spec = |shortcut, norm| PermutationSpec::cifar_resnet(3, shortcut, norm).unwrap();
    assert_eq!(spec(Shortcut::Conv, Norm::Group), PermutationSpec::resnet(20).unwrap());
    assert_eq!(spec(Shortcut::Identity, Norm::Layer).permutations().len(), 1 + 9);
    assert_eq!(spec(Shortcut::Conv, Norm::Layer).permutations().len(), 3 + 9);
    let padded = spec(Shortcut::ZeroPad, Norm::Layer);
    assert_eq!(padded.permutations().len(), 5 + 9);
    let stream = ["bg2.low", "bg1.low", "bg0", "bg1.high", "bg2.high"].map(Segment::units);
    assert_eq!(padded.segments("dense.weight", 1), Some(stream.to_vec()));
    // 19 convolutions with norms and two shortcuts, each norm with three statistics more.
    let [layer, batch] = [Norm::Layer, Norm::Batch].map(|norm| spec(Shortcut::Conv, norm).len());
    assert_eq!(batch - layer, 3 * 21);
    assert_eq!(spec(Shortcut::Conv, Norm::None).len(), 21 + 2);
    let error = PermutationSpec::cifar_resnet(0, Shortcut::Conv, Norm::Layer).unwrap_err();
    assert_eq!(error.to_string(), "no CIFAR ResNet with blocks per group 0, expected at least 1");
}

#[test]
fn torchvision_resnets_describe_every_entry_of_their_state_dict() {
    // Entries as torchvision counts them; streams and inner permutations.
    for (depth, entries, permutations) in [(18, 122, 4 + 8), (34, 218, 4 + 16), (50, 320, 5 + 2 * 16)] {
        let spec = PermutationSpec::torchvision_resnet(depth).unwrap();
        assert_eq!((spec.len(), spec.permutations().len()), (entries, permutations), "{depth}");
    }
    let spec = PermutationSpec::torchvision_resnet(50).unwrap();
    for (parameter, axes) in [
        ("layer1.0.conv1.weight", ["layer1.0.inner1", "stem"]),
        ("layer1.0.downsample.0.weight", ["layer1", "stem"]),
        ("layer1.1.conv3.weight", ["layer1", "layer1.1.inner2"]),
        ("layer2.0.conv1.weight", ["layer2.0.inner1", "layer1"]),
    ] {
        let expected = axes.map(|name| Some(name.to_owned()));
        assert_eq!(spec.axes(parameter).unwrap()[..2], expected, "{parameter}");
    }
    let plain = PermutationSpec::torchvision_resnet(18).unwrap();
    assert_eq!(plain.axes("layer1.1.conv2.weight").unwrap()[0].as_deref(), Some("stem"));
    assert!(matches!(PermutationSpec::torchvision_resnet(20), Err(SpecError::Family { found: 20, .. })));
}

#[test]
fn vgg_has_torchvisions_names() {
    let classifier = ["classifier.0", "classifier.3", "classifier.6"];
    // Convolutions with bias, three dense layers; with norms five entries more each.
    for (depth, norm, entries) in
        [(16, Norm::None, 32), (16, Norm::Layer, 58), (16, Norm::Batch, 97), (11, Norm::Batch, 62)]
    {
        let spec = PermutationSpec::vgg(depth, norm, 49, &classifier).unwrap();
        assert_eq!(spec.len(), entries, "{depth} {norm:?}");
        assert_eq!(spec.permutations().len(), depth - 1);
    }
    let spec = PermutationSpec::vgg(16, Norm::None, 49, &classifier).unwrap();
    assert_eq!(spec.axes("features.28.weight").unwrap()[1].as_deref(), Some("features.26.out"));
    assert_eq!(spec.segments("classifier.0.weight", 1), Some(vec![Segment::blocks("features.28.out", 49)]));
    let spec = PermutationSpec::vgg(16, Norm::Batch, 1, &["classifier"]).unwrap();
    assert!(spec.axes("features.41.running_var").is_some() && spec.axes("classifier.weight").is_some());
    let error = PermutationSpec::vgg(12, Norm::None, 1, &classifier).unwrap_err();
    assert_eq!(error.to_string(), "no VGG with depth 12, expected 11, 13, 16 or 19");
}

#[test]
fn transformers_have_one_stream_and_three_permutations_per_layer() {
    let spec = PermutationSpec::vit(6, 8).unwrap();
    // Two tokens' arrays, three dense or norm pairs outside, twelve arrays per layer.
    assert_eq!((spec.len(), spec.permutations().len(), spec.groups().len()), (2 + 2 + 6 * 12 + 4, 19, 6));
    let rows =
        ["transformer.3.attn.qk", "transformer.3.attn.qk", "transformer.3.attn.vo"].map(Segment::units);
    assert_eq!(spec.segments("transformer.3.attn.in_proj_bias", 0), Some(rows.to_vec()));
    let timm = PermutationSpec::timm_vit(12, 6).unwrap();
    // timm's own count for ViT-S.
    assert_eq!((timm.len(), timm.permutations().len()), (152, 37));
    assert!(PermutationSpec::vit(0, 8).is_err() && PermutationSpec::timm_vit(2, 0).is_err());
}

#[test]
fn perceptrons_are_chains() {
    let spec = PermutationSpec::mlp(&["a", "b", "c"]).unwrap();
    assert_eq!(spec.axes("b.weight").unwrap(), [Some("b.out".to_owned()), Some("a.out".to_owned())]);
    assert_eq!(spec.axes("c.bias").unwrap(), [None]);
    assert!(PermutationSpec::mlp(&[]).is_err() && PermutationSpec::mlp(&["a", "a"]).is_err());
}

/// Counters of batch normalisation are in some files and not in others, whole or not.
#[test]
fn batch_normalisation_needs_no_counters() {
    let spec = PermutationSpec::builder()
        .conv("conv", None, Some("h"))
        .batch_norm("bn", "h")
        .dense("fc", Some("h"), None)
        .build()
        .unwrap();
    let shapes = [
        ("conv.weight", vec![4, 3, 1, 1]),
        ("bn.weight", vec![4]),
        ("bn.bias", vec![4]),
        ("bn.running_mean", vec![4]),
        ("bn.running_var", vec![4]),
        ("fc.weight", vec![2, 4]),
        ("fc.bias", vec![2]),
    ];
    let network: Params = shapes
        .into_iter()
        .map(|(name, shape)| {
            let mut rng = SeedTree::root(7).child(name).rng();
            let values = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
            (name.to_owned(), Array::new(shape, values).unwrap())
        })
        .collect();
    let sizes = spec.validate(&network).unwrap();
    let order = Permutation::new(vec![2, 0, 3, 1]).unwrap();
    let planted: Permutations = [("h".to_owned(), order)].into_iter().collect();
    let shuffled = apply(&spec, &network, &planted).unwrap();
    assert_ne!(shuffled, network);
    let options = MatchingOptions::new(SeedTree::root(0));
    let found = weight_matching(&spec, &network, &shuffled, &options).unwrap();
    assert_eq!(apply(&spec, &shuffled, &found.permutations).unwrap(), network);
    // With the counter as a float it still fits, and nothing else may be missing.
    let mut counted = network.clone();
    counted.insert("bn.num_batches_tracked", Array::full(vec![], 5.0));
    assert_eq!(spec.validate(&counted).unwrap(), sizes);
    let less: Params = network.into_iter().filter(|(name, _)| name != "bn.running_var").collect();
    assert!(spec.validate(&less).unwrap_err().to_string().contains("missing bn.running_var"));
}
