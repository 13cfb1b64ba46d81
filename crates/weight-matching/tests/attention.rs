//! Attention: heads move as wholes, and the two-level step is exact.

use crate::forward::{attention_layer, largest_difference, random_rows, vit};
use crate::networks::{VitShape, filled, random_permutations, random_vit};
use basin_core::{Params, SeedTree};
use weight_matching::{
    ApplyError, MatchingOptions, Permutation, PermutationSpec, Permutations, Segment, SpecError, apply,
    weight_matching,
};

const SHAPE: VitShape =
    VitShape { dim: 24, heads: 4, hidden: 32, layers: 2, patch: 12, tokens: 6, classes: 5 };

/// Sums in another order differ by this much in f64, and a network of other weights by more than a tenth.
const ROUNDING: f64 = 1e-12;

fn inner_product(a: &Params, b: &Params) -> f64 {
    let terms = a.iter().flat_map(|(name, a)| a.data().iter().zip(b.get(name).unwrap().data()));
    terms.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[test]
fn a_permuted_transformer_computes_the_same_function() {
    let spec = PermutationSpec::vit(SHAPE.layers, SHAPE.heads).unwrap();
    let mut largest: f64 = 0.0;
    for seed in 0..5 {
        let (a, b) = (random_vit(SHAPE, 2 * seed), random_vit(SHAPE, 2 * seed + 1));
        let patches = random_rows(SHAPE.tokens - 1, SHAPE.patch, seed);
        let before = vit(&b, SHAPE, &patches);
        assert!(largest_difference(&before, &vit(&a, SHAPE, &patches)) > 0.1);
        let matching = weight_matching(&spec, &a, &b, &MatchingOptions::new(SeedTree::root(seed))).unwrap();
        for permutations in [random_permutations(&spec, &b, seed), matching.permutations] {
            assert!(permutations.iter().all(|(_, p)| !p.is_identity()));
            let after = vit(&apply(&spec, &b, &permutations).unwrap(), SHAPE, &patches);
            largest = largest.max(largest_difference(&before, &after));
        }
    }
    assert!(largest < ROUNDING, "{largest}");
}

#[test]
fn a_planted_permutation_of_a_transformer_is_recovered() {
    let spec = PermutationSpec::vit(SHAPE.layers, SHAPE.heads).unwrap();
    for seed in 0..5 {
        let net = random_vit(SHAPE, seed);
        let planted = random_permutations(&spec, &net, 100 + seed);
        let target = apply(&spec, &net, &planted).unwrap();
        let options = MatchingOptions::new(SeedTree::root(seed));
        let matching = weight_matching(&spec, &net, &target, &options).unwrap();
        assert_eq!(matching.permutations, planted.inverse(), "seed {seed}");
        assert_eq!(apply(&spec, &target, &matching.permutations).unwrap(), net);
    }
}

#[test]
fn the_objective_of_transformers_never_decreases_and_is_that_of_the_aligned_weights() {
    let spec = PermutationSpec::vit(SHAPE.layers, SHAPE.heads).unwrap();
    for seed in 0..5 {
        let (a, b) = (random_vit(SHAPE, 2 * seed), random_vit(SHAPE, 2 * seed + 1));
        let matching = weight_matching(&spec, &a, &b, &MatchingOptions::new(SeedTree::root(seed))).unwrap();
        let history = [&[matching.objective_before], &matching.objective_history[..]].concat();
        assert!(history.is_sorted() && history[1] > history[0] + 10.0, "{history:?}");
        assert!(matching.converged);
        let objective = inner_product(&a, &apply(&spec, &b, &matching.permutations).unwrap());
        assert!((matching.objective_after() - objective).abs() < 1e-9, "{objective} {history:?}");
    }
}

/// One attention layer of `dim` units on a stream of three, which stays.
fn layer(dim: usize, seed: u64) -> Params {
    let shapes = [
        ("a.in_proj_weight", vec![3 * dim, 3]),
        ("a.in_proj_bias", vec![3 * dim]),
        ("a.out_proj.weight", vec![3, dim]),
        ("a.out_proj.bias", vec![3]),
    ];
    filled(shapes.map(|(name, shape)| (name.to_owned(), shape)).into(), seed)
}

fn pair(qk: &[usize], vo: &[usize]) -> Permutations {
    let permutation = |list: &[usize]| Permutation::new(list.to_vec()).unwrap();
    [("a.qk".to_owned(), permutation(qk)), ("a.vo".to_owned(), permutation(vo))].into_iter().collect()
}

#[test]
fn the_two_level_step_finds_the_best_of_all_permutations_of_a_small_layer() {
    let spec = PermutationSpec::builder().attention("a", None, 2).build().unwrap();
    // Two heads of two units: the four ways to fill a head, for each order of the heads.
    let inside = |heads: [usize; 2], swaps: usize| {
        let unit = |at: usize| 2 * heads[at / 2] + ((at % 2) ^ ((swaps >> (at / 2)) & 1));
        (0..4).map(unit).collect::<Vec<usize>>()
    };
    for seed in 0..50 {
        let (a, b) = (layer(4, 2 * seed), layer(4, 2 * seed + 1));
        let mut best = f64::NEG_INFINITY;
        for heads in [[0, 1], [1, 0]] {
            for swaps in 0..16 {
                let permutations = pair(&inside(heads, swaps & 3), &inside(heads, swaps >> 2));
                best = best.max(inner_product(&a, &apply(&spec, &b, &permutations).unwrap()));
            }
        }
        let matching = weight_matching(&spec, &a, &b, &MatchingOptions::new(SeedTree::root(seed))).unwrap();
        assert!(matching.sweeps <= 2);
        let found = matching.objective_after();
        assert!((found - best).abs() < 1e-12, "{found} {best}");
    }
}

#[test]
fn a_permutation_that_mixes_heads_is_refused_and_would_change_the_function() {
    let spec = PermutationSpec::builder().attention("a", None, 2).build().unwrap();
    // The same table without the tie between the permutations.
    let rows = ["a.qk", "a.qk", "a.vo"].map(Segment::units).to_vec();
    let untied = PermutationSpec::builder()
        .concatenated("a.in_proj_weight", &[rows.clone(), vec![]])
        .concatenated("a.in_proj_bias", &[rows])
        .dense("a.out_proj", Some("a.vo"), None)
        .equal_sizes("a.qk", "a.vo")
        .build()
        .unwrap();
    let net = layer(4, 1);
    let x = random_rows(5, 3, 0);
    let changed = |permutations: &Permutations| {
        let permuted = apply(&untied, &net, permutations).unwrap();
        largest_difference(&attention_layer(&net, 2, &x), &attention_layer(&permuted, 2, &x))
    };
    let crossing = pair(&[0, 2, 1, 3], &[0, 2, 1, 3]);
    let apart = pair(&[2, 3, 0, 1], &[0, 1, 2, 3]);
    for (wrong, expected) in [
        (&crossing, "  a.qk takes unit 1 of head 0 from head 1, expected head 0 as for its first unit"),
        (&apart, "  a.vo takes head 0 from head 0, expected head 1 as in a.qk"),
    ] {
        assert!(changed(wrong) > 1e-3);
        let problems = vec![expected.to_owned()];
        assert_eq!(apply(&spec, &net, wrong), Err(ApplyError::Permutations { problems }));
    }
    let right = pair(&[3, 2, 0, 1], &[2, 3, 1, 0]);
    assert!(changed(&right) < ROUNDING);
    assert_eq!(apply(&spec, &net, &right), apply(&untied, &net, &right));
}

#[test]
fn packed_and_separate_projections_are_matched_alike() {
    let packed = PermutationSpec::builder().attention("a", Some("s"), 3).dense("in", None, Some("s"));
    let packed = packed.dense("out", Some("s"), None).build().unwrap();
    let projections = ["q_proj", "k_proj", "v_proj", "out_proj"];
    let separate = PermutationSpec::builder().separate_attention("a", projections, Some("s"), 3);
    let separate = separate.dense("in", None, Some("s")).dense("out", Some("s"), None).build().unwrap();
    let draw = |seed| {
        let rows = other_shapes();
        let mut whole = rows.clone();
        whole.extend([("a.in_proj_weight".into(), vec![36, 8]), ("a.in_proj_bias".into(), vec![36])]);
        let whole = filled(whole, seed);
        let mut split = filled(rows, seed);
        for (i, name) in ["q_proj", "k_proj", "v_proj"].iter().enumerate() {
            for (kind, len, shape) in [("weight", 96, vec![12, 8]), ("bias", 12, vec![12])] {
                let all = whole.get(&format!("a.in_proj_{kind}")).unwrap().data();
                let values = all[i * len..][..len].to_vec();
                split.insert(format!("a.{name}.{kind}"), basin_core::Array::new(shape, values).unwrap());
            }
        }
        (whole, split)
    };
    for seed in 0..5 {
        let ((a, split_a), (b, split_b)) = (draw(2 * seed), draw(2 * seed + 1));
        let options = MatchingOptions::new(SeedTree::root(seed));
        let whole = weight_matching(&packed, &a, &b, &options).unwrap();
        let split = weight_matching(&separate, &split_a, &split_b, &options).unwrap();
        assert!((whole.objective_before - split.objective_before).abs() < 1e-9);
        assert_eq!(whole.permutations, split.permutations, "seed {seed}");
    }
}

fn other_shapes() -> Vec<(String, Vec<usize>)> {
    let shapes: [(&str, &[usize]); 6] = [
        ("a.out_proj.weight", &[8, 12]),
        ("a.out_proj.bias", &[8]),
        ("in.weight", &[8, 5]),
        ("in.bias", &[8]),
        ("out.weight", &[4, 8]),
        ("out.bias", &[4]),
    ];
    shapes.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect()
}

#[test]
fn groups_that_cannot_be_are_refused() {
    let group = |reason| SpecError::Group { qk: "a.qk".into(), vo: "a.vo".into(), heads: 2, reason };
    let builder = || PermutationSpec::builder().attention("a", None, 2);
    let error = PermutationSpec::builder().attention("a", None, 0).build().unwrap_err();
    assert!(error.to_string().ends_with("by 0 heads: expected at least one head"), "{error}");
    assert_eq!(
        builder().heads("a.qk", "a.vo", 2).build().unwrap_err(),
        group("a permutation belongs to one group and one side of it")
    );
    let unused = PermutationSpec::builder().heads("a.qk", "a.vo", 2).build().unwrap_err();
    assert_eq!(unused, group("a parameter must use each of them"));
    // Both sides of a group on one array would make the step quadratic.
    let error = builder().parameter("mix", &[Some("a.qk"), Some("a.vo")]).build().unwrap_err();
    assert!(matches!(error, SpecError::RepeatedPermutation { first: 0, second: 1, .. }), "{error}");
    let error = builder().build().unwrap().validate(&layer(3, 0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the spec does not fit the network:\n  a.qk has 3 units, expected a multiple of its 2 heads"
    );
}

/// No units divide into any number of heads, also into one that nothing could be reserved for.
#[test]
fn attention_without_units_has_nothing_to_permute() {
    let spec = PermutationSpec::builder().attention("a", None, usize::MAX).build().unwrap();
    let shapes = [
        ("a.in_proj_weight", vec![0, 4]),
        ("a.in_proj_bias", vec![0]),
        ("a.out_proj.weight", vec![4, 0]),
        ("a.out_proj.bias", vec![4]),
    ];
    let net = filled(shapes.map(|(name, shape)| (name.to_owned(), shape)).into(), 0);
    let mut options = MatchingOptions::new(SeedTree::root(0));
    options.restarts = Some(2);
    let found = weight_matching(&spec, &net, &net, &options).unwrap();
    assert_eq!(found.permutations.get("a.qk"), Some(&Permutation::identity(0)));
    assert_eq!(apply(&spec, &net, &found.permutations).unwrap(), net);
}
