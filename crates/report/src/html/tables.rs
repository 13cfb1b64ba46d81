//! The two tables of a block as HTML. On a phone each line of the first becomes a small card (see `page.css`).

use super::text::Text;
use crate::markdown::quality_cell;
use crate::number::MISSING;
use crate::table::{Block, Line, Section};
use basin_plot::Ink;
use maud::{Markup, html};

/// Our numbers, beside the paper's where it has any.
pub(super) fn compared(block: &Block) -> Markup {
    html! {
        section {
            h2 { (Text(block.title())) }
            p.setup { (Text(&block.setup)) }
            @for one in &block.sections { (section(one)) }
            ul.notes {
                @for (i, note) in block.footnotes.iter().enumerate() {
                    li { sup { (i + 1) } " " (Text(note)) }
                }
                li { (Text(&block.seeds)) }
            }
            (sources(block))
        }
        "\n"
    }
}

fn section(section: &Section) -> Markup {
    let compared = section.compared();
    let (class, heads): (&str, &[&str]) = match compared {
        true => ("compared", &["Method", "Paper", "Ours (seeds)", "Difference [95 %]"]),
        false => ("alone", &["Method", "Ours (seeds)"]),
    };
    html! {
        table class=(class) {
            caption { (Text(&section.title)) }
            thead {
                tr {
                    @for head in heads { th scope="col" { (head) } }
                    @if compared { th.word scope="col" {} }
                }
            }
            tbody { @for line in &section.lines { (compared_line(line, compared)) "\n" } }
        }
    }
}

/// The folders that each row's numbers come from, relative to the page.
fn sources(block: &Block) -> Markup {
    let name = |folder: &str| folder.rsplit('/').next().unwrap_or_default().to_owned();
    html! {
        @if !block.sources.is_empty() {
            details {
                summary { "Where each number comes from" }
                ul {
                    @for (method, seed, folders) in &block.sources {
                        li {
                            (Text(method)) ", seed " (seed) ": "
                            @for (i, folder) in folders.iter().enumerate() {
                                @if i > 0 { ", " }
                                a href={ "../" (Text(folder)) "/" } { (Text(name(folder))) }
                            }
                        }
                        "\n"
                    }
                }
            }
        }
    }
}

fn compared_line(line: &Line, compared: bool) -> Markup {
    let paper = Line { mark: None, ..line.clone() }.paper_cell();
    // A word that is only a dash would say nothing on a card.
    let verdict = Some(line.verdict_cell()).filter(|word| *word != MISSING).unwrap_or("");
    html! {
        tr {
            (heading(&line.name, line.ink))
            @if compared {
                td data-label="Paper" { (paper) @if let Some(mark) = line.mark { sup { (mark) } } }
                td data-label="Ours (seeds)" { (apart(&line.ours_cell())) }
                td data-label="Difference [95 %]" { (apart(&line.difference_cell())) }
                td.word { (verdict) }
            } @else {
                td { (apart(&line.ours_cell())) }
            }
        }
    }
}

/// Keeps the bracket or deviation after a number in one piece, so that a narrow cell breaks before it.
fn apart(cell: &str) -> Markup {
    let (number, bracket) = match cell.find(['[', '(']).or_else(|| cell.find('±')) {
        Some(at) => (cell[..at].trim_end(), Some(&cell[at..])),
        None => (cell, None),
    };
    html! { (number) @if let Some(bracket) = bracket { " " span.bracket { (bracket) } } }
}

/// What is not compared with the paper; nothing where none of it was measured.
pub(super) fn described(block: &Block) -> Markup {
    let table = &block.described;
    html! {
        @if !table.columns.is_empty() {
            section {
                h2 { (table.title) }
                div.scroll tabindex="0" role="region" aria-label=(table.title) {
                    table.narrow {
                        caption { (Text(block.title())) }
                        thead {
                            tr {
                                th scope="col" { "Method" }
                                @for metric in &table.columns { th scope="col" { (metric.head) } }
                            }
                        }
                        tbody {
                            @for row in &table.rows {
                                tr {
                                    (heading(&row.name, row.ink))
                                    @for cell in &row.cells { td { (apart(&quality_cell(cell))) } }
                                }
                                "\n"
                            }
                        }
                    }
                }
            }
            "\n"
        }
    }
}

/// A method's name with its colour.
fn heading(name: &str, ink: Ink) -> Markup {
    html! {
        th scope="row" { span.swatch style={ "background:" (ink.css()) } {} (Text(name)) }
    }
}
