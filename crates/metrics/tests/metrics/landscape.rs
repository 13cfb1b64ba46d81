//! Numbers of loss landscapes against NumPy, SciPy and scikit-learn; `fixtures/metrics/landscape.py` makes the values.

use basin_core::{Labels, Logits, Probs, SeedTree};
use basin_metrics::ood::{aupr, auroc, entropy, fpr95, mutual_information};
use basin_metrics::spectrum::{hutchinson_trace, lanczos};
use basin_metrics::{TsneSettings, adaptive_ece, class_wise_ece, jsd_uniform, pca, tsne};
use serde_json::Value;
use std::fmt;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../../fixtures/metrics/landscape.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn members(golden: &Value) -> (Vec<Probs>, Labels) {
    let case = &golden["calibrated"];
    let member = |z: Vec<f64>| Logits::new(5, z.iter().map(|z| *z as f32).collect()).unwrap().softmax(1.0);
    let labels = numbers(&case["labels"]).iter().map(|y| *y as u32).collect();
    (rows(&case["logits"]).into_iter().map(member).collect(), Labels::new(5, labels).unwrap())
}

#[track_caller]
fn close(what: &str, got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "{what}: got {got:e}, expected {expected:e}");
}

#[test]
fn calibration_errors_of_all_classes_match_numpy() {
    let golden = golden();
    let (members, labels) = members(&golden);
    let mean = Probs::mean(&members);
    for case in rows(&golden["class_wise_ece"]) {
        close("class-wise", class_wise_ece(&mean, &labels, case[0] as usize).unwrap(), case[1], 1e-14);
    }
    for case in rows(&golden["adaptive_ece"]) {
        close("adaptive", adaptive_ece(&mean, &labels, case[0] as usize).unwrap(), case[1], 1e-14);
    }
}

#[test]
fn uncertainties_match_scipy() {
    let golden = golden();
    let (members, _) = members(&golden);
    let check = |got: Vec<f64>, key: &str| {
        let expected = numbers(&golden[key]);
        assert_eq!(got.len(), expected.len());
        got.iter().zip(expected).for_each(|(got, expected)| close(key, *got, expected, 1e-14));
    };
    check(entropy(&Probs::mean(&members)).unwrap(), "entropy");
    let information = mutual_information(&members).unwrap();
    let mean = information.iter().sum::<f64>() / information.len() as f64;
    close("mean", mean, jsd_uniform(&members).unwrap(), 1e-16);
    check(information, "mutual_information");
}

#[test]
fn detection_matches_scikit_learn_with_ties() {
    for (number, case) in golden()["foreign"].as_array().unwrap().iter().enumerate() {
        let (foreign, own) = (numbers(&case["foreign"]), numbers(&case["own"]));
        let check =
            |key: &str, got: f64| close(&format!("{key} {number}"), got, case[key].as_f64().unwrap(), 1e-12);
        check("auroc", auroc(&foreign, &own).unwrap());
        check("aupr", aupr(&foreign, &own).unwrap());
        check("fpr95", fpr95(&foreign, &own).unwrap());
    }
}

#[test]
fn principal_components_match_a_singular_value_decomposition() {
    let golden = golden();
    let case = &golden["pca"];
    let got = pca(&rows(&case["rows"]), 100).unwrap();
    let (scores, variances) = (rows(&case["scores"]), numbers(&case["variances"]));
    assert_eq!((got.variances.len(), variances.len()), (8, 8));
    for (got, expected) in got.scores.iter().zip(&scores) {
        got.iter().zip(expected).for_each(|(got, expected)| close("score", *got, *expected, 1e-9));
    }
    got.variances.iter().zip(variances).for_each(|(got, expected)| close("variance", *got, expected, 1e-12));
    let first = numbers(&case["first"]);
    got.components[0].iter().zip(first).for_each(|(got, expected)| close("component", *got, expected, 1e-12));

    let case = &golden["tsne"];
    let got = pca(&rows(&case["rows"]), 2).unwrap();
    for (got, expected) in got.scores.iter().flatten().zip(rows(&case["pca"]).iter().flatten()) {
        close("score of a walk", *got, *expected, 1e-9);
    }
}

#[test]
fn embeddings_are_no_worse_than_those_of_scikit_learn() {
    let golden = golden();
    let rows = rows(&golden["tsne"]["rows"]);
    for case in golden["tsne"]["cases"].as_array().unwrap() {
        let perplexity = case["perplexity"].as_f64().unwrap();
        let got = tsne(&rows, &TsneSettings { perplexity, ..TsneSettings::default() }, &SeedTree::root(0))
            .unwrap()
            .divergence;
        let theirs = case["divergence"].as_f64().unwrap();
        assert!(got <= theirs, "perplexity {perplexity}: {got}, scikit-learn {theirs}");
        assert!(got > 0.9 * theirs, "perplexity {perplexity}: {got} is of something else than {theirs}");
    }
}

#[test]
fn spectra_match_numpy() {
    for (number, case) in golden()["spectrum"].as_array().unwrap().iter().enumerate() {
        let (matrix, values) = (numbers(&case["matrix"]), numbers(&case["values"]));
        let n = values.len();
        let operator = |v: &[f64]| {
            let row = |row: &[f64]| row.iter().zip(v).map(|(a, v)| a * v).sum();
            Ok::<Vec<f64>, fmt::Error>(matrix.chunks_exact(n).map(row).collect())
        };
        let got = lanczos(n, n, SeedTree::root(0), operator).unwrap();
        assert_eq!(got.len(), n);
        for (ritz, expected) in got.iter().zip(&values) {
            close(&format!("eigenvalue of {number}"), ritz.value, *expected, 1e-11);
            assert!(ritz.error < 1e-10, "{number}: {ritz:?}");
        }
        let few = lanczos(n, 6, SeedTree::root(0), operator).unwrap();
        assert!(
            (few[0].value - values[0]).abs() <= few[0].error + 1e-12,
            "{number}: {:?} {}",
            few[0],
            values[0]
        );
        let trace = hutchinson_trace(n, 2000, SeedTree::root(1), operator).unwrap();
        close("trace", trace.value, case["trace"].as_f64().unwrap(), 4.0 * trace.standard_error.unwrap());
    }
}
