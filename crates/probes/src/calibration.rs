//! How far an ensemble's stated probabilities can be believed, and what is left of their faults once a temperature is fitted.

use crate::inputs::{logits, subject};
use basin_core::{Citation, Curve, DataRef, Probs, Record};
use basin_ensemble::{Lab, Probe, ProbeError};
use basin_metrics::{
    Combine, MetricError, adaptive_ece, calibrated_nll, class_wise_ece, combine, ood::mutual_information,
    reliability, stats,
};

/// Calibration beyond the expected error of [`Performance`](crate::Performance).
///
/// Inputs: the logits of M ≥ 1 members on `data`. Record, of the ensemble's mean prediction: scalars `calibrated-nll`
/// (nats) and `calibrated-brier` at temperatures fitted on the other half of the images, mean of ten halves, and
/// `temperature`, the mean of those fitted ([`fn@calibrated_nll`]: both halves are of these images); `class-wise-ece` and
/// `adaptive-ece`; `mutual-information` of prediction and member (nats, mean over images; left out of a single network); curve `reliability` over
/// `confidence` on `test` (accuracy of the predictions in each bin at their mean confidence; bins without any are left out),
/// and the list `reliability-counts`. Cost: nothing passes forward.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The images that the logits belong to.
    pub data: DataRef,
    /// How members are averaged.
    pub combine: Combine,
    /// Bins of calibration errors and of the diagram, at least 1.
    pub bins: usize,
}

impl Probe for Calibration {
    fn id(&self) -> &'static str {
        "calibration"
    }

    fn settings(&self) -> String {
        format!("1 ({:?}, {} bins)", self.combine, self.bins)
    }

    fn citations(&self) -> Vec<Citation> {
        use basin_metrics::{calibrated_nll, ood, reliability};
        vec![
            calibrated_nll::CITATION,
            reliability::CITATION,
            reliability::ADAPTIVE_CITATION,
            ood::INFORMATION_CITATION,
        ]
    }

    fn data(&self) -> Vec<DataRef> {
        vec![self.data.clone()]
    }

    fn cost(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        0
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        let labels = lab.labels(&self.data)?;
        let logits = logits(self.id(), lab)?;
        // The same halves for all ensembles of a seed.
        let halves = lab.seeds().child("halves");
        let measured = (|| {
            let together = combine(&logits, self.combine)?;
            let members: Vec<Probs> = logits.iter().map(|l| l.softmax(1.0)).collect();
            let calibrated = calibrated_nll(&together, &labels, &halves)?;
            let bins = reliability(&together, &labels, self.bins)?;
            let filled: Vec<_> = bins.iter().filter(|bin| bin.count > 0).collect();
            let record = Record::default()
                .with("calibrated-nll", calibrated.nll)
                .with("calibrated-brier", calibrated.brier)
                .with("temperature", stats::mean(&calibrated.temperatures)?)
                .with("class-wise-ece", class_wise_ece(&together, &labels, self.bins)?)
                .with("adaptive-ece", adaptive_ece(&together, &labels, self.bins)?)
                .with_list("reliability-counts", filled.iter().map(|bin| bin.count as f64).collect())
                .with_curve(Curve {
                    subject: "ensemble".into(),
                    data: "test".into(),
                    quantity: "reliability".into(),
                    variable: "confidence".into(),
                    at: filled.iter().map(|bin| bin.confidence).collect(),
                    values: filled.iter().map(|bin| bin.accuracy).collect(),
                });
            match members.len() {
                1 => Ok(record),
                _ => Ok(record.with("mutual-information", stats::mean(&mutual_information(&members)?)?)),
            }
        })();
        measured.map_err(|error: MetricError| subject(self.id(), error))
    }
}
