//! Many cases at a glance: one line per case and method, our numbers alone.

use super::columns::{aligned, needed, wrapped};
use crate::number::shown_summary;
use crate::table::{Block, DescribedRow, Section};
use crate::telling::Telling;
use basin_metrics::{Metric, Unit};

/// What the column of cost means, where it is shown.
const COST: &str = "; passes over the training set, were nothing shared";

/// The metric of that column.
const PASSES: &str = "passes";

/// Columns before the numbers.
const NAMES: usize = 2;

/// The lines under the names of their data sets and networks, and what they leave out.
pub(super) fn table(telling: &Telling<'_>, blocks: &[Block], width: usize) -> String {
    let groups = groups(blocks);
    let metrics = telling.metrics(telling.paper.layout().compared);
    let header = header(&metrics);
    let mut rows: Vec<Vec<String>> =
        groups.iter().flat_map(|group| [vec![header.clone()], lines(group, &metrics)].concat()).collect();
    let cases = rows.iter().any(|row| row[0] != header[0] && !row[0].is_empty());
    if !cases {
        rows.iter_mut().for_each(|row| drop(row.remove(0)));
    }
    let names = if cases { NAMES } else { NAMES - 1 };
    // One alignment for all groups: the eye runs down the page.
    let text = aligned(&fitted(rows, names, width), width, names);
    let cost = if text.contains(PASSES) { COST } else { "" };
    let mut lines_left = text.lines();
    let mut text = String::new();
    for group in &groups {
        text += &format!("{}\n{}\n", title(group), "═".repeat(width));
        let count: usize = group.iter().map(|block| block.described.rows.len()).sum();
        for line in lines_left.by_ref().take(1 + count) {
            text += &format!("{line}\n");
        }
        text.push('\n');
    }
    text + &wrapped(&legend(blocks, cost), width)
}

/// Blocks of one data set and network, in the order in which the rows name them.
fn groups(blocks: &[Block]) -> Vec<Vec<&Block>> {
    let key = |block: &Block| (block.dataset.clone(), block.model.clone());
    let mut groups: Vec<Vec<&Block>> = Vec::new();
    for block in blocks {
        match groups.iter_mut().find(|group| key(group[0]) == key(block)) {
            Some(group) => group.push(block),
            None => groups.push(vec![block]),
        }
    }
    groups
}

fn title(group: &[&Block]) -> String {
    let first = group[0];
    match alike(group) {
        true => Block { case: String::new(), ..first.clone() }.title(),
        false => format!("{} · {}", first.dataset, first.model),
    }
}

/// Whether all ensembles of the group have the same number of members.
fn alike(group: &[&Block]) -> bool {
    group.iter().all(|block| block.members == group[0].members)
}

/// The case and the method, the compared quantities, the cost.
fn header(metrics: &[&Metric]) -> Vec<String> {
    let unit = |metric: &Metric| match metric.unit {
        Unit::Share => ", %",
        Unit::Points => ", pp",
        _ => "",
    };
    let heads = metrics.iter().map(|metric| format!("{}{}", metric.head, unit(metric)));
    ["case", "method"].map(str::to_owned).into_iter().chain(heads).chain([PASSES.to_owned()]).collect()
}

/// A line per block and method; methods that only the paper has are left to the report.
fn lines(group: &[&Block], metrics: &[&Metric]) -> Vec<Vec<String>> {
    let same_size = alike(group);
    let of = |block: &&Block| {
        let block = *block;
        let told = same_size || block.case.split(", ").any(|part| part.starts_with("M = "));
        let size = if told { String::new() } else { format!("M = {}", block.members) };
        let parts = [block.case.as_str(), size.as_str()];
        let case = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        let line = move |row: &DescribedRow| {
            let cell = |section: &Section| {
                let line = section.lines.iter().find(|line| line.method == row.method);
                let ours = line.and_then(|line| line.ours.as_ref());
                ours.map_or_else(String::new, |summary| shown_summary(summary, section.metric))
            };
            let names = [case.clone(), row.name.clone()];
            let sections = block.sections.iter().take(metrics.len());
            let cost = block.described.columns.iter().position(|metric| metric.id == PASSES);
            let cost = cost.map_or_else(|| crate::number::MISSING.to_owned(), |at| row.cells[at].0.clone());
            names.into_iter().chain(sections.map(cell)).chain([cost]).collect()
        };
        block.described.rows.iter().map(line).collect::<Vec<Vec<String>>>()
    };
    group.iter().flat_map(of).collect()
}

/// Drops the deviations, then the cost, then the mean members, then the connectivities, until the rows fit.
fn fitted(mut rows: Vec<Vec<String>>, names: usize, width: usize) -> Vec<Vec<String>> {
    if needed(&rows) > width {
        for cell in rows.iter_mut().flat_map(|row| row.iter_mut().skip(names)) {
            if let Some(deviation) = cell.find(" ± ") {
                cell.truncate(deviation);
            }
        }
    }
    while needed(&rows) > width && rows.iter().all(|row| row.len() > names + 1) {
        rows.iter_mut().for_each(|row| drop(row.pop()));
    }
    rows
}

fn legend(blocks: &[Block], cost: &str) -> String {
    let lines = || blocks.iter().flat_map(|block| &block.sections).flat_map(|section| &section.lines);
    let counts = || lines().filter_map(|line| line.ours.as_ref()).map(|ours| ours.n);
    let (fewest, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
    let count = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
    let seeds = if most == 1 { "1 seed".to_owned() } else { format!("mean ± sd over {count} seeds") };
    format!(
        "Ours, {seeds}. Accuracy: of the ensemble; q̄: joint connectivity, percentage points{cost}. The paper's numbers, \
         calibration and diversity of these {} cases stand in the report.",
        blocks.len()
    )
}
