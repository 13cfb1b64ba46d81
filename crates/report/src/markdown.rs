//! The tables as Markdown, for a repository's pages.

use crate::claims::{judgement_in_words, setting_in_words};
use crate::number::{fixed, grouped};
use crate::table::{Block, Described, Section, compared_legend, described_legend};
use crate::told::Told;
use basin_results::environments_in_words;

/// `report/tables.md`.
pub(crate) fn tables(told: &Told<'_>) -> String {
    let (results, blocks) = (told.telling.results, &told.blocks);
    let mut text = format!("# {}\n", escaped(&results.name));
    if let Some(differ) = environments_in_words(results) {
        text += &format!("\n{}\n", escaped(&differ));
    }
    if blocks.is_empty() {
        text += "\nNo ensemble has been measured yet.\n";
    }
    text += &answer(told);
    for block in blocks {
        text += &block_text(block);
    }
    if !blocks.is_empty() {
        text += &format!("\n{}\n", escaped(&compared_legend(blocks)));
        text += &format!("{}\n", escaped(&described_legend(blocks)));
    }
    let cost = &results.cost;
    text + &format!("\nCost: {} epochs, {} images.\n", fixed(cost.epochs, 1), grouped(cost.images))
}

/// Each claim that the run can speak to, with its verdict.
fn answer(told: &Told<'_>) -> String {
    if told.judgements.is_empty() {
        return String::new();
    }
    let mut text = format!("\n## {}\n\n", escaped(told.telling.paper.question()));
    for judgement in &told.judgements {
        text += &format!(
            "- **{}**: {} {}{}\n",
            judgement.verdict,
            escaped(judgement.claim.sentence),
            escaped(&setting_in_words(&told.judgements, judgement)),
            escaped(&judgement_in_words(judgement, told.telling.paper))
        );
    }
    text
}

fn block_text(block: &Block) -> String {
    let mut text = format!("\n## {}\n\n{}\n", escaped(&block.title()), escaped(&block.setup));
    for section in &block.sections {
        text += &format!("\n### {}\n\n{}", escaped(&section.title), section_text(section));
    }
    text += &described_text(&block.described);
    text.push('\n');
    for (i, note) in block.footnotes.iter().enumerate() {
        text += &format!("{} {}  \n", crate::number::superscript(i + 1), escaped(note));
    }
    text + &escaped(&block.seeds) + "\n"
}

/// Columns of the paper only where it has a number.
fn section_text(section: &Section) -> String {
    let mut text = match section.compared() {
        true => "| Method | Paper | Ours (seeds) | Difference [95 %] | |\n| :-- | --: | --: | --: | :-- |\n",
        false => "| Method | Ours (seeds) |\n| :-- | --: |\n",
    }
    .to_owned();
    for line in &section.lines {
        let (ours, verdict) = (line.ours_cell(), line.verdict_cell());
        text += &match section.compared() {
            true => row(&[&line.name, &line.paper_cell(), &ours, &line.difference_cell(), verdict]),
            false => row(&[&line.name, &ours]),
        };
    }
    text
}

fn described_text(described: &Described) -> String {
    if described.columns.is_empty() {
        return String::new();
    }
    let heads: Vec<&str> = described.columns.iter().map(|metric| metric.head).collect();
    let mut text = format!("\n### {}\n\n| Method | {} |\n", described.title, heads.join(" | "));
    text += &format!("| :-- |{}\n", " --: |".repeat(heads.len()));
    for line in &described.rows {
        let cells: Vec<String> = line.cells.iter().map(quality_cell).collect();
        let mut all = vec![line.name.as_str()];
        all.extend(cells.iter().map(String::as_str));
        text += &row(&all);
    }
    text
}

/// Mean ± sd.
pub(crate) fn quality_cell((mean, sd): &(String, Option<String>)) -> String {
    match sd {
        Some(sd) => format!("{mean} ± {sd}"),
        None => mean.clone(),
    }
}

/// A table row; the first cell is a name and is escaped, the others are numbers of ours.
fn row(cells: &[&str]) -> String {
    let (name, numbers) = cells.split_first().unwrap_or((&"", &[]));
    format!("| {} | {} |\n", escaped(name), numbers.join(" | "))
}

/// Text that Markdown shows as it is, on one line.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' => safe.extend(['\\', c]),
            '&' => safe += "&amp;",
            c if !basin_core::is_plain(c) => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_is_shown_not_obeyed() {
        assert_eq!(escaped("a|b*c\nd<e>&"), "a\\|b\\*c d\\<e\\>&amp;");
        assert_eq!(row(&["x|y", "1"]), "| x\\|y | 1 |\n");
    }
}
