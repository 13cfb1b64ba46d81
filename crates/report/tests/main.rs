//! Whole reports of invented results: what is in them, and what may never be.

mod committed;
mod curves;
mod earlier;
mod grids;
mod latex;
mod made_up;
mod maps;
mod tables;

use basin_core::Citation;
use basin_paper_single_basin::SingleBasin;
use basin_report::{Artifact, ReportError, render, terminal_table};
use basin_results::{Ensemble, Results, ResultsError, Subject, TrainingCurve, TrainingPoint};
use std::collections::BTreeSet;

fn text<'a>(artifacts: &'a [Artifact], path: &str) -> &'a str {
    let found = artifacts.iter().find(|artifact| artifact.path == path);
    std::str::from_utf8(&found.unwrap_or_else(|| panic!("no {path}")).bytes).unwrap()
}

fn row(method: &str, seed: u64, accuracy: f64, q: f64) -> Ensemble {
    Ensemble {
        dataset: "cifar10".into(),
        model: "resnet20".into(),
        method: method.into(),
        seed,
        members: 5,
        ..Ensemble::default()
    }
    .with("ensemble-accuracy", accuracy)
    .with("mean-member-accuracy", f64::NAN)
    .with("joint-connectivity", q)
}

/// Two methods with round numbers, in the paper's set-up but for the width.
fn small() -> Results {
    let rows = vec![
        row("constrained", 0, 0.9405, -0.001),
        row("deep", 0, 0.94, -0.70),
        row("deep", 1, 0.95, -0.72),
        row("deep", 2, 0.945, -0.71),
    ];
    let config = serde_json::json!({"model": {"width": 1}, "train": {"epochs": 110}});
    Results { name: "small".into(), config, ensembles: rows, ..Results::default() }
}

#[test]
fn the_terminal_table_reads_as_agreed() {
    let table = terminal_table(&small(), &SingleBasin, 80).unwrap();
    let (head, _) = table.split_once("\nMean member accuracy").unwrap();
    assert_eq!(head, include_str!("terminal.golden"));
    assert!(table.lines().all(|line| line.chars().filter(|c| *c != '\u{304}').count() <= 80), "{table}");
}

#[test]
fn a_narrow_terminal_loses_columns_but_no_line_overflows() {
    for width in [0, 48, 50, 60, 70, 75, 80, 120] {
        let table = terminal_table(&made_up::results("x", "cifar10", 3), &SingleBasin, width).unwrap();
        let widest =
            table.lines().map(|line| line.chars().filter(|c| *c != '\u{304}').count()).max().unwrap();
        assert!(widest <= width.max(48), "{widest} at {width}\n{table}");
        assert!(table.contains("94.43 ± 0.12"), "{table}");
    }
}

#[test]
fn one_seed_has_no_interval_and_says_so() {
    let table = terminal_table(&made_up::results("x", "cifar10", 1), &SingleBasin, 80).unwrap();
    assert!(table.contains("one seed has no deviation, so there is no interval over seeds"), "{table}");
    assert!(!table.lines().any(|line| line.starts_with("Deep Ens.") && line.contains('[')), "{table}");
}

#[test]
fn a_data_set_the_paper_does_not_have_stands_alone() {
    let table = terminal_table(&made_up::results("x", "synthetic", 3), &SingleBasin, 80).unwrap();
    let deep = table.lines().find(|line| line.starts_with("Deep Ens.")).unwrap();
    assert!(!deep.contains('–'), "{deep}");
    assert!(
        !table.contains(" paper  ") && !table.contains("difference [") && !table.contains("Welch"),
        "{table}"
    );
    let artifacts = render(&made_up::results("x", "synthetic", 3), &SingleBasin, &[]).unwrap();
    for path in ["report/tables.md", "report/tables.tex", "report/index.html"] {
        let text = text(&artifacts, path);
        assert!(!text.contains("Difference") && text.contains("Ours (seeds)"), "{path}");
    }
    assert!(table.contains("The paper has no numbers for resnet20 on synthetic"), "{table}");
    assert!(table.contains("ResNet20 ×4"), "{table}");
}

#[test]
fn a_report_has_every_promised_artifact() {
    let artifacts = render(&made_up::results("run", "cifar10", 2), &SingleBasin, &[]).unwrap();
    let paths: Vec<&str> = artifacts.iter().map(|artifact| artifact.path.as_str()).collect();
    let figures = [
        "accuracy-connectivity-cifar10-resnet20-m5",
        "pairwise-connectivity",
        "training-loss",
        "training-accuracy",
    ];
    let figures = figures.iter().flat_map(|f| ["svg", "png"].map(|e| format!("report/figures/{f}.{e}")));
    let texts = [
        "results.json",
        "results.csv",
        "report/tables.md",
        "report/tables.tex",
        "report/index.html",
        "report/references.bib",
    ];
    let wanted: Vec<String> = texts.map(str::to_owned).into_iter().chain(figures).collect();
    assert_eq!(paths, wanted);
    let pngs = artifacts.iter().filter(|artifact| artifact.path.ends_with(".png"));
    for png in pngs {
        assert!(png.bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{}", png.path);
    }
}

#[test]
fn the_same_results_give_the_same_bytes() {
    let results = made_up::results("run", "cifar100", 2);
    assert!(render(&results, &SingleBasin, &[]).unwrap() == render(&results, &SingleBasin, &[]).unwrap());
}

#[test]
fn results_read_back_from_json_give_the_same_report() {
    let first = render(&small(), &SingleBasin, &[]).unwrap();
    let back: Results = serde_json::from_str(text(&first, "results.json")).unwrap();
    assert!(render(&back, &SingleBasin, &[]).unwrap() == first);
}

#[test]
fn results_json_has_the_agreed_shape() {
    let artifacts = render(&small(), &SingleBasin, &[Citation::SINGLE_BASIN]).unwrap();
    let value: serde_json::Value = serde_json::from_str(text(&artifacts, "results.json")).unwrap();
    assert_eq!(value["config"]["model"]["width"], 1);
    assert_eq!(value["ensembles"][1]["method"], "deep");
    let scalars = &value["ensembles"][1]["scalars"]["ensemble"];
    assert_eq!(scalars["ensemble-accuracy"], 0.94);
    assert!(scalars["mean-member-accuracy"].is_null() && scalars.get("nll").is_none());
    assert!(value["published"]["rows"].as_array().is_some_and(|rows| !rows.is_empty()));
    for key in ["epochs", "images"] {
        assert!(value["cost"][key].is_number(), "{key}");
    }
    // A time would be another one in the next run.
    assert!(value["cost"].get("wall_seconds").is_none());
    assert_eq!(value["citations"], serde_json::json!(["lion2024basin"]));
}

#[test]
fn pages_and_drawings_are_well_formed_and_need_nothing_else() {
    let artifacts = render(&made_up::results("a <b> & \"c\"", "cifar10", 2), &SingleBasin, &[]).unwrap();
    for artifact in artifacts.iter().filter(|artifact| artifact.path.ends_with(".svg")) {
        let svg = std::str::from_utf8(&artifact.bytes).unwrap();
        check_nesting(svg, &artifact.path);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", artifact.path);
    }
    let html = text(&artifacts, "report/index.html");
    check_nesting(html.split_once("<body>").unwrap().1.split_once("</body>").unwrap().0, "index.html");
    for outside in ["<script", "<link", "<img", "@import", "url(", "src="] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("a &lt;b&gt; &amp; &quot;c&quot;"));
    assert!(html.contains("prefers-color-scheme:dark"));
}

/// Every tag is closed by its own kind, in order.
fn check_nesting(markup: &str, place: &str) {
    let mut open = Vec::new();
    for tag in markup.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap();
        let name = inside.split_whitespace().next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{place}"),
            None if inside.ends_with('/') => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{place}: {open:?} left open");
}

#[test]
fn no_rows_give_a_report_that_says_so() {
    let empty = Results { name: "nothing".into(), ..Results::default() };
    assert_eq!(terminal_table(&empty, &SingleBasin, 80).unwrap(), "No ensemble has been measured yet.\n");
    let artifacts = render(&empty, &SingleBasin, &[]).unwrap();
    assert_eq!(artifacts.len(), 6);
    for path in ["report/index.html", "report/tables.md", "report/tables.tex"] {
        assert!(text(&artifacts, path).contains("No ensemble has been measured yet."), "{path}");
    }
}

#[test]
fn numbers_that_are_not_finite_are_dashes_and_gaps_never_text() {
    let mut results = made_up::results("run", "cifar10", 2);
    for row in &mut results.ensembles {
        let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        for (metric, value) in ["ensemble-accuracy", "nll", "joint-connectivity"].into_iter().zip(values) {
            row.set(Subject::Ensemble, metric, value);
        }
    }
    let hole = TrainingPoint { epoch: 1.0, loss: f64::NAN, accuracy: f64::NAN, learning_rate: f64::NAN };
    results.training =
        vec![TrainingCurve { method: "deep".into(), points: vec![hole; 3], ..Default::default() }];
    results.pairwise.iter_mut().for_each(|line| line.q[5] = f64::NAN);
    for artifact in render(&results, &SingleBasin, &[]).unwrap() {
        if let Ok(text) = std::str::from_utf8(&artifact.bytes) {
            assert!(!text.contains("NaN") && !text.contains(">inf"), "{}", artifact.path);
        }
    }
    let table = terminal_table(&results, &SingleBasin, 80).unwrap();
    assert!(table.contains("– (2)") && !table.contains("NaN") && !table.contains("inf "), "{table}");
}

#[test]
fn a_method_the_paper_does_not_have_gets_its_own_line_and_colour() {
    let mut results = made_up::results("run", "cifar10", 2);
    results.ensembles.push(row("fused|net", 0, 0.93, -0.1));
    let artifacts = render(&results, &SingleBasin, &[]).unwrap();
    assert!(text(&artifacts, "report/tables.md").contains("| fused\\|net | – | 93.00 (1) |"));
    assert!(text(&artifacts, "report/index.html").contains("var(--other-a)"));
}

#[test]
fn every_colour_a_page_uses_is_defined() {
    let artifacts = render(&made_up::results("run", "cifar10", 2), &SingleBasin, &[]).unwrap();
    let html = text(&artifacts, "report/index.html");
    let used: BTreeSet<&str> =
        html.split("var(").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(used.len() > 8, "{used:?}");
    for name in used {
        // Once for light, once for dark.
        assert_eq!(html.matches(&format!("{name}:#")).count(), 2, "{name}");
    }
}

#[test]
fn a_figure_name_stays_in_its_folder_and_is_never_used_twice() {
    let rows = ["../../etc", "..//etc"]
        .map(|dataset| Ensemble { dataset: dataset.into(), ..row("deep", 0, 0.9, 0.0) });
    let artifacts =
        render(&Results { ensembles: rows.to_vec(), ..Results::default() }, &SingleBasin, &[]).unwrap();
    let paths: BTreeSet<&str> = artifacts.iter().map(|artifact| artifact.path.as_str()).collect();
    assert_eq!(paths.len(), artifacts.len());
    assert!(paths.iter().all(|path| !path.contains("..")), "{paths:?}");
}

#[test]
fn wrong_results_are_refused_as_a_whole() {
    let rows = vec![row("deep", 0, 94.0, -0.7)];
    let error = render(&Results { ensembles: rows, ..Results::default() }, &SingleBasin, &[]).unwrap_err();
    assert!(
        matches!(
            error,
            ReportError::Results(ResultsError::OutOfRange { ensemble: 0, metric: "ensemble-accuracy", .. })
        ),
        "{error}"
    );
}
