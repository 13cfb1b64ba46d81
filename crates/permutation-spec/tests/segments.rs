//! Axes that are concatenations: sizes, order and what is refused.

use crate::networks::filled;
use basin_core::{Array, Params, SeedTree};
use permutation_spec::{Misfit, Permutation, PermutationSpec, Permutations, Segment, SpecError, apply};
use weight_matching::{MatchingError, MatchingOptions, weight_matching};

fn numbered(shape: &[usize]) -> Array {
    let len = shape.iter().product::<usize>();
    Array::new(shape.to_vec(), (0..len).map(|x| x as f32).collect()).unwrap()
}

fn permutations(lists: &[(&str, &[usize])]) -> Permutations {
    let list =
        |(name, list): &(&str, &[usize])| ((*name).to_owned(), Permutation::new(list.to_vec()).unwrap());
    lists.iter().map(list).collect()
}

#[test]
fn every_segment_follows_its_own_permutation() {
    let axis = vec![Segment::units("a"), Segment::Fixed(1), Segment::blocks("b", 2), Segment::units("a")];
    let spec = PermutationSpec::builder()
        .concatenated("w", &[axis.clone(), vec![]])
        .parameter("a", &[Some("a")])
        .build()
        .unwrap();
    let net: Params =
        [("w", vec![9, 1]), ("a", vec![2])].map(|(n, s)| (n.to_owned(), numbered(&s))).into_iter().collect();
    // b is what the axis leaves: (9 - 2 · 2 - 1) / 2.
    assert_eq!(spec.validate(&net).unwrap(), [("a".to_owned(), 2), ("b".to_owned(), 2)].into());
    let permuted = apply(&spec, &net, &permutations(&[("a", &[1, 0]), ("b", &[1, 0])])).unwrap();
    assert_eq!(permuted.get("w").unwrap().data(), [1.0, 0.0, 2.0, 5.0, 6.0, 3.0, 4.0, 8.0, 7.0]);
    assert_eq!(spec.segments("w", 0), Some(axis));
    assert_eq!((spec.segments("w", 1), spec.segments("w", 2)), (Some(vec![]), None));
    assert_eq!(spec.axes("w"), Some(&[None, None][..]));
    assert_eq!(spec.uses("a").collect::<Vec<_>>(), [("w", 0), ("a", 0)]);
}

#[test]
fn planted_permutations_of_concatenations_are_recovered() {
    // Two branches, flattened with three pixels per channel, meet in one dense layer beside two plain inputs.
    let joint = vec![Segment::blocks("left", 3), Segment::Fixed(2), Segment::blocks("right", 3)];
    let spec = PermutationSpec::builder()
        .conv("left", None, Some("left"))
        .conv("right", None, Some("right"))
        .concatenated("joint.weight", &[vec![Segment::units("h")], joint])
        .dense("out", Some("h"), None)
        .build()
        .unwrap();
    for seed in 0..10 {
        let shapes: [(&str, &[usize]); 5] = [
            ("left.weight", &[6, 3, 3, 3]),
            ("right.weight", &[5, 3, 3, 3]),
            ("joint.weight", &[8, 35]),
            ("out.weight", &[4, 8]),
            ("out.bias", &[4]),
        ];
        let net = filled(shapes.map(|(name, shape)| (name.to_owned(), shape.to_vec())).into(), seed);
        let planted = crate::networks::random_permutations(&spec, &net, seed);
        let target = apply(&spec, &net, &planted).unwrap();
        let found =
            weight_matching(&spec, &net, &target, &MatchingOptions::new(SeedTree::root(seed))).unwrap();
        assert_eq!(found.permutations, planted.inverse(), "seed {seed}");
    }
}

#[test]
fn segments_that_do_not_fill_their_axis_are_named() {
    let axis = vec![Segment::units("a"), Segment::Fixed(2)];
    let spec = PermutationSpec::builder().parameter("a", &[Some("a")]).concatenated("w", &[axis]);
    let spec = spec.build().unwrap();
    let net: Params =
        [("a".to_owned(), numbered(&[3])), ("w".to_owned(), numbered(&[6]))].into_iter().collect();
    let misfits = spec.misfits(&net);
    assert!(matches!(&misfits[..], [Misfit::Concatenation { axis: 0, found: 6, .. }]), "{misfits:?}");
    let expected = "  w axis 0 has 6 entries, expected 5 from the segments [\"a\", \"2\"]";
    assert_eq!(spec.validate(&net), Err(SpecError::Layout { problems: vec![expected.to_owned()] }));
}

#[test]
fn segments_beyond_all_memory_are_refused() {
    let net: Params = [("w".to_owned(), numbered(&[6]))].into_iter().collect();
    for each in [1 << 62, usize::MAX / 2, usize::MAX] {
        // Four times 2⁶² entries are 0 entries to a sum that wraps.
        for axis in
            [vec![Segment::blocks("a", each); 4], vec![Segment::blocks("a", each), Segment::Fixed(each)]]
        {
            let spec = PermutationSpec::builder().concatenated("w", &[axis]).build().unwrap();
            assert!(matches!(spec.validate(&net), Err(SpecError::Layout { .. })), "{each}");
        }
    }
}

#[test]
fn a_size_that_shapes_leave_open_must_be_declared() {
    let axis = vec![Segment::units("low"), Segment::units("x"), Segment::units("high")];
    let spec = PermutationSpec::builder().parameter("x", &[Some("x")]).concatenated("w", &[axis]);
    let net: Params =
        [("x".to_owned(), numbered(&[4])), ("w".to_owned(), numbered(&[10]))].into_iter().collect();
    let misfits = spec.clone().build().unwrap().misfits(&net);
    assert!(
        matches!(&misfits[..], [Misfit::Undetermined { .. }, Misfit::Undetermined { .. }]),
        "{misfits:?}"
    );
    let sizes = spec.clone().equal_sizes("low", "high").build().unwrap().validate(&net).unwrap();
    assert_eq!((sizes["low"], sizes["high"]), (3, 3));
    let error = spec.equal_sizes("x", "absent").build().unwrap_err();
    assert_eq!(error, SpecError::UnusedSize { left: "x".into(), right: "absent".into() });
}

#[test]
fn units_without_entries_are_refused() {
    let error = PermutationSpec::builder().concatenated("w", &[vec![Segment::blocks("a", 0)]]).build();
    let (parameter, permutation) = ("w".to_owned(), "a".to_owned());
    assert_eq!(error, Err(SpecError::EmptyUnits { parameter, axis: 0, permutation }));
}

/// Entries per unit whose sum overflows to nothing: no size follows, and nothing is divided by it.
#[test]
fn entries_per_unit_of_any_size_are_compared_with_the_axis() {
    let axis = vec![Segment::blocks("a", usize::MAX), Segment::blocks("b", 1)];
    let spec = PermutationSpec::builder().concatenated("w", &[axis]).equal_sizes("a", "b").build().unwrap();
    let net: Params = [("w".to_owned(), numbered(&[6]))].into_iter().collect();
    let misfits = spec.misfits(&net);
    assert!(
        matches!(&misfits[..], [Misfit::Undetermined { .. }, Misfit::Undetermined { .. }]),
        "{misfits:?}"
    );
}

#[test]
fn a_tied_array_can_be_permuted_but_not_matched() {
    let spec = PermutationSpec::builder().dense("in", None, Some("h")).tied("mix", &[Some("h"), Some("h")]);
    let spec = spec.build().unwrap();
    let shapes = [("in.weight", vec![2, 1]), ("in.bias", vec![2]), ("mix", vec![2, 2])];
    let net: Params = shapes.map(|(name, shape)| (name.to_owned(), numbered(&shape))).into_iter().collect();
    let swapped = apply(&spec, &net, &permutations(&[("h", &[1, 0])])).unwrap();
    assert_eq!(swapped.get("mix").unwrap().data(), [3.0, 2.0, 1.0, 0.0]);
    let error = weight_matching(&spec, &net, &net, &MatchingOptions::new(SeedTree::root(0)));
    assert_eq!(error, Err(MatchingError::Tied { parameter: "mix".into() }));
}
