//! All artifacts of a report, from results alone.

use crate::figures::{Figure, figures};
use crate::paper::Paper;
use crate::plot::{Reader, png, svg};
use crate::results::Results;
use crate::table::{self, Block};
use crate::{ReportError, csv, html, latex, markdown};
use basin_core::{Citation, bibtex};
use serde_json::{Value, json};

/// One file of a report. The caller writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Artifact {
    /// Where it belongs, relative to the run's directory, with `/` between parts.
    pub path: String,
    /// Its contents.
    pub bytes: Vec<u8>,
}

/// Renders every artifact; the same results give the same bytes.
///
/// `citations` are the works behind the methods and metrics used; the paper itself is always among the references.
/// The artifacts are `results.json`, `results.csv`, `report/tables.md`, `report/tables.tex`, `report/index.html`,
/// `report/references.bib` and each figure as `report/figures/*.svg` and `*.png`. `tables.tex` holds what
/// `tables.md` holds, as a fragment to `\input` after `\usepackage{booktabs}`. Results without rows give a
/// report that says so. Cost: a few tenths of a second, nearly all of it PNG.
///
/// # Errors
/// [`ReportError`] when rows repeat, a percentage stands where a fraction belongs, or interpolation lines are
/// ragged. Then there is no artifact at all.
pub fn render(results: &Results, citations: &[Citation]) -> Result<Vec<Artifact>, ReportError> {
    results.check()?;
    let blocks = table::blocks(results)?;
    let figures = figures(results, &Paper::published()?);
    let citations = references(citations);
    let mut artifacts = texts(results, &blocks, &figures, &citations)?;
    for Figure { file, scene, .. } in &figures {
        let path = |ending: &str| format!("report/figures/{file}.{ending}");
        artifacts.push(Artifact { path: path("svg"), bytes: svg(scene, Reader::File).into_bytes() });
        artifacts.push(Artifact { path: path("png"), bytes: png(scene, file)? });
    }
    Ok(artifacts)
}

fn texts(
    results: &Results,
    blocks: &[Block],
    figures: &[Figure],
    citations: &[Citation],
) -> Result<Vec<Artifact>, ReportError> {
    let file = |path: &str, text: String| Artifact { path: path.to_owned(), bytes: text.into_bytes() };
    Ok(vec![
        file("results.json", results_json(results, citations)?),
        file("results.csv", csv::rows(&results.rows)),
        file("report/tables.md", markdown::tables(results, blocks)),
        file("report/tables.tex", latex::tables(results, blocks)),
        file("report/index.html", html::page(results, blocks, figures, citations)),
        file("report/references.bib", bibtex(citations)),
    ])
}

/// The results with the paper's numbers and the keys of the works cited.
fn results_json(results: &Results, citations: &[Citation]) -> Result<String, ReportError> {
    let fail = |source| ReportError::Json { run: results.name.clone(), source };
    let mut value = serde_json::to_value(results).map_err(fail)?;
    if let Value::Object(map) = &mut value {
        map.insert("paper".to_owned(), Paper::published()?.raw().clone());
        map.insert("citations".to_owned(), json!(citations.iter().map(|c| c.key).collect::<Vec<_>>()));
    }
    Ok(serde_json::to_string_pretty(&value).map_err(fail)? + "\n")
}

/// The paper first, then the others by key, each once.
fn references(citations: &[Citation]) -> Vec<Citation> {
    let mut others: Vec<Citation> =
        citations.iter().copied().filter(|c| c.key != Citation::SINGLE_BASIN.key).collect();
    others.sort();
    others.dedup_by_key(|citation| citation.key);
    [vec![Citation::SINGLE_BASIN], others].concat()
}
