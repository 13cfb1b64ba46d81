//! Specs: the ResNet's table, the builder's rules, and validation against networks.

use crate::networks::{mlp, random_network, random_resnet};
use basin_core::{Array, Params};
use permutation_spec::{PermutationSpec, SpecError};

fn axes(names: &[&str]) -> Vec<Option<String>> {
    names.iter().map(|&name| (!name.is_empty()).then(|| name.to_owned())).collect()
}

#[test]
fn resnet20_has_three_streams_and_nine_inner_permutations() {
    let spec = PermutationSpec::resnet(20).unwrap();
    let sizes = spec.validate(&random_resnet(&spec, 4, 0)).unwrap();
    assert_eq!(sizes.len(), 12);
    for group in 0..3 {
        assert_eq!(sizes[&format!("bg{group}")], 64 << group);
        for block in 0..3 {
            assert_eq!(sizes[&format!("blockgroups.{group}.blocks.{block}.inner")], 64 << group);
        }
    }
}

#[test]
fn resnet20_ties_the_axes_that_skip_connections_join() {
    let spec = PermutationSpec::resnet(20).unwrap();
    let inner = "blockgroups.1.blocks.0.inner";
    for (parameter, expected) in [
        ("conv1.weight", axes(&["bg0", "", "", ""])),
        ("norm1.bias", axes(&["bg0"])),
        ("blockgroups.0.blocks.0.conv1.weight", axes(&["blockgroups.0.blocks.0.inner", "bg0", "", ""])),
        ("blockgroups.1.blocks.0.conv1.weight", axes(&[inner, "bg0", "", ""])),
        ("blockgroups.1.blocks.0.norm1.weight", axes(&[inner])),
        ("blockgroups.1.blocks.0.conv2.weight", axes(&["bg1", inner, "", ""])),
        ("blockgroups.1.blocks.0.norm2.weight", axes(&["bg1"])),
        ("blockgroups.1.blocks.0.shortcut.conv.weight", axes(&["bg1", "bg0", "", ""])),
        ("blockgroups.1.blocks.0.shortcut.norm.bias", axes(&["bg1"])),
        ("dense.weight", axes(&["", "bg2"])),
        ("dense.bias", axes(&[""])),
    ] {
        assert_eq!(spec.axes(parameter), Some(&expected[..]), "{parameter}");
    }
    assert_eq!(spec.axes("blockgroups.0.blocks.0.shortcut.conv.weight"), None);
    assert_eq!(spec.axes("blockgroups.1.blocks.1.shortcut.conv.weight"), None);
}

#[test]
fn deeper_resnets_add_blocks_to_each_group() {
    for (depth, blocks) in [(8, 1), (14, 2), (20, 3), (32, 5), (44, 7), (56, 9), (110, 18)] {
        let spec = PermutationSpec::resnet(depth).unwrap();
        assert_eq!(spec.permutations().len(), 3 + 3 * blocks, "{depth}");
        // Stem 3, each block 2 convolutions and 2 norms, two shortcuts of 3, head 2.
        assert_eq!(spec.len(), 3 + 3 * blocks * 6 + 2 * 3 + 2, "{depth}");
    }
    let error = PermutationSpec::resnet(18).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no CIFAR ResNet of depth 18, expected one of [8, 14, 20, 32, 44, 56, 110]"
    );
}

#[test]
fn the_inverse_table_lists_every_axis_once() {
    let spec = PermutationSpec::resnet(32).unwrap();
    let mut from_uses: Vec<(&str, usize, &str)> = spec
        .permutations()
        .flat_map(|p| spec.uses(p).map(move |(parameter, axis)| (parameter, axis, p)))
        .collect();
    let mut from_axes: Vec<(&str, usize, &str)> = spec
        .iter()
        .flat_map(|(name, axes)| axes.iter().enumerate().map(move |(axis, p)| (name, axis, p)))
        .filter_map(|(name, axis, p)| Some((name, axis, p.as_deref()?)))
        .collect();
    from_uses.sort_unstable();
    from_axes.sort_unstable();
    assert_eq!(from_uses, from_axes);
    assert_eq!(spec.uses("absent").count(), 0);
}

#[test]
fn a_parameter_described_twice_is_refused() {
    let error = mlp_builder().dense("0", None, Some("other")).build().unwrap_err();
    assert_eq!(error, SpecError::DuplicateParameter { parameter: "0.weight".into() });
}

#[test]
fn a_permutation_on_two_axes_of_one_array_is_refused() {
    let error = mlp_builder().conv("mix", Some("h"), Some("h")).build().unwrap_err();
    let expected = SpecError::RepeatedPermutation {
        parameter: "mix.weight".into(),
        permutation: "h".into(),
        first: 0,
        second: 1,
    };
    assert_eq!(error, expected);
}

fn mlp_builder() -> permutation_spec::SpecBuilder {
    PermutationSpec::builder().dense("0", None, Some("h")).dense("1", Some("h"), None)
}

#[test]
fn everything_that_does_not_fit_is_listed_at_once() {
    let mut net: Params =
        random_network(&[2, 4, 3], 0).iter().filter(|(n, _)| *n != "1.bias").map(owned).collect();
    net.insert("0.bias", Array::full(vec![5], 0.0));
    net.insert("1.weight", Array::full(vec![12], 0.0));
    net.insert("running_mean", Array::full(vec![4], 0.0));
    let Err(SpecError::Layout { problems }) = mlp(&["h"]).validate(&net) else {
        panic!("expected the network to be refused");
    };
    assert_eq!(
        problems,
        [
            "  0.bias axis 0 has 5 units, expected 4 for permutation h as on axis 0 of 0.weight",
            "  1.weight is [12], expected 2 axes",
            "  missing 1.bias, expected 1 axis",
            "  unexpected running_mean [4], which the spec does not describe",
        ]
    );
}

fn owned((name, array): (&str, &Array)) -> (String, Array) {
    (name.to_owned(), array.clone())
}
