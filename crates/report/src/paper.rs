//! The published numbers and recipe, and which of the numbers a row of ours stands beside.

use crate::ReportError;
use basin_metrics::stats::Summary;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

const TABLE: &str = include_str!("../../../fixtures/paper/table.json");
const RECIPE: &str = include_str!("../../../fixtures/paper/recipe.json");

/// Tables 1, 2 and 4 and the recipe of Appendix C, as data.
#[derive(Clone, Debug)]
pub(crate) struct Paper {
    numbers: Numbers,
    recipe: Recipe,
    raw: Value,
}

#[derive(Clone, Debug, Deserialize)]
struct Numbers {
    notes: BTreeMap<String, String>,
    rows: Vec<Entry>,
}

#[derive(Clone, Debug, Deserialize)]
struct Entry {
    dataset: String,
    model: String,
    method: String,
    metric: String,
    mean: f64,
    sd: f64,
    seeds: usize,
    /// Whether this printing of a number that appears twice is the one to stand beside.
    compare: bool,
    note: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Recipe {
    members: usize,
    epochs: Vec<Length>,
}

#[derive(Clone, Debug, Deserialize)]
struct Length {
    dataset: String,
    model: String,
    epochs: f64,
}

/// One published number with what must be said about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Published {
    /// As a fraction.
    pub(crate) summary: Summary,
    /// Where the paper contradicts itself about this number.
    pub(crate) note: Option<String>,
}

impl Paper {
    /// What is compiled into this crate.
    pub(crate) fn published() -> Result<Self, ReportError> {
        Ok(Self {
            numbers: parse("table.json", TABLE)?,
            recipe: parse("recipe.json", RECIPE)?,
            raw: parse("table.json", TABLE)?,
        })
    }

    /// The numbers as they stand in the file, for `results.json`.
    pub(crate) fn raw(&self) -> &Value {
        &self.raw
    }

    /// The number for one cell; none where the paper has none.
    pub(crate) fn find(&self, dataset: &str, model: &str, method: &str, metric: &str) -> Option<Published> {
        let entry = self.numbers.rows.iter().find(|entry| {
            let wanted = entry.compare && entry.method == method && entry.metric == metric;
            wanted && alike(&entry.dataset, dataset) && alike(&entry.model, model)
        })?;
        let note = entry.note.as_ref().map(|key| self.numbers.notes.get(key).unwrap_or(key).clone());
        Some(Published { summary: Summary { mean: entry.mean, sd: entry.sd, n: entry.seeds }, note })
    }

    /// Whether the paper has any number for this data set and model.
    pub(crate) fn covers(&self, dataset: &str, model: &str) -> bool {
        self.numbers.rows.iter().any(|entry| alike(&entry.dataset, dataset) && alike(&entry.model, model))
    }

    /// Ensemble size M of all the paper's tables.
    pub(crate) fn members(&self) -> usize {
        self.recipe.members
    }

    /// Epochs T of a member.
    pub(crate) fn epochs(&self, dataset: &str, model: &str) -> Option<f64> {
        let lengths = &self.recipe.epochs;
        lengths.iter().find(|l| alike(&l.dataset, dataset) && alike(&l.model, model)).map(|l| l.epochs)
    }
}

fn parse<T: DeserializeOwned>(file: &'static str, text: &str) -> Result<T, ReportError> {
    serde_json::from_str(text).map_err(|source| ReportError::Published { file, source })
}

/// Ids compare by letters and digits alone: `tiny-imagenet` is `Tiny ImageNet`.
fn alike(a: &str, b: &str) -> bool {
    let letters = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    letters(a).eq_ignore_ascii_case(&letters(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distilled_deep_connectivity_is_table_4s_and_says_why() {
        let paper = Paper::published().unwrap();
        let found = paper.find("cifar10", "resnet20", "distilled-deep", "joint_connectivity").unwrap();
        assert_eq!(found.summary.mean, -0.7130);
        assert!(found.note.unwrap().contains("Table 4"));
    }

    #[test]
    fn every_method_of_table_1_has_one_number_per_data_set() {
        let paper = Paper::published().unwrap();
        for dataset in ["cifar10", "CIFAR-100", "tiny_imagenet"] {
            for method in ["deep", "constrained", "swe", "permuted", "distilled", "distilled-deep"] {
                for metric in ["ensemble_accuracy", "joint_connectivity"] {
                    let found = paper.find(dataset, "resnet20", method, metric);
                    assert!(found.is_some_and(|p| p.summary.n == 3), "{dataset} {method} {metric}");
                }
            }
            assert!(paper.epochs(dataset, "resnet20").is_some());
        }
        assert_eq!(paper.find("synthetic", "resnet20", "deep", "ensemble_accuracy"), None);
    }

    #[test]
    fn every_note_of_a_number_is_a_sentence() {
        let paper = Paper::published().unwrap();
        for key in paper.numbers.rows.iter().filter_map(|entry| entry.note.as_ref()) {
            assert!(paper.numbers.notes.contains_key(key), "{key}");
        }
    }
}
