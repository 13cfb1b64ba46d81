//! Every experiment by its name, at toy size: its cases are planned together, run, and stand in the report.

use crate::{expect_code, stderr, tiny};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Experiments with what makes them small enough, what they measure (case | network | methods), and a figure that must be
/// there. Three epochs, so that t is 1 or 2.
const EXPERIMENTS: &[(&str, &[&str], &[&str], &str)] = &[
    (
        "table2",
        &[],
        &["|resnet20|deep,constrained,distilled", "|vit|deep,constrained,distilled"],
        "pairwise-connectivity-vit",
    ),
    (
        "table3",
        &[],
        &[
            "|resnet20|deep,permuted,multi-pcd,merge-many,frank-wolfe",
            "|vit|deep,permuted,multi-pcd,merge-many",
            "metrics.repair_images=96|resnet20|deep,permuted,multi-pcd,merge-many,frank-wolfe",
            "metrics.repair_images=96|vit|deep,permuted,multi-pcd,merge-many",
        ],
        "pairwise-connectivity-resnet20",
    ),
    (
        "table4",
        &[],
        &["|resnet20|deep,distilled-deep", "|vit|deep,distilled-deep"],
        "accuracy-connectivity-synthetic-vit-m2",
    ),
    ("fig2ab", &["--methods", "deep,permuted"], &["|resnet20|deep,permuted"], "pairwise-connectivity"),
    (
        "fig2c",
        &["--methods", "deep,permuted"],
        &["|resnet20|deep,permuted"],
        "accuracy-connectivity-synthetic-resnet20-m2",
    ),
    (
        "fig3",
        &[],
        &[
            "ensemble.split_epoch=1|resnet20|constrained",
            "ensemble.label_weight=0.2 ensemble.split_epoch=1|resnet20|distilled",
            "ensemble.label_weight=0.6 ensemble.split_epoch=1|resnet20|distilled",
            "ensemble.split_epoch=2|resnet20|constrained",
            "ensemble.label_weight=0.2 ensemble.split_epoch=2|resnet20|distilled",
            "ensemble.label_weight=0.6 ensemble.split_epoch=2|resnet20|distilled",
        ],
        "variance-over-t-synthetic-resnet20",
    ),
    (
        "members",
        &["--methods", "deep", "--set=data.train_images=32", "--set=train.epochs=2"],
        &[
            "ensemble.members=2|resnet20|deep",
            "ensemble.members=3|resnet20|deep",
            "ensemble.members=5|resnet20|deep",
            "ensemble.members=10|resnet20|deep",
            "ensemble.members=20|resnet20|deep",
        ],
        "accuracy-over-m-synthetic-resnet20",
    ),
    (
        "stability-point",
        &[],
        &[
            "ensemble.members=2 ensemble.split_epoch=1|resnet20|constrained",
            "ensemble.members=2 ensemble.split_epoch=2|resnet20|constrained",
            "ensemble.members=2 ensemble.split_epoch=1|vit|constrained",
            "ensemble.members=2 ensemble.split_epoch=2|vit|constrained",
        ],
        "connectivity-over-t-synthetic-vit",
    ),
    (
        "cheap-distillation",
        &[],
        &[
            "|resnet20|deep,constrained,distilled,distilled-one-teacher,distilled-ensemble",
            "ensemble.replay_epochs=1|resnet20|distilled-replayed,distilled-ensemble-replayed",
            "ensemble.distil_last=1|resnet20|distilled-last,distilled-one-teacher-last",
        ],
        "pairwise-connectivity-resnet20",
    ),
];

#[test]
fn every_experiment_runs_and_reports_its_cases() {
    for (name, more, ensembles, figure) in EXPERIMENTS {
        let dir = tempfile::tempdir().unwrap();
        let output = tiny(dir.path(), &[&["--experiment", *name, "--set=train.l2=0"], *more].concat());
        expect_code(&output, 0);
        let run = dir.path().join("run").join(name);
        let text = std::fs::read_to_string(run.join("results.json")).unwrap();
        let results: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(results["experiment"], *name);
        let told = |row: &Value| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            let case: Vec<String> = row["case"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, value)| format!("{key}={}", value.as_str().unwrap()))
                .collect();
            [case.join(" "), text("model"), text("method")].join("|")
        };
        let found: BTreeSet<String> = results["ensembles"].as_array().unwrap().iter().map(told).collect();
        let expected = ensembles.iter().flat_map(|told| {
            let (case, methods) = told.rsplit_once('|').unwrap();
            methods.split(',').map(move |method| format!("{case}|{method}"))
        });
        assert_eq!(found, expected.collect(), "{name}");
        if *name == "table3" {
            // Only what lies between the members is repaired.
            let of = |case: Value, metric: &str| {
                let wanted = |row: &&Value| {
                    (&row["case"], &row["model"], &row["method"])
                        == (&case, &"resnet20".into(), &"deep".into())
                };
                let row = results["ensembles"].as_array().unwrap().iter().find(wanted).unwrap();
                row["scalars"]["ensemble"][metric].as_f64().unwrap()
            };
            let (usual, repaired) = (|| json!({}), || json!({"metrics.repair_images": "96"}));
            assert_ne!(of(usual(), "joint-connectivity"), of(repaired(), "joint-connectivity"));
            assert_eq!(of(usual(), "ensemble-accuracy"), of(repaired(), "ensemble-accuracy"));
        }
        let figure = run.join(format!("report/figures/{figure}.svg"));
        assert!(figure.exists(), "{name}: {} is missing", figure.display());
    }
}

#[test]
fn experiments_of_one_run_share_networks_and_keep_their_reports() {
    let dir = tempfile::tempdir().unwrap();
    let first = tiny(dir.path(), &["--methods", "deep,constrained"]);
    expect_code(&first, 0);
    let report = dir.path().join("run/report/index.html");
    let before = std::fs::read(&report).unwrap();
    let second = tiny(dir.path(), &["--experiment", "fig3", "--methods", "deep"]);
    expect_code(&second, 0);
    assert!(stderr(&second).contains("fig3 sets ensemble.methods itself"), "{}", stderr(&second));
    assert!(stderr(&second).contains("fig3 sets ensemble.split_epoch itself"), "{}", stderr(&second));
    assert_eq!(std::fs::read(&report).unwrap(), before);
    let page = std::fs::read_to_string(dir.path().join("run/fig3/report/index.html")).unwrap();
    let link = page.split("href=\"").find_map(|rest| rest.split('"').next().filter(|l| l.contains("nodes/")));
    let linked = dir.path().join("run/fig3/report").join(link.unwrap_or_else(|| panic!("no link in {page}")));
    assert!(linked.is_dir(), "{} is linked", linked.display());
    // Its trunk is the first experiment's.
    let trunks = std::fs::read_dir(dir.path().join("run/nodes")).unwrap();
    let trunks =
        trunks.filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains("deep-1-epoch-1"));
    assert_eq!(trunks.count(), 1);
}

#[test]
fn a_sweep_over_members_trains_each_network_once() {
    let dir = tempfile::tempdir().unwrap();
    let output = tiny(dir.path(), &["--experiment", "members", "--methods", "deep", "--dry-run"]);
    expect_code(&output, 0);
    let text = String::from_utf8(output.stdout).unwrap();
    let trained: BTreeSet<&str> = text.lines().filter(|line| line.starts_with("deep-")).collect();
    assert_eq!(trained.len(), 20, "{text}");
}

#[test]
fn the_costs_of_table_5_need_no_training() {
    let dir = tempfile::tempdir().unwrap();
    let output =
        tiny(dir.path(), &["--experiment", "table5", "--set=train.epochs=110", "--set=split_epoch=10"]);
    expect_code(&output, 0);
    let text = String::from_utf8(output.stdout).unwrap();
    // Two members: two from scratch; a trunk and two branches; both and two students.
    for (method, epochs) in [("deep", "220"), ("constrained", "210"), ("distilled", "420")] {
        let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let words = words.into_iter().find(|words| words.starts_with(&["synthetic", "resnet20", method]));
        let words = words.unwrap_or_else(|| panic!("{method} in {text}"));
        assert_eq!(words.last(), Some(&epochs), "{text}");
    }
    assert!(!dir.path().join("run").exists(), "a run directory was made");
}

#[test]
fn an_unknown_experiment_is_refused_with_the_known_ones() {
    let dir = tempfile::tempdir().unwrap();
    let output = tiny(dir.path(), &["--experiment", "table9"]);
    expect_code(&output, 2);
    assert!(stderr(&output).contains("fig3"), "{}", stderr(&output));
}

/// The page that leads from the paper to experiments, files and tests.
#[test]
fn every_name_on_the_paper_map_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read =
        |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    let (map, experiments) =
        (read("docs/paper-map.md"), read("crates/papers/single-basin/src/experiments.rs"));
    let rows = map.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let mut seen = 0;
    for row in rows {
        let names: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        let [experiment, code, test, function] = names[..] else { panic!("four names in {row}") };
        assert!(experiments.contains(&format!("name: \"{experiment}\"")), "{experiment} in {row}");
        assert!(root.join(code).is_file(), "{code} in {row}");
        assert!(read(test).contains(&format!("fn {function}(")), "{function} in {row}");
        seen += 1;
    }
    assert!(seen > 20, "{seen} rows");
}

/// Networks from files are measured as they were where they were trained.
#[test]
fn imported_networks_are_measured_like_those_that_were_trained_here() {
    let dir = tempfile::tempdir().unwrap();
    expect_code(&tiny(dir.path(), &["--methods", "deep"]), 0);
    let nodes = std::fs::read_dir(dir.path().join("run/nodes")).unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<_> = nodes.filter(|node| node.to_str().unwrap().contains("/s0-deep-")).collect();
    files.sort();
    let files: Vec<String> =
        files.iter().map(|node| node.join("final.safetensors").to_str().unwrap().to_owned()).collect();
    let import = |files: &str, more: &[&str]| {
        let imports = format!("ensemble.imports={files}");
        tiny(dir.path(), &[&["--methods", "imported", "--set", &imports], more].concat())
    };
    let rows = || -> Value {
        let text = std::fs::read_to_string(dir.path().join("run/results.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["ensembles"].clone()
    };
    let trained = rows();
    let output = import(&files.join(","), &[]);
    expect_code(&output, 0);
    let imported = rows();
    assert_eq!((&trained[0]["method"], &imported[0]["method"]), (&"deep".into(), &"imported".into()));
    let number = |all: &Value, id: &str| all[0]["scalars"]["ensemble"][id].clone();
    for id in ["ensemble-accuracy", "joint-connectivity", "nll", "disagreement"] {
        assert_eq!(number(&trained, id), number(&imported, id), "{id}");
        assert!(number(&trained, id).is_number(), "{id}");
    }
    // Too few files, one that is not there, one that is not a network, one of another network.
    let refused = import(&files[0], &[]);
    expect_code(&refused, 2);
    assert!(stderr(&refused).contains("ensemble.imports is 1 files"), "{}", stderr(&refused));
    let absent = import(&format!("{},absent.pt", files[0]), &[]);
    expect_code(&absent, 4);
    assert!(stderr(&absent).contains("absent.pt"), "{}", stderr(&absent));
    let noise = dir.path().join("noise.pt");
    std::fs::write(&noise, "noise").unwrap();
    let unreadable = import(&format!("{},{}", files[0], noise.display()), &[]);
    expect_code(&unreadable, 4);
    assert!(stderr(&unreadable).contains("noise.pt"), "{}", stderr(&unreadable));
    let wider = import(&files.join(","), &["--width", "0.5"]);
    expect_code(&wider, 4);
    assert!(
        stderr(&wider).contains("conv1.weight is [4, 3, 3, 3], expected [8, 3, 3, 3]"),
        "{}",
        stderr(&wider)
    );
}
