//! Many cases at a glance: one line per case and method, our numbers alone.

use super::columns::{aligned, needed, wrapped};
use crate::method;
use crate::number::{fixed, percent_summary};
use crate::table::{Block, Quality};

/// What stands above the columns; [`Block::sections`] come in the same order, then the cost.
const HEADER: [&str; 6] = ["case", "method", "accuracy, %", "q̄, pp", "mean member, %", "passes"];

/// Columns before the numbers.
const NAMES: usize = 2;

/// The lines under the names of their data sets and networks, and what they leave out.
pub(super) fn table(blocks: &[Block], width: usize) -> String {
    let groups = groups(blocks);
    let mut rows: Vec<Vec<String>> =
        groups.iter().flat_map(|group| [vec![header()], lines(group)].concat()).collect();
    let cases = rows.iter().any(|row| row[0] != HEADER[0] && !row[0].is_empty());
    if !cases {
        rows.iter_mut().for_each(|row| drop(row.remove(0)));
    }
    let names = if cases { NAMES } else { NAMES - 1 };
    // One alignment for all groups: the eye runs down the page.
    let text = aligned(&fitted(rows, names, width), width, names);
    let mut lines_left = text.lines();
    let mut text = String::new();
    for group in &groups {
        text += &format!("{}\n{}\n", title(group), "═".repeat(width));
        let count: usize = group.iter().map(|block| block.quality.len()).sum();
        for line in lines_left.by_ref().take(1 + count) {
            text += &format!("{line}\n");
        }
        text.push('\n');
    }
    text + &wrapped(&legend(blocks), width)
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

fn header() -> Vec<String> {
    HEADER.map(str::to_owned).to_vec()
}

/// A line per block and method; methods that only the paper has are left to the report.
fn lines(group: &[&Block]) -> Vec<Vec<String>> {
    let same_size = alike(group);
    let of = |block: &&Block| {
        let block = *block;
        let told = same_size || block.case.split(", ").any(|part| part.starts_with("M = "));
        let size = if told { String::new() } else { format!("M = {}", block.members) };
        let parts = [block.case.as_str(), size.as_str()];
        let case = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        let line = move |quality: &Quality| {
            let id = &quality.method;
            let cell = |section: &crate::table::Section| {
                let line = section.lines.iter().find(|line| line.method == *id);
                line.and_then(|line| line.ours.as_ref()).map_or_else(String::new, percent_summary)
            };
            let names = [case.clone(), method::name(id).to_owned()];
            let cost = quality.values.last().map_or_else(String::new, |passes| fixed(passes.mean, 1));
            names
                .into_iter()
                .chain(block.sections.iter().take(HEADER.len() - NAMES - 1).map(cell))
                .chain([cost])
                .collect()
        };
        block.quality.iter().map(line).collect::<Vec<Vec<String>>>()
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
    for _ in 0..HEADER.len() - NAMES - 1 {
        if needed(&rows) > width {
            rows.iter_mut().for_each(|row| drop(row.pop()));
        }
    }
    rows
}

fn legend(blocks: &[Block]) -> String {
    let lines = || blocks.iter().flat_map(|block| &block.sections).flat_map(|section| &section.lines);
    let counts = || lines().filter_map(|line| line.ours.as_ref()).map(|ours| ours.n);
    let (fewest, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
    let count = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
    let seeds = if most == 1 { "1 seed".to_owned() } else { format!("mean ± sd over {count} seeds") };
    format!(
        "Ours, {seeds}. Accuracy: of the ensemble; q̄: joint connectivity, percentage points; passes over the \
         training set, were nothing shared. The paper's numbers, \
         calibration and diversity of these {} cases stand in the report.",
        blocks.len()
    )
}
