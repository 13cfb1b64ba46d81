//! A comparison of two runs as plain text.

use super::columns::{aligned, wrapped};
use crate::compare::{Comparison, Estimate, RowName};
use crate::number::{MISSING, fixed, shown, signed};
use basin_metrics::Metric;
use basin_papers::{CaseKeys, Paper};
use basin_results::Subject;
use serde_json::Value;

/// Stands behind a difference of two intervals that do not overlap.
const APART: &str = "*";

/// Configuration keys that differ, rows side by side, and what one run alone has. The runs are called A and B.
pub fn terminal_comparison(comparison: &Comparison, paper: &dyn Paper, width: usize) -> String {
    let Comparison { keys, rows, only_in_a, only_in_b } = comparison;
    let mut text = String::new();
    if keys.is_empty() {
        text += "No key of the configuration differs.\n";
    } else {
        text += "Configuration\n";
        let head = ["", "A", "B"].map(str::to_owned).to_vec();
        let line = |key: &crate::compare::KeyDifference| {
            vec![format!("{}{}", key.key, in_case(&key.case)), value(key.a.as_ref()), value(key.b.as_ref())]
        };
        text += &aligned(&std::iter::once(head).chain(keys.iter().map(line)).collect::<Vec<_>>(), width, 3);
    }
    let mut setting = None;
    let mut block: Vec<Vec<String>> = Vec::new();
    for row in rows {
        let here = words(&row.name);
        if setting.as_ref() != Some(&here) {
            text += &flushed(&mut block, width);
            text += &format!("\n{}\n", if here.is_empty() { "Results" } else { &here });
            block.push(["", "", "", "A", "B", "B − A", ""].map(str::to_owned).to_vec());
            setting = Some(here);
        }
        let metric = paper.metric(&row.name.metric);
        let mark = if row.apart == Some(true) { APART } else { "" };
        block.push(vec![
            row.name.method.clone(),
            row.name.subject.to_string(),
            row.name.metric.clone(),
            cell(&row.a, metric),
            cell(&row.b, metric),
            metric.map_or_else(|| fixed(row.difference, 6), |metric| signed(row.difference, metric)),
            mark.to_owned(),
        ]);
    }
    text += &flushed(&mut block, width);
    if rows.is_empty() {
        text += "\nThe runs have no row in common.\n";
    }
    for (run, names) in [("A", only_in_a), ("B", only_in_b)] {
        if !names.is_empty() {
            text += &format!("\nOnly in {run}\n");
            text += &listed(names, width);
        }
    }
    text + &legend(comparison)
}

fn legend(comparison: &Comparison) -> String {
    let rows = &comparison.rows;
    if rows.is_empty() {
        return String::new();
    }
    let apart = rows.iter().filter(|row| row.apart == Some(true)).count();
    let unknown = rows.iter().filter(|row| row.apart.is_none()).count();
    let mut text = format!(
        "\nMean [95 % interval] (seeds), shares in percent. {APART}: the intervals do not overlap, {apart} of {} rows.\n",
        rows.len()
    );
    if unknown > 0 {
        text += &format!(
            "{unknown} rows have no interval in one of the runs and are not judged; that takes two seeds.\n"
        );
    }
    text
}

fn flushed(block: &mut Vec<Vec<String>>, width: usize) -> String {
    aligned(&std::mem::take(block), width, 3)
}

fn cell(estimate: &Estimate, metric: Option<&'static Metric>) -> String {
    let show = |value: f64| metric.map_or_else(|| fixed(value, 6), |metric| shown(value, metric));
    let interval = estimate.interval.map(|[low, high]| format!(" [{}, {}]", show(low), show(high)));
    format!("{}{} ({})", show(estimate.mean), interval.unwrap_or_default(), estimate.seeds)
}

/// A paragraph for each setting and method.
fn listed(names: &[RowName], width: usize) -> String {
    let same = |a: &RowName, b: &RowName| (words(a), &a.method) == (words(b), &b.method);
    let one = |name: &RowName| match &name.subject {
        Subject::Ensemble => name.metric.clone(),
        subject => format!("{} of {subject}", name.metric),
    };
    let paragraph = |group: &[RowName]| {
        let (setting, method) = (words(&group[0]), &group[0].method);
        let head = if setting.is_empty() { method.clone() } else { format!("{setting} · {method}") };
        wrapped(&format!("{head}: {}", group.iter().map(one).collect::<Vec<_>>().join(", ")), width)
    };
    names.chunk_by(same).map(paragraph).collect()
}

/// What of its setting a row's name tells.
fn words(name: &RowName) -> String {
    let members = name.members.map(|n| format!("{n} members"));
    let case: Vec<String> = name.case.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let parts = [name.dataset.clone(), name.model.clone(), members].into_iter().flatten().chain(case);
    parts.collect::<Vec<_>>().join(" · ")
}

fn in_case(case: &CaseKeys) -> String {
    let keys: Vec<String> = case.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    if keys.is_empty() { String::new() } else { format!(" where {}", keys.join(", ")) }
}

fn value(value: Option<&Value>) -> String {
    match value {
        None => MISSING.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(all)) => all.iter().map(|one| self::value(Some(one))).collect::<Vec<_>>().join(","),
        Some(other) => other.to_string(),
    }
}
