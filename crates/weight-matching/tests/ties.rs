//! Networks with dead and duplicate units, where many arrangements are equally good.

use crate::networks::{
    inner_product, mlp, network_of, random_network, random_permutations, random_resnet, worn,
};
use basin_core::{Params, SeedTree};
use weight_matching::{
    FrankWolfeOptions, MatchingOptions, Norm, PermutationSpec, Permutations, Shortcut, apply, frank_wolfe,
    merge_many, multi_pcd, weight_matching,
};

fn options(restarts: usize) -> MatchingOptions {
    let mut options = MatchingOptions::new(SeedTree::root(0));
    options.restarts = Some(restarts);
    options
}

/// A worn network of every kind of spec.
fn networks(seed: u64) -> Vec<(PermutationSpec, Params)> {
    let padded = PermutationSpec::cifar_resnet(1, Shortcut::ZeroPad, Norm::Batch).unwrap();
    let of_padded = network_of(&padded, &[("bg", 4), ("inner", 6)], 3, seed);
    let vit = PermutationSpec::vit(2, 2).unwrap();
    let of_vit = network_of(&vit, &[("stream", 8), ("attn", 8), ("mlp", 9)], 3, seed);
    let vgg = PermutationSpec::vgg(11, Norm::Layer, 4, &["classifier"]).unwrap();
    let of_vgg = network_of(&vgg, &[("out", 5)], 3, seed);
    let resnet = PermutationSpec::resnet(20).unwrap();
    let of_resnet = random_resnet(&resnet, 1, seed);
    let all = [
        (mlp(&["a", "b"]), random_network(&[5, 12, 9, 4], seed)),
        (padded, of_padded),
        (vit, of_vit),
        (vgg, of_vgg),
        (resnet, of_resnet),
    ];
    all.into_iter().map(|(spec, net)| (spec.clone(), worn(&spec, &net))).collect()
}

#[test]
fn a_network_and_itself_are_left_alone() {
    let stays = |permutations: &Permutations| permutations.is_identity();
    for (spec, net) in networks(0) {
        for restarts in [1, 3] {
            let options = options(restarts);
            let found = weight_matching(&spec, &net, &net, &options).unwrap();
            assert!(stays(&found.permutations) && found.moved.values().all(|&moved| moved == 0));
            assert_eq!((found.sweeps, found.converged), (1, true));
            let three = [&net, &net, &net];
            assert!(multi_pcd(&spec, &three, &options).unwrap().permutations.iter().all(stays));
            let merged = merge_many(&spec, &three, &options).unwrap();
            assert!(merged.matching.permutations.iter().all(stays));
            assert_eq!(merged.mean, net);
            let mut relaxed = FrankWolfeOptions::new(SeedTree::root(0));
            relaxed.restarts = Some(restarts);
            let found = frank_wolfe(&spec, &three, &relaxed).unwrap();
            assert!(found.matching.permutations.iter().all(stays));
        }
    }
}

#[test]
fn searches_between_worn_networks_end_and_keep_their_promises() {
    for ((spec, a), (_, b)) in networks(0).into_iter().zip(networks(1)) {
        let found = weight_matching(&spec, &a, &b, &options(2)).unwrap();
        assert!(found.converged && found.objective_history.is_sorted());
        assert!(found.objective_after() > found.objective_before);
        assert_eq!(found, weight_matching(&spec, &a, &b, &options(2)).unwrap());
        let aligned = apply(&spec, &b, &found.permutations).unwrap();
        let again = weight_matching(&spec, &a, &aligned, &options(1)).unwrap();
        assert!(again.permutations.is_identity(), "{:?}", again.moved);
    }
}

#[test]
fn a_worn_network_in_another_order_is_brought_back_to_the_last_bit() {
    let spec = mlp(&["a", "b"]);
    for seed in 0..20 {
        let net = worn(&spec, &random_network(&[20, 24, 18, 10], seed));
        let target = apply(&spec, &net, &random_permutations(&spec, &net, seed)).unwrap();
        let found = weight_matching(&spec, &net, &target, &options(1)).unwrap();
        // Which of two equal units stands where is open; the weights are not.
        assert_eq!(apply(&spec, &target, &found.permutations).unwrap(), net, "seed {seed}");
        assert!((found.objective_after() - inner_product(&net, &net)).abs() < 1e-10);
    }
}
