//! One measured ensemble: what names it, and its numbers by subject and metric.

use crate::nulls::Number;
use crate::{Subject, earlier};
use basin_metrics::METRICS;
use basin_papers::CaseKeys;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One ensemble of one seed, measured on the test split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "earlier::AnyEnsemble")]
pub struct Ensemble {
    /// Data set, for example `cifar10`.
    pub dataset: String,
    /// Architecture, for example `resnet20`.
    pub model: String,
    /// What its case of the experiment varies.
    pub case: CaseKeys,
    /// Method id, for example `distilled-deep`.
    pub method: String,
    /// Root seed.
    pub seed: u64,
    /// Number of members M.
    pub members: usize,
    /// Its numbers. A metric that is not there was not measured; NaN, in files null, is one that could not be.
    pub scalars: Scalars,
    /// Folders that these numbers come from, relative to `results.json`: the measurement, then the members.
    pub sources: Vec<String>,
}

/// Numbers by subject, then by metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scalars(BTreeMap<Subject, BTreeMap<String, Number>>);

impl Ensemble {
    /// With a number of the whole ensemble.
    #[must_use]
    pub fn with(self, metric: &str, value: f64) -> Self {
        self.with_of(Subject::Ensemble, metric, value)
    }

    /// With a number of some part of it.
    #[must_use]
    pub fn with_of(mut self, subject: Subject, metric: &str, value: f64) -> Self {
        self.set(subject, metric, value);
        self
    }

    /// Sets a number, in place of an earlier one.
    pub fn set(&mut self, subject: Subject, metric: &str, value: f64) {
        self.scalars.0.entry(subject).or_default().insert(metric.to_owned(), Number(value));
    }

    /// A number of the whole ensemble; none where it was not measured.
    pub fn get(&self, metric: &str) -> Option<f64> {
        self.get_of(&Subject::Ensemble, metric)
    }

    /// A number of some part of it; none where it was not measured.
    pub fn get_of(&self, subject: &Subject, metric: &str) -> Option<f64> {
        self.scalars.0.get(subject)?.get(metric).map(|number| number.0)
    }

    /// All numbers: metrics in the order of their table, those that are not in it after them by name; subjects in order.
    pub fn values(&self) -> impl Iterator<Item = (Subject, &str, f64)> {
        let rank = |id: &str| METRICS.iter().position(|m| m.id == id).unwrap_or(METRICS.len());
        let mut all: Vec<(Subject, &str, f64)> = Vec::new();
        for (subject, numbers) in &self.scalars.0 {
            all.extend(numbers.iter().map(|(id, n)| (subject.clone(), id.as_str(), n.0)));
        }
        all.sort_by(|a, b| (rank(a.1), a.1, &a.0).cmp(&(rank(b.1), b.1, &b.0)));
        all.into_iter()
    }

    /// As [`Ensemble::get`], NaN where there is none.
    pub fn number(&self, metric: &str) -> f64 {
        self.get(metric).unwrap_or(f64::NAN)
    }

    /// What ensembles of one block of a table share.
    pub fn setting(&self) -> (&str, &str, &CaseKeys, usize) {
        (&self.dataset, &self.model, &self.case, self.members)
    }
}
