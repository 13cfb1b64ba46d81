//! The study of data shifts by its experiments, at toy size: every case is planned, trained on its parts and told; and what
//! cannot be is refused before anything is trained.

use crate::{expect_code, over, run, stderr};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

/// Perceptrons of 32 units on two halves of 64 images, a second in all.
const TINY: &[&str] = &[
    "--width=0.0625",
    "--seeds=0,1",
    "--set=data.train_images=64",
    "--set=data.test_images=40",
    "--set=train.batch=4",
    "--set=train.epochs=2",
    "--set=ensemble.split_epoch=1",
    "--set=metrics.connectivity_images=0",
    "--set=metrics.draws=3",
    "--set=metrics.pairs=1",
    "--set=metrics.line_points=3",
    "--set=metrics.shift_points=5",
    "--set=run.threads=1",
];

fn shifted(runs: &Path, more: &[&str]) -> Output {
    let runs = runs.to_str().unwrap();
    run(&[&["reproduce", "--paper=data-shift", "--runs", runs, "--name=run"], &over(TINY, more)[..]].concat())
}

fn results(runs: &Path, experiment: &str) -> Value {
    let text = std::fs::read_to_string(runs.join("run").join(experiment).join("results.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Cases of an experiment, each with its methods.
fn cases(results: &Value) -> BTreeSet<String> {
    let told = |row: &Value| {
        let case = row["case"].as_object().unwrap().iter();
        let case: Vec<String> =
            case.map(|(key, value)| format!("{key}={}", value.as_str().unwrap())).collect();
        format!("{}|{}|{}", case.join(" "), row["model"].as_str().unwrap(), row["method"].as_str().unwrap())
    };
    results["ensembles"].as_array().unwrap().iter().map(told).collect()
}

#[test]
fn every_experiment_tells_its_cases_with_the_line_between() {
    for (name, more, expected, figures) in [
        (
            "learning-and-interpolation",
            &[][..],
            &["|mlp1|shifted", "|mlp3|shifted"][..],
            &["loss-on-the-line-test-synthetic-mlp1", "accuracy-on-the-line-test-synthetic-mlp3"][..],
        ),
        (
            "noise-scale",
            &["--set=train.batch=2", "--set=train.peak_lr=0.008", "--set=data.train_images=80"],
            &[
                "train.batch=16|mlp3|shifted",
                "train.batch=2|mlp3|shifted",
                "train.batch=32|mlp3|shifted",
                "train.batch=4|mlp3|shifted",
                "train.batch=8|mlp3|shifted",
                "train.peak_lr=0.002|mlp3|shifted",
                "train.peak_lr=0.004|mlp3|shifted",
                "train.peak_lr=0.016|mlp3|shifted",
                "train.peak_lr=0.032|mlp3|shifted",
            ],
            &["barrier-over-g-synthetic-mlp3"],
        ),
        (
            "label-imbalance",
            &["--set=data.train_images=200"],
            &[
                "data.imbalance=0.05 data.partition=imbalance|mlp3|shifted",
                "data.imbalance=0.1 data.partition=imbalance|mlp3|shifted",
                "data.imbalance=0.2 data.partition=imbalance|mlp3|shifted",
                "data.imbalance=0.3 data.partition=imbalance|mlp3|shifted",
                "data.imbalance=0.4 data.partition=imbalance|mlp3|shifted",
                "data.imbalance=0.5 data.partition=imbalance|mlp3|shifted",
            ],
            &["accuracy-difference-over-rho-synthetic-mlp3"],
        ),
        (
            "ensembles",
            &[],
            &["|mlp3|deep", "|mlp3|shifted", "|mlp3|shifted-apart"],
            &["loss-on-the-line-train-synthetic-mlp3"],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        expect_code(&shifted(dir.path(), &[&["--experiment", name], more].concat()), 0);
        let found = results(dir.path(), name);
        assert_eq!(cases(&found), expected.iter().map(|told| (*told).to_owned()).collect(), "{name}");
        for row in found["ensembles"].as_array().unwrap().iter().filter(|row| row["method"] != "deep") {
            let numbers = &row["scalars"]["ensemble"];
            for metric in ["barrier", "accuracy-difference", "shared-errors", "noise-scale", "paired-share"] {
                assert!(numbers[metric].as_f64().is_some(), "{name}: {metric} in {numbers}");
            }
        }
        for figure in figures {
            let file = dir.path().join("run").join(name).join(format!("report/figures/{figure}.svg"));
            assert!(file.exists(), "{} is missing", file.display());
        }
    }
}

/// One start and one sample of noise, so that what differs is the images alone; their curves reach the results.
#[test]
fn the_line_begins_and_ends_at_the_networks_themselves() {
    let dir = tempfile::tempdir().unwrap();
    expect_code(&shifted(dir.path(), &["--experiment=ensembles", "--methods=shifted", "--seeds=0"]), 0);
    let found = results(dir.path(), "ensembles");
    let curve = found["curves"].as_array().unwrap().iter().find(|curve| {
        curve["quantity"] == "line-accuracy" && curve["data"] == "test" && curve["method"] == "shifted"
    });
    let values: Vec<f64> =
        curve.unwrap()["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert_eq!(values.len(), 5);
    let row = found["ensembles"].as_array().unwrap().iter().find(|row| row["method"] == "shifted").unwrap();
    for (member, value) in [("member-1", values[0]), ("member-2", values[4])] {
        assert_eq!(row["scalars"][member]["member-accuracy"].as_f64(), Some(value), "{member}");
    }
    assert_eq!(row["scalars"]["ensemble"]["paired-share"], 1.0, "halves have equally many of every class");
}

/// States on the way are looked at on test images, and the training they are taken from is the one without them.
#[test]
fn learning_curves_are_of_states_and_leave_training_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let of = |folder: &str, more: &[&str]| {
        let runs = dir.path().join(folder);
        expect_code(
            &shifted(&runs, &[&["--experiment=learning-and-interpolation", "--seeds=0"], more].concat()),
            0,
        );
        results(&runs, "learning-and-interpolation")
    };
    let (both, last) = (of("both", &["--set=landscape.states=2"]), of("last", &["--set=landscape.states=1"]));
    let curves = |found: &Value, quantity: &str| -> Vec<Value> {
        let all = found["curves"].as_array().unwrap().iter();
        all.filter(|curve| curve["quantity"] == quantity).cloned().collect()
    };
    for quantity in ["learning-loss", "learning-accuracy"] {
        let of_two = curves(&both, quantity);
        // Two networks, two sides.
        assert_eq!(of_two.len(), 4, "{quantity}");
        for (two, one) in of_two.iter().zip(curves(&last, quantity)) {
            assert_eq!(two["at"], serde_json::json!([1.0, 2.0]));
            assert_eq!(two["values"][1], one["values"][0], "{quantity}");
        }
    }
    // The last state is the member.
    for curve in curves(&both, "learning-accuracy") {
        let all = both["ensembles"].as_array().unwrap().iter();
        let row = all.clone().find(|row| row["model"] == curve["model"]).unwrap();
        let member = &row["scalars"][curve["subject"].as_str().unwrap()]["member-accuracy"];
        assert_eq!(*member, curve["values"][1]);
    }
    let training = |found: &Value| {
        let all = found["training"].as_array().unwrap().iter();
        all.map(|curve| (curve["model"].to_string(), curve["data"].to_string(), curve["points"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(training(&both), training(&last));
    let figure = dir.path().join("both/run/learning-and-interpolation/report/figures/training-loss.svg");
    let drawn = std::fs::read_to_string(figure).unwrap();
    assert!(drawn.contains("side B, test images"), "the legend tells points from lines");
}

/// BatchNorm between sides that see other bands: the statistics of every network on the line are of both sides' images, so that the
/// line has no jump at its ends; a member by itself has its own.
#[test]
fn sides_that_see_other_bands_may_have_batch_norm() {
    let dir = tempfile::tempdir().unwrap();
    let bands = ["--set=data.view_a=band:0", "--set=data.view_b=band:2", "--set=model.norm=batch"];
    let asked = ["--experiment=ensembles", "--methods=shifted", "--seeds=0", "--width=0.125"];
    let all =
        [&asked[..], &bands, &["--set=data.normalisation=view", "--set=metrics.shift_points=401"]].concat();
    expect_code(&shifted(dir.path(), &all), 0);
    let found = results(dir.path(), "ensembles");
    let loss = found["curves"].as_array().unwrap().iter().find(|curve| {
        curve["quantity"] == "line-loss" && curve["data"] == "test-1" && curve["method"] == "shifted"
    });
    let loss: Vec<f64> =
        loss.unwrap()["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert_eq!(loss.len(), 401);
    let steps: Vec<f64> = loss.windows(2).map(|two| (two[1] - two[0]).abs()).collect();
    let inner = steps[1..steps.len() - 1].iter().copied().fold(0.0, f64::max);
    for end in [steps[0], steps[399]] {
        assert!(end < 1.5 * inner, "a jump of {end} at an end of the line, at most {inner} within");
    }
}

#[test]
fn what_cannot_be_divided_or_seen_is_refused_before_anything_is_trained() {
    for (more, code, words) in [
        (
            &["--set=data.partition=imbalance", "--set=data.imbalance=0.01"][..],
            3,
            "expected an image of every class on both sides",
        ),
        (&["--set=data.imbalance=0"], 2, "data.imbalance is 0, expected a number in 0.001 ≤ x ≤ 0.999"),
        (
            &["--members=3", "--set=data.partition=imbalance"],
            2,
            "ensemble.members is 3, expected 2, one a side",
        ),
        (&["--set=data.view_b=band:3"], 2, "band"),
        (&["--set=data.view_a=coloured:0.1"], 3, "images for coloured must be of 1 channel, found 3"),
        (&["--members=30"], 3, "share"),
        // More than a half has, and not more than all.
        (&["--set=train.batch=40"], 2, "batch of 40 images from a training set of 30"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let output = shifted(dir.path(), &[&["--experiment=ensembles"], more].concat());
        expect_code(&output, code);
        assert!(stderr(&output).contains(words), "{words} in {}", stderr(&output));
        let nodes = dir.path().join("run/nodes");
        assert!(!nodes.exists() || std::fs::read_dir(nodes).unwrap().next().is_none(), "{more:?}");
    }
}
