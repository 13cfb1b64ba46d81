//! Searches against those of a NumPy and SciPy program: fixtures/matching/README.md says what is in them.
//!
//! The permutations are the same, visit by visit. The objectives, of up to 193, differ by at most 7e-16 of their value.

use basin_core::{Params, SeedTree, TensorFile};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use weight_matching::{
    AttentionGroup, MatchingOptions, Norm, Permutation, PermutationSpec, Permutations, Segment, Shortcut,
    VisitingOrder, apply, weight_matching,
};

/// Largest difference of two objectives, relative to the first.
const ROUNDING: f64 = 1e-14;

struct Case {
    name: String,
    spec: PermutationSpec,
    a: Params,
    b: Params,
    golden: Value,
}

fn spec(name: &str) -> PermutationSpec {
    let spec = match name {
        "mlp" => PermutationSpec::mlp(&["fc1", "fc2", "fc3", "fc4", "fc5"]),
        "flattened" => PermutationSpec::builder()
            .conv("conv", None, Some("channels"))
            .concatenated(
                "fc.weight",
                &[vec![Segment::units("hidden")], vec![Segment::blocks("channels", 4)]],
            )
            .parameter("fc.bias", &[Some("hidden")])
            .dense("out", Some("hidden"), None)
            .build(),
        "resnet" => PermutationSpec::cifar_resnet(2, Shortcut::Conv, Norm::Layer),
        "padded" => PermutationSpec::cifar_resnet(1, Shortcut::ZeroPad, Norm::Batch),
        "vit" => PermutationSpec::vit(2, 3),
        other => panic!("no spec for {other}"),
    };
    spec.unwrap()
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/matching");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let golden: Vec<Value> = serde_json::from_slice(&read("golden.json")).unwrap();
    let case = |golden: Value| {
        let name = golden["name"].as_str().unwrap().to_owned();
        let both = TensorFile::decode(&read(&format!("{name}.safetensors"))).unwrap().params;
        let side = |side: &str| -> Params {
            let array =
                |(name, array): (&str, _)| Some((name.strip_prefix(side)?.to_owned(), Clone::clone(array)));
            both.iter().filter_map(array).collect()
        };
        Case { spec: spec(&name), a: side("a/"), b: side("b/"), name, golden }
    };
    golden.into_iter().map(case).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn assert_near(found: f64, expected: &Value, what: &str) {
    let expected = number(expected);
    assert!((found - expected).abs() <= ROUNDING * expected.abs(), "{what}: {found} against {expected}");
}

fn permutations(value: &Value) -> Permutations {
    let list = |list: &Value| list.as_array().unwrap().iter().map(|i| i.as_u64().unwrap() as usize).collect();
    let entries = value.as_object().unwrap().iter();
    entries.map(|(name, indices)| (name.clone(), Permutation::new(list(indices)).unwrap())).collect()
}

#[test]
fn searches_in_forward_order_are_those_of_the_other_program() {
    let mut options = MatchingOptions::new(SeedTree::root(0));
    options.order = VisitingOrder::Forward;
    options.restarts = Some(1);
    for Case { name, spec, a, b, golden } in cases() {
        let found = weight_matching(&spec, &a, &b, &options).unwrap();
        assert_eq!(found.permutations, permutations(&golden["permutations"]), "{name}");
        // Near 0 for some, so compared absolutely.
        assert!((found.objective_before - number(&golden["objective_before"])).abs() < 1e-12, "{name}");
        let history = golden["objective_history"].as_array().unwrap();
        assert_eq!((found.sweeps, found.converged), (history.len(), true), "{name}");
        for (sweep, (found, expected)) in found.objective_history.iter().zip(history).enumerate() {
            assert_near(*found, expected, &format!("{name} sweep {sweep}"));
        }
    }
}

/// The spec with all permutations but these held fixed.
fn only(spec: &PermutationSpec, free: &[&str], sizes: &BTreeMap<String, usize>) -> PermutationSpec {
    let held = |segment: Segment| match segment {
        Segment::Units { name, each } if !free.contains(&name.as_str()) => {
            Segment::Fixed(sizes[&name] * each)
        }
        other => other,
    };
    let axis = |name: &str, axis: usize| -> Vec<Segment> {
        let segments: Vec<Segment> = spec.segments(name, axis).unwrap().into_iter().map(held).collect();
        if segments.iter().all(|segment| segment.name().is_none()) { Vec::new() } else { segments }
    };
    let described = spec.iter().fold(PermutationSpec::builder(), |builder, (name, axes)| {
        let axes: Vec<Vec<Segment>> = (0..axes.len()).map(|at| axis(name, at)).collect();
        if spec.is_matched(name) { builder.concatenated(name, &axes) } else { builder.carried(name, &axes) }
    });
    let groups = spec.groups().iter().filter(|group| free.contains(&group.qk.as_str()));
    let tied =
        groups.fold(described, |builder, AttentionGroup { qk, vo, heads }| builder.heads(qk, vo, *heads));
    tied.build().unwrap()
}

#[test]
fn every_single_visit_is_that_of_the_other_program() {
    for Case { name, spec, a, b, golden } in cases() {
        let sizes = spec.validate(&b).unwrap();
        let mut current = Permutations::identity(&sizes);
        let mut unvisited: Vec<&str> = Vec::new();
        for (number, visit) in golden["visits"].as_array().unwrap().iter().enumerate() {
            let free: Vec<&str> =
                visit["permutations"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
            // The order is that of the spec, sweep after sweep.
            if unvisited.is_empty() {
                unvisited = spec.permutations().collect();
            }
            assert_eq!(unvisited[0], free[0], "{name} visit {number}");
            unvisited.retain(|p| !free.contains(p));
            let arranged = apply(&spec, &b, &current).unwrap();
            let step = only(&spec, &free, &sizes);
            let found =
                weight_matching(&step, &a, &arranged, &MatchingOptions::new(SeedTree::root(0))).unwrap();
            assert_near(found.objective_after(), &visit["objective"], &format!("{name} visit {number}"));
            current = current.compose(&found.permutations).unwrap();
        }
        assert!(unvisited.is_empty(), "{name}");
        assert_eq!(current, permutations(&golden["permutations"]), "{name}");
    }
}
