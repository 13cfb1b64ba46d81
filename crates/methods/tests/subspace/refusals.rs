//! Parameters and networks that samplers do not take.

use crate::{ONE, cx, golden, list, network, random, states};
use basin_core::{Array, Params, SeedTree};
use basin_ensemble::{EnsembleMethod, ParamOp, RecipeError};
use basin_methods::{
    Average, Averaged, DiagonalGaussian, DropWeights, LowRankGaussian, RandomDirection, Spread,
    SubspaceDropout, SubspaceGaussian, SubspacePca, SubspacePcaRandom, SubspaceRandom, Subspaces, Swag,
    SwagGaussian,
};

#[test]
fn parameters_out_of_range_are_refused_by_name() {
    let told = |method: &dyn EnsembleMethod| match method.plan(&cx()) {
        Err(error @ RecipeError::Parameter { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let subspaces = Subspaces { runs: 1, samples: 10 };
    for (last, found) in [(110, "110"), (1, "1")] {
        let expected = format!("subspace.last is {found}, expected 2 ≤ K < T = 110 epochs");
        assert_eq!(told(&Averaged { last }), expected);
        assert_eq!(told(&Swag { subspaces, last, spread: ONE }), expected);
        assert_eq!(told(&SubspaceGaussian { subspaces, last, spread: ONE }), expected);
        assert_eq!(told(&SubspacePca { subspaces, last, rank: 5, spread: ONE }), expected);
    }
    let rank = |rank| told(&SubspacePca { subspaces, last: 5, rank, spread: ONE });
    assert_eq!(rank(5), "subspace.rank is 5, expected 1 ≤ rank < K = 5");
    assert_eq!(rank(0), "subspace.rank is 0, expected 1 ≤ rank < K = 5");
    let of = |samples, rank| told(&SubspacePcaRandom { random: random(1, samples), rank, spread: ONE });
    assert_eq!(of(5, 5), "subspace.rank is 5, expected 1 ≤ rank < subspace.samples = 5");
    assert_eq!(of(101, 5), "subspace.samples is 101, expected at most 100 with subspace-pca-random");
    let none = |runs, samples| told(&SubspaceDropout { subspaces: Subspaces { runs, samples }, rate: 0.1 });
    assert_eq!(none(1, 0), "subspace.samples is 0, expected at least 1");
    assert_eq!(none(0, 1), "subspace.runs is 0, expected at least 1");
    let rate = |rate| told(&SubspaceDropout { subspaces, rate });
    assert_eq!(rate(1.0), "subspace.scale_dropout is 1, expected 0 < rate < 1");
    assert!(rate(f64::NAN).starts_with("subspace.scale_dropout is NaN"));
    let none = Spread { scale: 0.0, varied: false };
    let above = "is 0, expected a finite number above 0";
    let gaussian = told(&SubspaceGaussian { subspaces, last: 5, spread: none });
    assert_eq!(gaussian, format!("subspace.scale_gaussian {above}"));
    assert_eq!(told(&Swag { subspaces, last: 5, spread: none }), format!("subspace.scale_gaussian {above}"));
    let pca = told(&SubspacePca { subspaces, last: 5, rank: 2, spread: none });
    assert_eq!(pca, format!("subspace.scale_pca {above}"));
    let random = told(&SubspaceRandom { scale: f64::INFINITY, ..random(1, 2) });
    assert_eq!(random, "subspace.scale_random is inf, expected a finite number above 0");
}

#[test]
fn networks_that_do_not_fit_an_operation_are_refused_before_and_by_it() {
    let one = network(&list(&golden("mean")), 1.0);
    let mut other = one.clone();
    other.insert("extra", Array::full(vec![1], 0.0));
    let seed = SeedTree::root(0);
    let low_rank = LowRankGaussian { rank: 2, spread: ONE };
    let refused = |operation: &dyn ParamOp, inputs: &[&Params]| {
        operation.apply(inputs, &seed).map(|_| ()).unwrap_err().to_string()
    };
    for operation in
        [&RandomDirection { scale: 1.0, acceptance: None } as &dyn ParamOp, &DropWeights { rate: 0.1 }]
    {
        let expected = format!("{}: 2 networks, expected the one to sample around", operation.id());
        assert_eq!(refused(operation, &[&one, &one]), expected);
        assert_eq!(operation.check(2, &one).unwrap_err().to_string(), expected);
        operation.check(1, &one).unwrap();
    }
    for operation in
        [&Average as &dyn ParamOp, &DiagonalGaussian { spread: ONE }, &SwagGaussian { spread: ONE }]
    {
        let expected = format!("{}: 1 networks, expected at least 2", operation.id());
        assert_eq!(refused(operation, &[&one]), expected);
        assert_eq!(operation.check(1, &one).unwrap_err().to_string(), expected);
        operation.check(2, &one).unwrap();
        let layouts = "the networks differ at parameter extra: absent against [1]";
        assert_eq!(refused(operation, &[&one, &other]), format!("{}: {layouts}", operation.id()));
    }
    let expected =
        "low-rank-gaussian 1 (rank 2, scale 1.0): rank 2 of 2 networks, expected 1 ≤ rank < networks";
    assert_eq!(refused(&low_rank, &[&one, &one]), expected);
    assert_eq!(low_rank.check(2, &one).unwrap_err().to_string(), expected);
    let states = states();
    let same: Vec<&Params> = vec![&states[0], &states[0], &states[0], &states[1]];
    assert_eq!(
        refused(&low_rank, &same),
        "low-rank-gaussian 1 (rank 2, scale 1.0): 4 networks differ in 1 directions, expected at least the rank, 2"
    );
    assert!(refused(&low_rank, &[&one, &one, &one]).contains("3 networks differ in 0 directions"));
}
