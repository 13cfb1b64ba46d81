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

    /// Tables, figures, claims and numbers name metrics; a misspelt one would be a column that stays empty.
    #[test]
    fn every_metric_that_is_named_is_in_the_table() {
        let layout = SingleBasin.layout();
        let mut named: Vec<&str> = [layout.compared, layout.described].concat();
        named.extend(layout.within.iter().flat_map(|within| [within.metric, within.error]));
        for claim in SingleBasin.claims() {
            named.extend(claim.given.iter().flat_map(|c| [Some(c.metric), c.error]).flatten());
            match claim.comparison {
                basin_papers::Comparison::All(all) => {
                    named.extend(all.iter().flat_map(|c| [Some(c.metric), c.error]).flatten());
                }
                basin_papers::Comparison::Connected { metric, .. } => named.push(metric),
                basin_papers::Comparison::Trend { metric, .. } => named.push(metric),
            }
        }
        for figure in layout.figures {
            named.extend(figure.metrics());
        }
        assert!(named.len() > 30, "{named:?}");
        for id in named {
            assert!(basin_metrics::Metric::find(id).is_some(), "{id}");
        }
        let published = SingleBasin.published().unwrap();
        for row in published.raw()["rows"].as_array().unwrap() {
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
