//! Whether an ensemble knows images that are none of its classes by being unsure of them.

use crate::detection::{Detection, detection};
use crate::inputs::subject;
use crate::sweep::sweep;
use basin_core::{Citation, DataRef, Logits, Probs, Record};
use basin_ensemble::{Lab, Probe, ProbeError};
use basin_metrics::{Combine, MetricError, combine, jsd_one_vs_all};

/// Where detecting other images by the largest probability comes from, with AUROC and AUPR as its measures.
const CITATION: Citation = Citation {
    key: "hendrycks2017baseline",
    authors: "Hendrycks, Dan and Gimpel, Kevin",
    title: "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural Networks",
    year: 2017,
    locator: "1610.02136",
};

/// By what images are told apart, in this order; the first is what scalars without a suffix are of.
const SCORES: [&str; 3] = ["entropy", "max-probability", "mutual-information"];

/// Detection of other data sets by the uncertainty of an ensemble. Every image has three scores, each higher where the ensemble
/// is less sure: `entropy` of its prediction (nats), `max-probability` (minus the largest probability), `mutual-information`
/// between prediction and member (entropy of the mean of members' probabilities minus the mean of their entropies, nats).
///
/// Inputs: M ≥ 2 networks; records are passed over.
///
/// Record, images of other sets being the positive ones: scalars `ood-auroc` and `ood-aupr` (areas under the ROC and the
/// precision–recall curve, in 0..=1), `ood-fpr95` (share of own images taken for others at the highest threshold at which 95 % of the
/// others are), all of `entropy`, and the same with `-max-probability` and `-mutual-information` behind; `ood-jsd`, the mean
/// [`jsd_one_vs_all`] of members on other images (nats), `own-jsd`, that on the own. Where there are several other sets, these are
/// means over the sets, and lists of the same names hold the sets' own numbers, in the order of
/// [`OutOfDistribution::others`].
///
/// Labels play no part. Goes on at the network and set at which it was stopped. Cost: one pass over the own images and over those
/// of each other set for each network; memory: logits of all networks on one set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfDistribution {
    /// Images of the networks' own classes: some of the test images, or all.
    pub own: DataRef,
    /// Images of others, each a reference to another set or part; at least one, each once and not `own`.
    pub others: Vec<DataRef>,
    /// How members are averaged.
    pub combine: Combine,
}

impl OutOfDistribution {
    fn images(&self) -> Vec<DataRef> {
        [&self.own].into_iter().chain(&self.others).cloned().collect()
    }

    /// The diversity, then the scores of all images, score after score.
    fn scored(&self, logits: &[Logits]) -> Result<Vec<f64>, MetricError> {
        let probs: Vec<Probs> = logits.iter().map(|logits| logits.softmax(1.0)).collect();
        let (together, mixture) = (combine(logits, self.combine)?, combine(logits, Combine::MeanProbs)?);
        let sure = together.rows().map(|row| -row.iter().copied().fold(0.0, f64::max));
        let of_members = |i: usize| {
            let entropies = probs.iter().filter_map(|member| member.rows().nth(i)).map(entropy);
            entropies.sum::<f64>() / probs.len() as f64
        };
        let mutual = mixture.rows().enumerate().map(|(i, row)| (entropy(row) - of_members(i)).max(0.0));
        let jsd = jsd_one_vs_all(&probs)?;
        Ok([jsd].into_iter().chain(together.rows().map(entropy)).chain(sure).chain(mutual).collect())
    }

    fn record(&self, own: &[f64], others: &[Vec<f64>]) -> Record {
        let mut record = Record::default();
        let mut add = |name: String, values: Vec<f64>| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            record.scalars.insert(name.clone(), mean);
            if values.len() > 1 {
                record.lists.insert(name, values);
            }
        };
        add("own-jsd".to_owned(), vec![own[0]]);
        add("ood-jsd".to_owned(), others.iter().map(|other| other[0]).collect());
        for (place, score) in SCORES.iter().enumerate() {
            let found: Vec<Detection> =
                others.iter().map(|other| detection(part(own, place), part(other, place))).collect();
            let suffix = if place == 0 { String::new() } else { format!("-{score}") };
            add(format!("ood-auroc{suffix}"), found.iter().map(|one| one.auroc).collect());
            add(format!("ood-aupr{suffix}"), found.iter().map(|one| one.aupr).collect());
            add(format!("ood-fpr95{suffix}"), found.iter().map(|one| one.fpr95).collect());
        }
        record
    }
}

/// One score of all images.
fn part(numbers: &[f64], place: usize) -> &[f64] {
    let images = (numbers.len() - 1) / SCORES.len();
    &numbers[1 + place * images..][..images]
}

/// −Σ p ln p in nats, with 0 ln 0 = 0.
fn entropy(row: &[f64]) -> f64 {
    -row.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}

impl Probe for OutOfDistribution {
    fn id(&self) -> &'static str {
        "out-of-distribution"
    }

    fn settings(&self) -> String {
        format!("1 ({:?})", self.combine)
    }

    fn citations(&self) -> Vec<Citation> {
        vec![CITATION, basin_metrics::jsd::CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        self.images()
    }

    fn cost(&self, inputs: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        (inputs * self.images().iter().map(images).sum::<usize>()) as u64
    }

    fn check(&self, networks: usize, _: usize) -> Result<(), ProbeError> {
        let refuse = |reason: String| Err(subject(self.id(), reason));
        if networks < 2 {
            return refuse(format!("networks: {networks}, expected at least 2"));
        }
        let images = self.images();
        if self.others.is_empty() {
            return refuse("no other images, expected at least one set".into());
        }
        if let Some(twice) = images.iter().enumerate().find(|(i, data)| images[..*i].contains(data)) {
            return refuse(format!("{} twice, expected each images once", twice.1.id()));
        }
        Ok(())
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let numbers = sweep(self.id(), lab, &self.images(), &|_, logits| self.scored(logits))?;
        match numbers.split_first() {
            Some((own, others)) => Ok(self.record(own, others)),
            None => Err(subject(self.id(), "no images")),
        }
    }
}
