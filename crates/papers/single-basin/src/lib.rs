#![doc = include_str!("../README.md")]

mod claims;
mod experiments;
mod layout;
mod presets;
mod setup;

use basin_core::Citation;
use basin_papers::{
    Claim, Experiment, Layout, Paper, Preset, PrintedMethod, Published, PublishedError, Symbol,
};
use serde_json::Value;

/// "How Good is a Single Basin?"
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SingleBasin;

impl Paper for SingleBasin {
    fn id(&self) -> &'static str {
        "single-basin"
    }

    fn citation(&self) -> Citation {
        Citation::SINGLE_BASIN
    }

    fn question(&self) -> &'static str {
        "Can networks of one connected basin ensemble as well as independent ones?"
    }

    fn methods(&self) -> &'static [PrintedMethod] {
        layout::METHODS
    }

    fn symbols(&self) -> &'static [Symbol] {
        experiments::SYMBOLS
    }

    fn experiments(&self) -> &'static [Experiment] {
        experiments::EXPERIMENTS
    }

    fn presets(&self) -> &'static [Preset] {
        presets::PRESETS
    }

    fn published(&self) -> Result<Published, PublishedError> {
        Published::parse("table.json", include_str!("../published/table.json"))
    }

    fn setup(&self, config: &Value, dataset: &str, model: &str, members: usize) -> String {
        let covered = self.published().is_ok_and(|published| published.covers(dataset, model));
        setup::sentence(covered, config, dataset, model, members)
    }

    fn layout(&self) -> &'static Layout {
        &layout::LAYOUT
    }

    fn claims(&self) -> &'static [Claim] {
        claims::CLAIMS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distilled_deep_connectivity_is_table_4s_and_says_why() {
        let published = SingleBasin.published().unwrap();
        let found = published.find("cifar10", "resnet20", "distilled-deep", "joint-connectivity").unwrap();
        assert_eq!(found.summary.mean, -0.7130);
        assert!(found.note.unwrap().contains("Table 4"));
    }

    #[test]
    fn every_method_of_table_1_has_one_number_per_data_set() {
        let published = SingleBasin.published().unwrap();
        for dataset in ["cifar10", "CIFAR-100", "tiny_imagenet"] {
            for method in SingleBasin.methods() {
                for metric in ["ensemble-accuracy", "joint-connectivity"] {
                    let found = published.find(dataset, "resnet20", method.id, metric);
                    assert!(found.is_some_and(|p| p.summary.n == 3), "{dataset} {} {metric}", method.id);
                }
            }
        }
        assert_eq!(published.find("synthetic", "resnet20", "deep", "ensemble-accuracy"), None);
    }

    #[test]
    fn every_note_of_a_number_is_a_sentence() {
        assert!(SingleBasin.published().unwrap().missing_notes().is_empty());
    }

    /// A misspelt one would be a number that nothing stands beside.
    #[test]
    fn every_metric_of_a_published_number_is_in_the_table() {
        let published = SingleBasin.published().unwrap();
        let rows = published.raw()["rows"].as_array().unwrap();
        assert!(rows.len() > 30, "{}", rows.len());
        for row in rows {
            assert!(basin_metrics::Metric::find(row["metric"].as_str().unwrap()).is_some(), "{row}");
        }
    }

    #[test]
    fn ids_of_claims_and_experiments_stand_once_and_sentences_end() {
        let mut ids: Vec<&str> = SingleBasin.claims().iter().map(|claim| claim.id).collect();
        ids.extend(SingleBasin.experiments().iter().map(|experiment| experiment.name));
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
        assert!(SingleBasin.claims().iter().all(|claim| claim.sentence.ends_with('.') && claim.seeds >= 2));
    }
}
