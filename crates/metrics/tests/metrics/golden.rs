//! Values from NumPy, SciPy, mpmath and PyTorch; `fixtures/metrics/generate.py` makes them.

use basin_core::{Labels, Logits, Probs};
use basin_metrics::stats::{Summary, mean, sample_sd, student_t_cdf, student_t_quantile, t_interval, welch};
use basin_metrics::{
    Combine, accuracy, brier, combine, disagreement, disagreement_matrix, ece, jsd_one_vs_all, jsd_uniform,
    member_accuracies, nll, reliability, true_class_variance,
};
use serde_json::Value;

const TOLERANCE: f64 = 1e-12;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../../fixtures/metrics/values.json")).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn logits(value: &Value) -> Vec<Logits> {
    let member = |v: &Value| Logits::new(5, numbers(v).into_iter().map(|z| z as f32).collect()).unwrap();
    value.as_array().unwrap().iter().map(member).collect()
}

fn labels(value: &Value) -> Labels {
    Labels::new(5, numbers(value).into_iter().map(|y| y as u32).collect()).unwrap()
}

/// Error relative to the larger of 1 and the expected value.
#[track_caller]
fn close(what: &str, got: f64, expected: f64, tolerance: f64) {
    let error = (got - expected).abs() / expected.abs().max(1.0);
    assert!(error <= tolerance, "{what}: got {got:e}, expected {expected:e}, error {error:e}");
}

fn check_scores(what: &str, probs: &Probs, labels: &Labels, expected: &Value) {
    let score = |name: &str, got: f64| {
        close(&format!("{what} {name}"), got, number(&expected[name]), TOLERANCE);
    };
    score("accuracy", accuracy(probs, labels).unwrap());
    score("nll", nll(probs, labels).unwrap());
    score("brier", brier(probs, labels).unwrap());
    score("ece", ece(probs, labels, 15).unwrap());
}

#[test]
fn scores_of_members_and_ensembles_match_numpy() {
    let golden = golden();
    let (logits, labels) = (logits(&golden["logits"]), labels(&golden["labels"]));
    for (i, member) in logits.iter().enumerate() {
        check_scores(&format!("member {i}"), &member.softmax(1.0), &labels, &golden["members"][i]);
    }
    for how in [Combine::MeanProbs, Combine::MeanLogits] {
        let key = how.to_string().replace('-', "_");
        check_scores(&key, &combine(&logits, how).unwrap(), &labels, &golden[&key]);
    }
    let members: Vec<Probs> = logits.iter().map(|z| z.softmax(1.0)).collect();
    for (i, got) in member_accuracies(&members, &labels).unwrap().into_iter().enumerate() {
        close("member accuracy", got, number(&golden["members"][i]["accuracy"]), 0.0);
    }
}

#[test]
fn diversity_matches_numpy_and_scipy() {
    let golden = golden();
    let labels = labels(&golden["labels"]);
    let members: Vec<Probs> = logits(&golden["logits"]).iter().map(|z| z.softmax(1.0)).collect();
    let check = |key: &str, got: f64| close(key, got, number(&golden[key]), TOLERANCE);
    check("jsd_one_vs_all", jsd_one_vs_all(&members).unwrap());
    check("jsd_uniform", jsd_uniform(&members).unwrap());
    check("true_class_variance", true_class_variance(&members, &labels).unwrap());

    let matrix = disagreement_matrix(&members).unwrap();
    for (i, row) in matrix.iter().enumerate() {
        assert_eq!(*row, numbers(&golden["disagreement_matrix"][i]), "row {i}");
    }
    let pairs = (matrix[0][1] + matrix[0][2] + matrix[1][2]) / 3.0;
    close("disagreement", disagreement(&members).unwrap(), pairs, TOLERANCE);
}

#[test]
fn confidences_on_bin_edges_belong_to_the_bin_below() {
    let case = &golden()["ece_edges"];
    let probs = combine(&logits(&case["members"]), Combine::MeanProbs).unwrap();
    let labels = labels(&case["labels"]);
    let counts: Vec<f64> =
        reliability(&probs, &labels, 15).unwrap().iter().map(|bin| bin.count as f64).collect();
    assert_eq!(counts, numbers(&case["counts"]));
    close("ece", ece(&probs, &labels, 15).unwrap(), number(&case["ece"]), TOLERANCE);
}

#[test]
fn student_t_matches_mpmath() {
    for case in golden()["student_t_quantile"].as_array().unwrap() {
        let [p, df, expected] = numbers(case)[..] else { panic!("{case}") };
        close(&format!("t({p}, {df})"), student_t_quantile(p, df).unwrap(), expected, TOLERANCE);
    }
    for case in golden()["student_t_cdf"].as_array().unwrap() {
        let [t, df, expected] = numbers(case)[..] else { panic!("{case}") };
        close(&format!("P(T <= {t}), df {df}"), student_t_cdf(t, df).unwrap(), expected, 1e-13);
    }
}

/// Table of critical values in any textbook: three decimals.
#[test]
fn student_t_matches_the_printed_table() {
    let printed = [(0.975, 1.0, 12.706), (0.975, 2.0, 4.303), (0.95, 4.0, 2.132), (0.995, 10.0, 3.169)];
    for (p, df, expected) in printed {
        let t = student_t_quantile(p, df).unwrap();
        assert!((t - expected).abs() <= 5e-4, "t({p}, {df}) = {t}, printed {expected}");
    }
}

#[test]
fn intervals_match_scipy() {
    for case in golden()["t_interval"].as_array().unwrap() {
        let values = numbers(&case["values"]);
        let got = t_interval(&Summary::from_values(&values).unwrap(), number(&case["level"])).unwrap();
        close("mean", mean(&values).unwrap(), number(&case["mean"]), TOLERANCE);
        close("sd", sample_sd(&values).unwrap(), number(&case["sd"]), TOLERANCE);
        close("low", got.low, number(&case["low"]), TOLERANCE);
        close("high", got.high, number(&case["high"]), TOLERANCE);
    }
    for case in golden()["welch"].as_array().unwrap() {
        let summary = |key: &str| Summary::from_values(&numbers(&case[key])).unwrap();
        let got = welch(&summary("a"), &summary("b"), number(&case["level"])).unwrap();
        close("difference", got.difference, number(&case["difference"]), TOLERANCE);
        close("df", got.df, number(&case["df"]), TOLERANCE);
        close("low", got.low, number(&case["low"]), TOLERANCE);
        close("high", got.high, number(&case["high"]), TOLERANCE);
    }
}
