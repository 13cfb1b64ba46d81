//! The two tables of a block as HTML. On a phone each line of the first becomes a small card (see `page.css`).

use super::escape::escaped;
use crate::markdown::quality_cell;
use crate::method;
use crate::number::MISSING;
use crate::plot::Ink;
use crate::table::{Block, COMPARISON_LEGEND, Line, QUALITY, QUALITY_LEGEND};

/// Our numbers beside the paper's. The last table says what the columns of all mean.
pub(super) fn compared(block: &Block, strangers: &[&str], last: bool) -> String {
    let mut html = format!(
        "<section>\n<h2>{}</h2>\n<p class=\"setup\">{}</p>\n",
        escaped(&block.title()),
        escaped(&block.setup)
    );
    for section in &block.sections {
        let lines: String = section.lines.iter().map(|line| compared_line(line, strangers)).collect();
        html += &format!(
            "<table class=\"compared\">\n<caption>{}</caption>\n<thead><tr><th scope=\"col\">Method</th>\
             <th scope=\"col\">Paper</th><th scope=\"col\">Ours (seeds)</th>\
             <th scope=\"col\">Difference [95 %]</th><th scope=\"col\" class=\"word\"></th></tr></thead>\n\
             <tbody>\n{lines}</tbody>\n</table>\n",
            escaped(section.title)
        );
    }
    html += "<ul class=\"notes\">\n";
    for (i, note) in block.footnotes.iter().enumerate() {
        html += &format!("<li><sup>{}</sup> {}</li>\n", i + 1, escaped(note));
    }
    html += &format!("<li>{}</li>\n", escaped(&block.seeds));
    if last {
        html += &format!("<li>{COMPARISON_LEGEND}</li>\n");
    }
    html + "</ul>\n" + &sources(block) + "</section>\n"
}

/// The folders that each row's numbers come from, relative to the page.
fn sources(block: &Block) -> String {
    if block.sources.is_empty() {
        return String::new();
    }
    let link = |folder: &String| {
        let (folder, name) = (escaped(folder), escaped(folder.rsplit('/').next().unwrap_or(folder)));
        format!("<a href=\"../{folder}/\">{name}</a>")
    };
    let row = |(method, seed, folders): &(String, u64, Vec<String>)| {
        let links: Vec<String> = folders.iter().map(link).collect();
        format!("<li>{}, seed {seed}: {}</li>\n", escaped(method::name(method)), links.join(", "))
    };
    let rows: String = block.sources.iter().map(row).collect();
    format!("<details><summary>Where each number comes from</summary>\n<ul>\n{rows}</ul>\n</details>\n")
}

fn compared_line(line: &Line, strangers: &[&str]) -> String {
    let mark = line.mark.map_or_else(String::new, |number| format!("<sup>{number}</sup>"));
    let paper = Line { mark: None, ..line.clone() }.paper_cell();
    // A word that is only a dash would say nothing on a card.
    let verdict = Some(line.verdict_cell()).filter(|word| *word != MISSING).unwrap_or("");
    format!(
        "<tr>{}<td data-label=\"Paper\">{paper}{mark}</td><td data-label=\"Ours (seeds)\">{}</td>\
         <td data-label=\"Difference [95 %]\">{}</td><td class=\"word\">{verdict}</td></tr>\n",
        heading(&line.method, strangers),
        apart(&line.ours_cell()),
        apart(&line.difference_cell()),
    )
}

/// Keeps the bracket or deviation after a number in one piece, so that a narrow cell breaks before it.
fn apart(cell: &str) -> String {
    match cell.find(['[', '(']).or_else(|| cell.find('±')) {
        Some(at) => format!("{} <span class=\"bracket\">{}</span>", cell[..at].trim_end(), &cell[at..]),
        None => cell.to_owned(),
    }
}

/// Calibration and diversity. The last table says what the columns of all mean.
pub(super) fn quality(block: &Block, strangers: &[&str], last: bool) -> String {
    let names: String = QUALITY.iter().map(|(name, _)| format!("<th scope=\"col\">{name}</th>")).collect();
    let line = |line: &crate::table::Quality| {
        let cells: String =
            line.values.iter().map(|summary| format!("<td>{}</td>", apart(&quality_cell(summary)))).collect();
        format!("<tr>{}{cells}</tr>\n", heading(&line.method, strangers))
    };
    let lines: String = block.quality.iter().map(line).collect();
    let legend = if last { format!("<p class=\"small\">{QUALITY_LEGEND}</p>\n") } else { String::new() };
    format!(
        "<section>\n<h2>Calibration and diversity</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"Calibration and diversity\">\n<table class=\"narrow\">\n<caption>{}</caption>\n\
         <thead><tr><th scope=\"col\">Method</th>{names}</tr></thead>\n<tbody>\n{lines}</tbody>\n</table>\n</div>\n\
         {legend}</section>\n",
        escaped(&block.title())
    )
}

/// A method's name with its colour.
fn heading(id: &str, strangers: &[&str]) -> String {
    let property = Ink::of(id, strangers).property();
    let name = escaped(method::name(id));
    format!(
        "<th scope=\"row\"><span class=\"swatch\" style=\"background:var({property})\"></span>{name}</th>"
    )
}
