//! The two tables of a block as HTML. On a phone each line of the first becomes a small card (see `page.css`).

use super::escape::escaped;
use crate::markdown::quality_cell;
use crate::number::MISSING;
use crate::plot::Ink;
use crate::table::{Block, DescribedRow, Line, Section};

/// Our numbers, beside the paper's where it has any.
pub(super) fn compared(block: &Block) -> String {
    let mut html = format!(
        "<section>\n<h2>{}</h2>\n<p class=\"setup\">{}</p>\n",
        escaped(&block.title()),
        escaped(&block.setup)
    );
    html += &block.sections.iter().map(section).collect::<String>();
    html += "<ul class=\"notes\">\n";
    for (i, note) in block.footnotes.iter().enumerate() {
        html += &format!("<li><sup>{}</sup> {}</li>\n", i + 1, escaped(note));
    }
    html += &format!("<li>{}</li>\n</ul>\n", escaped(&block.seeds));
    html + &sources(block) + "</section>\n"
}

fn section(section: &Section) -> String {
    let compared = section.compared();
    let (class, heads): (&str, &[&str]) = match compared {
        true => ("compared", &["Method", "Paper", "Ours (seeds)", "Difference [95 %]"]),
        false => ("alone", &["Method", "Ours (seeds)"]),
    };
    let heads: String = heads.iter().map(|head| format!("<th scope=\"col\">{head}</th>")).collect();
    let verdict = if compared { "<th scope=\"col\" class=\"word\"></th>" } else { "" };
    let lines: String = section.lines.iter().map(|line| compared_line(line, compared)).collect();
    format!(
        "<table class=\"{class}\">\n<caption>{}</caption>\n<thead><tr>{heads}{verdict}</tr></thead>\n\
         <tbody>\n{lines}</tbody>\n</table>\n",
        escaped(&section.title)
    )
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
        format!("<li>{}, seed {seed}: {}</li>\n", escaped(method), links.join(", "))
    };
    let rows: String = block.sources.iter().map(row).collect();
    format!("<details><summary>Where each number comes from</summary>\n<ul>\n{rows}</ul>\n</details>\n")
}

fn compared_line(line: &Line, compared: bool) -> String {
    let (heading, ours) = (heading(&line.name, line.ink), apart(&line.ours_cell()));
    if !compared {
        return format!("<tr>{heading}<td>{ours}</td></tr>\n");
    }
    let mark = line.mark.map_or_else(String::new, |number| format!("<sup>{number}</sup>"));
    let paper = Line { mark: None, ..line.clone() }.paper_cell();
    // A word that is only a dash would say nothing on a card.
    let verdict = Some(line.verdict_cell()).filter(|word| *word != MISSING).unwrap_or("");
    format!(
        "<tr>{heading}<td data-label=\"Paper\">{paper}{mark}</td><td data-label=\"Ours (seeds)\">{ours}</td>\
         <td data-label=\"Difference [95 %]\">{}</td><td class=\"word\">{verdict}</td></tr>\n",
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

/// What is not compared with the paper; nothing where none of it was measured.
pub(super) fn described(block: &Block) -> String {
    let table = &block.described;
    if table.columns.is_empty() {
        return String::new();
    }
    let names: String = table
        .columns
        .iter()
        .map(|metric| format!("<th scope=\"col\">{}</th>", escaped(metric.head)))
        .collect();
    let line = |row: &DescribedRow| {
        let cells: String =
            row.cells.iter().map(|cell| format!("<td>{}</td>", apart(&quality_cell(cell)))).collect();
        format!("<tr>{}{cells}</tr>\n", heading(&row.name, row.ink))
    };
    let lines: String = table.rows.iter().map(line).collect();
    format!(
        "<section>\n<h2>{0}</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"{0}\">\n<table class=\"narrow\">\n<caption>{1}</caption>\n\
         <thead><tr><th scope=\"col\">Method</th>{names}</tr></thead>\n<tbody>\n{lines}</tbody>\n</table>\n</div>\n\
         </section>\n",
        escaped(table.title),
        escaped(&block.title())
    )
}

/// A method's name with its colour.
fn heading(name: &str, ink: Ink) -> String {
    let (property, name) = (ink.property(), escaped(name));
    format!(
        "<th scope=\"row\"><span class=\"swatch\" style=\"background:var({property})\"></span>{name}</th>"
    )
}
