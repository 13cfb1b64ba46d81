//! What a run found, as data: the only input of a report.

use crate::curve::Curve;
use crate::earlier;
use crate::ensemble::Ensemble;
use crate::nulls::{number_or_null, numbers_or_null};
use crate::surface::Surface;
use basin_papers::CaseKeys;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything a report tells. All accuracies, connectivities and shares are fractions, not percentages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Name of the run, shown as the title.
    pub name: String,
    /// Id of the paper; empty in files of earlier builds, which knew one paper.
    #[serde(default, deserialize_with = "earlier::paper")]
    pub paper: String,
    /// Name of the experiment, for example `table1`.
    #[serde(default)]
    pub experiment: String,
    /// Resolved configuration of the first case, nested by section.
    pub config: Value,
    /// The configurations of all cases.
    #[serde(default)]
    pub cases: Vec<CaseConfig>,
    /// Every trained and measured ensemble with its numbers.
    #[serde(alias = "rows")]
    pub ensembles: Vec<Ensemble>,
    /// Loss and accuracy while training, one curve per trained node.
    #[serde(default)]
    pub training: Vec<TrainingCurve>,
    /// Connectivity between pairs of members.
    #[serde(default)]
    pub pairwise: Vec<PairwiseLine>,
    /// What measurements left as curves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<Curve>,
    /// What measurements left as surfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub surfaces: Vec<Surface>,
    /// What the run cost.
    pub cost: Cost,
    /// Machine, versions, threads: whatever the caller knows of where the run took place.
    #[serde(default)]
    pub environment: Value,
}

/// One setting of an experiment that has several.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CaseConfig {
    /// What it varies; empty where that is nothing but data set and network.
    #[serde(default, alias = "label", deserialize_with = "earlier::case")]
    pub case: CaseKeys,
    /// Its architecture.
    pub model: String,
    /// Its resolved configuration.
    pub config: Value,
}

/// How one trained node's loss and accuracy went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingCurve {
    /// Readable name of the node, for example `deep-1`.
    pub node: String,
    /// Architecture.
    #[serde(default)]
    pub model: String,
    /// The case of the experiment that it was first planned for.
    #[serde(default, deserialize_with = "earlier::case")]
    pub case: CaseKeys,
    /// Method id that gives the curve its colour.
    pub method: String,
    /// Root seed.
    pub seed: u64,
    /// What it was trained on, in words; empty for all training images, and in files of earlier builds.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub data: String,
    /// In order of epochs.
    pub points: Vec<TrainingPoint>,
}

/// One look at a training run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingPoint {
    /// Epochs since initialisation.
    #[serde(deserialize_with = "number_or_null")]
    pub epoch: f64,
    /// Training loss.
    #[serde(deserialize_with = "number_or_null")]
    pub loss: f64,
    /// Accuracy, in `[0, 1]`.
    #[serde(deserialize_with = "number_or_null")]
    pub accuracy: f64,
    /// Learning rate.
    #[serde(deserialize_with = "number_or_null")]
    pub learning_rate: f64,
}

/// Connectivity q on the segment between two members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairwiseLine {
    /// The case of the experiment.
    #[serde(default, deserialize_with = "earlier::case")]
    pub case: CaseKeys,
    /// Architecture.
    #[serde(default)]
    pub model: String,
    /// Method id.
    pub method: String,
    /// Root seed.
    pub seed: u64,
    /// The two members, from 0.
    pub pair: (usize, usize),
    /// Positions α on the segment, in `[0, 1]`; the same for all lines of a method.
    #[serde(deserialize_with = "numbers_or_null")]
    pub alphas: Vec<f64>,
    /// q at each position, as a fraction.
    #[serde(deserialize_with = "numbers_or_null")]
    pub q: Vec<f64>,
}

/// What a run cost. How long it took stands apart, in `timing.json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Epochs trained, all nodes together.
    #[serde(deserialize_with = "number_or_null")]
    pub epochs: f64,
    /// Training images seen.
    pub images: u64,
}

/// One number with everything that names it: a row of `results.csv`.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'a> {
    /// The results that it is of: paper and experiment.
    pub results: &'a Results,
    /// The ensemble that it is of: data set, network, case, method, seed, number of members.
    pub ensemble: &'a Ensemble,
    /// What of the ensemble was measured, for example `member-2`.
    pub subject: crate::Subject,
    /// Id of the metric.
    pub metric: &'a str,
    /// The value in the metric's own unit; NaN where it could not be measured.
    pub value: f64,
}

impl Results {
    /// Every number of every ensemble, in the order of the ensembles, then of the metrics' table, then of the subjects.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.ensembles.iter().flat_map(move |ensemble| {
            let row = move |(subject, metric, value)| Row { results: self, ensemble, subject, metric, value };
            ensemble.values().map(row)
        })
    }

    /// The configuration of an ensemble's case.
    pub fn config_of(&self, ensemble: &Ensemble) -> &Value {
        let here = |case: &&CaseConfig| (&case.case, &case.model) == (&ensemble.case, &ensemble.model);
        self.cases.iter().find(here).map_or(&self.config, |case| &case.config)
    }
}
