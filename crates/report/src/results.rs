//! What a run found, as data: the only input of a report.

use crate::ReportError;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Everything a report tells. All accuracies, connectivities and shares are fractions, not percentages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Name of the run, shown as the title.
    pub name: String,
    /// Name of the experiment, for example `table1`.
    #[serde(default)]
    pub experiment: String,
    /// Resolved configuration of the first case; `width`, `epochs` and `members`, wherever they stand in it, tell whether the
    /// set-up is the paper's.
    pub config: Value,
    /// The configurations of all cases.
    #[serde(default)]
    pub cases: Vec<Case>,
    /// One row per trained and measured ensemble.
    pub rows: Vec<Row>,
    /// Loss and accuracy while training, one curve per trained node.
    #[serde(default)]
    pub training: Vec<TrainingCurve>,
    /// Connectivity between pairs of members (Fig. 2a and 2b).
    #[serde(default)]
    pub pairwise: Vec<PairwiseLine>,
    /// What the run cost.
    pub cost: Cost,
    /// Machine, versions, threads: whatever the caller knows of where the run took place.
    #[serde(default)]
    pub environment: Value,
}

/// One setting of an experiment that has several.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// What it varies, for example `t = 2, β = 0.2`; empty where that is nothing but data set and network.
    pub label: String,
    /// Its architecture.
    pub model: String,
    /// Its resolved configuration.
    pub config: Value,
}

/// One ensemble of one seed, measured on the test split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Data set, for example `cifar10`.
    pub dataset: String,
    /// Architecture, for example `resnet20`.
    pub model: String,
    /// The case of the experiment: what it varies, or nothing.
    #[serde(default)]
    pub case: String,
    /// Method id, for example `distilled-deep`.
    pub method: String,
    /// Root seed.
    pub seed: u64,
    /// Number of members M.
    pub members: usize,
    /// Accuracy of the ensemble, in `[0, 1]`.
    #[serde(deserialize_with = "number_or_null")]
    pub ensemble_accuracy: f64,
    /// Mean accuracy of the members, in `[0, 1]`.
    #[serde(deserialize_with = "number_or_null")]
    pub mean_member_accuracy: f64,
    /// Joint connectivity q̄, mean over draws of λ, in `[-1, 1]`.
    #[serde(deserialize_with = "number_or_null")]
    pub joint_connectivity: f64,
    /// Standard deviation of q(λ) over the draws.
    #[serde(deserialize_with = "number_or_null")]
    pub joint_connectivity_sd: f64,
    /// Negative log-likelihood of the ensemble, nats, ≥ 0.
    #[serde(deserialize_with = "number_or_null")]
    pub nll: f64,
    /// Brier score of the ensemble, in `[0, 2]`.
    #[serde(deserialize_with = "number_or_null")]
    pub brier: f64,
    /// Expected calibration error of the ensemble, in `[0, 1]`.
    #[serde(deserialize_with = "number_or_null")]
    pub ece: f64,
    /// One-vs-all Jensen-Shannon divergence, nats, in `[0, ln 2]`.
    #[serde(deserialize_with = "number_or_null")]
    pub jsd_one_vs_all: f64,
    /// Variance over members of the true class's probability, ≥ 0.
    #[serde(deserialize_with = "number_or_null")]
    pub true_class_variance: f64,
    /// Share of test images on which two members differ, mean over pairs, in `[0, 1]`.
    #[serde(deserialize_with = "number_or_null")]
    pub disagreement: f64,
    /// Accuracy of each member, in order, in `[0, 1]`.
    #[serde(default, deserialize_with = "numbers_or_null")]
    pub member_accuracies: Vec<f64>,
    /// Ensemble accuracy minus that of the deep ensemble of the same seed, on the same test images, as fractions; none
    /// where there is no deep ensemble to compare with.
    #[serde(default)]
    pub minus_deep: Option<MinusDeep>,
    /// What training all of it costs if nothing is shared, in passes over the training set: forward and backward count 1,
    /// a teacher's forward pass 1/3. 0 where it is not known.
    #[serde(default)]
    pub passes: f64,
    /// Folders that these numbers come from, relative to `results.json`: the measurement, then the members.
    #[serde(default)]
    pub sources: Vec<String>,
}

/// A paired difference of accuracies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MinusDeep {
    /// The difference.
    #[serde(deserialize_with = "number_or_null")]
    pub mean: f64,
    /// Its standard error over the test images.
    #[serde(deserialize_with = "number_or_null")]
    pub standard_error: f64,
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
    #[serde(default)]
    pub case: String,
    /// Method id that gives the curve its colour.
    pub method: String,
    /// Root seed.
    pub seed: u64,
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
    #[serde(default)]
    pub case: String,
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

/// What a run cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Epochs trained, all nodes together.
    #[serde(deserialize_with = "number_or_null")]
    pub epochs: f64,
    /// Training images seen.
    pub images: u64,
    /// Wall-clock time in seconds, interruptions not counted.
    #[serde(deserialize_with = "number_or_null")]
    pub wall_seconds: f64,
}

impl MinusDeep {
    /// 95 % over test images, by the normal approximation.
    pub(crate) fn interval(self) -> (f64, f64) {
        let half = 1.96 * self.standard_error;
        (self.mean - half, self.mean + half)
    }
}

impl Row {
    /// The metric columns with their names, in the order of the CSV file.
    pub(crate) fn metrics(&self) -> [(&'static str, f64); 11] {
        [
            ("ensemble_accuracy", self.ensemble_accuracy),
            ("mean_member_accuracy", self.mean_member_accuracy),
            ("joint_connectivity", self.joint_connectivity),
            ("joint_connectivity_sd", self.joint_connectivity_sd),
            ("nll", self.nll),
            ("brier", self.brier),
            ("ece", self.ece),
            ("jsd_one_vs_all", self.jsd_one_vs_all),
            ("true_class_variance", self.true_class_variance),
            ("disagreement", self.disagreement),
            ("passes", if self.passes > 0.0 { self.passes } else { f64::NAN }),
        ]
    }
}

impl Results {
    /// The configuration of a row's case.
    pub(crate) fn config_of(&self, row: &Row) -> &Value {
        let case = self.cases.iter().find(|case| (&case.label, &case.model) == (&row.case, &row.model));
        case.map_or(&self.config, |case| &case.config)
    }

    /// Refuses what would make a table or figure lie: repeated rows, percentages, ragged lines.
    /// Non-finite numbers pass; they are shown as missing.
    pub(crate) fn check(&self) -> Result<(), ReportError> {
        for (row, this) in self.rows.iter().enumerate() {
            let same = |other: &&Row| {
                (&other.dataset, &other.model, &other.case, &other.method, other.seed, other.members)
                    == (&this.dataset, &this.model, &this.case, &this.method, this.seed, this.members)
            };
            if let Some(first) = self.rows[..row].iter().position(|other| same(&other)) {
                return Err(ReportError::DuplicateRow {
                    first,
                    row,
                    dataset: this.dataset.clone(),
                    model: this.model.clone(),
                    method: this.method.clone(),
                    seed: this.seed,
                });
            }
            check_fractions(row, this)?;
        }
        self.check_lines()
    }

    fn check_lines(&self) -> Result<(), ReportError> {
        for line in &self.pairwise {
            let (method, seed, (first, second)) = (line.method.clone(), line.seed, line.pair);
            let (alphas, values) = (line.alphas.len(), line.q.len());
            if alphas != values {
                return Err(ReportError::LineLength { method, seed, first, second, alphas, values });
            }
            let same = |other: &&PairwiseLine| {
                (&other.method, &other.model, &other.case) == (&line.method, &line.model, &line.case)
            };
            let leader = self.pairwise.iter().find(same);
            if leader.is_some_and(|leader| leader.alphas != line.alphas) {
                return Err(ReportError::LineGrid { method, seed, first, second });
            }
        }
        Ok(())
    }
}

fn check_fractions(row: usize, this: &Row) -> Result<(), ReportError> {
    let range = |column: &str| match column {
        "joint_connectivity" => Some((-1.0, 1.0)),
        "ensemble_accuracy" | "mean_member_accuracy" | "ece" | "disagreement" => Some((0.0, 1.0)),
        _ => None,
    };
    let members = this.member_accuracies.iter().map(|&value| ("member_accuracies", value, (0.0, 1.0)));
    let metrics = this.metrics();
    let columns = metrics.iter().filter_map(|&(column, value)| range(column).map(|r| (column, value, r)));
    for (column, value, (low, high)) in columns.chain(members) {
        // A share may leave its range by rounding alone; what is not finite is shown as missing.
        if value.is_finite() && !(low - 1e-9..=high + 1e-9).contains(&value) {
            let (method, seed) = (this.method.clone(), this.seed);
            return Err(ReportError::NotAFraction { row, method, seed, column, value, low, high });
        }
    }
    Ok(())
}

/// JSON has no NaN: it is written as null, and null is read back as NaN.
fn number_or_null<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN))
}

fn numbers_or_null<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    Ok(Vec::<Option<f64>>::deserialize(from)?.into_iter().map(|x| x.unwrap_or(f64::NAN)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_measurement_survives_json_as_null() {
        let row = Row { nll: f64::NAN, brier: f64::INFINITY, ensemble_accuracy: 0.5, ..Row::default() };
        let text = serde_json::to_string(&row).unwrap();
        assert!(text.contains("\"nll\":null") && text.contains("\"brier\":null"), "{text}");
        let back: Row = serde_json::from_str(&text).unwrap();
        assert!(back.nll.is_nan() && back.ensemble_accuracy == 0.5);
    }

    #[test]
    fn a_percentage_is_refused_where_a_fraction_belongs() {
        let rows = vec![Row { ensemble_accuracy: 94.4, method: "deep".into(), ..Row::default() }];
        let error = Results { rows, ..Results::default() }.check().unwrap_err();
        assert!(matches!(error, ReportError::NotAFraction { column: "ensemble_accuracy", .. }));
        assert!(error.to_string().contains("divided by 100"), "{error}");
    }

    #[test]
    fn the_same_ensemble_twice_is_refused_with_both_positions() {
        let rows = vec![Row::default(), Row { seed: 1, ..Row::default() }, Row::default()];
        let error = Results { rows, ..Results::default() }.check().unwrap_err();
        assert!(matches!(error, ReportError::DuplicateRow { first: 0, row: 2, .. }), "{error}");
    }

    #[test]
    fn ragged_interpolation_lines_are_refused() {
        let line = PairwiseLine { alphas: vec![0.0, 1.0], q: vec![0.0], ..PairwiseLine::default() };
        let error = Results { pairwise: vec![line], ..Results::default() }.check().unwrap_err();
        assert!(matches!(error, ReportError::LineLength { alphas: 2, values: 1, .. }), "{error}");

        let line = |alphas: Vec<f64>| PairwiseLine { q: alphas.clone(), alphas, ..PairwiseLine::default() };
        let pairwise = vec![line(vec![0.0, 1.0]), line(vec![0.0, 0.5])];
        let error = Results { pairwise, ..Results::default() }.check().unwrap_err();
        assert!(matches!(error, ReportError::LineGrid { .. }), "{error}");
    }
}
