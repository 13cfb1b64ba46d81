//! A run directory of an earlier build, which had one field per metric, reads as what this build would have written.

use crate::text;
use basin_paper_single_basin::SingleBasin;
use basin_report::render;
use basin_results::{Ensemble, PairwiseLine, Results, Subject};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/earlier-run")
}

/// The numbers of the earlier results, read without this crate: method, seed, column, value.
fn columns() -> Vec<(String, u64, String, f64)> {
    let csv = fs::read_to_string(folder().join("results.csv")).unwrap();
    let mut lines = csv.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<String>>());
    let head = lines.next().unwrap();
    let mut all = Vec::new();
    for cells in lines {
        let (method, seed) = (cells[3].clone(), cells[4].parse().unwrap());
        for (name, cell) in head.iter().zip(&cells).skip(6) {
            match name.as_str() {
                "member_accuracies" => {
                    let each = cell.split(' ').enumerate();
                    all.extend(each.map(|(i, x)| {
                        (method.clone(), seed, format!("member {}", i + 1), x.parse().unwrap())
                    }));
                }
                name => all.push((method.clone(), seed, name.to_owned(), cell.parse().unwrap())),
            }
        }
    }
    all
}

fn number(ensemble: &Ensemble, column: &str) -> Option<f64> {
    match column.strip_prefix("member ") {
        Some(place) => ensemble.get_of(&Subject::Member(place.parse().unwrap()), "member-accuracy"),
        None => ensemble.get(&column.replace('_', "-")),
    }
}

#[test]
fn every_number_of_earlier_results_is_read_and_told_again() {
    let read = fs::read_to_string(folder().join("results.json")).unwrap();
    let results: Results = serde_json::from_str(&read).unwrap();
    let columns = columns();
    assert_eq!(columns.len(), 6 * (11 + 2));
    for (method, seed, column, value) in &columns {
        let ensemble = results.ensembles.iter().find(|e| e.method == *method && e.seed == *seed).unwrap();
        assert_eq!(number(ensemble, column), Some(*value), "{column} of {method}");
    }
    // With the differences and their errors there is nothing else.
    let told: usize = results.ensembles.iter().map(|ensemble| ensemble.values().count()).sum();
    assert_eq!(told, columns.len() + 2 * 4);
    let raw: Value = serde_json::from_str(&read).unwrap();
    let difference = &raw["rows"][1]["minus_deep"];
    assert_eq!(results.ensembles[1].get("minus-deep"), difference["mean"].as_f64());
    assert_eq!(results.ensembles[1].get("minus-deep-se"), difference["standard_error"].as_f64());
    // What is written now reads back to the same.
    let artifacts = render(&results, &SingleBasin, &[]).unwrap();
    let again: Results = serde_json::from_str(text(&artifacts, "results.json")).unwrap();
    assert_eq!(again, results);
}

#[test]
fn sealed_measurements_stay_readable_when_a_metric_is_added() {
    let mut seen = 0;
    for node in fs::read_dir(folder().join("nodes")).unwrap() {
        let text = fs::read_to_string(node.unwrap().path().join("measured.json")).unwrap();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        let ensemble: Ensemble = serde_json::from_value(value["row"].clone()).unwrap();
        let lines: Vec<PairwiseLine> = serde_json::from_value(value["lines"].clone()).unwrap();
        assert!(lines.len() == 1 && lines[0].q.len() == 3 && lines[0].case.is_empty());
        for (method, seed, column, number) in columns() {
            if (ensemble.method.as_str(), ensemble.seed) == (method.as_str(), seed) {
                assert_eq!(self::number(&ensemble, &column), Some(number), "{column} of {method}");
                seen += 1;
            }
        }
        // One metric more in the file, which no table knows.
        value["row"]["sharpness"] = 0.25.into();
        let more: Ensemble = serde_json::from_value(value["row"].clone()).unwrap();
        assert_eq!(more, ensemble.with("sharpness", 0.25));
    }
    assert_eq!(seen, columns().len());
}
