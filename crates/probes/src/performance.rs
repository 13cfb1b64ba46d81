//! How well an ensemble predicts, how well it knows that, and how much its members differ.

use crate::inputs::{logits, subject};
use basin_core::{Citation, DataRef, Probs, Record};
use basin_ensemble::{Lab, Probe, ProbeError};
use basin_metrics::{
    CITATIONS, Combine, accuracy, brier, combine, disagreement, ece, jsd_one_vs_all, member_accuracies, nll,
    stats, true_class_variance,
};

/// Accuracy, calibration and diversity of an ensemble.
///
/// Inputs: the logits of M ≥ 1 members on `data`. Record: scalars `ensemble-accuracy`,
/// `mean-member-accuracy`, `nll`, `brier`, `ece`, `jsd-one-vs-all`, `true-class-variance`, `disagreement`; list
/// `member-accuracy`. A single network, such as an average of others, has no diversity: the last three scalars are left
/// out. Cost: nothing passes forward.
#[derive(Clone, Debug, PartialEq)]
pub struct Performance {
    /// The images that the logits belong to.
    pub data: DataRef,
    /// How members are averaged.
    pub combine: Combine,
    /// Bins of the calibration error, at least 1.
    pub ece_bins: usize,
}

/// What a report of an ensemble cites: the metrics here, and the statistics and barriers that its text is about.
const CITED: [&str; 12] = [
    "brier",
    "disagreement",
    "ece",
    "fieller",
    "joint_connectivity",
    "jsd_one_vs_all",
    "jsd_uniform",
    "loss_barrier",
    "nll",
    "pairwise_connectivity",
    "true_class_variance",
    "welch",
];

impl Probe for Performance {
    fn id(&self) -> &'static str {
        "performance"
    }

    fn settings(&self) -> String {
        format!("1 ({:?}, {} bins)", self.combine, self.ece_bins)
    }

    fn citations(&self) -> Vec<Citation> {
        CITATIONS.iter().filter(|(of, _)| CITED.contains(of)).map(|(_, citation)| *citation).collect()
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
        let measured = (|| {
            let probs: Vec<Probs> = logits.iter().map(|l| l.softmax(1.0)).collect();
            let together = combine(&logits, self.combine)?;
            let accuracies = member_accuracies(&probs, &labels)?;
            let record = Record::default()
                .with("ensemble-accuracy", accuracy(&together, &labels)?)
                .with("mean-member-accuracy", stats::mean(&accuracies)?)
                .with("nll", nll(&together, &labels)?)
                .with("brier", brier(&together, &labels)?)
                .with("ece", ece(&together, &labels, self.ece_bins)?)
                .with_list("member-accuracy", accuracies);
            if probs.len() == 1 {
                return Ok(record);
            }
            Ok(record
                .with("jsd-one-vs-all", jsd_one_vs_all(&probs)?)
                .with("true-class-variance", true_class_variance(&probs, &labels)?)
                .with("disagreement", disagreement(&probs)?))
        })();
        measured.map_err(|error: basin_metrics::MetricError| subject(self.id(), error))
    }
}
