//! Samples around solutions as a run has them: measured like any ensemble, drawn until they are accurate enough, with running
//! statistics of their own, resumed, priced, refused.

use crate::{artefacts, expect_code, run, stderr, tiny};
use basin_core::{Params, TensorFile};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Perceptrons of 32 units, five epochs.
const SMALL: &[&str] = &[
    "--model=mlp1",
    "--width=0.0625",
    "--set=train.epochs=5",
    "--set=subspace.last=4",
    "--set=subspace.rank=2",
];

const RANDOM: &str = "--methods=subspace-random";

fn small(runs: &Path, more: &[&str]) {
    expect_code(&tiny(runs, &[SMALL, more].concat()), 0);
}

/// The folder of the one node of that name.
fn node(runs: &Path, name: &str) -> PathBuf {
    let nodes = std::fs::read_dir(runs.join("run/nodes")).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<PathBuf> =
        nodes.filter(|path| path.file_stem().unwrap() == &*format!("s0-{name}")).collect();
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0].clone()
}

fn names(runs: &Path, of: &str) -> BTreeSet<String> {
    let nodes = std::fs::read_dir(runs.join("run/nodes")).unwrap();
    let names = nodes.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(&format!("s0-{of}"))).collect()
}

fn network(runs: &Path, name: &str) -> TensorFile {
    TensorFile::decode(&std::fs::read(node(runs, name).join("final.safetensors")).unwrap()).unwrap()
}

fn values<'a>(params: &'a Params, name: &str) -> &'a [f32] {
    params
        .get(name)
        .unwrap_or_else(|| panic!("{name}: {:?}", params.iter().map(|p| p.0).collect::<Vec<_>>()))
        .data()
}

#[test]
fn every_sampler_is_measured_like_any_ensemble_around_runs_that_are_trained_once() {
    let folder = tempfile::tempdir().unwrap();
    let methods = "--methods=deep,subspace-random,subspace-dropout,subspace-gaussian,subspace-pca,subspace-pca-random,\
                   swag,averaged";
    small(folder.path(), &[methods, "--set=subspace.samples=3", "--set=subspace.runs=2"]);
    let text = std::fs::read_to_string(folder.path().join("run/results.json")).unwrap();
    let results: Value = serde_json::from_str(&text).unwrap();
    let ensembles = results["ensembles"].as_array().unwrap();
    assert_eq!(ensembles.len(), 8);
    // Members stand last among what an ensemble comes from.
    let members = |ensemble: &Value, n: usize| {
        let sources = ensemble["sources"].as_array().unwrap();
        sources[sources.len() - n..].to_vec()
    };
    let deep = members(&ensembles[0], 2);
    for ensemble in ensembles {
        let method = ensemble["method"].as_str().unwrap();
        let expected = if ["deep", "averaged"].contains(&method) { 2 } else { 2 * (1 + 3) };
        let members = members(ensemble, expected);
        assert_eq!(ensemble["members"].as_u64(), Some(expected as u64), "{method}");
        for metric in ["ensemble-accuracy", "joint-connectivity", "disagreement", "nll"] {
            assert!(ensemble["scalars"]["ensemble"][metric].is_f64(), "{method}: {metric}");
        }
        if expected == 8 {
            assert_eq!([&members[0], &members[4]], [&deep[0], &deep[1]], "{method}");
        }
    }
    // The mean of the last four states, rounded once.
    let states = ["deep-1-epoch-2", "deep-1-epoch-3", "deep-1-epoch-4", "deep-1"];
    let states = states.map(|name| network(folder.path(), name).params);
    for (name, array) in network(folder.path(), "averaged-1").params.iter() {
        for (i, own) in array.data().iter().enumerate() {
            let sum: f64 = states.iter().map(|state| f64::from(values(state, name)[i])).sum();
            assert_eq!(*own, (sum / 4.0) as f32, "{name}[{i}]");
        }
    }
}

/// Share of the first training images that a node's network classifies correctly.
fn training_accuracy(runs: &Path, name: &str, images: usize) -> f64 {
    let (checkpoint, out) = (node(runs, name).join("final.safetensors"), runs.join("predicted.safetensors"));
    let (checkpoint, out) = (checkpoint.to_str().unwrap(), out.to_str().unwrap());
    let files = ["predict", "--force", "--split=train", "--checkpoint", checkpoint, "--out", out];
    let images = format!("--set=data.train_images={images}");
    let network = ["--model=mlp1", "--width=0.0625", "--dataset=synthetic", &images];
    expect_code(&run(&[&files[..], &network].concat()), 0);
    let params = TensorFile::decode(&std::fs::read(out).unwrap()).unwrap().params;
    let (logits, labels) = (values(&params, "logits"), values(&params, "labels"));
    let right = logits.chunks(10).zip(labels).filter(|(row, label)| {
        let best = (0..10).fold(0, |best, class| if row[class] > row[best] { class } else { best });
        best as f32 == **label
    });
    right.count() as f64 / labels.len() as f64
}

#[test]
fn a_drawn_network_is_the_first_that_is_accurate_enough_and_else_the_best() {
    let (folder, once) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let more = [
        RANDOM,
        "--set=subspace.samples=8",
        "--set=subspace.scale_random=20",
        "--set=subspace.acceptance=0.9",
        "--set=subspace.acceptance_images=80",
    ];
    small(folder.path(), &[&more[..], &["--set=subspace.tries=3"]].concat());
    small(once.path(), &[&more[..], &["--set=subspace.tries=1"]].concat());
    let reference = training_accuracy(folder.path(), "deep-1", 80);
    let mut outcomes = BTreeMap::new();
    for sample in 1..=8 {
        let name = format!("subspace-random-1-{sample}");
        let (drawn, first) = (network(folder.path(), &name), network(once.path(), &name));
        let told = |file: &TensorFile, key: &str| file.metadata[key].clone();
        let number = |file: &TensorFile, key: &str| told(file, key).parse::<f64>().unwrap();
        assert_eq!(number(&drawn, "reference accuracy"), reference);
        assert_eq!(number(&drawn, "accuracy"), training_accuracy(folder.path(), &name, 80));
        let enough = |file: &TensorFile| number(file, "accuracy") >= 0.9 * reference;
        let (draws, taken) = (told(&drawn, "draws"), told(&drawn, "draw"));
        match (&*told(&drawn, "accepted"), enough(&drawn)) {
            ("yes", true) => assert_eq!(draws, taken),
            ("no", false) => assert_eq!(draws, "3"),
            other => panic!("{name}: {other:?}"),
        }
        // The one draw of the other run is the first of this one.
        assert_eq!(draws == "1", enough(&first), "{name}");
        assert_eq!(drawn.params == first.params, taken == "1", "{name}");
        assert!(number(&drawn, "accuracy") >= number(&first, "accuracy"));
        *outcomes.entry((told(&drawn, "accepted"), draws)).or_insert(0) += 1;
    }
    assert!(outcomes.len() >= 2, "the scale is one at which some draws are taken and some not: {outcomes:?}");
}

/// Draws until none is left: no network so far away is as good.
const HOPELESS: &[&str] = &[
    RANDOM,
    "--set=subspace.samples=1",
    "--set=subspace.scale_random=1000000",
    "--set=subspace.acceptance=1",
    "--set=subspace.tries=400",
];

#[cfg(unix)]
#[test]
fn draws_that_were_interrupted_go_on_where_they_were() {
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let said = tiny(whole.path(), &[SMALL, HOPELESS].concat());
    expect_code(&said, 0);
    assert!(stderr(&said).contains("none of 400 draws has 1 of the accuracy"), "{}", stderr(&said));
    let tries = |runs: &Path| {
        let journal = std::fs::read_to_string(runs.join("run/journal.jsonl")).unwrap_or_default();
        journal.matches("\"try\"").count()
    };
    let mut command = std::process::Command::new(basin_tests::basin());
    command.args(["reproduce", "--runs", stopped.path().to_str().unwrap(), "--name", "run"]);
    command.args(basin_tests::over(basin_tests::TINY, &[SMALL, HOPELESS].concat()));
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    while tries(stopped.path()) < 3 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(75));
    let before = tries(stopped.path());
    let node = node(stopped.path(), "subspace-random-1-1");
    let state = |entry: std::fs::DirEntry| entry.file_name().into_string().unwrap().starts_with("state-");
    assert!((3..400).contains(&before) && !node.join("DONE").exists(), "{before}");
    assert!(std::fs::read_dir(&node).unwrap().any(|entry| state(entry.unwrap())));
    expect_code(&tiny(stopped.path(), &[SMALL, HOPELESS].concat()), 0);
    assert_eq!(tries(stopped.path()), 400, "each was drawn once");
    assert!(artefacts(&whole.path().join("run")) == artefacts(&stopped.path().join("run")));
}

#[test]
fn averages_of_networks_with_running_statistics_get_their_own_which_name_them() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let of = |norm, images, folder: &tempfile::TempDir| {
        let methods = ["--methods=averaged,swag,subspace-random", "--set=subspace.samples=1", norm, images];
        small(folder.path(), &methods);
    };
    let [many, few, plain] = &folders;
    of("--set=model.norm=batch", "--set=metrics.statistics_images=96", many);
    of("--set=model.norm=batch", "--set=metrics.statistics_images=32", few);
    of("--set=model.norm=layer", "--set=metrics.statistics_images=32", plain);
    let running = |runs: &tempfile::TempDir, name: &str| {
        let params = network(runs.path(), name).params;
        let statistics = params.iter().filter(|(name, _)| name.ends_with("running_mean"));
        statistics.flat_map(|(_, array)| array.data().to_vec()).collect::<Vec<_>>()
    };
    let run = running(many, "deep-1");
    assert!(!run.is_empty());
    assert_eq!(running(many, "subspace-random-1-1"), run, "a sample near its run keeps the run's");
    let (own, fewer) = (running(many, "averaged-1"), running(few, "averaged-1"));
    assert!(own != run && own != fewer && running(many, "swag-1-1") != run);
    // And other names, where other images make other networks.
    for (what, same) in [("deep", true), ("subspace-random", true), ("averaged", false), ("swag-1", false)] {
        assert_eq!(names(many.path(), what) == names(few.path(), what), same, "{what}");
    }
    let again = tempfile::tempdir().unwrap();
    of("--set=model.norm=layer", "--set=metrics.statistics_images=96", &again);
    for what in ["averaged", "swag-1"] {
        assert_eq!(names(plain.path(), what), names(again.path(), what), "{what}: nothing was measured");
    }
}

/// The FLOP of a node and those of all measuring, as a dry run tells them.
fn price(more: &[&str]) -> (String, f64) {
    let folder = tempfile::tempdir().unwrap();
    let output = tiny(folder.path(), &[SMALL, &[RANDOM, "--dry-run"], more].concat());
    expect_code(&output, 0);
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("subspace-random-1-1 ")).unwrap();
    let measuring = text.split("at most ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    (line.split_whitespace().last().unwrap().to_owned(), measuring)
}

#[test]
fn draws_are_priced_by_what_is_looked_at() {
    let (none, without) = price(&["--set=subspace.acceptance=0"]);
    let (few, least) = price(&["--set=subspace.tries=1"]);
    let (many, most) = price(&["--set=subspace.tries=9"]);
    assert_eq!(none, "-");
    let (few, many): (f64, f64) = (few.parse().unwrap(), many.parse().unwrap());
    // The run's own accuracy once, and one for each draw: told in two digits.
    assert!((many / few - 5.0).abs() < 0.6, "{many} and {few}");
    assert!(without < least && least < most, "{without}, {least}, {most}");
}

#[test]
fn what_cannot_be_sampled_is_refused_before_anything_is_trained() {
    let epochs = "2 ≤ K < T = 3 epochs";
    for (more, words) in [
        (
            &["--methods=averaged", "--set=subspace.last=3"][..],
            format!("subspace.last is 3, expected {epochs}"),
        ),
        (&["--methods=swag"], format!("subspace.last is 10, expected {epochs}")),
        (
            &["--methods=subspace-pca", "--set=subspace.last=2", "--set=subspace.rank=2"],
            "subspace.rank is 2, expected 1 ≤ rank < K = 2".to_owned(),
        ),
        (
            &["--methods=subspace-pca-random", "--set=subspace.samples=5"],
            "subspace.rank is 5, expected 1 ≤ rank < subspace.samples = 5".to_owned(),
        ),
        (
            &[RANDOM, "--set=subspace.samples=0"],
            "subspace.samples is 0, expected a whole number in 1 to 1000".to_owned(),
        ),
        (&[RANDOM, "--set=subspace.scale_random=0"], "subspace.scale_random is 0, expected".to_owned()),
        (&[RANDOM, "--set=subspace.acceptance=1.5"], "subspace.acceptance is 1.5, expected".to_owned()),
        (
            &["--methods=subspace-dropout", "--set=subspace.scale_dropout=1"],
            "subspace.scale_dropout is 1, expected".to_owned(),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = tiny(folder.path(), more);
        expect_code(&output, 2);
        assert!(stderr(&output).contains(&words), "{words} in {}", stderr(&output));
        assert!(!folder.path().join("run").exists(), "something was written");
    }
}
