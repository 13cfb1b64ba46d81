//! The tables as LaTeX, for a paper: a fragment to `\input`, which needs the package booktabs and nothing else.
//!
//! Tables do not float: with many cases LaTeX would run out of places for them. What the text holds beyond ASCII is
//! written as commands, so that engines of any age read the file.

use crate::claims::{judgement_in_words, setting_in_words};
use crate::markdown::quality_cell;
use crate::number::{fixed, grouped};
use crate::table::{Block, Described, Line, Section, compared_legend, described_legend};
use crate::told::Told;
use std::ops::Range;

/// `report/tables.tex`.
pub(crate) fn tables(told: &Told<'_>) -> String {
    let (results, blocks) = (told.telling.results, &told.blocks);
    let mut text = format!("% {}\n% Needs \\usepackage{{booktabs}}.\n", escaped(&results.name));
    if blocks.is_empty() {
        text += "\nNo ensemble has been measured yet.\n";
    }
    text += &answer(told);
    for block in blocks {
        text += &block_text(block);
    }
    if !blocks.is_empty() {
        text += &small(&[compared_legend(blocks), described_legend(blocks)]);
    }
    let cost = &results.cost;
    let cost = format!("Cost: {} epochs, {} images.", fixed(cost.epochs, 1), grouped(cost.images));
    text + &small(&[cost])
}

/// Each claim that the run can speak to, with its verdict.
fn answer(told: &Told<'_>) -> String {
    if told.judgements.is_empty() {
        return String::new();
    }
    let paper = told.telling.paper;
    let mut text = format!("\n\\subsection*{{{}}}\n\n\\begin{{itemize}}\n", escaped(paper.question()));
    for judgement in &told.judgements {
        text += &format!(
            "\\item \\textbf{{{}}}: {} {}{}\n",
            judgement.verdict,
            escaped(judgement.claim.sentence),
            escaped(&setting_in_words(&told.judgements, judgement)),
            escaped(&judgement_in_words(judgement, paper))
        );
    }
    text + "\\end{itemize}\n"
}

fn block_text(block: &Block) -> String {
    let mut text = format!("\n\\subsection*{{{}}}\n\n", escaped(&block.title()));
    text += &format!("\\noindent {}\n\n", escaped(&block.setup));
    // One table for all sections, so that columns line up; the paper's only where it has a number.
    let compared = block.sections.iter().any(Section::compared);
    let sections: Vec<String> = block.sections.iter().map(|s| section_rows(s, compared)).collect();
    let (columns, header) = match compared {
        true => ("lrrrl", row(&["Method", "Paper", "Ours (seeds)", "Difference [95 %]", ""])),
        false => ("lr", row(&["Method", "Ours (seeds)"])),
    };
    text += &tabular(columns, &(header + "\\midrule\n" + &sections.join("\\midrule\n")));
    text += &described_text(&block.described);
    let mark = |(i, note): (usize, &String)| format!("{} {note}", crate::number::superscript(i + 1));
    let mut notes: Vec<String> = block.footnotes.iter().enumerate().map(mark).collect();
    notes.push(block.seeds.clone());
    text + &small(&notes)
}

/// The quantity's name over all columns, then one row per method.
fn section_rows(section: &Section, compared: bool) -> String {
    let line = |line: &Line| {
        let (paper, ours) = (line.paper_cell(), line.ours_cell());
        match compared {
            true => row(&[&line.name, &paper, &ours, &line.difference_cell(), line.verdict_cell()]),
            false => row(&[&line.name, &ours]),
        }
    };
    let lines: String = section.lines.iter().map(line).collect();
    let columns = if compared { 5 } else { 2 };
    format!("\\multicolumn{{{columns}}}{{l}}{{\\emph{{{}}}}} \\\\\n{lines}", escaped(&section.title))
}

/// So many means with their deviations are wider than a page: one half stands below the other.
fn described_text(described: &Described) -> String {
    let count = described.columns.len();
    if count == 0 {
        return String::new();
    }
    let half = count.div_ceil(2);
    let halves = [0..half, half..count].into_iter().filter(|columns| !columns.is_empty());
    let halves: Vec<String> = halves.map(|columns| described_rows(described, columns, half)).collect();
    tabular(&format!("l{}", "r".repeat(half)), &halves.join("\\midrule\n"))
}

/// Rows of some columns, filled up to a width.
fn described_rows(described: &Described, columns: Range<usize>, width: usize) -> String {
    let mut names = vec!["Method"];
    names.extend(described.columns[columns.clone()].iter().map(|metric| metric.head));
    names.resize(1 + width, "");
    let mut text = row(&names) + "\\midrule\n";
    for line in &described.rows {
        let cells: Vec<String> = line.cells[columns.clone()].iter().map(quality_cell).collect();
        let mut all = vec![line.name.as_str()];
        all.extend(cells.iter().map(String::as_str));
        all.resize(1 + width, "");
        text += &row(&all);
    }
    text
}

fn tabular(columns: &str, rows: &str) -> String {
    format!(
        "\\begin{{center}}\n\\small\n\\setlength{{\\tabcolsep}}{{4pt}}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n\
         {rows}\\bottomrule\n\\end{{tabular}}\n\\end{{center}}\n\n"
    )
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
    cells.join(" & ") + " \\\\\n"
}

/// Paragraphs in small type; empty ones are left out.
fn small(paragraphs: &[String]) -> String {
    let shown = paragraphs.iter().filter(|text| !text.is_empty());
    let lines: String = shown.map(|text| format!("\\noindent {}\\par\n", escaped(text))).collect();
    format!("{{\\footnotesize\n{lines}}}\n\n")
}

/// Text that LaTeX shows as it is, on one line. Letters beyond ASCII that are none of ours stay as they are.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if rest.next_if_eq(&'\u{304}').is_some() {
            safe += &format!("$\\bar{{{}}}$", escaped(&c.to_string()));
            continue;
        }
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => safe.extend(['\\', c]),
            // After the end of a row these would be read as its options; doubled ones, as one sign.
            '[' | ']' | '*' | '`' | '\'' | '-' if needs_braces(c, rest.peek()) => safe.extend(['{', c, '}']),
            '\\' => safe += "\\textbackslash{}",
            '~' => safe += "\\textasciitilde{}",
            '^' => safe += "\\textasciicircum{}",
            '<' => safe += "\\textless{}",
            '>' => safe += "\\textgreater{}",
            '|' => safe += "\\textbar{}",
            '"' => safe += "\\symbol{34}",
            '−' => safe += "$-$",
            '±' => safe += "$\\pm$",
            '×' => safe += "$\\times$",
            '·' => safe += "$\\cdot$",
            '–' => safe += "--",
            '…' => safe += "\\ldots{}",
            '‘' => safe += "{`}",
            '’' => safe += "{'}",
            '“' => safe += "``",
            '”' => safe += "''",
            '\u{a0}' => safe.push('~'),
            '\u{202f}' => safe += "\\,",
            'α' => safe += "$\\alpha$",
            'β' => safe += "$\\beta$",
            'θ' => safe += "$\\theta$",
            'λ' => safe += "$\\lambda$",
            'τ' => safe += "$\\tau$",
            c if !basin_core::is_plain(c) => safe.push(' '),
            c => match "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|digit| digit == c) {
                Some(digit) => safe += &format!("\\textsuperscript{{{digit}}}"),
                None => safe.push(c),
            },
        }
    }
    safe
}

fn needs_braces(c: char, next: Option<&char>) -> bool {
    matches!(c, '[' | ']' | '*') || next == Some(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_is_shown_not_obeyed() {
        assert_eq!(escaped("a&b_c%\n{$#}"), "a\\&b\\_c\\% \\{\\$\\#\\}");
        assert_eq!(
            escaped("\\~^<|>"),
            "\\textbackslash{}\\textasciitilde{}\\textasciicircum{}\\textless{}\\textbar{}\\textgreater{}"
        );
        assert_eq!(row(&["[2pt]", "*"]), "{[}2pt{]} & {*} \\\\\n");
        assert_eq!(escaped("a--b"), "a{-}-b");
    }

    #[test]
    fn signs_beyond_ascii_become_commands() {
        assert_eq!(
            escaped("−0.10 ± 0.10¹² ×4"),
            "$-$0.10 $\\pm$ 0.10\\textsuperscript{1}\\textsuperscript{2} $\\times$4"
        );
        assert_eq!(escaped("q̄, β, 3\u{202f}000 –"), "$\\bar{q}$, $\\beta$, 3\\,000 --");
    }
}
