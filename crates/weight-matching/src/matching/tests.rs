//! What a matching does not depend on, and what networks are refused for.

use super::*;
use crate::climb::matching;
use crate::descent::Reuse;
use basin_core::Array;

/// 24 units for every permutation, 3 for every axis that keeps its order.
fn random_network(spec: &PermutationSpec, seed: u64) -> Params {
    let network = spec.iter().map(|(name, axes)| {
        let segments = (0..axes.len()).map(|axis| spec.segments(name, axis).unwrap().len());
        let shape: Vec<usize> = segments.map(|n| if n > 0 { 24 * n } else { 3 }).collect();
        let mut rng = SeedTree::root(seed).child(name).rng();
        let values = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
        (name.to_owned(), Array::new(shape, values).unwrap())
    });
    network.collect()
}

#[test]
fn skipping_unchanged_work_does_not_change_the_result() {
    let resnets = [20, 32].map(PermutationSpec::resnet);
    let specs = resnets.into_iter().chain([PermutationSpec::vit(4, 6)]);
    for (seed, spec) in (0..).zip(specs.cycle().take(9)) {
        let spec = spec.unwrap();
        let (a, b) = (random_network(&spec, 2 * seed), random_network(&spec, 2 * seed + 1));
        let options = MatchingOptions::new(SeedTree::root(seed));
        let run = |reuse| matching(&spec, &a, &b, &options, reuse).unwrap().0;
        let (fast, slow) = (run(Reuse::Yes), run(Reuse::No));
        assert!(fast.sweeps >= 2 && !fast.permutations.is_identity());
        assert_eq!(fast, slow);
    }
}

/// A new variant does not compile here until it has a line in the test.
fn place(error: &MatchingError) -> usize {
    match error {
        MatchingError::Spec(_) => 0,
        MatchingError::Layout(_) => 1,
        MatchingError::Tied { .. } => 2,
        MatchingError::NonFinite { .. } => 3,
    }
}

#[test]
fn every_error_says_what_where_and_what_to_do() {
    let told = [
        (
            MatchingError::Spec(SpecError::Layout { problems: vec!["  missing a".into()] }),
            "the spec does not fit the network:\n  missing a",
        ),
        (
            MatchingError::Layout(ParamsError::Count { weights: 3, networks: 2 }),
            "reference and target cannot be matched: 3 weights for 2 networks, expected one for each",
        ),
        (
            MatchingError::Tied { parameter: "rnn.weight".into() },
            "a permutation acts on several axes of rnn.weight, expected a spec without such parameters",
        ),
        (
            MatchingError::NonFinite { network: Network::Reference, parameter: "fc.bias".into() },
            "parameter fc.bias of the reference holds a value that is not finite, expected finite weights",
        ),
    ];
    let mut seen = [false; 4];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place(error)] = true;
    }
    assert_eq!(seen, [true; 4], "every variant is told");
}
