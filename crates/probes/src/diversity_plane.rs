//! Diversity against accuracy: how far members get from the first at what price.

use crate::inputs::{logits, subject};
use basin_core::{Citation, Curve, DataRef, Logits, Record};
use basin_ensemble::{Lab, Probe, ProbeError};
use basin_metrics::{
    MetricError, accuracy, disagreement_matrix, limits_of_disagreement, normalised_disagreement,
};

/// Disagreement with the first member, divided by 1 − accuracy, against accuracy (Fort et al. 2019, Figure 5).
///
/// Inputs: the logits of M ≥ 1 members on `data`; the first is the reference, and a single network has limits only. Record: curves `normalised-disagreement` over
/// `accuracy` on `test`: of subject `members`, a point for each other member in order (NaN where its accuracy is 1); of
/// subjects `lower-limit` and `upper-limit` what predictions perturbed from the reference's, and predictions independent of
/// them, have at accuracies from chance to the reference's ([`limits_of_disagreement`]). Scalars: `normalised-disagreement`, the mean over
/// members that are not perfect, and `limit-share`, the mean of where they lie between the lower limit, 0, and the upper, 1, at
/// their own accuracy; members at least as accurate as the reference are compared with the limits at its accuracy. Cost: nothing
/// passes forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiversityPlane {
    /// The images that the logits belong to.
    pub data: DataRef,
}

/// Points of a limit curve.
const POINTS: usize = 41;

impl Probe for DiversityPlane {
    fn id(&self) -> &'static str {
        "diversity-plane"
    }

    fn settings(&self) -> String {
        "1".into()
    }

    fn citations(&self) -> Vec<Citation> {
        vec![basin_metrics::disagreement::CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        vec![self.data.clone()]
    }

    fn cost(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        0
    }

    fn check(&self, _: usize, records: usize) -> Result<(), ProbeError> {
        match records {
            0 => Err(subject(self.id(), "no logits, expected those of at least one member")),
            _ => Ok(()),
        }
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        let id = self.id();
        self.check(lab.networks(), lab.records().len())?;
        let labels = lab.labels(&self.data)?;
        let logits = logits(id, lab)?;
        let classes = logits[0].classes();
        let probs: Vec<_> = logits.iter().map(|l: &Logits| l.softmax(1.0)).collect();
        let refuse = |error: MetricError| subject(id, error);
        let reference = accuracy(&probs[0], &labels).map_err(refuse)?;
        let (mut at, mut values, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        let differ = match &probs[..] {
            [_] => Vec::new(),
            _ => disagreement_matrix(&probs).map_err(refuse)?.swap_remove(0),
        };
        for (member, &differs) in probs.iter().zip(&differ).skip(1) {
            let own = accuracy(member, &labels).map_err(refuse)?;
            at.push(own);
            values.push(match normalised_disagreement(differs, own) {
                Err(MetricError::Faultless) => f64::NAN,
                other => other.map_err(refuse)?,
            });
            let bounds = limits_of_disagreement(reference, own.min(reference), classes).map_err(refuse)?;
            if let Some(lower) = bounds.lower.filter(|lower| bounds.upper > *lower) {
                shares.push((differs - lower) / (bounds.upper - lower));
            }
        }
        let curve = |subject: &str, at: Vec<f64>, values: Vec<f64>| Curve {
            subject: subject.into(),
            data: "test".into(),
            quantity: "normalised-disagreement".into(),
            variable: "accuracy".into(),
            at,
            values,
        };
        let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let mut record = match probs.len() {
            1 => Record::default(),
            _ => Record::default().with_curve(curve("members", at, values)),
        };
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        for (name, of) in [("normalised-disagreement", &finite), ("limit-share", &shares)] {
            if !of.is_empty() {
                record = record.with(name, mean(of));
            }
        }
        let chance = 1.0 / classes as f64;
        if reference > chance && reference < 1.0 {
            let at = (0..POINTS).map(|i| chance + (reference - chance) * i as f64 / (POINTS - 1) as f64);
            let (mut accuracies, mut lower, mut upper) = (Vec::new(), Vec::new(), Vec::new());
            for accuracy in at {
                let bounds = limits_of_disagreement(reference, accuracy, classes).map_err(refuse)?;
                accuracies.push(accuracy);
                lower.push(bounds.lower.unwrap_or(f64::NAN) / (1.0 - accuracy));
                upper.push(bounds.upper / (1.0 - accuracy));
            }
            record = record.with_curve(curve("lower-limit", accuracies.clone(), lower)).with_curve(curve(
                "upper-limit",
                accuracies,
                upper,
            ));
        }
        Ok(record)
    }
}
