//! In what a network may differ from a spec, in words.

use super::*;

/// A new variant does not compile here until it has a line in the test.
fn place(error: &Misfit) -> usize {
    match error {
        Misfit::Missing { .. } => 0,
        Misfit::Axes { .. } => 1,
        Misfit::Units { .. } => 2,
        Misfit::Concatenation { .. } => 3,
        Misfit::Declared { .. } => 4,
        Misfit::Undetermined { .. } => 5,
        Misfit::Pair { .. } => 6,
        Misfit::Heads { .. } => 7,
        Misfit::Unexpected { .. } => 8,
    }
}

#[test]
fn every_error_says_what_where_and_what_to_do() {
    let tensor = || "fc.w".to_owned();
    let told = [
        (Misfit::Missing { tensor: tensor(), axes: 1 }, "missing fc.w, expected 1 axis"),
        (Misfit::Axes { tensor: tensor(), found: vec![6], expected: 2 }, "fc.w is [6], expected 2 axes"),
        (
            Misfit::Units {
                tensor: tensor(),
                axis: 1,
                found: 3,
                expected: 4,
                permutation: "h".into(),
                by: "in.w".into(),
                at: 0,
            },
            "fc.w axis 1 has 3 units, expected 4 for permutation h as on axis 0 of in.w",
        ),
        (
            Misfit::Concatenation {
                tensor: tensor(),
                axis: 1,
                found: 7,
                expected: "8".into(),
                segments: "[h x 4]".into(),
            },
            "fc.w axis 1 has 7 entries, expected 8 from the segments [h x 4]",
        ),
        (
            Misfit::Declared { permutation: "h".into(), found: 3, declared: 4 },
            "permutation h has 3 units, expected 4 as declared",
        ),
        (
            Misfit::Undetermined { permutation: "h".into() },
            "the size of permutation h does not follow from the shapes; give it an axis of its own, or declare its number of units",
        ),
        (
            Misfit::Pair { left: "a.qk".into(), right: "a.vo".into(), expected: 4, found: 3 },
            "permutation a.vo has 3 units, expected 4 as in a.qk",
        ),
        (
            Misfit::Heads { permutation: "a.qk".into(), units: 3, heads: 2 },
            "a.qk has 3 units, expected a multiple of its 2 heads",
        ),
        (
            Misfit::Unexpected { tensor: tensor(), shape: vec![2, 3] },
            "unexpected fc.w [2, 3], which the spec does not describe",
        ),
    ];
    let mut seen = [false; 9];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place(error)] = true;
    }
    assert_eq!(seen, [true; 9], "every variant is told");
}
