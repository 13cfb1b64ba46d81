//! Why a network is not recognised, in words.

use super::*;

/// A new variant does not compile here until it has a line in the test.
fn place(error: &Unrecognised) -> usize {
    match error {
        Unrecognised::Open { .. } => 0,
        Unrecognised::Unknown { .. } => 1,
        Unrecognised::Told { .. } => 2,
        Unrecognised::Rigid { .. } => 3,
    }
}

#[test]
fn every_error_says_what_where_and_what_to_do() {
    let summary = || "2 dense layers".to_owned();
    let told = [
        (
            Unrecognised::Open { summary: summary(), questions: vec!["order?".into(), "heads?".into()] },
            "2 dense layers; no unit may move before more is known:\n  order?\n  heads?",
        ),
        (
            Unrecognised::Unknown {
                summary: summary(),
                at: "fc2".into(),
                reason: "there is no fc2.weight".into(),
            },
            "2 dense layers; how they are connected does not show: at fc2, there is no fc2.weight",
        ),
        (
            Unrecognised::Told {
                summary: summary(),
                at: "attn".into(),
                reason: "5 heads do not divide its 8 units".into(),
            },
            "2 dense layers; what is told does not fit: at attn, 5 heads do not divide its 8 units",
        ),
        (
            Unrecognised::Rigid { summary: summary(), reason: "every unit keeps its order".into() },
            "2 dense layers; every unit keeps its order",
        ),
    ];
    let mut seen = [false; 4];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place(error)] = true;
    }
    assert_eq!(seen, [true; 4], "every variant is told");
}
