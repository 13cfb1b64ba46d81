//! Why several networks are not matched, in words.

use super::*;

/// A new variant does not compile here until it has a line in the test.
fn place(error: &MultiMatchingError) -> usize {
    match error {
        MultiMatchingError::TooFew { .. } => 0,
        MultiMatchingError::Spec(_) => 1,
        MultiMatchingError::Layout { .. } => 2,
        MultiMatchingError::Tied { .. } => 3,
        MultiMatchingError::NonFinite { .. } => 4,
        MultiMatchingError::Count { .. } => 5,
        MultiMatchingError::Apply { .. } => 6,
    }
}

#[test]
fn every_error_says_what_where_and_what_to_do() {
    let problems = || vec!["  missing a".to_owned()];
    let told = [
        (MultiMatchingError::TooFew { found: 1 }, "a matching needs at least two networks, found 1"),
        (
            MultiMatchingError::Spec(SpecError::Layout { problems: problems() }),
            "the spec does not fit the network:\n  missing a",
        ),
        (
            MultiMatchingError::Layout { network: 2, source: ParamsError::Count { weights: 3, networks: 2 } },
            "networks 0 and 2 cannot be matched: 3 weights for 2 networks, expected one for each",
        ),
        (
            MultiMatchingError::Tied { parameter: "rnn.weight".into() },
            "a permutation acts on several axes of rnn.weight, expected a spec without such parameters",
        ),
        (
            MultiMatchingError::NonFinite { network: 2, parameter: "fc.bias".into() },
            "parameter fc.bias of network 2 holds a value that is not finite, expected finite weights",
        ),
        (MultiMatchingError::Count { expected: 3, found: 2 }, "2 networks, expected the 3 that were matched"),
        (
            MultiMatchingError::Apply {
                network: 2,
                source: ApplyError::Permutations { problems: problems() },
            },
            "network 2 cannot be aligned: the permutations do not fit the spec:\n  missing a",
        ),
    ];
    let mut seen = [false; 7];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place(error)] = true;
    }
    assert_eq!(seen, [true; 7], "every variant is told");
}
