//! A card in Markdown for every trained network that is a member of some ensemble.

use crate::exit::Usage;
use crate::plan_file::{Node, read_plan};
use crate::retell::Finding;
use anyhow::Result;
use basin_core::{bibtex, is_plain};
use basin_report::{Artifact, markdown_escaped as escaped};
use basin_results::{Ensemble, Results, Subject, TrainingCurve};
use basin_store::{StoreError, found};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A network, with the ensembles that it is a member of and its place in each, from 1.
type Memberships<'a> = Vec<(&'a Ensemble, usize)>;

/// A card per network, named as the folder of its node.
pub(super) fn files(finding: &Finding, run: &Path) -> Result<Vec<Artifact>> {
    let plan = run.join("plan.json");
    if found(&plan).map_err(StoreError::io("look at", &plan))?.is_none() {
        return Err(Usage(format!("{} does not exist, expected a finished run", plan.display())).into());
    }
    let nodes = read_plan(&plan)?.nodes;
    let mut networks: BTreeMap<&str, Memberships<'_>> = BTreeMap::new();
    for ensemble in &finding.results.ensembles {
        // The measurements stand before the members.
        let first = ensemble.sources.len().saturating_sub(ensemble.members);
        for (i, source) in ensemble.sources[first..].iter().enumerate() {
            networks.entry(source).or_default().push((ensemble, i + 1));
        }
    }
    let card = |(source, memberships): (&&str, &Memberships<'_>)| {
        let name = source.rsplit('/').next().unwrap_or(source);
        let node = nodes.iter().find(|node| node.is_trained() && node.folder() == name)?;
        let text = card(finding, node, source, memberships);
        Some(Artifact { path: format!("{name}.md"), bytes: text.into_bytes() })
    };
    Ok(networks.iter().filter_map(card).collect())
}

fn card(finding: &Finding, node: &Node, source: &str, memberships: &Memberships<'_>) -> String {
    let results = &finding.results;
    let (ensemble, place) = memberships[0];
    let Ensemble { dataset, model, seed, .. } = ensemble;
    let accuracy = ensemble.get_of(&Subject::Member(place), "member-accuracy");
    let objective = if node.objective.is_empty() { "cross-entropy" } else { &node.objective };
    let mut text = front_matter(node, dataset, accuracy);
    text += &format!(
        "\n# {} of seed {seed}, {} on {}\n\nTrained by {} in the run `{}` of Basin. Parameters: \
         `{}/final.safetensors`, from the folder of the run's `results.json`.\n",
        escaped(&node.name),
        escaped(model),
        escaped(dataset),
        escaped(objective),
        code(&results.name),
        code(source)
    );
    text += "\n## Accuracy on the test images\n\n| ensemble | place in it | this network, % | whole ensemble, % |\n";
    text += "| :-- | --: | --: | --: |\n";
    for (ensemble, place) in memberships {
        let case = ensemble.case.iter().map(|(key, value)| format!(", {key} = {value}")).collect::<String>();
        let own = percent(ensemble.get_of(&Subject::Member(*place), "member-accuracy"));
        let whole = percent(ensemble.get("ensemble-accuracy"));
        let Ensemble { method, members, .. } = ensemble;
        let name = escaped(&format!("{method}{case}"));
        text += &format!("| {name} | {place} of {members} | {own} | {whole} |\n");
    }
    if let Some(last) = curve(results, node).and_then(|curve| curve.points.last()) {
        text += &format!(
            "\nAfter epoch {}: training loss {:.4}, training accuracy {:.2} %.\n",
            last.epoch,
            last.loss,
            100.0 * last.accuracy
        );
    }
    text += &data(results.config_of(ensemble), dataset);
    text += &format!("\n## Configuration\n\n{}", fenced("toml", &configuration(results.config_of(ensemble))));
    text + &format!("\n## Citations\n\n{}", fenced("bibtex", &bibtex(&finding.citations)))
}

/// Text inside of a span of code, which ends at the next mark.
fn code(text: &str) -> String {
    let shown = |c: char| {
        if c == '`' {
            '\''
        } else if is_plain(c) {
            c
        } else {
            ' '
        }
    };
    text.chars().map(shown).collect()
}

/// A block of code, fenced by more marks than stand in it.
fn fenced(language: &str, code: &str) -> String {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{code}{fence}\n")
}

/// What model hubs read.
fn front_matter(node: &Node, dataset: &str, accuracy: Option<f64>) -> String {
    // A string of JSON is one of YAML.
    let quoted = |text: &str| Value::from(text).to_string();
    let mut text = format!(
        "---\nlibrary_name: basin\npipeline_tag: image-classification\ndatasets:\n- {0}\nmetrics:\n- accuracy\n",
        quoted(dataset)
    );
    if let Some(accuracy) = accuracy.filter(|accuracy| accuracy.is_finite()) {
        text += &format!(
            "model-index:\n- name: {}\n  results:\n  - task:\n      type: image-classification\n    dataset:\n      \
             type: {dataset}\n      name: {dataset}\n      split: test\n    metrics:\n    - type: accuracy\n      \
             value: {accuracy}\n",
            quoted(&node.folder()),
            dataset = quoted(dataset),
        );
    }
    text + "---\n"
}

fn data(config: &Value, dataset: &str) -> String {
    let images = |key: &str| match config["data"][key].as_u64() {
        Some(0) | None => "all".to_owned(),
        Some(n) => format!("the first {n}"),
    };
    format!(
        "\n## Data\n\n{}: {} training images, {} test images. Test images took no part in training.\n",
        escaped(dataset),
        images("train_images"),
        images("test_images")
    )
}

/// What determines the network, as TOML.
fn configuration(config: &Value) -> String {
    let section = |name: &&str| {
        let keys = config[*name].as_object().into_iter().flatten();
        let bare = |key: &str| key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        let named = keys.filter(|(key, _)| bare(key));
        let lines = named.filter_map(|(key, value)| Some(format!("{key} = {}\n", toml_value(value)?)));
        format!("[{name}]\n{}", lines.collect::<String>())
    };
    ["data", "model", "train", "augment", "ensemble"].iter().map(section).collect::<Vec<_>>().join("\n")
}

fn toml_value(value: &Value) -> Option<String> {
    toml::Value::try_from(value).ok().map(|value| value.to_string())
}

/// The curve that ends in this node.
fn curve<'a>(results: &'a Results, node: &Node) -> Option<&'a TrainingCurve> {
    let mut same = results.training.iter().filter(|c| c.node == node.name && c.seed == node.seed);
    // Cases may have nodes of one name; a curve does not say which is its own.
    same.next().filter(|_| same.next().is_none())
}

fn percent(share: Option<f64>) -> String {
    share.filter(|share| share.is_finite()).map_or("–".to_owned(), |share| format!("{:.2}", 100.0 * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_does_not_end_where_it_says_so() {
        assert_eq!(code("a`b\n\u{1b}c"), "a'b  c");
        assert_eq!(fenced("toml", "x = 1\n"), "```toml\nx = 1\n```\n");
        assert_eq!(fenced("toml", "x = \"````\"\n"), "`````toml\nx = \"````\"\n`````\n");
    }

    #[test]
    fn only_plain_keys_are_configuration() {
        let config = serde_json::json!({ "train": { "epochs": 3, "a = 1\n[b]": 2 } });
        let told = configuration(&config);
        assert!(told.contains("epochs = 3\n") && !told.contains("[b]"), "{told}");
    }
}
