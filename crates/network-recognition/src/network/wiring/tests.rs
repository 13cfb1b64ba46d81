//! Why layers are not wired, in words.

use super::*;

/// A new variant does not compile here until it has a line in the test.
fn place(error: &WiringError) -> usize {
    match error {
        WiringError::Missing { .. } => 0,
        WiringError::Shape { .. } => 1,
        WiringError::Widths { .. } => 2,
        WiringError::Unexplained { .. } => 3,
    }
}

#[test]
fn every_error_says_what_is_wrong() {
    let names = |count: usize| (0..count).map(|i| format!("a{i}")).collect();
    let told = [
        (WiringError::Missing { parameter: "fc.weight".into() }, "there is no fc.weight"),
        (
            WiringError::Shape { parameter: "fc.bias".into(), shape: vec![3], expected: "[4]".into() },
            "fc.bias has shape [3], expected [4]",
        ),
        (
            WiringError::Widths { left: 3, right: 4 },
            "widths 3 and 4 do not fit, expected equal widths of what is added, multiplied or split, and heads that divide the width",
        ),
        (WiringError::Unexplained { parameters: names(1) }, "no layer reads 1 of the arrays: a0"),
        (
            WiringError::Unexplained { parameters: names(7) },
            "no layer reads 7 of the arrays: a0, a1, a2, a3, a4, a5, …",
        ),
    ];
    let mut seen = [false; 4];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place(error)] = true;
    }
    assert_eq!(seen, [true; 4], "every variant is told");
}
