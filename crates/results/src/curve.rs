//! Curves that measurements leave: a quantity over a variable.

use crate::nulls::numbers_or_null;
use crate::{Ensemble, Subject};
use basin_papers::CaseKeys;
use serde::{Deserialize, Serialize};

/// A quantity over a variable, of one ensemble of one seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The case of the experiment.
    #[serde(default)]
    pub case: CaseKeys,
    /// Data set.
    pub dataset: String,
    /// Architecture.
    pub model: String,
    /// Method id.
    pub method: String,
    /// Root seed.
    pub seed: u64,
    /// What of the ensemble it is of, for example `pair-1-2`.
    pub subject: Subject,
    /// Id of the metric, for example `line-loss`.
    pub quantity: String,
    /// Which images, for example `test`.
    pub data: String,
    /// Name of the variable, for example `lambda`.
    pub variable: String,
    /// Values of the variable; the same for all curves that are averaged.
    #[serde(deserialize_with = "numbers_or_null")]
    pub at: Vec<f64>,
    /// The quantity at each, in the metric's own unit; NaN, in files null, where it could not be measured.
    #[serde(deserialize_with = "numbers_or_null")]
    pub values: Vec<f64>,
}

impl Curve {
    /// What a measurement left of an ensemble.
    pub fn new(ensemble: &Ensemble, curve: basin_core::Curve) -> Self {
        let basin_core::Curve { subject, data, quantity, variable, at, values } = curve;
        Self {
            case: ensemble.case.clone(),
            dataset: ensemble.dataset.clone(),
            model: ensemble.model.clone(),
            method: ensemble.method.clone(),
            seed: ensemble.seed,
            subject: subject.as_str().into(),
            quantity,
            data,
            variable,
            at,
            values,
        }
    }

    /// What curves of one series share: all but seed and subject.
    pub fn series(&self) -> [&str; 6] {
        [&self.dataset, &self.model, &self.method, &self.quantity, &self.data, &self.variable]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_measured_is_null_in_files() {
        let ensemble = Ensemble { method: "deep".into(), seed: 3, ..Ensemble::default() };
        let left = basin_core::Curve {
            subject: "pair-1-2".into(),
            quantity: "line-loss".into(),
            at: vec![0.0, 1.0],
            values: vec![f64::NAN, 0.25],
            ..basin_core::Curve::default()
        };
        let curve = Curve::new(&ensemble, left);
        let text = serde_json::to_string(&curve).unwrap();
        assert!(
            text.contains(r#""subject":"pair-1-2""#) && text.contains(r#""values":[null,0.25]"#),
            "{text}"
        );
        let back: Curve = serde_json::from_str(&text).unwrap();
        assert!(back.values[0].is_nan() && back.values[1] == 0.25 && back.subject == Subject::Pair(1, 2));
    }
}
