//! The study of transfer learning by its experiments, at toy size: networks are pre-trained on one half of the classes and fine-tuned
//! on the other, in one plan; what cannot be is refused before anything is trained.

use crate::{artefacts, basin, expect_code, over, run, stderr};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// A narrow ResNet20 on 96 images, seconds in all.
const TINY: &[&str] = &[
    "--paper=transfer",
    "--width=0.25",
    "--members=3",
    "--seeds=0",
    "--set=data.train_images=96",
    "--set=data.test_images=40",
    "--set=source.train_images=96",
    "--set=source.test_images=40",
    "--set=source.epochs=2",
    "--set=train.batch=16",
    "--set=train.epochs=2",
    "--set=ensemble.split_epoch=1",
    "--set=metrics.connectivity_images=0",
    "--set=metrics.draws=2",
    "--set=metrics.pairs=1",
    "--set=metrics.line_points=3",
    "--set=landscape.images=20",
    "--set=landscape.points=3",
    "--set=run.threads=1",
];

fn arguments<'a>(runs: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let first = &["reproduce", "--runs", runs, "--name=run"];
    [first, &over(TINY, more)[..]].concat()
}

fn transfer(runs: &Path, more: &[&str]) -> Output {
    run(&arguments(runs.to_str().unwrap(), more))
}

fn results(runs: &Path, experiment: &str) -> Value {
    let folder = if experiment == "local-global" { "." } else { experiment };
    let text = std::fs::read_to_string(runs.join("run").join(folder).join("results.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A number of an ensemble.
fn number(results: &Value, method: &str, metric: &str) -> Option<f64> {
    let ensembles = results["ensembles"].as_array().unwrap();
    let ensemble = ensembles.iter().find(|ensemble| ensemble["method"] == method).unwrap();
    ensemble["scalars"]["ensemble"][metric].as_f64()
}

#[test]
fn members_are_pre_trained_fine_tuned_and_measured_beside_where_they_come_from() {
    let dir = tempfile::tempdir().unwrap();
    expect_code(&transfer(dir.path(), &[]), 0);
    let found = results(dir.path(), "local-global");
    for method in ["local", "global", "sse", "star-sse"] {
        let of =
            |metric: &str| number(&found, method, metric).unwrap_or_else(|| panic!("{method}: no {metric}"));
        assert!(of("distance-travelled") > 0.0 && of("relative-distance") < 1.0);
        assert!((-1.0..=1.0).contains(&of("task-cosine")));
        assert!(of("start-connectivity") <= 0.0 && of("first-connectivity") <= 0.0);
        let lost = of("source-accuracy-before") - of("source-accuracy");
        assert!((lost - of("forgetting")).abs() < 1e-12);
    }
    assert_eq!(number(&found, "deep", "distance-travelled"), None);
    // Three fine-tunes, one after the other or side by side; pre-training is not counted.
    let cost = |method: &str, metric: &str| number(&found, method, metric).unwrap();
    for (method, in_a_row) in [("local", 2.0), ("global", 2.0), ("sse", 6.0), ("star-sse", 4.0)] {
        assert_eq!((cost(method, "passes"), cost(method, "passes-in-a-row")), (6.0, in_a_row), "{method}");
    }
}

#[test]
fn soups_are_single_networks_and_all_ways_to_one_are_planned() {
    let dir = tempfile::tempdir().unwrap();
    expect_code(
        &transfer(
            dir.path(),
            &["--experiment=soups", "--set=subspace.last=2", "--set=data.train_images=480"],
        ),
        0,
    );
    let found = results(dir.path(), "soups");
    for method in ["local-soup", "star-sse-greedy-soup", "star-sse-stock", "swa"] {
        assert_eq!(number(&found, method, "joint-connectivity"), None, "{method}");
        let (ensemble, member) =
            (number(&found, method, "ensemble-accuracy"), number(&found, method, "mean-member-accuracy"));
        assert!(ensemble.is_some() && ensemble == member, "{method}");
        assert!(number(&found, method, "held-out-accuracy").is_some(), "{method}");
    }
    // A greedy soup is at least as accurate on what it is chosen by as any of its networks.
    let (soup, best) = (
        number(&found, "sse-greedy-soup", "held-out-accuracy").unwrap(),
        number(&found, "sse", "held-out-member-accuracy").unwrap(),
    );
    assert!(soup >= best, "{soup} of the soup, {best} of a member");
}

#[test]
fn every_experiment_ends_with_its_figures() {
    let dir = tempfile::tempdir().unwrap();
    let small = ["--set=transfer.grid_rates=0.5,2", "--set=transfer.grid_lengths=0.5,1"];
    for (experiment, figure) in [
        ("basin-map", "map-connectivity-test"),
        ("cycle-grid", "grid-connectivity"),
        ("from-scratch", "accuracy-diversity"),
        ("self-supervised", "accuracy-connectivity"),
    ] {
        let asked = format!("--experiment={experiment}");
        expect_code(&transfer(dir.path(), &[&small[..], &[&asked]].concat()), 0);
        let figures = dir.path().join(format!("run/{experiment}/report/figures"));
        let mut names = std::fs::read_dir(&figures).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(names.any(|name| name.to_str().unwrap().starts_with(figure)), "{figure} is missing");
    }
}

#[test]
fn a_run_that_was_killed_while_pre_training_ends_with_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let more = ["--set=run.checkpoint_seconds=0"];
    let (whole, killed) = (dir.path().join("whole"), dir.path().join("killed"));
    expect_code(&transfer(&whole, &more), 0);
    let mut child = Command::new(basin()).args(arguments(killed.to_str().unwrap(), &more)).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(400));
    child.kill().unwrap();
    child.wait().unwrap();
    expect_code(&transfer(&killed, &more), 0);
    assert_eq!(artefacts(&whole.join("run")), artefacts(&killed.join("run")));
}

#[test]
fn what_cannot_be_fine_tuned_is_refused_before_anything_is_trained() {
    for (more, words) in [
        (&["--set=source.dataset=imagenet"][..], "source.dataset is \"imagenet\", expected none or one of "),
        (&["--set=source.classes=4-9", "--set=data.classes=3-40"], "two classes or more, in 0-9, found 3-40"),
        (
            &["--set=source.halved=yes"],
            "images of source.dataset = synthetic are 16×16×3, those to fine-tune on are 32×32×3",
        ),
        (
            &["--set=transfer.cycle_length=0.25"],
            "transfer.cycle_length is 0.25, which is 0.5 epochs, expected a share of T = 2",
        ),
        (
            &["--paper=single-basin", "--set=ensemble.methods=fge", "--set=transfer.fge_epochs=3"],
            "transfer.fge_epochs is 3, expected an even number",
        ),
        (
            &["--paper=single-basin", "--set=ensemble.methods=local-greedy-soup"],
            "transfer.held_out is 0, none, expected training images held out",
        ),
        (
            &["--paper=single-basin", "--set=metrics.also=held-out"],
            "metrics.also names held-out and transfer.held_out is 0",
        ),
        (
            &["--experiment=cycle-grid", "--set=transfer.grid_rates=1,hot"],
            "transfer.grid_rates is \"1,hot\", expected positive numbers",
        ),
        (&["--experiment=basin-map", "--members=2"], "set ensemble.members=3 or more"),
        (
            &["--experiment=self-supervised", "--set=source.dataset=none"],
            "source.dataset is none, expected a data set whose images self-supervised turns to pre-train on",
        ),
        (&["--set=source.checkpoints=a.pt"], "source.checkpoints names files and source.dataset a data set"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let output = transfer(dir.path(), more);
        expect_code(&output, 2);
        assert!(stderr(&output).contains(words), "{words} in {}", stderr(&output));
        assert!(!dir.path().join("run/nodes").exists(), "{more:?}");
    }
}
