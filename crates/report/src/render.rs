//! All artifacts of a report, from results alone.

use crate::claims::judged;
use crate::figures::{Figure, figures};
use crate::table;
use crate::telling::Telling;
use crate::told::Told;
use crate::{ReportError, csv, html, latex, markdown};
use basin_core::{Citation, bibtex};
use basin_papers::Paper;
use basin_plot::{Reader, Scene, png, svg};
use basin_results::Results;
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

/// Renders every artifact beside a paper; the same results give the same bytes.
///
/// `citations` are the works behind the methods and metrics used; the paper itself is always among the references.
/// The artifacts are `results.json`, `results.csv`, `report/tables.md`, `report/tables.tex`, `report/index.html`,
/// `report/references.bib` and each figure as `report/figures/*.svg` and `*.png`, where there are curves `curves.csv`, and where
/// there are surfaces `surfaces.csv`. `tables.tex` holds what `tables.md` holds, as a fragment to `\input` after `\usepackage{booktabs}`. Results without ensembles give a
/// report that says so. Cost: a few tenths of a second, nearly all of it PNG.
///
/// # Errors
/// [`ReportError`] when ensembles repeat, a percentage stands where a fraction belongs, or interpolation lines are
/// ragged. Then there is no artifact at all.
pub fn render(
    results: &Results,
    paper: &dyn Paper,
    citations: &[Citation],
) -> Result<Vec<Artifact>, ReportError> {
    let telling = Telling::new(results, paper)?;
    let told = Told {
        judgements: judged(&telling),
        blocks: table::blocks(&telling),
        figures: figures(&telling),
        citations: references(paper.citation(), citations),
        telling,
    };
    let mut artifacts = texts(&told)?;
    for Figure { file, scene, .. } in &told.figures {
        let path = |ending: &str| format!("report/figures/{file}.{ending}");
        artifacts.push(Artifact { path: path("svg"), bytes: svg(scene, Reader::File).into_bytes() });
        artifacts.push(Artifact { path: path("png"), bytes: rasterised(scene, file)? });
    }
    Ok(artifacts)
}

fn rasterised(scene: &Scene, figure: &str) -> Result<Vec<u8>, ReportError> {
    png(scene).map_err(|error| ReportError::Raster { figure: figure.to_owned(), reason: error.to_string() })
}

fn texts(told: &Told<'_>) -> Result<Vec<Artifact>, ReportError> {
    let file = |path: &str, text: String| Artifact { path: path.to_owned(), bytes: text.into_bytes() };
    let mut all = vec![
        file("results.json", results_json(told)?),
        Artifact { path: "results.csv".to_owned(), bytes: as_csv(told.telling.results, csv::rows)? },
        file("report/tables.md", markdown::tables(told)),
        file("report/tables.tex", latex::tables(told)),
        file("report/index.html", html::page(told)),
        file("report/references.bib", bibtex(&told.citations)),
    ];
    let results = told.telling.results;
    if !results.surfaces.is_empty() {
        let bytes = as_csv(results, csv::surfaces)?;
        all.insert(2, Artifact { path: "surfaces.csv".to_owned(), bytes });
    }
    if !results.curves.is_empty() {
        let bytes = as_csv(results, csv::curves)?;
        all.insert(2, Artifact { path: "curves.csv".to_owned(), bytes });
    }
    Ok(all)
}

fn as_csv(
    results: &Results,
    table: fn(&Results) -> Result<Vec<u8>, ::csv::Error>,
) -> Result<Vec<u8>, ReportError> {
    table(results).map_err(|source| ReportError::Csv { run: results.name.clone(), source })
}

/// The results with the paper's numbers, the keys of the works cited, and the digest of all.
fn results_json(told: &Told<'_>) -> Result<String, ReportError> {
    let Telling { results, published, .. } = &told.telling;
    let fail = |source| ReportError::Json { run: results.name.clone(), source };
    let mut value = serde_json::to_value(results).map_err(fail)?;
    if let Value::Object(map) = &mut value {
        map.insert("published".to_owned(), published.raw().clone());
        map.insert("citations".to_owned(), json!(told.citations.iter().map(|c| c.key).collect::<Vec<_>>()));
    }
    basin_results::seal_content(&mut value);
    Ok(serde_json::to_string_pretty(&value).map_err(fail)? + "\n")
}

/// The paper first, then the others by key, each once.
fn references(paper: Citation, citations: &[Citation]) -> Vec<Citation> {
    let mut others: Vec<Citation> = citations.iter().copied().filter(|c| c.key != paper.key).collect();
    others.sort();
    others.dedup_by_key(|citation| citation.key);
    [vec![paper], others].concat()
}
