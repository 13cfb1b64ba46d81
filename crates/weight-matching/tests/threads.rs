//! Every matcher gives the same bits whatever the number of threads.

use crate::networks::{VitShape, random_resnet, random_vit, residual_mlp, worn};
use basin_core::{Array, Params, SeedTree};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use weight_matching::{
    ActivationPair, FrankWolfeOptions, MatchingOptions, PermutationSpec, activation_matching, frank_wolfe,
    merge_many, multi_pcd, weight_matching,
};

/// All that the matchers find, as text. `{:?}` of an `f64` tells apart any two.
fn results() -> String {
    let resnet = PermutationSpec::resnet(20).unwrap();
    let networks: Vec<Params> = (0..3).map(|seed| random_resnet(&resnet, 1, seed)).collect();
    let networks: Vec<&Params> = networks.iter().collect();
    let mut options = MatchingOptions::new(SeedTree::root(0));
    options.restarts = Some(2);
    options.max_sweeps = 3;
    let mut relaxed = FrankWolfeOptions::new(SeedTree::root(0));
    relaxed.max_steps = 2;
    relaxed.restarts = Some(1);
    let (mlp, a) = residual_mlp(70, 1, 0);
    let values = |seed: u64| {
        let mut rng = SeedTree::root(seed).rng();
        Array::new(vec![300, 70], (0..300 * 70).map(|_| rng.normal() as f32).collect()).unwrap()
    };
    let (x, y) = (values(1), values(2));
    let pair = ActivationPair { reference: &x, target: &y };
    let activations: BTreeMap<_, _> = mlp.permutations().map(|p| (p.to_owned(), pair)).collect();
    let mut text = String::new();
    write!(text, "{:?}", weight_matching(&resnet, networks[0], networks[1], &options)).unwrap();
    write!(text, "{:?}", multi_pcd(&resnet, &networks, &options)).unwrap();
    write!(text, "{:?}", merge_many(&resnet, &networks, &options).unwrap().matching).unwrap();
    write!(text, "{:?}", frank_wolfe(&resnet, &networks, &relaxed)).unwrap();
    write!(
        text,
        "{:?}",
        frank_wolfe(&mlp, &[&a, &a.map(|_, w| w.iter().rev().copied().collect())], &relaxed)
    )
    .unwrap();
    let (_, b) = residual_mlp(70, 1, 1);
    let by_default = MatchingOptions::new(SeedTree::root(1));
    write!(text, "{:?}", weight_matching(&mlp, &a, &b, &by_default)).unwrap();
    write!(text, "{:?}", multi_pcd(&mlp, &[&a, &b, &a], &by_default)).unwrap();
    write!(text, "{:?}", activation_matching(&mlp, &activations)).unwrap();
    // Dead and duplicate units leave a choice at every step.
    let worn: Vec<Params> = networks.iter().map(|network| worn(&resnet, network)).collect();
    let worn: Vec<&Params> = worn.iter().collect();
    write!(text, "{:?}", weight_matching(&resnet, worn[0], worn[1], &options)).unwrap();
    write!(text, "{:?}", multi_pcd(&resnet, &worn, &options)).unwrap();
    let shape = VitShape { dim: 24, heads: 4, hidden: 40, layers: 2, patch: 12, tokens: 6, classes: 5 };
    let vit = PermutationSpec::vit(shape.layers, shape.heads).unwrap();
    let transformers = [0, 1].map(|seed| crate::networks::worn(&vit, &random_vit(shape, seed)));
    write!(text, "{:?}", weight_matching(&vit, &transformers[0], &transformers[1], &options)).unwrap();
    text
}

#[test]
fn the_number_of_threads_changes_no_result() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(results)
    };
    let alone = on(1);
    for threads in [2, 5, 8] {
        assert!(on(threads) == alone, "{threads} threads");
    }
}
