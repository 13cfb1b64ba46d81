//! What a spec is refused for, in words.

use super::*;

/// A new variant does not compile here until it has a line in the test.
fn place(error: &SpecError) -> usize {
    match error {
        SpecError::DuplicateParameter { .. } => 0,
        SpecError::RepeatedPermutation { .. } => 1,
        SpecError::EmptyUnits { .. } => 2,
        SpecError::Group { .. } => 3,
        SpecError::Residual { .. } => 4,
        SpecError::UnusedSize { .. } => 5,
        SpecError::UnusedUnits { .. } => 6,
        SpecError::Family { .. } => 7,
        SpecError::Depth { .. } => 8,
        SpecError::Layout { .. } => 9,
    }
}

#[test]
fn every_error_says_what_where_and_what_to_do() {
    let told = [
        (
            SpecError::DuplicateParameter { parameter: "fc.bias".into() },
            "parameter fc.bias is described twice, expected each parameter once",
        ),
        (
            SpecError::RepeatedPermutation {
                parameter: "rnn.weight".into(),
                permutation: "h".into(),
                first: 0,
                second: 1,
            },
            "permutation h acts on axes 0 and 1 of rnn.weight, expected at most one axis; give the axes permutations of their own, or describe the array as tied, which can be applied but not matched",
        ),
        (
            SpecError::EmptyUnits { parameter: "fc.weight".into(), axis: 1, permutation: "conv".into() },
            "axis 1 of fc.weight has 0 entries per unit of conv, expected at least 1",
        ),
        (
            SpecError::Group {
                qk: "a.qk".into(),
                vo: "a.vo".into(),
                heads: 0,
                reason: "expected at least one head",
            },
            "a.qk and a.vo cannot be permuted by 0 heads: expected at least one head",
        ),
        (
            SpecError::Residual { units: "z".into(), reason: "no parameter uses them".into() },
            "units z cannot be part of a sum: no parameter uses them",
        ),
        (
            SpecError::UnusedSize { left: "a".into(), right: "b".into() },
            "a and b are declared to be of one size, but parameters do not use both; correct the names or leave the declaration out",
        ),
        (
            SpecError::UnusedUnits { permutation: "a".into() },
            "the number of units of a is declared, but no parameter uses it; correct the name or leave the declaration out",
        ),
        (
            SpecError::Family {
                family: "VGG",
                what: "depth",
                found: 12,
                expected: "11, 13, 16 or 19".into(),
            },
            "no VGG with depth 12, expected 11, 13, 16 or 19",
        ),
        (
            SpecError::Depth { depth: 18, supported: &[8, 14] },
            "no CIFAR ResNet of depth 18, expected one of [8, 14]",
        ),
        (
            SpecError::Layout { problems: vec!["  missing a".into(), "  unexpected b".into()] },
            "the spec does not fit the network:\n  missing a\n  unexpected b",
        ),
    ];
    let mut seen = [false; 10];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place(error)] = true;
    }
    assert_eq!(seen, [true; 10], "every variant is told");
}
