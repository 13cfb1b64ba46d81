//! Permutations, and networks permuted by them.

use crate::networks::{mlp, random_network, random_permutations, random_resnet};
use proptest::prelude::*;
use weight_matching::{ApplyError, Permutation, PermutationError, PermutationSpec, Permutations, apply};

fn permutation(n: usize) -> impl Strategy<Value = Permutation> {
    Just((0..n).collect::<Vec<_>>()).prop_shuffle().prop_map(|p| Permutation::new(p).unwrap())
}

fn three() -> impl Strategy<Value = (Permutation, Permutation, Permutation)> {
    (0usize..12).prop_flat_map(|n| (permutation(n), permutation(n), permutation(n)))
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
