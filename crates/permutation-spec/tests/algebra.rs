//! Permutations, and networks permuted by them.

use crate::networks::{inner_product, mlp, network_of, random_network, random_permutations, random_resnet};
use basin_core::{Params, SeedTree};
use permutation_spec::{
    ApplyError, Norm, Permutation, PermutationError, PermutationSpec, Permutations, Shortcut, apply,
};
use proptest::prelude::*;
use weight_matching::{MatchingOptions, weight_matching};

fn permutation(n: usize) -> impl Strategy<Value = Permutation> {
    Just((0..n).collect::<Vec<_>>()).prop_shuffle().prop_map(|p| Permutation::new(p).unwrap())
}

fn three() -> impl Strategy<Value = (Permutation, Permutation, Permutation)> {
    (0usize..12).prop_flat_map(|n| (permutation(n), permutation(n), permutation(n)))
}

/// Some of five names, each with a permutation of a size of its own.
fn family() -> impl Strategy<Value = Permutations> {
    let one = |name: &'static str, n: usize| {
        prop::option::weighted(0.8, permutation(n).prop_map(move |p| (name.to_owned(), p)))
    };
    let all = (one("a", 1), one("b", 2), one("c", 3), one("d", 5), one("e", 8));
    all.prop_map(|(a, b, c, d, e)| [a, b, c, d, e].into_iter().flatten().collect())
}

/// A network with plain axes, one with concatenated ones, and one whose heads move as wholes.
fn structured(seed: u64) -> [(PermutationSpec, Params); 3] {
    let padded = PermutationSpec::cifar_resnet(1, Shortcut::ZeroPad, Norm::Batch).unwrap();
    let vit = PermutationSpec::timm_vit(1, 3).unwrap();
    let sizes = [("bg0", 4), ("bg", 3), ("inner", 5)];
    let of_padded = network_of(&padded, &sizes, 3, seed);
    let of_vit = network_of(&vit, &[("stream", 5), ("attn", 6), ("mlp", 4)], 2, seed);
    [(mlp(&["a", "b"]), random_network(&[3, 5, 4, 2], seed)), (padded, of_padded), (vit, of_vit)]
}

proptest! {
    #[test]
    fn permutations_form_a_group((a, b, c) in three()) {
        let identity = Permutation::identity(a.len());
        prop_assert_eq!(a.compose(&a.inverse()).unwrap(), identity.clone());
        prop_assert_eq!(a.inverse().compose(&a).unwrap(), identity.clone());
        prop_assert_eq!(a.compose(&identity).unwrap(), a.clone());
        let left = a.compose(&b).unwrap().compose(&c).unwrap();
        prop_assert_eq!(left, a.compose(&b.compose(&c).unwrap()).unwrap());
        let turned = b.inverse().compose(&a.inverse()).unwrap();
        prop_assert_eq!(a.compose(&b).unwrap().inverse(), turned);
    }

    #[test]
    fn inverting_twice_changes_nothing_and_moves_as_many((a, b, _) in three()) {
        prop_assert_eq!(&a.inverse().inverse(), &a);
        prop_assert_eq!(a.inverse().moved(), a.moved());
        prop_assert_eq!(a.is_identity(), a.moved() == 0);
        // No conjugate moves more or less.
        let turned = b.compose(&a).unwrap().compose(&b.inverse()).unwrap();
        prop_assert_eq!(turned.moved(), a.moved());
    }

    #[test]
    fn families_form_a_group_name_by_name((a, b, c) in (family(), family(), family())) {
        let left = a.compose(&b).unwrap().compose(&c).unwrap();
        prop_assert_eq!(left, a.compose(&b.compose(&c).unwrap()).unwrap());
        prop_assert!(a.compose(&a.inverse()).unwrap().is_identity());
        prop_assert_eq!(&a.inverse().inverse(), &a);
        prop_assert_eq!(a.compose(&b).unwrap().inverse(), b.inverse().compose(&a.inverse()).unwrap());
        prop_assert_eq!(&a.compose(&Permutations::new()).unwrap(), &a);
        prop_assert_eq!(&Permutations::new().compose(&a).unwrap(), &a);
        let both = a.compose(&b).unwrap();
        for (name, permutation) in both.iter() {
            let expected = match (a.get(name), b.get(name)) {
                (Some(first), Some(second)) => first.compose(second).unwrap(),
                (one, other) => one.or(other).unwrap().clone(),
            };
            prop_assert_eq!(permutation, &expected);
        }
        prop_assert!(a.iter().chain(b.iter()).all(|(name, _)| both.get(name).is_some()));
    }

    #[test]
    fn networks_follow_families_through_every_structure(seed in 0u64..50, first in any::<u64>(), second in any::<u64>()) {
        for (spec, net) in structured(seed) {
            let (p, q) = (random_permutations(&spec, &net, first), random_permutations(&spec, &net, second));
            let stepwise = apply(&spec, &apply(&spec, &net, &p).unwrap(), &q).unwrap();
            prop_assert_eq!(&apply(&spec, &net, &p.compose(&q).unwrap()).unwrap(), &stepwise);
            prop_assert_eq!(&apply(&spec, &apply(&spec, &net, &p).unwrap(), &p.inverse()).unwrap(), &net);
            let identity = Permutations::identity(&spec.validate(&net).unwrap());
            prop_assert_eq!(&apply(&spec, &net, &identity).unwrap(), &net);
            // Permuting both networks alike keeps what they have in common.
            let other = net.map(|_, w| w.iter().rev().copied().collect());
            let (before, after) = (inner_product(&net, &other), inner_product(
                &apply(&spec, &net, &p).unwrap(), &apply(&spec, &other, &p).unwrap(),
            ));
            prop_assert!((before - after).abs() < 1e-12 * inner_product(&net, &net), "{} {}", before, after);
        }
    }

    #[test]
    fn a_matching_does_not_depend_on_the_order_of_the_units(seed in 0u64..200, order in any::<u64>()) {
        // One hidden layer is solved exactly, so whatever the order, the same units meet.
        let spec = mlp(&["h"]);
        let (a, b) = (random_network(&[4, 9, 3], 2 * seed), random_network(&[4, 9, 3], 2 * seed + 1));
        let (p, q) = (random_permutations(&spec, &a, order), random_permutations(&spec, &b, !order));
        let (shuffled_a, shuffled_b) = (apply(&spec, &a, &p).unwrap(), apply(&spec, &b, &q).unwrap());
        let options = MatchingOptions::new(SeedTree::root(0));
        let found = weight_matching(&spec, &a, &b, &options).unwrap().permutations;
        let other = weight_matching(&spec, &shuffled_a, &shuffled_b, &options).unwrap().permutations;
        // From b's order through q, the matching and back through p.
        prop_assert_eq!(q.compose(&other).unwrap().compose(&p.inverse()).unwrap(), found);
    }

    #[test]
    fn a_permutation_survives_its_list((a, _, _) in three()) {
        prop_assert_eq!(Permutation::new(a.iter().collect()).unwrap(), a);
    }

    #[test]
    fn applying_twice_is_applying_the_composition(first in any::<u64>(), second in any::<u64>()) {
        let (spec, net) = (mlp(&["h"]), random_network(&[3, 5, 2], 1));
        let (first, second) = (random_permutations(&spec, &net, first), random_permutations(&spec, &net, second));
        let both = first.get("h").unwrap().compose(second.get("h").unwrap()).unwrap();
        let both: Permutations = [("h".to_owned(), both)].into_iter().collect();
        let stepwise = apply(&spec, &apply(&spec, &net, &first).unwrap(), &second).unwrap();
        prop_assert_eq!(stepwise, apply(&spec, &net, &both).unwrap());
    }
}

#[test]
fn a_list_that_is_no_bijection_is_refused_with_the_entry() {
    assert_eq!(
        Permutation::new(vec![0, 3, 1]).unwrap_err().to_string(),
        "entry 1 is 3, expected an index below 3"
    );
    let repeated = PermutationError::Repeated { value: 2, first: 0, second: 2 };
    assert_eq!(Permutation::new(vec![2, 0, 2]), Err(repeated));
    let (a, b) = (Permutation::identity(2), Permutation::identity(3));
    assert_eq!(a.compose(&b), Err(PermutationError::Size { left: 2, right: 3 }));
    let family = |p: Permutation| Permutations::from_iter([("h".to_owned(), p)]);
    assert_eq!(family(a).compose(&family(b)), Err(PermutationError::Size { left: 2, right: 3 }));
}

#[test]
fn applying_takes_unit_pi_of_i_to_place_i() {
    let net = random_network(&[1, 3, 1], 4);
    let pi = Permutation::new(vec![2, 0, 1]).unwrap();
    let permutations = [("h".to_owned(), pi)].into_iter().collect();
    let permuted = apply(&mlp(&["h"]), &net, &permutations).unwrap();
    let (old, new) = (net.get("0.bias").unwrap().data(), permuted.get("0.bias").unwrap().data());
    assert_eq!(new, [old[2], old[0], old[1]]);
}

#[test]
fn applying_the_inverse_restores_every_bit() {
    let spec = PermutationSpec::resnet(20).unwrap();
    let mut net = random_resnet(&spec, 2, 3);
    // Signed zero and the smallest subnormal must survive too.
    for (_, array) in net.iter_mut() {
        array.data_mut()[0] = -0.0;
        *array.data_mut().last_mut().unwrap() = f32::from_bits(1);
    }
    let permutations = random_permutations(&spec, &net, 5);
    let there = apply(&spec, &net, &permutations).unwrap();
    assert_ne!(there.content_hash(), net.content_hash());
    let back = apply(&spec, &there, &permutations.inverse()).unwrap();
    assert_eq!(back.content_hash(), net.content_hash());
}

#[test]
fn permutations_of_another_network_are_all_listed() {
    let (spec, net) = (mlp(&["a", "b"]), random_network(&[2, 4, 3, 2], 0));
    let permutations: Permutations = [("a", 5), ("z", 2)]
        .map(|(name, n)| (name.to_owned(), Permutation::identity(n)))
        .into_iter()
        .collect();
    let Err(ApplyError::Permutations { problems }) = apply(&spec, &net, &permutations) else {
        panic!("expected the permutations to be refused");
    };
    assert_eq!(
        problems,
        [
            "  a permutes 5 units, expected 4",
            "  missing b, expected 3 units",
            "  unknown z, which the spec does not use"
        ]
    );
}

#[test]
fn only_the_identity_moves_nothing() {
    assert!(Permutation::identity(4).is_identity());
    let swap = Permutation::new(vec![0, 2, 1]).unwrap();
    assert!(!swap.is_identity());
    assert_eq!(swap.moved(), 2);
    assert!(Permutation::identity(0).is_identity());
}
