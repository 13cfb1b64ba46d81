//! `report/index.html`: the whole report as one file that needs nothing else, on a phone or a desk, light or dark.

mod answer;
pub(crate) mod escape;
mod tables;

use crate::environments_in_words;
use crate::figures::Figure;
use crate::number::{MISSING, fixed, grouped};
use crate::plot::{Reader, custom_properties, svg};
use crate::render::Told;
use crate::results::Results;
use crate::table::{compared_legend, described_legend};
use crate::telling::Telling;
use basin_core::Citation;
use escape::escaped;
use serde_json::Value;

const STYLE: &str = include_str!("page.css");

/// The page: the answer and the main figure, then all that they rest on.
pub(crate) fn page(told: &Told<'_>) -> String {
    let results = told.telling.results;
    let name = escaped(&results.name);
    let lede = escaped(&lede(&told.telling));
    let mut html = format!("{}<h1>{name}</h1>\n<p class=\"lede\">{lede}</p>\n", head(&name));
    if let Some(differ) = environments_in_words(results) {
        html += &format!("<p class=\"setup\">{}</p>\n", escaped(&differ));
    }
    let (main, others) = match told.figures.split_first() {
        Some((main, others)) if main.is_main => (Some(main), others),
        _ => (None, &told.figures[..]),
    };
    html += &answer::section(told, main.map(figure));
    html += &told.blocks.iter().map(tables::compared).collect::<String>();
    html += &figure_section(others);
    html += &told.blocks.iter().map(tables::described).collect::<String>();
    html += &legends(told);
    html += &cost(results);
    html += &keys("Configuration", &results.config);
    html += &keys("Environment", &results.environment);
    html += &references(&told.citations);
    html + "</main>\n</body>\n</html>\n"
}

/// The beginning of a page, up to its content. The title is markup already.
pub(crate) fn head(title: &str) -> String {
    let (light, dark) = (custom_properties(false), custom_properties(true));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n\
         :root{{color-scheme:light dark;{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n\
         {STYLE}</style>\n</head>\n<body>\n<main>\n"
    )
}

/// What columns mean, once for all tables.
fn legends(told: &Told<'_>) -> String {
    if told.blocks.is_empty() {
        return String::new();
    }
    let texts = [compared_legend(&told.blocks), described_legend(&told.blocks)];
    let paragraphs = texts.iter().filter(|text| !text.is_empty());
    let paragraphs: String =
        paragraphs.map(|text| format!("<p class=\"small\">{}</p>\n", escaped(text))).collect();
    format!("<section>\n<h2>How to read the tables</h2>\n{paragraphs}</section>\n")
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

fn figure_section(figures: &[Figure]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let all: String = figures.iter().map(figure).collect();
    format!("<section>\n<h2>Figures</h2>\n<div class=\"figures\">\n{all}</div>\n</section>\n")
}

fn figure(figure: &Figure) -> String {
    let drawing = svg(&figure.scene, Reader::Page);
    format!("<figure>\n{drawing}<figcaption>{}</figcaption>\n</figure>\n", escaped(&figure.caption))
}

fn cost(results: &Results) -> String {
    let cost = &results.cost;
    let entries = [
        ("Epochs trained", fixed(cost.epochs, 1)),
        ("Images seen", grouped(cost.images)),
        ("Time, last check of the files", "<a href=\"timing.html\">on their own page</a>".to_owned()),
    ];
    let entries: String =
        entries.iter().map(|(term, value)| format!("<div><dt>{term}</dt><dd>{value}</dd></div>\n")).collect();
    format!("<section>\n<h2>Cost</h2>\n<dl class=\"cost\">\n{entries}</dl>\n</section>\n")
}

/// A JSON value as a table of dotted keys; nothing for an empty one.
fn keys(title: &str, value: &Value) -> String {
    let mut lines = Vec::new();
    flatten(String::new(), value, &mut lines);
    if lines.is_empty() {
        return String::new();
    }
    let row = |(key, value): &(String, String)| {
        format!("<tr><td>{}</td><td>{}</td></tr>\n", escaped(key), escaped(value))
    };
    let rows: String = lines.iter().map(row).collect();
    format!(
        "<section>\n<h2>{title}</h2>\n<table class=\"keys\"><tbody>\n{rows}</tbody></table>\n</section>\n"
    )
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

fn references(citations: &[Citation]) -> String {
    let item = |citation: &Citation| {
        let address =
            if citation.locator.contains('/') { "https://doi.org/" } else { "https://arxiv.org/abs/" };
        let authors = citation.authors.split(" and ").map(given_name_first).collect::<Vec<_>>().join(", ");
        format!(
            "<li>{}. <a href=\"{address}{}\"><cite>{}</cite></a>. {}.</li>\n",
            escaped(&authors),
            escaped(citation.locator),
            escaped(&citation.title.replace('`', "‘").replace('\'', "’")),
            citation.year
        )
    };
    let items: String = citations.iter().map(item).collect();
    format!("<section>\n<h2>References</h2>\n<ol class=\"references\">\n{items}</ol>\n</section>\n")
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
