//! The tables as Markdown, for a repository's pages.

use crate::method;
use crate::number::{duration, fixed, grouped, metric, metric_deviation};
use crate::results::Results;
use crate::table::{Block, COMPARISON_LEGEND, QUALITY, QUALITY_LEGEND};
use basin_metrics::stats::Summary;

/// `report/tables.md`.
pub(crate) fn tables(results: &Results, blocks: &[Block]) -> String {
    let mut text = format!("# {}\n", escaped(&results.name));
    if blocks.is_empty() {
        text += "\nNo ensemble has been measured yet.\n";
    }
    for block in blocks {
        text += &block_text(block);
    }
    if !blocks.is_empty() {
        text += &format!("\n{}\n{}\n", escaped(COMPARISON_LEGEND), escaped(QUALITY_LEGEND));
    }
    let cost = &results.cost;
    text += &format!(
        "\nCost: {} epochs, {} images, {}.\n",
        fixed(cost.epochs, 1),
        grouped(cost.images),
        duration(cost.wall_seconds)
    );
    text
}

fn block_text(block: &Block) -> String {
    let mut text = format!("\n## {}\n\n{}\n", escaped(&block.title()), escaped(&block.setup));
    for section in &block.sections {
        text += &format!("\n### {}\n\n", section.title);
        text += "| Method | Paper | Ours (seeds) | Difference [95 %] | |\n| :-- | --: | --: | --: | :-- |\n";
        for line in &section.lines {
            text += &row(&[
                method::name(&line.method),
                &line.paper_cell(),
                &line.ours_cell(),
                &line.difference_cell(),
                line.verdict_cell(),
            ]);
        }
    }
    text += "\n### Calibration and diversity\n\n";
    text += &format!("| Method | {} |\n", QUALITY.map(|(name, _)| name).join(" | "));
    text += &format!("| :-- |{}\n", " --: |".repeat(QUALITY.len()));
    for line in &block.quality {
        let cells = line.values.map(|summary| quality_cell(&summary));
        let mut all = vec![method::name(&line.method)];
        all.extend(cells.iter().map(String::as_str));
        text += &row(&all);
    }
    text.push('\n');
    for (i, note) in block.footnotes.iter().enumerate() {
        text += &format!("{} {}  \n", crate::number::superscript(i + 1), escaped(note));
    }
    text + &escaped(&block.seeds) + "\n"
}

/// Mean ± sd.
pub(crate) fn quality_cell(summary: &Summary) -> String {
    let mean = metric(summary.mean);
    metric_deviation(summary).map_or_else(|| mean.clone(), |sd| format!("{mean} {}", sd.replace('±', "± ")))
}

/// A table row; the first cell is a name and is escaped, the others are numbers of ours.
fn row(cells: &[&str]) -> String {
    let (name, numbers) = cells.split_first().unwrap_or((&"", &[]));
    format!("| {} | {} |\n", escaped(name), numbers.join(" | "))
}

/// Text that Markdown shows as it is, on one line.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' => safe.extend(['\\', c]),
            '&' => safe += "&amp;",
            c if c.is_control() => safe.push(' '),
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
