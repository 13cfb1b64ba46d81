//! What activations are refused for, in words.

use super::*;

/// A new variant does not compile here until it has a line in the test.
fn place(error: &ActivationError) -> usize {
    match error {
        ActivationError::Missing { .. } => 0,
        ActivationError::Unknown { .. } => 1,
        ActivationError::Shape { .. } => 2,
        ActivationError::Pair { .. } => 3,
        ActivationError::Heads { .. } => 4,
        ActivationError::NonFinite { .. } => 5,
    }
}

#[test]
fn every_error_says_what_where_and_what_to_do() {
    let h = || "h".to_owned();
    let told = [
        (
            ActivationError::Missing { permutation: h() },
            "no activations for permutation h, expected an array [samples, units] for each permutation",
        ),
        (
            ActivationError::Unknown { permutation: h() },
            "activations for h, which the spec does not use; leave them out or correct the name",
        ),
        (
            ActivationError::Shape { permutation: h(), reference: vec![1, 4], target: vec![1, 3] },
            "activations of h are [1, 4] and [1, 3], expected [samples, units] twice, with at least two samples",
        ),
        (
            ActivationError::Pair { left: "a.qk".into(), right: "a.vo".into(), expected: 8, found: 6 },
            "activations of a.vo have 6 units, expected 8 as those of a.qk",
        ),
        (
            ActivationError::Heads { permutation: "a.qk".into(), units: 6, heads: 4 },
            "activations of a.qk have 6 units, expected a multiple of its 4 heads",
        ),
        (
            ActivationError::NonFinite { permutation: h(), network: Network::Target },
            "activations of h in the target hold a value that is not finite, expected finite numbers",
        ),
    ];
    let mut seen = [false; 6];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place(error)] = true;
    }
    assert_eq!(seen, [true; 6], "every variant is told");
}
