//! Why a network is not recognised, in words.

use super::*;
use basin_core::Array;

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

/// Names of layers with arrays of any number of axes, down to single numbers: a refusal or a network.
#[test]
fn no_number_of_axes_is_taken_for_granted() {
    let names = [
        &["in_proj_weight", "in_proj_bias", "out_proj.weight"][..],
        &["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"],
        &["weight", "bias", "running_mean"],
        &["q_proj.weight", "k_proj.weight", "v_proj.weight", "q_norm.weight"],
    ];
    let cases = names.iter().flat_map(|names| names.iter().map(move |changed| (names, *changed)));
    for ((names, changed), axes) in cases.flat_map(|case| (0..7).map(move |axes| (case, axes))) {
        let shape = |one: &str| if one == changed { vec![6; axes] } else { vec![6, 6] };
        let array = |one: &&str| (format!("layer.{one}"), Array::full(shape(one), 0.0));
        let behind = ("head.weight".to_owned(), Array::full(vec![3, 6], 0.0));
        let params: Params = names.iter().map(array).chain([behind]).collect();
        for ordered in [false, true] {
            if let Ok(found) = recognise(&params, &Told { ordered, ..Told::default() }) {
                found.spec.validate(&params).unwrap();
            }
        }
    }
}
