//! Every experiment by its name, at toy size: its cases are planned together, run, and stand in the report.

use crate::{expect_code, stderr, tiny};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Experiments with what makes them small enough, how many ensembles they have, and a figure that must be there.
const EXPERIMENTS: &[(&str, &[&str], usize, &str)] = &[
    ("table2", &[], 6, "pairwise-connectivity-vit"),
    ("table3", &[], 9, "pairwise-connectivity-resnet20"),
    ("table4", &[], 4, "accuracy-connectivity-synthetic-vit-m2"),
    ("fig2", &["--methods", "deep,permuted"], 2, "pairwise-connectivity"),
    ("fig3", &[], 6, "variance-over-t-synthetic-resnet20"),
    ("cheap-distillation", &["--methods", "deep"], 7, "training-loss"),
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
        let rows = results["rows"].as_array().unwrap();
        assert_eq!(rows.len(), *ensembles, "{name}: {}", stderr(&output));
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
    let (map, designs) = (read("docs/paper-map.md"), read("crates/reproduce/src/design.rs"));
    let rows = map.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let mut seen = 0;
    for row in rows {
        let names: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        let [experiment, code, test, function] = names[..] else { panic!("four names in {row}") };
        assert!(designs.contains(&format!("name: \"{experiment}\"")), "{experiment} in {row}");
        assert!(root.join(code).is_file(), "{code} in {row}");
        assert!(read(test).contains(&format!("fn {function}(")), "{function} in {row}");
        seen += 1;
    }
    assert!(seen > 20, "{seen} rows");
}
