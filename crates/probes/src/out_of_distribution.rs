//! Whether an ensemble knows images that are none of its classes by being unsure of them.

use crate::inputs::subject;
use crate::sweep::sweep;
use basin_core::{Citation, DataRef, Logits, Probs, Record};
use basin_ensemble::{Lab, Probe, ProbeError};
use basin_metrics::ood::{self, entropy, max_probability, mutual_information};
use basin_metrics::{Combine, MetricError, combine, jsd_one_vs_all};

/// By what images are told apart, in this order; the first is what scalars without a suffix are of.
const SCORES: [&str; 3] = ["entropy", "max-probability", "mutual-information"];

/// A measure from scores of other images and of own ones.
type Measure = fn(&[f64], &[f64]) -> Result<f64, MetricError>;

/// How well a score tells them apart.
const MEASURES: [(&str, Measure); 3] =
    [("ood-auroc", ood::auroc), ("ood-aupr", ood::aupr), ("ood-fpr95", ood::fpr95)];

/// Detection of other data sets by the uncertainty of an ensemble. Every image has three scores, each higher where the ensemble
/// is less sure: `entropy` of its prediction (nats), `max-probability` (minus the largest probability), `mutual-information`
/// between prediction and member (entropy of the mean of members' probabilities minus the mean of their entropies, nats).
///
/// Inputs: M ≥ 1 networks; records are passed over.
///
/// Record, images of other sets being the positive ones: scalars `ood-auroc` and `ood-aupr` (areas under the ROC and the
/// precision–recall curve, in 0..=1), `ood-fpr95` (share of own images taken for others at the highest threshold at which 95 % of the
/// others are), all of `entropy`, and the same with `-max-probability` and `-mutual-information` behind; `ood-jsd`, the mean
/// [`jsd_one_vs_all`] of members on other images (nats), `own-jsd`, that on the own. Where there are several other sets, these are
/// means over the sets, and lists of the same names hold the sets' own numbers, in the order of
/// [`OutOfDistribution::others`]. What needs a second network is left out of the record of a single one: the numbers of
/// `mutual-information`, `ood-jsd` and `own-jsd`.
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

    /// The diversity, then the scores of all images, score after score; of a single network all but the last score, and no number
    /// for its diversity.
    fn scored(&self, logits: &[Logits]) -> Result<Vec<f64>, MetricError> {
        let probs: Vec<Probs> = logits.iter().map(|logits| logits.softmax(1.0)).collect();
        let together = combine(logits, self.combine)?;
        let sure = max_probability(&together)?;
        let mut scores = vec![entropy(&together)?, sure.iter().map(|p| -p).collect()];
        let diversity = match &probs[..] {
            [_] => f64::NAN,
            _ => {
                scores.push(mutual_information(&probs)?);
                jsd_one_vs_all(&probs)?
            }
        };
        Ok([diversity].into_iter().chain(scores.into_iter().flatten()).collect())
    }

    fn record(&self, networks: usize, own: &[f64], others: &[Vec<f64>]) -> Result<Record, MetricError> {
        let mut record = Record::default();
        let mut add = |name: String, values: Vec<f64>| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            record.scalars.insert(name.clone(), mean);
            if values.len() > 1 {
                record.lists.insert(name, values);
            }
        };
        let scores = if networks == 1 { &SCORES[..2] } else { &SCORES[..] };
        if networks > 1 {
            add("own-jsd".to_owned(), vec![own[0]]);
            add("ood-jsd".to_owned(), others.iter().map(|other| other[0]).collect());
        }
        for (place, score) in scores.iter().enumerate() {
            let suffix = if place == 0 { String::new() } else { format!("-{score}") };
            for (name, measure) in MEASURES {
                let of = |other: &Vec<f64>| {
                    measure(part(other, place, scores.len()), part(own, place, scores.len()))
                };
                add(format!("{name}{suffix}"), others.iter().map(of).collect::<Result<_, _>>()?);
            }
        }
        Ok(record)
    }
}

/// One of so many scores of all images.
fn part(numbers: &[f64], place: usize, scores: usize) -> &[f64] {
    let images = (numbers.len() - 1) / scores;
    &numbers[1 + place * images..][..images]
}

impl Probe for OutOfDistribution {
    fn id(&self) -> &'static str {
        "out-of-distribution"
    }

    fn settings(&self) -> String {
        format!("1 ({:?})", self.combine)
    }

    fn citations(&self) -> Vec<Citation> {
        vec![ood::CITATION, ood::FPR_CITATION, ood::INFORMATION_CITATION, basin_metrics::jsd::CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        self.images()
    }

    fn cost(&self, inputs: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        (inputs * self.images().iter().map(images).sum::<usize>()) as u64
    }

    fn check(&self, networks: usize, _: usize) -> Result<(), ProbeError> {
        let refuse = |reason: String| Err(subject(self.id(), reason));
        if networks == 0 {
            return refuse("no networks, expected at least one".into());
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
            Some((own, others)) => {
                self.record(lab.networks(), own, others).map_err(|error| subject(self.id(), error))
            }
            None => Err(subject(self.id(), "no images")),
        }
    }
}
