//! The numbers a paper printed, and which of them a number of ours stands beside.

use basin_metrics::stats::Summary;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use thiserror::Error;

/// A file of published numbers that is compiled in does not parse: repair it and rebuild.
#[derive(Debug, Error)]
#[error("{file} does not parse: {source}; repair the file and rebuild")]
pub struct PublishedError {
    /// The file.
    pub file: &'static str,
    /// What the parser said.
    #[source]
    pub source: serde_json::Error,
}

/// All numbers of a paper.
#[derive(Clone, Debug)]
pub struct Published {
    numbers: Numbers,
    raw: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Numbers {
    #[serde(default)]
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

/// One published number with what must be said about it.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedNumber {
    /// In the metric's own unit: shares are fractions.
    pub summary: Summary,
    /// Where the paper contradicts itself about this number.
    pub note: Option<String>,
}

impl Published {
    /// A paper that printed no numbers, or none that could be had.
    pub fn none() -> Self {
        Self { numbers: Numbers::default(), raw: Value::Null }
    }

    /// From JSON: `rows` of `dataset`, `model`, `method`, `metric`, `mean`, `sd`, `seeds`, `compare`, `note`, and `notes`
    /// by name.
    ///
    /// # Errors
    /// [`PublishedError`] with the name of the file.
    pub fn parse(file: &'static str, text: &str) -> Result<Self, PublishedError> {
        let fail = |source| PublishedError { file, source };
        let raw = serde_json::from_str(text).map_err(fail)?;
        Ok(Self { numbers: serde_json::from_str(text).map_err(fail)?, raw })
    }

    /// The numbers as they stand in the file.
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    /// The number for one cell; none where the paper has none.
    pub fn find(&self, dataset: &str, model: &str, method: &str, metric: &str) -> Option<PublishedNumber> {
        let entry = self.numbers.rows.iter().find(|entry| {
            let wanted = entry.compare && entry.method == method && entry.metric == metric;
            wanted && alike(&entry.dataset, dataset) && alike(&entry.model, model)
        })?;
        let note = entry.note.as_ref().map(|key| self.numbers.notes.get(key).unwrap_or(key).clone());
        Some(PublishedNumber { summary: Summary { mean: entry.mean, sd: entry.sd, n: entry.seeds }, note })
    }

    /// Whether the paper has any number for this data set and model.
    pub fn covers(&self, dataset: &str, model: &str) -> bool {
        self.numbers.rows.iter().any(|entry| alike(&entry.dataset, dataset) && alike(&entry.model, model))
    }

    /// Names of notes that numbers refer to and that are not there.
    pub fn missing_notes(&self) -> Vec<&str> {
        let named = self.numbers.rows.iter().filter_map(|entry| entry.note.as_deref());
        named.filter(|name| !self.numbers.notes.contains_key(*name)).collect()
    }
}

/// Ids compare by letters and digits alone: `tiny-imagenet` is `Tiny ImageNet`.
pub fn alike(a: &str, b: &str) -> bool {
    let letters = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    letters(a).eq_ignore_ascii_case(&letters(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"notes": {"twice": "Printed twice."}, "rows": [
        {"dataset": "tiny-imagenet", "model": "resnet20", "method": "deep", "metric": "nll", "mean": 1.5, "sd": 0.1,
         "seeds": 3, "compare": false},
        {"dataset": "tiny-imagenet", "model": "resnet20", "method": "deep", "metric": "nll", "mean": 1.6, "sd": 0.1,
         "seeds": 3, "compare": true, "note": "twice"}]}"#;

    #[test]
    fn the_printing_to_compare_with_is_found_by_letters_alone_and_brings_its_note() {
        let published = Published::parse("test.json", TEXT).unwrap();
        let found = published.find("Tiny ImageNet", "ResNet20", "deep", "nll").unwrap();
        assert_eq!((found.summary.mean, found.note.as_deref()), (1.6, Some("Printed twice.")));
        assert!(published.covers("tiny_imagenet", "resnet20") && !published.covers("cifar10", "resnet20"));
        assert!(published.find("tiny-imagenet", "resnet20", "swe", "nll").is_none());
    }

    #[test]
    fn a_file_that_does_not_parse_is_named() {
        let error = Published::parse("test.json", "{").unwrap_err();
        let expected = "test.json does not parse: EOF while parsing an object at line 1 column 1; repair the file and rebuild";
        assert_eq!(error.to_string(), expected);
    }
}
