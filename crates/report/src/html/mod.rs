//! `report/index.html`: the whole report as one file that needs nothing else, on a phone or a desk, light or dark.

mod answer;
mod tables;
pub(crate) mod text;

use crate::figures::Figure;
use crate::number::{MISSING, fixed, grouped};
use crate::table::{compared_legend, described_legend};
use crate::telling::Telling;
use crate::told::Told;
use basin_core::Citation;
use basin_plot::{Reader, custom_properties, svg};
use basin_results::Results;
use basin_results::environments_in_words;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use text::Text;

const STYLE: &str = include_str!("page.css");

/// The page: the answer and the main figure, then all that they rest on.
pub(crate) fn page(told: &Told<'_>) -> String {
    let results = told.telling.results;
    let (main, others) = match told.figures.split_first() {
        Some((main, others)) if main.is_main => (Some(main), others),
        _ => (None, &told.figures[..]),
    };
    let content = html! {
        h1 { (Text(&results.name)) }
        p.lede { (Text(lede(&told.telling))) }
        @if let Some(differ) = environments_in_words(results) { p.setup { (Text(differ)) } }
        "\n"
        (answer::section(told, main.map(figure)))
        @for block in &told.blocks { (tables::compared(block)) }
        (figure_section(others))
        @for block in &told.blocks { (tables::described(block)) }
        (legends(told))
        (cost(results))
        (keys("Configuration", &results.config))
        (keys("Environment", &results.environment))
        (references(&told.citations))
    };
    document(&results.name, &content)
}

/// A page with a title and its content.
pub(crate) fn document(title: &str, content: &Markup) -> String {
    let (light, dark) = (custom_properties(false), custom_properties(true));
    let style = format!(
        "\n:root{{color-scheme:light dark;{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{STYLE}"
    );
    let page = html! {
        (DOCTYPE) "\n"
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (Text(title)) }
                style { (PreEscaped(style)) }
            }
            "\n"
            body { main { (content) } }
        }
        "\n"
    };
    page.into_string()
}

/// What columns mean, once for all tables.
fn legends(told: &Told<'_>) -> Markup {
    let texts = [compared_legend(&told.blocks), described_legend(&told.blocks)];
    html! {
        @if !told.blocks.is_empty() {
            section {
                h2 { "How to read the tables" }
                @for text in texts.iter().filter(|text| !text.is_empty()) { p.small { (Text(text)) } }
            }
            "\n"
        }
    }
}

/// What this run is, in one paragraph.
fn lede(telling: &Telling<'_>) -> String {
    let ensembles = &telling.results.ensembles;
    if ensembles.is_empty() {
        return "No ensemble has been measured yet.".to_owned();
    }
    let datasets = distinct(ensembles.iter().map(|ensemble| ensemble.dataset.as_str()));
    let models = distinct(ensembles.iter().map(|ensemble| ensemble.model.as_str()));
    let methods = telling.in_order(ensembles.iter().map(|ensemble| ensemble.method.as_str()));
    let mut seeds: Vec<u64> = ensembles.iter().map(|ensemble| ensemble.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let work = telling.paper.citation();
    let family = work.authors.split(',').next().unwrap_or_default();
    format!(
        "Ensembles of {} on {}: {} ({}), {}, measured on the test split, beside “{}” ({family} et al., {}).",
        models.join(", "),
        datasets.join(", "),
        count(methods.len(), "method"),
        methods.iter().map(|id| telling.name(id)).collect::<Vec<_>>().join(", "),
        count(seeds.len(), "seed"),
        work.title,
        work.year,
    )
}

/// Each once, in order of first appearance.
fn distinct<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for one in all {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen
}

fn figure_section(figures: &[Figure]) -> Markup {
    html! {
        @if !figures.is_empty() {
            section { h2 { "Figures" } div.figures { @for one in figures { (figure(one)) } } }
            "\n"
        }
    }
}

fn figure(figure: &Figure) -> Markup {
    let drawing = PreEscaped(svg(&figure.scene, Reader::Page));
    html! { figure { (drawing) figcaption { (Text(&figure.caption)) } } "\n" }
}

fn cost(results: &Results) -> Markup {
    let cost = &results.cost;
    html! {
        section {
            h2 { "Cost" }
            dl.cost {
                div { dt { "Epochs trained" } dd { (fixed(cost.epochs, 1)) } }
                div { dt { "Images seen" } dd { (grouped(cost.images)) } }
                div {
                    dt { "Time, last check of the files" }
                    dd { a href="timing.html" { "on their own page" } }
                }
            }
        }
        "\n"
    }
}

/// A JSON value as a table of dotted keys; nothing for an empty one.
fn keys(title: &str, value: &Value) -> Markup {
    let mut lines = Vec::new();
    flatten(String::new(), value, &mut lines);
    html! {
        @if !lines.is_empty() {
            section {
                h2 { (title) }
                table.keys {
                    tbody {
                        @for (key, value) in &lines { tr { td { (Text(key)) } td { (Text(value)) } } "\n" }
                    }
                }
            }
            "\n"
        }
    }
}

/// Lists of plain values stay on one line; objects, and lists of objects, become one line per leaf.
fn flatten(key: String, value: &Value, lines: &mut Vec<(String, String)>) {
    let below = |part: &str| if key.is_empty() { part.to_owned() } else { format!("{key}.{part}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(part, value)| flatten(below(part), value, lines)),
        Value::Array(list) if list.iter().any(|item| item.is_object() || item.is_array()) => {
            list.iter().enumerate().for_each(|(i, item)| flatten(below(&i.to_string()), item, lines));
        }
        Value::Array(list) => lines.push((key, list.iter().map(plain).collect::<Vec<_>>().join(", "))),
        Value::Null if key.is_empty() => {}
        leaf => lines.push((key, plain(leaf))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => MISSING.to_owned(),
        other => other.to_string(),
    }
}

fn references(citations: &[Citation]) -> Markup {
    let authors = |all: &str| all.split(" and ").map(given_name_first).collect::<Vec<_>>().join(", ");
    let address = |locator: &str| match locator.contains('/') {
        true => "https://doi.org/",
        false => "https://arxiv.org/abs/",
    };
    html! {
        section {
            h2 { "References" }
            ol.references {
                @for Citation { authors: all, title, year, locator, .. } in citations {
                    li {
                        (Text(authors(all))) ". "
                        a href={ (address(locator)) (locator) } { cite { (Text(title.replace('`', "‘").replace('\'', "’"))) } }
                        ". " (year) "."
                    }
                    "\n"
                }
            }
        }
        "\n"
    }
}

/// `Lion, Kai` as `Kai Lion`.
fn given_name_first(name: &str) -> String {
    match name.split_once(", ") {
        Some((family, given)) => format!("{given} {family}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_settings_become_dotted_keys() {
        let mut lines = Vec::new();
        flatten(String::new(), &json!({"a": {"b": [1, 2], "c": null}, "d": [{"e": "x"}]}), &mut lines);
        let lines: Vec<String> = lines.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(lines, ["a.b=1, 2", "a.c=–", "d.0.e=x"]);
    }

    #[test]
    fn names_and_settings_cannot_inject_markup() {
        let evil = "</style><script>alert(1)</script>";
        let results = Results { name: evil.into(), config: json!({ evil: evil }), ..Results::default() };
        let artifacts = crate::render(&results, &basin_paper_single_basin::SingleBasin, &[]).unwrap();
        let page = artifacts.into_iter().find(|artifact| artifact.path.ends_with(".html")).unwrap();
        let html = String::from_utf8(page.bytes).unwrap();
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("&lt;script&gt;"));
    }
}
