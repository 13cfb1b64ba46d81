//! The study of loss landscapes by its experiments, at toy size: every experiment is planned, measured and told; what it cannot
//! measure is refused before anything is trained.

use crate::{artefacts, basin, expect_code, over, run, stderr};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

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

/// The trained and initial networks of a run, by the names of their folders, without their keys.
fn networks(runs: &Path) -> BTreeMap<String, Vec<u8>> {
    let nodes = std::fs::read_dir(runs.join("run/nodes")).unwrap().map(|node| node.unwrap().path());
    let network = |node: std::path::PathBuf| {
        let name = node.file_name().unwrap().to_str().unwrap().to_owned();
        Some((name, std::fs::read(node.join("final.safetensors")).ok()?))
    };
    nodes.filter_map(network).collect()
}

/// States at an eighth, a quarter and a half of six steps are none, so two: after one step and after three.
#[test]
fn states_within_the_first_epoch_stand_before_the_others_and_change_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let of = |folder: &str, early: &str| {
        let runs = dir.path().join(folder);
        expect_code(&landscape(&runs, &["--experiment=similarity", "--members=2", early]), 0);
        (networks(&runs), results(&runs, "similarity"))
    };
    let (usual, without) = of("off", "--set=landscape.early=0");
    let (one, _) = of("one", "--set=landscape.early=1");
    let (two, with) = of("two", "--set=landscape.early=2");
    // What was there is the same work with the same result, and so is a state that was reached by way of another.
    for (known, all) in [(&usual, &one), (&one, &two)] {
        assert_eq!(all.len(), known.len() + 2, "a state more of each run");
        for (name, bytes) in known {
            assert!(all.get(name) == Some(bytes), "{name} differs");
        }
    }
    let halves: Vec<&Vec<u8>> =
        two.iter().filter(|(name, _)| name.contains("-first-1-of-2")).map(|(_, bytes)| bytes).collect();
    let quarters = two.iter().filter(|(name, _)| name.contains("-first-1-of-4"));
    assert_eq!((halves.len(), quarters.clone().count()), (2, 2));
    assert!(quarters.map(|(_, bytes)| bytes).all(|quarter| !halves.contains(&quarter)));
    assert_eq!(without["training"], with["training"]);
    let places = |found: &Value| {
        let all = found["surfaces"].as_array().unwrap().iter();
        all.clone().map(|surface| surface["x"].as_array().unwrap().len()).collect::<Vec<_>>()
    };
    assert_eq!((places(&without), places(&with)), (vec![4; 2], vec![8; 2]));
    let cosine = |found: &Value, i: usize| {
        let all = found["surfaces"].as_array().unwrap().iter();
        let cosines = all.clone().find(|surface| surface["quantity"] == "cosine-matrix").unwrap();
        cosines["values"][i].as_f64().unwrap()
    };
    // The first row: the earliest state with the next ones of its run, ever farther away.
    let row: Vec<f64> = (0..4).map(|i| cosine(&with, i)).collect();
    assert!(row.windows(2).all(|two| two[0] > two[1]), "{row:?}");
    assert!(row[1] > 0.99, "one step and three are near each other: {row:?}");
}

#[cfg(unix)]
#[test]
fn killed_within_the_first_epoch_a_run_ends_with_the_same_bytes() {
    let (whole, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Forty steps of an epoch, a state kept after each.
    let more = [
        "--experiment=similarity",
        "--members=2",
        "--set=landscape.early=3",
        "--set=data.train_images=160",
        "--set=train.batch=4",
        "--set=train.epochs=2",
        "--set=subspace.last=2",
        "--set=run.checkpoint_seconds=0",
    ];
    expect_code(&landscape(whole.path(), &more), 0);
    // A node within a first epoch that is begun and not done.
    let begun = || {
        let nodes = std::fs::read_dir(killed.path().join("run/nodes")).into_iter().flatten();
        nodes.map(|node| node.unwrap()).any(|node| {
            let early = node.file_name().to_str().unwrap().contains("-first-1-of-");
            early && !node.path().join("DONE").exists()
        })
    };
    let mut stopped_early = 0;
    for attempt in 0..6u32 {
        let runs = killed.path().to_str().unwrap();
        let first = &["reproduce", "--paper=loss-landscape", "--runs", runs, "--name=run"];
        let mut child = Command::new(basin());
        child.args([first, &over(TINY, &more)[..]].concat()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = child.spawn().unwrap();
        // The node of an earlier attempt goes on first.
        let known = begun();
        while child.try_wait().unwrap().is_none() && !(known || begun()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(u64::from(attempt) * if known { 60 } else { 3 }));
        child.kill().unwrap();
        child.wait().unwrap();
        stopped_early += usize::from(begun());
    }
    expect_code(&landscape(killed.path(), &more), 0);
    assert!(stopped_early > 0, "no attempt was killed within a first epoch");
    let (a, b) = (artefacts(&whole.path().join("run")), artefacts(&killed.path().join("run")));
    assert_eq!(a.len(), b.len());
    for (x, y) in a.iter().zip(&b) {
        assert!(x == y, "{} differs", x.0.display());
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
        (
            &["--set=landscape.early=3"],
            "landscape.early is 3: an epoch of 6 steps cannot be halved so often, expected at most 2, or a smaller train.batch",
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
