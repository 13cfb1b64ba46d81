//! Which rows of two runs are the same row.

use basin_papers::CaseKeys;
use basin_results::Results;
use basin_results::Subject;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a row is of, over all seeds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RowName {
    /// Data set; none where each run has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Architecture; none where each run has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Number of members; none where each run has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<usize>,
    /// What the case of the experiment varies.
    #[serde(skip_serializing_if = "CaseKeys::is_empty")]
    pub case: CaseKeys,
    /// Method id.
    pub method: String,
    /// What of the ensemble.
    pub subject: Subject,
    /// Metric id.
    pub metric: String,
}

/// Which parts of a row's name are told: data set, architecture, members.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told([bool; 3]);

/// Whatever differs within one of the runs.
pub(super) fn told(runs: [&Results; 2]) -> Told {
    let several = |run: &Results, part: fn(&basin_results::Ensemble) -> String| {
        run.ensembles.iter().map(part).collect::<BTreeSet<String>>().len() > 1
    };
    let any = |part: fn(&basin_results::Ensemble) -> String| runs.iter().any(|run| several(run, part));
    Told([any(|e| e.dataset.clone()), any(|e| e.model.clone()), any(|e| e.members.to_string())])
}

/// The values of each row of a run, one per seed.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) order: Vec<RowName>,
    pub(super) values: BTreeMap<RowName, Vec<f64>>,
}

impl Rows {
    pub(super) fn of(results: &Results, Told([dataset, model, members]): Told) -> Self {
        let mut rows = Self::default();
        for row in results.rows() {
            let name = RowName {
                dataset: dataset.then(|| row.ensemble.dataset.clone()),
                model: model.then(|| row.ensemble.model.clone()),
                members: members.then_some(row.ensemble.members),
                case: row.ensemble.case.clone(),
                method: row.ensemble.method.clone(),
                subject: row.subject.clone(),
                metric: row.metric.to_owned(),
            };
            if !rows.values.contains_key(&name) {
                rows.order.push(name.clone());
            }
            rows.values.entry(name).or_default().push(row.value);
        }
        rows
    }
}
