//! The tables for a terminal: plain text, no colour, columns that line up at 80 characters.

mod columns;
mod compact;

use crate::ReportError;
use crate::method;
use crate::number::{metric, metric_deviation, superscript};
use crate::results::Results;
use crate::table::{self, Block, COMPARISON_LEGEND, NOT_RUN, QUALITY, QUALITY_LEGEND, Section};
use columns::{aligned, needed, wrapped};
use std::iter;
use std::ops::Range;

/// Fewer columns than this cannot hold a method's name beside the paper's number and ours.
const NARROWEST: usize = 48;

/// More blocks than this are told in one line per case and method: nobody reads pages of tables as they scroll by.
const MOST_BLOCKS: usize = 4;

/// Our numbers beside the paper's, and calibration and diversity, as plain text; of more than four cases only our
/// accuracies and connectivity, one line per case and method.
///
/// With names as short as the paper's no line is longer than `width`: where there is less room than at 80, the
/// verdict is dropped first, then the interval, then the difference. A width under 48 counts as 48.
///
/// # Errors
/// [`ReportError`] when the rows contradict themselves (repeated rows, percentages for fractions).
pub fn terminal_table(results: &Results, width: usize) -> Result<String, ReportError> {
    results.check()?;
    let width = width.max(NARROWEST);
    let blocks = table::blocks(results)?;
    if blocks.is_empty() {
        return Ok("No ensemble has been measured yet.\n".to_owned());
    }
    if blocks.len() > MOST_BLOCKS {
        return Ok(compact::table(&blocks, width));
    }
    let text = blocks.iter().map(|block| block_text(block, width)).collect::<Vec<_>>().join("\n");
    Ok(text + &wrapped(COMPARISON_LEGEND, width) + &wrapped(QUALITY_LEGEND, width))
}

fn block_text(block: &Block, width: usize) -> String {
    let mut text = format!("{}\n{}\n", block.title(), "═".repeat(width));
    text += &wrapped(&block.setup, width);
    // One alignment for all sections: the eye runs down the page.
    let rows: Vec<Vec<String>> = block.sections.iter().flat_map(comparison_rows).collect();
    let lines = aligned(&fitted(rows, width), width, 1);
    let mut lines = lines.lines();
    for section in &block.sections {
        text += &format!("\n{}\n", section.title);
        for line in lines.by_ref().take(1 + section.lines.len()) {
            text += &format!("{line}\n");
        }
    }
    text += "\nCalibration and diversity\n";
    text += &quality_tables(block, width).join("\n");
    text.push('\n');
    for (i, note) in block.footnotes.iter().enumerate() {
        text += &wrapped(&format!("{} {note}", superscript(i + 1)), width);
    }
    text + &wrapped(&block.seeds, width)
}

/// Place of our number among the columns of [`comparison_rows`].
const OURS: usize = 2;

/// Column names, then one row per method.
fn comparison_rows(section: &Section) -> Vec<Vec<String>> {
    let mut rows = vec![["", "paper ", "ours (seeds)", "difference [95 %]", ""].map(str::to_owned).to_vec()];
    rows.extend(section.lines.iter().map(|line| {
        // A column of its own for footnote marks keeps the numbers under each other.
        let paper = line.paper_cell() + if line.mark.is_none() { " " } else { "" };
        let name = method::name(&line.method).to_owned();
        vec![name, paper, line.ours_cell(), line.difference_cell(), line.verdict_cell().to_owned()]
    }));
    rows
}

/// All columns in one table, or in as few as fit.
fn quality_tables(block: &Block, width: usize) -> Vec<String> {
    let cut = |tables: usize| -> Vec<Vec<Vec<String>>> {
        let each = QUALITY.len().div_ceil(tables);
        let starts = (0..QUALITY.len()).step_by(each);
        starts.map(|start| quality_rows(block, start..QUALITY.len().min(start + each))).collect()
    };
    let fits = |tables: &Vec<Vec<Vec<String>>>| tables.iter().all(|rows| needed(rows) <= width);
    let tables = (1..QUALITY.len()).map(cut).find(fits).unwrap_or_else(|| cut(QUALITY.len()));
    tables.iter().map(|rows| aligned(rows, width, 1)).collect()
}

fn quality_rows(block: &Block, columns: Range<usize>) -> Vec<Vec<String>> {
    let row = |name: &str, cells: &mut dyn Iterator<Item = String>| -> Vec<String> {
        iter::once(name.to_owned()).chain(cells).collect()
    };
    let mut rows = vec![row("", &mut QUALITY[columns.clone()].iter().map(|(name, _)| (*name).to_owned()))];
    for line in &block.quality {
        let values = &line.values[columns.clone()];
        rows.push(row(method::name(&line.method), &mut values.iter().map(|summary| metric(summary.mean))));
        // Six means with their deviations do not fit 80 characters: the deviations stand below.
        if values.iter().any(|summary| metric_deviation(summary).is_some()) {
            rows.push(row("", &mut values.iter().map(|s| metric_deviation(s).unwrap_or_default())));
        }
    }
    rows
}

/// Drops the verdict, then the interval, until the rows fit.
fn fitted(mut rows: Vec<Vec<String>>, width: usize) -> Vec<Vec<String>> {
    if needed(&rows) > width {
        for row in &mut rows {
            // The one verdict that no other column tells takes the place of our number.
            if row.pop().is_some_and(|verdict| verdict == NOT_RUN) {
                row[OURS] = NOT_RUN.to_owned();
            }
        }
    }
    if needed(&rows) > width {
        for difference in rows.iter_mut().filter_map(|row| row.last_mut()) {
            if let Some(interval) = difference.find(" [") {
                difference.truncate(interval);
            }
        }
    }
    if needed(&rows) > width {
        rows.iter_mut().for_each(|row| drop(row.pop()));
    }
    rows
}
