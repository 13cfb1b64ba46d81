//! A page of `docs` for each paper: what every committed run says of its claims, judged by the same code as a report.

use basin_core::warn;
use basin_paper_data_shift::DataShift;
use basin_paper_loss_landscape::LossLandscape;
use basin_paper_single_basin::SingleBasin;
use basin_paper_transfer::Transfer;
use basin_papers::{Claim, Paper};
use basin_report::{Judgement, Verdict, claim_in_words, judge, judgement_in_words};
use basin_results::Results;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const BEGIN: &str = "<!-- claims: written by `cargo xtask claims` from results/ -->";
const END: &str = "<!-- end of claims -->";

/// Papers with their pages.
const PAGES: &[(&dyn Paper, &str)] = &[
    (&SingleBasin, "docs/claims.md"),
    (&DataShift, "docs/claims-data-shift.md"),
    (&LossLandscape, "docs/claims-loss-landscape.md"),
    (&Transfer, "docs/claims-transfer.md"),
];

/// Results that say nothing about the claims, and why.
const SILENT: &[(&str, &str)] = &[
    ("small-cifar100", "all ensembles lie at 1.3 to 2.7 %, near chance"),
    ("cheap-distillation", "synthetic images, too easy to tell accuracies apart"),
];

/// A committed run with its judgements.
struct Run {
    name: String,
    results: Results,
    judgements: Vec<Judgement>,
}

/// Writes the part of each page between its marks.
pub(crate) fn run() -> ExitCode {
    for (paper, page) in PAGES {
        let written = fresh(*paper, &root(), page)
            .and_then(|new| fs::write(root().join(page), new).map_err(|e| e.to_string()));
        if let Err(reason) = written {
            warn(&format!("error: {page}: {reason}"));
            return ExitCode::from(1);
        }
    }
    ExitCode::SUCCESS
}

/// Says what is wrong if a page is not what the committed results say.
pub(crate) fn check() -> Result<(), String> {
    PAGES.iter().try_for_each(|(paper, page)| {
        let text = fs::read_to_string(root().join(page)).unwrap_or_default();
        match fresh(*paper, &root(), page)? == text {
            true => Ok(()),
            false => {
                Err(format!("{page} is not what the results under results/ say: run `cargo xtask claims`"))
            }
        }
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A page with its generated part written anew.
fn fresh(paper: &dyn Paper, root: &Path, page: &str) -> Result<String, String> {
    let text = fs::read_to_string(root.join(page)).map_err(|e| e.to_string())?;
    let marks = || format!("it lacks the line {BEGIN} or {END}");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(marks)?;
    let (_, after) = rest.split_once(END).ok_or_else(marks)?;
    let runs = runs(paper, root)?;
    Ok(format!("{before}{BEGIN}\n\n{}{END}{after}", generated(paper, &runs)))
}

/// Every committed result set of the paper, by name.
fn runs(paper: &dyn Paper, root: &Path) -> Result<Vec<Run>, String> {
    let mut runs = Vec::new();
    for folder in entries(&root.join("results"))? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_silent = SILENT.iter().any(|(silent, _)| *silent == name);
        if is_silent || !folder.is_dir() {
            continue;
        }
        let results = together(read(&folder)?);
        // Earlier builds knew one paper and named none.
        let its =
            |r: &Results| r.paper == paper.id() || (r.paper.is_empty() && paper.id() == SingleBasin.id());
        let Some(results) = results.filter(its) else { continue };
        let judgements = judge(&results, paper).map_err(|e| format!("results/{name}: {e}"))?;
        runs.push(Run { name, results, judgements });
    }
    Ok(runs)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// All `results*.json` of a folder.
fn read(folder: &Path) -> Result<Vec<Results>, String> {
    let mut all = Vec::new();
    for file in entries(folder)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("results") && name.ends_with(".json") {
            let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            all.push(serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?);
        }
    }
    Ok(all)
}

/// Runs of one folder as cases of one experiment: they vary the keys in which their configurations differ.
fn together(mut all: Vec<Results>) -> Option<Results> {
    let configs: Vec<BTreeMap<String, String>> = all.iter().map(|results| leaves(&results.config)).collect();
    let differ = |key: &String| configs.iter().any(|config| config.get(key) != configs[0].get(key));
    for (results, config) in all.iter_mut().zip(&configs) {
        let varied: BTreeMap<_, _> =
            config.iter().filter(|(key, _)| differ(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
        results.ensembles.iter_mut().for_each(|ensemble| ensemble.case.extend(varied.clone()));
    }
    let mut all = all.into_iter();
    let first = all.next()?;
    Some(all.fold(first, |mut first, other| {
        first.ensembles.extend(other.ensembles);
        first
    }))
}

/// A configuration's values by dotted key.
fn leaves(config: &Value) -> BTreeMap<String, String> {
    let sections = config.as_object().into_iter().flatten();
    let of = |(section, values): (&String, &Value)| {
        let values = values.as_object().into_iter().flatten();
        values.map(|(key, value)| (format!("{section}.{key}"), value.to_string())).collect::<Vec<_>>()
    };
    sections.flat_map(of).collect()
}

fn generated(paper: &dyn Paper, runs: &[Run]) -> String {
    let mut text =
        "| run | data, network, members | epochs, images | seeds |\n| :-- | :-- | :-- | --: |\n".to_owned();
    for run in runs.iter().filter(|run| !run.judgements.is_empty()) {
        text += &row_of_run(run);
    }
    for (name, why) in SILENT.iter().filter(|_| paper.id() == SingleBasin.id()) {
        text += &format!("| [{name}](../results/{name}/README.md) | says nothing here: {why} | | |\n");
    }
    for claim in paper.claims() {
        text += &section(paper, claim, runs);
    }
    text
}

fn row_of_run(Run { name, results, .. }: &Run) -> String {
    let mut settings: Vec<String> = Vec::new();
    let mut seeds: Vec<u64> = Vec::new();
    for ensemble in &results.ensembles {
        let width =
            results.cases.iter().find(|case| (&case.case, &case.model) == (&ensemble.case, &ensemble.model));
        let width = width.map_or(&results.config, |case| &case.config).pointer("/model/width");
        let width = width.map_or_else(String::new, |width| format!(" ×{width}"));
        let setting = format!("{}, {}{width}, {}", ensemble.dataset, ensemble.model, ensemble.members);
        if !settings.contains(&setting) {
            settings.push(setting);
        }
        if !seeds.contains(&ensemble.seed) {
            seeds.push(ensemble.seed);
        }
    }
    let at = |key: &str| results.config.pointer(key).map_or_else(|| "?".to_owned(), ToString::to_string);
    let images = match at("/data/train_images").as_str() {
        "0" => "all".to_owned(),
        n => n.to_owned(),
    };
    format!(
        "| [{name}](../results/{name}/README.md) | {} | {}, {images} | {} |\n",
        settings.join("; "),
        at("/train/epochs"),
        seeds.len()
    )
}

fn section(paper: &dyn Paper, claim: &Claim, runs: &[Run]) -> String {
    let told: Vec<(&Run, &Judgement)> = runs
        .iter()
        .flat_map(|run| run.judgements.iter().map(move |judgement| (run, judgement)))
        .filter(|(_, judgement)| judgement.claim.id == claim.id)
        .collect();
    let count = |verdict| told.iter().filter(|(_, judgement)| judgement.verdict == verdict).count();
    let so_far = |verdict| told.iter().filter(|(_, judgement)| judgement.points_to == Some(verdict)).count();
    let mut text = format!(
        "\n## {}\n\n{}. Decided by: {}\n\nHolds in {}, fails in {}, undecided in {} (of these, so far borne out in {}, contradicted \
         in {}).\n",
        claim.sentence.trim_end_matches('.'),
        claim.source,
        claim_in_words(claim, paper),
        count(Verdict::Holds),
        count(Verdict::Fails),
        count(Verdict::Undecided),
        so_far(Verdict::Holds),
        so_far(Verdict::Fails)
    );
    if !told.is_empty() {
        text += "\n| verdict | n | run | setting | found |\n| :-- | --: | :-- | :-- | :-- |\n";
    }
    for (run, judgement) in told {
        text += &format!(
            "| **{}** | {} | {} | {} | {} |\n",
            judgement.verdict,
            judgement.seeds,
            run.name,
            judgement.setting,
            judgement_in_words(judgement, paper)
        );
    }
    text
}
