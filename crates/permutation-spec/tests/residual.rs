//! Skip connections described by the sums they make.

use crate::forward::{Rows, add, dense, gelu, largest_difference, random_rows};
use crate::networks::{network_of, random_permutations};
use basin_core::{Params, SeedTree};
use permutation_spec::{Misfit, PermutationSpec, Segment, Skip, SpecBuilder, SpecError, apply};
use weight_matching::{MatchingOptions, weight_matching};

/// Three blocks: two add their input as it is, the second through a dense layer to another width.
fn network_with_sums() -> SpecBuilder {
    let block = |spec: SpecBuilder, name: &str, [from, to]: [&str; 2]| {
        let inside = format!("{name}.inside");
        spec.dense(&format!("{name}.up"), Some(from), Some(&inside)).dense(
            &format!("{name}.down"),
            Some(&inside),
            Some(to),
        )
    };
    let mut spec = PermutationSpec::builder().dense("first", None, Some("x0"));
    spec = block(spec, "a", ["x0", "x1"]).residual(Some("x0"), Some("x1"), Skip::Identity);
    spec = block(spec, "b", ["x1", "x2"]).residual(Some("x1"), Some("x2"), Skip::Dense("b.skip"));
    spec = block(spec, "c", ["x2", "x3"]).residual(Some("x2"), Some("x3"), Skip::Identity);
    spec.dense("last", Some("x3"), None)
}

fn output(net: &Params, x: &Rows) -> Rows {
    let block = |name: &str, x: &Rows| {
        dense(net, &format!("{name}.down."), &gelu(&dense(net, &format!("{name}.up."), x)))
    };
    let x = dense(net, "first.", x);
    let x = add(&x, &block("a", &x));
    let x = add(&dense(net, "b.skip.", &x), &block("b", &x));
    let x = add(&x, &block("c", &x));
    dense(net, "last.", &x)
}

#[test]
fn what_is_added_shares_an_order_and_the_function_stays() {
    let spec = network_with_sums().build().unwrap();
    let names: Vec<&str> = spec.permutations().collect();
    assert_eq!(names, ["x0", "a.inside", "b.inside", "x2", "c.inside"]);
    let inputs = random_rows(5, 3, 0);
    for seed in 0..10 {
        let net = network_of(&spec, &[("x0", 6), ("x2", 8), ("inside", 5)], 3, seed);
        let planted = random_permutations(&spec, &net, seed);
        let permuted = apply(&spec, &net, &planted).unwrap();
        assert!(permuted != net);
        let difference = largest_difference(&output(&net, &inputs), &output(&permuted, &inputs));
        assert!(difference < 1e-6, "{difference}");
        let mut options = MatchingOptions::new(SeedTree::root(seed));
        options.restarts = Some(20);
        let found = weight_matching(&spec, &net, &permuted, &options).unwrap();
        assert_eq!(found.permutations, planted.inverse(), "seed {seed}");
    }
}

/// What the declaration guards against: without it the same layers are a spec that breaks the network.
#[test]
fn without_the_sums_the_function_changes() {
    let chain = PermutationSpec::builder()
        .dense("first", None, Some("x"))
        .dense("up", Some("x"), Some("inside"))
        .dense("down", Some("inside"), Some("y"));
    let inputs = random_rows(5, 3, 0);
    let output = |net: &Params| {
        let x = dense(net, "first.", &inputs);
        dense(net, "last.", &add(&x, &dense(net, "down.", &gelu(&dense(net, "up.", &x)))))
    };
    let sum = chain.clone().residual(Some("x"), Some("y"), Skip::Identity);
    let differences = [chain, sum].map(|spec| {
        let spec = spec.dense("last", Some("y"), None).build().unwrap();
        let net = network_of(&spec, &[("x", 6), ("y", 6), ("inside", 5)], 3, 0);
        let permuted = apply(&spec, &net, &random_permutations(&spec, &net, 1)).unwrap();
        largest_difference(&output(&net), &output(&permuted))
    });
    assert!(differences[0] > 0.1 && differences[1] < 1e-6, "{differences:?}");
}

#[test]
fn the_same_spec_results_as_with_one_name_for_the_stream() {
    let blocks = [("b0.up", "b0.down"), ("b1.up", "b1.down")];
    let mut spec = PermutationSpec::builder().dense("first", None, Some("stream"));
    // In any order, also before the layers.
    spec = spec.residual(Some("b0"), Some("b1"), Skip::Identity);
    for ((up, down), [from, to]) in blocks.into_iter().zip([["stream", "b0"], ["b0", "b1"]]) {
        let hidden = format!("{up}.out");
        spec = spec.dense(up, Some(from), Some(&hidden)).dense(down, Some(&hidden), Some(to));
    }
    spec = spec.dense("last", Some("b1"), None).residual(Some("stream"), Some("b0"), Skip::Identity);
    assert_eq!(spec.build().unwrap(), PermutationSpec::residual_mlp("first", &blocks, "last").unwrap());
}

#[test]
fn an_order_that_must_stay_makes_what_is_added_to_it_stay() {
    let spec = PermutationSpec::builder()
        .dense("up", None, Some("h"))
        .dense("down", Some("h"), Some("y"))
        .residual(None, Some("y"), Skip::Identity)
        .concatenated("flat.weight", &[vec![], vec![Segment::blocks("y", 4)]]);
    let spec = spec.build().unwrap();
    assert_eq!(spec.permutations().collect::<Vec<_>>(), ["h"]);
    assert_eq!(spec.axes("down.weight"), Some(&[None, Some("h".to_owned())][..]));
    assert_eq!(spec.segments("flat.weight", 1), Some(vec![]));
}

#[test]
fn concatenations_and_declared_sizes_follow_the_sum() {
    let axis = vec![Segment::units("low"), Segment::units("y"), Segment::units("high")];
    let spec = PermutationSpec::builder()
        .parameter("x", &[Some("x")])
        .parameter("y", &[Some("y")])
        .concatenated("w", &[axis])
        .parameter("z", &[Some("z")])
        .equal_sizes("z", "high")
        .residual(Some("x"), Some("y"), Skip::Identity)
        .residual(Some("z"), Some("low"), Skip::Identity)
        .build()
        .unwrap();
    let expected = ["low", "x", "high"].map(Segment::units);
    assert_eq!(spec.segments("w", 0), Some(expected.to_vec()));
    assert_eq!(spec.axes("z"), Some(&[Some("low".to_owned())][..]));
    let net = network_of(&spec, &[("x", 4), ("low", 3), ("high", 3)], 1, 0);
    assert_eq!(spec.validate(&net).unwrap()["high"], 3);
}

#[test]
fn sums_that_cannot_be_are_refused() {
    let layers = || PermutationSpec::builder().dense("a", None, Some("x")).dense("b", Some("x"), Some("y"));
    let error = |spec: SpecBuilder| spec.build().unwrap_err().to_string();
    let of = |output: &str| layers().residual(Some("x"), Some(output), Skip::Identity);
    assert_eq!(error(of("z")), "units z cannot be part of a sum: no parameter uses them");
    // One dense layer inside the block would have the stream on both of its axes.
    let both = of("y").build().unwrap_err();
    assert!(
        matches!(&both, SpecError::RepeatedPermutation { permutation, .. } if permutation == "x"),
        "{both}"
    );
    let heads = layers().attention("attn", Some("x"), 2).residual(Some("x"), Some("attn.vo"), Skip::Identity);
    assert!(
        error(heads).ends_with("attn.vo cannot be part of a sum: they are the inside of attention heads")
    );
    let joined = layers().concatenated("w", &[vec![Segment::units("x"), Segment::units("y")]]).residual(
        Some("y"),
        None,
        Skip::Identity,
    );
    assert!(error(joined).ends_with("must stay as it is, and they are a stretch of w"));
}

#[test]
fn networks_whose_sums_do_not_fit_are_named() {
    let spec = network_with_sums().build().unwrap();
    let good = network_of(&spec, &[("x0", 6), ("x2", 8), ("inside", 5)], 3, 0);
    let apart = PermutationSpec::builder().dense("a.down", Some("inside"), Some("x1")).build().unwrap();
    let mut net = good.clone();
    for (name, array) in network_of(&apart, &[("inside", 5), ("x1", 7)], 3, 0).iter() {
        net.insert(name, array.clone());
    }
    let misfits = spec.misfits(&net);
    assert!(
        matches!(&misfits[0], Misfit::Units { tensor, axis: 0, found: 7, expected: 6, permutation, .. }
            if tensor == "a.down.weight" && permutation == "x0"),
        "{misfits:?}"
    );
}
