//! The tables for a terminal: plain text, no colour, columns that line up at 80 characters.

mod columns;
mod compact;
mod compared;

pub use compared::terminal_comparison;

use crate::ReportError;
use crate::claims::{judged, judgement_in_words, setting_in_words};
use crate::number::superscript;
use crate::table::{self, Block, Described, NOT_RUN, Section, compared_legend, described_legend};
use crate::telling::Telling;
use basin_papers::Paper;
use basin_results::Results;
use columns::{aligned, needed, wrapped};
use std::iter;
use std::ops::Range;

/// Fewer columns than this cannot hold a method's name beside the paper's number and ours.
const NARROWEST: usize = 48;

/// More blocks than this are told in one line per case and method: nobody reads pages of tables as they scroll by.
const MOST_BLOCKS: usize = 4;

/// Our numbers beside the paper's, and calibration and diversity, as plain text; of more than four cases only our
/// accuracies and connectivity, one line per case and method. It ends with what the run says of the paper's claims.
///
/// With names as short as the paper's no line is longer than `width`: where there is less room than at 80, the
/// verdict is dropped first, then the interval, then the difference. A width under 48 counts as 48.
///
/// # Errors
/// [`ReportError`] when the results contradict themselves (repeated ensembles, percentages for fractions).
pub fn terminal_table(results: &Results, paper: &dyn Paper, width: usize) -> Result<String, ReportError> {
    let telling = Telling::new(results, paper)?;
    let width = width.max(NARROWEST);
    let blocks = table::blocks(&telling);
    if blocks.is_empty() {
        return Ok("No ensemble has been measured yet.\n".to_owned());
    }
    if blocks.len() > MOST_BLOCKS {
        return Ok(compact::table(&telling, &blocks, width) + &answer(&telling, width));
    }
    let text = blocks.iter().map(|block| block_text(block, width)).collect::<Vec<_>>().join("\n");
    let legends = wrapped(&compared_legend(&blocks), width) + &wrapped(&described_legend(&blocks), width);
    Ok(text + &legends + &answer(&telling, width))
}

/// Each claim that the run can speak to, with its verdict; last, where the eye is.
fn answer(telling: &Telling<'_>, width: usize) -> String {
    let judgements = judged(telling);
    if judgements.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}{}\n", wrapped(telling.paper.question(), width), "═".repeat(width));
    for judgement in &judgements {
        let found = judgement_in_words(judgement, telling.paper);
        let verdict = judgement.verdict.to_string().to_uppercase();
        let setting = setting_in_words(&judgements, judgement);
        let sentence = format!("{verdict}: {} {setting}{found}", judgement.claim.sentence);
        text += &wrapped(&sentence, width);
    }
    text
}

fn block_text(block: &Block, width: usize) -> String {
    let mut text = format!("{}\n{}\n", block.title(), "═".repeat(width));
    text += &wrapped(&block.setup, width);
    // One alignment for all sections: the eye runs down the page. The paper's columns stand where it has a number.
    let compared = block.sections.iter().any(Section::compared);
    let rows: Vec<Vec<String>> =
        block.sections.iter().flat_map(|section| comparison_rows(section, compared)).collect();
    let lines = aligned(&if compared { fitted(rows, width) } else { rows }, width, 1);
    let mut lines = lines.lines();
    for section in &block.sections {
        text += &format!("\n{}\n", section.title);
        for line in lines.by_ref().take(1 + section.lines.len()) {
            text += &format!("{line}\n");
        }
    }
    if !block.described.columns.is_empty() {
        text += &format!("\n{}\n", block.described.title);
        text += &described_tables(&block.described, width).join("\n");
    }
    text.push('\n');
    for (i, note) in block.footnotes.iter().enumerate() {
        text += &wrapped(&format!("{} {note}", superscript(i + 1)), width);
    }
    text + &wrapped(&block.seeds, width)
}

/// Place of our number among the columns of [`comparison_rows`].
const OURS: usize = 2;

/// Column names, then one row per method.
fn comparison_rows(section: &Section, compared: bool) -> Vec<Vec<String>> {
    let mut rows = vec![["", "paper ", "ours (seeds)", "difference [95 %]", ""].map(str::to_owned).to_vec()];
    rows.extend(section.lines.iter().map(|line| {
        // A column of its own for footnote marks keeps the numbers under each other.
        let paper = line.paper_cell() + if line.mark.is_none() { " " } else { "" };
        let (name, verdict) = (line.name.clone(), line.verdict_cell().to_owned());
        vec![name, paper, line.ours_cell(), line.difference_cell(), verdict]
    }));
    if !compared {
        rows.iter_mut().for_each(|row| *row = vec![row[0].clone(), row[OURS].clone()]);
    }
    rows
}

/// All columns in one table, or in as few as fit.
fn described_tables(described: &Described, width: usize) -> Vec<String> {
    let count = described.columns.len();
    let cut = |tables: usize| -> Vec<Vec<Vec<String>>> {
        let each = count.div_ceil(tables);
        let starts = (0..count).step_by(each);
        starts.map(|start| described_rows(described, start..count.min(start + each))).collect()
    };
    let fits = |tables: &Vec<Vec<Vec<String>>>| tables.iter().all(|rows| needed(rows) <= width);
    let tables = (1..count).map(cut).find(fits).unwrap_or_else(|| cut(count));
    tables.iter().map(|rows| aligned(rows, width, 1)).collect()
}

fn described_rows(described: &Described, columns: Range<usize>) -> Vec<Vec<String>> {
    let row = |name: &str, cells: &mut dyn Iterator<Item = String>| -> Vec<String> {
        iter::once(name.to_owned()).chain(cells).collect()
    };
    let mut heads = described.columns[columns.clone()].iter().map(|metric| metric.head.to_owned());
    let mut rows = vec![row("", &mut heads)];
    for line in &described.rows {
        let cells = &line.cells[columns.clone()];
        rows.push(row(&line.name, &mut cells.iter().map(|(mean, _)| mean.clone())));
        // So many means with their deviations do not fit 80 characters: the deviations stand below.
        if cells.iter().any(|(_, sd)| sd.is_some()) {
            let below = |(_, sd): &(String, Option<String>)| {
                sd.as_ref().map_or_else(String::new, |sd| format!("±{sd}"))
            };
            rows.push(row("", &mut cells.iter().map(below)));
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
