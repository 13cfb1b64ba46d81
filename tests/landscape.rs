//! The study of loss landscapes by its experiments, at toy size: every experiment is planned, measured and told; what it cannot
//! measure is refused before anything is trained.

use crate::{expect_code, over, run, stderr};
use serde_json::Value;
use std::path::Path;
use std::process::Output;

/// A narrow SmallCNN on 96 images, seconds in all.
const TINY: &[&str] = &[
    "--width=0.25",
    "--members=3",
    "--seeds=0",
    "--set=data.train_images=96",
    "--set=data.test_images=40",
    "--set=train.batch=16",
    "--set=train.epochs=5",
    "--set=ensemble.split_epoch=1",
    "--set=subspace.last=3",
    "--set=subspace.rank=1",
    "--set=subspace.samples=2",
    "--set=subspace.acceptance_images=32",
    "--set=metrics.connectivity_images=0",
    "--set=metrics.draws=2",
    "--set=metrics.pairs=1",
    "--set=metrics.line_points=3",
    "--set=landscape.images=24",
    "--set=landscape.states=2",
    "--set=landscape.points=3",
    "--set=run.threads=1",
];

fn landscape(runs: &Path, more: &[&str]) -> Output {
    let runs = runs.to_str().unwrap();
    let first = &["reproduce", "--paper=loss-landscape", "--runs", runs, "--name=run"];
    run(&[first, &over(TINY, more)[..]].concat())
}

fn results(runs: &Path, experiment: &str) -> Value {
    // The default experiment's results lie in the run's own folder.
    let folder = if experiment == "similarity" { "." } else { experiment };
    let text = std::fs::read_to_string(runs.join("run").join(folder).join("results.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Names of what a run left of one kind, `curves` or `surfaces`.
fn quantities(results: &Value, kind: &str) -> Vec<String> {
    let told = |one: &Value| {
        format!("{} of {}", one["quantity"].as_str().unwrap(), one["subject"].as_str().unwrap())
    };
    let mut all: Vec<String> = results[kind].as_array().into_iter().flatten().map(told).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn runs_are_compared_along_the_way_and_mapped() {
    let dir = tempfile::tempdir().unwrap();
    expect_code(&landscape(dir.path(), &["--experiment=similarity"]), 0);
    let found = results(dir.path(), "similarity");
    assert_eq!(quantities(&found, "surfaces"), ["cosine-matrix of runs", "disagreement-matrix of runs"]);
    let cosines =
        found["surfaces"].as_array().unwrap().iter().find(|s| s["quantity"] == "cosine-matrix").unwrap();
    // Two states of three runs.
    assert_eq!(
        (cosines["x"].as_array().unwrap().len(), cosines["values"].as_array().unwrap().len()),
        (6, 36)
    );
    assert_eq!(cosines["values"][0].as_f64(), Some(1.0));
    let numbers = &found["ensembles"][0]["scalars"]["ensemble"];
    let (within, between) = (&numbers["weight-cosine-within"], &numbers["weight-cosine-between"]);
    assert!(within.as_f64().unwrap() > between.as_f64().unwrap(), "{within} against {between}");
    for figure in ["cosine-of-weights", "disagreement", "map-pca"] {
        let figures = dir.path().join("run/report/figures");
        let there = std::fs::read_dir(&figures).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(
            there.into_iter().any(|name| name.to_str().unwrap().starts_with(figure)),
            "{figure} is missing"
        );
    }
}

#[test]
fn samples_around_a_run_lie_on_the_plane_of_diversity() {
    let dir = tempfile::tempdir().unwrap();
    expect_code(&landscape(dir.path(), &["--experiment=diversity-accuracy"]), 0);
    let found = results(dir.path(), "diversity-accuracy");
    let ensembles = found["ensembles"].as_array().unwrap();
    assert_eq!(ensembles.len(), 10);
    for row in ensembles {
        let expected = if row["method"].as_str().unwrap().starts_with("sub") {
            3
        } else {
            row["members"].as_u64().unwrap()
        };
        assert_eq!(row["members"].as_u64(), Some(expected), "{}", row["method"]);
    }
    let of = |name: &str| {
        quantities(&found, "curves").iter().any(|told| told == &format!("normalised-disagreement of {name}"))
    };
    assert!(of("members"), "{:?}", quantities(&found, "curves"));
}

#[test]
fn a_plane_holds_its_members() {
    let dir = tempfile::tempdir().unwrap();
    expect_code(&landscape(dir.path(), &["--experiment=radial"]), 0);
    let found = results(dir.path(), "radial");
    let subjects = [
        "plane-accuracy of plane-1-2-3",
        "plane-accuracy of radial-1-2",
        "plane-accuracy of random-1",
        "plane-agreement of plane-1-2-3-with-1",
        "plane-agreement of plane-1-2-3-with-2",
        "plane-agreement of plane-1-2-3-with-3",
        "plane-agreement of radial-1-2-with-1",
        "plane-agreement of radial-1-2-with-2",
        "plane-agreement of random-1-with-1",
        "plane-loss of plane-1-2-3",
        "plane-loss of radial-1-2",
        "plane-loss of random-1",
    ];
    assert_eq!(quantities(&found, "surfaces"), subjects);
    // The middle of a random plane is the member itself.
    let random =
        found["surfaces"].as_array().unwrap().iter().find(|s| s["subject"] == "random-1-with-1").unwrap();
    assert_eq!(random["values"][4].as_f64(), Some(1.0));
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_is_trained() {
    for (more, words) in [
        (
            &["--experiment=radial", "--members=2"][..],
            "plane: 2 networks and 2 logits, expected at least 3 networks and the logits of each",
        ),
        (
            &["--experiment=corruptions", "--set=landscape.published=yes", "--set=landscape.corruptions=fog"],
            "published corruptions of test of synthetic, expected test of cifar10, for which alone they are read",
        ),
        (&["--set=landscape.points=1"], "landscape.points is 1, expected a whole number in 2 to 1001"),
        (
            &["--experiment=radial", "--model=resnet20", "--set=metrics.repair_images=8"],
            "REPAIR is for networks between members, not for a plane",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let output = landscape(dir.path(), more);
        expect_code(&output, 2);
        assert!(stderr(&output).contains(words), "{more:?}: {}", stderr(&output));
        assert!(!dir.path().join("run/nodes").exists(), "{more:?} began to work");
    }
}
