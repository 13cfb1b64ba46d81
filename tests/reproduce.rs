//! What a run writes, and that it depends on nothing but its configuration.

use crate::{artefacts, expect_code, results_alone, stderr, tiny};
use serde_json::Value;

fn results(run: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(run.join("results.json")).unwrap()).unwrap()
}

/// A number of the whole ensemble.
fn scalar<'a>(ensemble: &'a Value, metric: &str) -> &'a Value {
    &ensemble["scalars"]["ensemble"][metric]
}

#[test]
fn a_run_trains_measures_and_reports_all_six_ensembles() {
    let folder = tempfile::tempdir().unwrap();
    let output = tiny(folder.path(), &[]);
    expect_code(&output, 0);
    let run = folder.path().join("run");
    let results = results(&run);
    let rows = results["ensembles"].as_array().unwrap();
    let methods: Vec<_> = rows.iter().map(|row| row["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["deep", "constrained", "swe", "permuted", "distilled", "distilled-deep"]);
    for row in rows {
        for id in ["ensemble-accuracy", "mean-member-accuracy", "joint-connectivity", "nll", "brier", "ece"] {
            assert!(scalar(row, id).is_f64(), "{id} of {row}");
        }
        assert_eq!(row["members"], 2);
    }
    // Permuting units changes no prediction: the permuted ensemble is the deep one, up to rounding.
    for id in ["ensemble-accuracy", "nll", "brier"] {
        let (deep, permuted) =
            (scalar(&rows[0], id).as_f64().unwrap(), scalar(&rows[3], id).as_f64().unwrap());
        assert!((deep - permuted).abs() < 1e-4, "{id}: {deep} against {permuted}");
    }
    // The comparison on the same images is the difference of the accuracies; the deep ensemble has none with itself.
    assert!(scalar(&rows[0], "minus-deep").is_null());
    for row in &rows[1..] {
        let of = |row: &Value| scalar(row, "ensemble-accuracy").as_f64().unwrap();
        let difference = scalar(row, "minus-deep").as_f64().unwrap();
        assert!((difference - (of(row) - of(&rows[0]))).abs() < 1e-12, "{row}");
    }
    let texts =
        ["tables.md", "tables.tex", "index.html", "references.bib"].map(|name| format!("report/{name}"));
    for file in ["results.csv", "plan.json"].into_iter().chain(texts.iter().map(String::as_str)) {
        assert!(run.join(file).is_file(), "{file}");
    }
    assert!(String::from_utf8_lossy(&output.stdout).contains("report"));
    // Two members of three epochs each, split after one: deep 6, constrained 4, swe 6, distilled 4, control 6.
    assert_eq!(results["cost"]["epochs"].as_f64(), Some(26.0));
    // Long and tidy: a line per number, in which every method has its connectivity.
    let csv = std::fs::read_to_string(run.join("results.csv")).unwrap();
    assert!(
        csv.starts_with("paper,experiment,dataset,model,case,method,seed,members,subject,metric,value\r\n"),
        "{csv}"
    );
    for method in methods {
        let line =
            format!("single-basin,table1,synthetic,resnet20,,{method},0,2,ensemble,joint-connectivity,");
        assert_eq!(csv.lines().filter(|l| l.starts_with(&line)).count(), 1, "{method} in {csv}");
    }
    // The page opens with what it can say of the paper's claims, before any table.
    let page = std::fs::read_to_string(run.join("report/index.html")).unwrap();
    let (before, _) = page.split_once("<table").unwrap();
    assert!(
        before.contains("Constrained members are jointly connected.") && before.contains("verdict"),
        "{before}"
    );
}

/// Interrupted or not: a second process goes on where the first one's members ended.
#[test]
fn transformers_train_with_adam_and_dropout() {
    let vit = |folder: &std::path::Path, methods: &str| {
        let more = ["--model", "vit", "--width", "0.125", "--methods", methods];
        let set = ["--set", "train.optimiser=adamw", "--set", "model.dropout=0.1", "--set", "lr=0.001"];
        expect_code(&tiny(folder, &[&more[..], &set[..]].concat()), 0);
    };
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    vit(whole.path(), "deep,constrained,distilled,permuted");
    for methods in ["deep", "deep,constrained", "deep,constrained,distilled,permuted"] {
        vit(parts.path(), methods);
    }
    let [whole, parts] = [whole, parts].map(|folder| results(&folder.path().join("run")));
    assert_eq!(whole["ensembles"].as_array().unwrap().len(), 4);
    // Heads and channels in another order predict the same.
    let accuracy = |method: &str| {
        let row = whole["ensembles"].as_array().unwrap().iter().find(|row| row["method"] == method).unwrap();
        scalar(row, "ensemble-accuracy").as_f64().unwrap()
    };
    let (deep, permuted) = (accuracy("deep"), accuracy("permuted"));
    assert!((deep - permuted).abs() < 1e-4, "{deep} against {permuted}");
    assert_eq!(whole["ensembles"], parts["ensembles"]);
}

#[test]
fn threads_and_networks_side_by_side_leave_the_bytes_as_they_are() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Forty images of REPAIR are three parts.
    let repair = ["--set", "metrics.repair_images=40"];
    let with = |more: &[&'static str]| [&repair[..], more].concat();
    expect_code(&tiny(one.path(), &with(&["--set", "run.threads=1"])), 0);
    expect_code(&tiny(two.path(), &with(&["--set", "run.threads=2", "--concurrent", "3"])), 0);
    let pair = [one, two].map(|folder| results_alone(&folder.path().join("run")));
    for (a, b) in pair[0].iter().zip(&pair[1]) {
        assert!(a == b, "{} differs", a.0.display());
    }
    assert_eq!(pair[0].len(), pair[1].len());
}

/// Two runs of one command: what a README may promise as the same bytes is the same bytes, the page and the tables included.
#[test]
fn every_file_but_history_is_the_same_bytes_in_a_second_run() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for folder in &folders {
        expect_code(&tiny(folder.path(), &["--methods", "deep,constrained,permuted"]), 0);
    }
    let [a, b] = folders.each_ref().map(|folder| artefacts(&folder.path().join("run")));
    let names = |files: &[(std::path::PathBuf, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(path, _)| path.display().to_string()).collect()
    };
    assert_eq!(names(&a), names(&b));
    for told in [
        "results.json",
        "results.csv",
        "report/index.html",
        "report/tables.md",
        "report/tables.tex",
        "plan.json",
    ] {
        assert!(names(&a).iter().any(|name| name == told), "{told} in {:?}", names(&a));
    }
    for (x, y) in a.iter().zip(&b) {
        assert!(x.1 == y.1, "{} differs", x.0.display());
    }
    // Times are not lost: they stand beside, and the page leads there.
    let run = folders[0].path().join("run");
    let timing: Value = serde_json::from_slice(&std::fs::read(run.join("timing.json")).unwrap()).unwrap();
    assert!(timing["wall_seconds"].as_f64().unwrap() > 0.0, "{timing}");
    let read = |file: &str| std::fs::read_to_string(run.join("report").join(file)).unwrap();
    assert!(
        read("timing.html").contains("Wall-clock time")
            && read("timing.html").contains("never; basin verify")
    );
    assert!(read("index.html").contains("href=\"timing.html\""));
}

#[test]
fn a_label_weight_of_one_is_the_constrained_ensemble_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    expect_code(&tiny(folder.path(), &["--methods", "constrained,distilled", "--set", "beta=1"]), 0);
    let read = |method: &str, member: u32| {
        let nodes = folder.path().join("run/nodes");
        let name = format!("s0-{method}-{member}.");
        let mut found = std::fs::read_dir(nodes).unwrap().map(|e| e.unwrap().path());
        let node = found.find(|p| p.file_name().unwrap().to_str().unwrap().starts_with(&name)).unwrap();
        std::fs::read(node.join("final.safetensors")).unwrap()
    };
    for member in [1, 2] {
        assert!(read("constrained", member) == read("distilled", member), "member {member}");
    }
    assert!(read("constrained", 1) != read("constrained", 2));
}

#[test]
fn a_second_start_does_nothing_and_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let first = tiny(folder.path(), &["--methods", "deep"]);
    expect_code(&first, 0);
    let before = artefacts(&folder.path().join("run"));
    let second = tiny(folder.path(), &["--methods", "deep"]);
    expect_code(&second, 0);
    assert_eq!(first.stdout, second.stdout);
    assert!(before == artefacts(&folder.path().join("run")));
    assert!(!stderr(&second).contains("deep-1"), "{}", stderr(&second));
}

#[test]
fn a_dry_run_prices_every_node_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = tiny(folder.path(), &["--dry-run"]);
    expect_code(&output, 0);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for name in [
        "deep-1",
        "deep-1-epoch-1",
        "constrained-2",
        "swe-2",
        "permuted-2",
        "distilled-1",
        "distilled-deep-2",
    ] {
        assert!(text.contains(name), "{name} in\n{text}");
    }
    assert!(text.contains("training 26 epochs, 26 to do (45 if each method trained alone)"), "{text}");
    assert!(text.contains(" FLOP, ") && text.contains("--measure"), "{text}");
    // No clock is in it.
    assert_eq!(tiny(folder.path(), &["--dry-run"]).stdout, output.stdout);
    let measured = tiny(folder.path(), &["--dry-run", "--measure"]);
    expect_code(&measured, 0);
    let text = String::from_utf8_lossy(&measured.stdout).into_owned();
    assert!(
        text.contains("time on this machine's CPU about") && text.contains("images/s measured now"),
        "{text}"
    );
    assert!(!folder.path().join("run").exists());
    // A build without CUDA knows no price there, and says so.
    for (more, words) in
        [(&["--measure"][..], "priced on the CPU"), (&[], "the run itself would be refused here")]
    {
        let output = tiny(folder.path(), &[&["--dry-run", "--device", "cuda"], more].concat());
        expect_code(&output, 0);
        assert!(stderr(&output).contains(words), "{words} in {}", stderr(&output));
    }
}

/// The whole paper, twice: no network is made, nothing is measured.
#[test]
fn the_price_of_everything_is_told_at_once_and_the_same_twice() {
    let price = || {
        let begun = std::time::Instant::now();
        let output = crate::run(&[
            "reproduce",
            "--preset",
            "paper",
            "--experiment",
            "all",
            "--dry-run",
            "--runs",
            "absent",
            "--set",
            "run.threads=1",
        ]);
        expect_code(&output, 0);
        (output.stdout, begun.elapsed().as_secs_f64())
    };
    let ((first, _), (second, seconds)) = (price(), price());
    assert!(first == second, "two dry runs differ");
    // A second where nothing else works; this machine may have more to do.
    assert!(seconds < 5.0, "{seconds} s");
    // Nor is the widest network made: its steps would take tens of gigabytes.
    let wide =
        crate::run(&["reproduce", "--model", "resnet110", "--width", "64", "--dry-run", "--runs", "absent"]);
    match wide.status.code() {
        Some(0) => {}
        code => {
            assert_eq!(code, Some(2), "{}", stderr(&wide));
            for words in ["model.width is 64", "resnet110", "GB of memory or more, this machine has"] {
                assert!(stderr(&wide).contains(words), "{words} in {}", stderr(&wide));
            }
        }
    }
}

#[test]
fn a_price_needs_no_data_but_a_run_does() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["--preset", "small", "--dataset", "cifar100", "--experiment", "all"];
    let runs = folder.path().to_str().unwrap();
    let reproduce = |more: &[&str]| crate::run(&[&["reproduce", "--runs", runs], &small[..], more].concat());
    let output = reproduce(&["--dry-run"]);
    expect_code(&output, 0);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("if each method trained alone") && text.contains("without --data-dir"), "{text}");
    expect_code(&reproduce(&[]), 3);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
