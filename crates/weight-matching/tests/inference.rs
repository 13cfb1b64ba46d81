//! Specs inferred from names and shapes.

use crate::families::random_cifar;
use crate::networks::{VitShape, network_of, random_network, random_vit};
use basin_core::{Array, Params};
use weight_matching::{
    Family, InferError, Norm, PermutationSpec, Shortcut, infer, infer_residual_mlp, infer_with_heads,
};

const SHAPE: VitShape = VitShape { dim: 12, heads: 3, hidden: 8, layers: 2, patch: 6, tokens: 4, classes: 5 };

#[test]
fn residual_networks_are_told_apart() {
    for shortcut in [Shortcut::Identity, Shortcut::Conv, Shortcut::ZeroPad] {
        for norm in [Norm::Layer, Norm::Batch] {
            let spec = PermutationSpec::cifar_resnet(2, shortcut, norm).unwrap();
            let sizes: &[(&str, usize)] = &[("bg0", 4), ("groups", 4)];
            let net = match shortcut {
                Shortcut::Identity => network_of(&spec, sizes, 3, 0),
                _ => random_cifar(&spec, shortcut, 0),
            };
            let inferred = infer(&net).unwrap();
            assert_eq!(
                (inferred.family, &inferred.spec),
                (Family::CifarResNet, &spec),
                "{shortcut:?} {norm:?}"
            );
            assert!(inferred.notes[0].starts_with("2 blocks per group"), "{:?}", inferred.notes);
        }
    }
    for depth in [18, 50] {
        let spec = PermutationSpec::torchvision_resnet(depth).unwrap();
        let inferred = infer(&network_of(&spec, &[("stem", 2), ("inner", 2), ("layer", 4)], 3, 0)).unwrap();
        assert_eq!((inferred.family, inferred.spec), (Family::TorchvisionResNet, spec));
    }
}

#[test]
fn vgg_is_inferred_with_norm_depth_and_pixels() {
    for (depth, norm, pixels) in [(11, Norm::None, 1), (16, Norm::Batch, 4), (19, Norm::Layer, 9)] {
        let names = ["classifier.0", "classifier.3"];
        let spec = PermutationSpec::vgg(depth, norm, pixels, &names).unwrap();
        let inferred = infer(&network_of(&spec, &[("out", 3)], 3, 0)).unwrap();
        assert_eq!((inferred.family, inferred.spec), (Family::Vgg, spec));
    }
}

#[test]
fn transformers_align_inside_attention_only_with_a_number_of_heads() {
    let net = random_vit(SHAPE, 0);
    let inferred = infer_with_heads(&net, Some(3)).unwrap();
    assert_eq!((inferred.family, inferred.spec), (Family::Vit, PermutationSpec::vit(2, 3).unwrap()));
    let inferred = infer(&net).unwrap();
    assert!(inferred.notes[1].contains("not visible"), "{:?}", inferred.notes);
    assert_eq!(
        inferred.spec.permutations().collect::<Vec<_>>(),
        ["stream", "transformer.0.mlp", "transformer.1.mlp"]
    );
    let error = infer_with_heads(&net, Some(5)).unwrap_err().to_string();
    assert!(error.contains("12 units, expected a multiple of its 5 heads"), "{error}");
    let timm = PermutationSpec::timm_vit(3, 2).unwrap();
    let net = network_of(&timm, &[("stream", 6), ("attn", 6), ("mlp", 5)], 3, 0);
    assert_eq!(infer_with_heads(&net, Some(2)).unwrap().spec, timm);
    assert_eq!(infer(&net).unwrap().family, Family::TimmVit);
}

#[test]
fn perceptrons_are_chained_by_number_or_by_the_order_given() {
    let net = random_network(&[2, 3, 4, 3, 5, 6, 7, 8, 9, 10, 11, 12], 0);
    // As a file sorted by name holds them: 10 comes before 2.
    let mut sorted: Vec<(String, Array)> = net.iter().map(|(n, a)| (n.to_owned(), a.clone())).collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let inferred = infer(&sorted.into_iter().collect()).unwrap();
    assert_eq!(inferred.family, Family::Mlp);
    assert!(inferred.notes[0].ends_with("8, 9, 10"), "{:?}", inferred.notes);
    let spec = PermutationSpec::mlp(&["body", "a_head"]).unwrap();
    assert_eq!(infer(&network_of(&spec, &[("out", 4)], 3, 0)).unwrap().spec, spec);
}

#[test]
fn a_stream_is_inferred_only_on_request_and_hinted_at_where_sizes_allow_it() {
    let widths = [2, 8, 5, 8, 6, 8, 3];
    let net = random_network(&widths, 0);
    let inferred = infer_residual_mlp(&net).unwrap();
    let expected = PermutationSpec::residual_mlp("0", &[("1", "2"), ("3", "4")], "5").unwrap();
    assert_eq!((inferred.family, inferred.spec), (Family::ResidualMlp, expected));
    let inferred = infer(&net).unwrap();
    assert_eq!(inferred.family, Family::Mlp);
    assert!(inferred.notes[2].contains("a residual stream of 8 units"), "{:?}", inferred.notes);
    // Another width behind a block, an odd number of layers, nothing between first and last: no stream.
    for widths in [&[2, 8, 5, 8, 6, 7, 3][..], &[2, 8, 8, 3], &[2, 8, 3]] {
        assert_eq!(infer(&random_network(widths, 0)).unwrap().notes.len(), 2, "{widths:?}");
    }
    let error = infer_residual_mlp(&random_network(&[2, 8, 5, 7, 3], 0)).unwrap_err();
    assert!(matches!(error, InferError::Nearest { family: Family::ResidualMlp, .. }));
    assert!(error.to_string().contains("has 7 units, expected 8 for permutation stream"), "{error}");
    let error = infer_residual_mlp(&random_network(&[2, 8, 8, 3], 0)).unwrap_err().to_string();
    assert!(error.contains("no residual MLP with dense layers 3, expected an even number"), "{error}");
    assert!(infer_residual_mlp(&Params::new()).is_err());
    assert!(infer_residual_mlp(&random_vit(SHAPE, 0)).is_err());
}

#[test]
fn a_network_of_no_family_is_refused_with_the_nearest() {
    let mut net = random_vit(SHAPE, 0);
    net.insert("mlp_head.2.weight", Array::full(vec![3], 0.0));
    let error = infer(&net).unwrap_err();
    assert!(matches!(error, InferError::Nearest { family: Family::Vit, .. }));
    assert!(error.to_string().contains("unexpected mlp_head.2.weight [3]"), "{error}");
    let strange: Params = [("gate.kernel".to_owned(), Array::full(vec![2, 2], 0.0))].into_iter().collect();
    let error = infer(&strange).unwrap_err().to_string();
    assert!(
        error.starts_with("no known family has parameters such as gate.kernel, expected one of ViT"),
        "{error}"
    );
    assert!(matches!(infer(&Params::new()), Err(InferError::Unknown { .. })));
    // Names of a family with shapes that make no sense must not panic.
    for name in [
        "features.0.weight",
        "classifier.weight",
        "blockgroups.0.blocks.0.conv1.weight",
        "layer1.0.bn1.weight",
    ] {
        let odd: Params = [(name.to_owned(), Array::full(vec![], 0.0))].into_iter().collect();
        assert!(matches!(infer(&odd), Err(InferError::Nearest { .. })), "{name}");
    }
}
