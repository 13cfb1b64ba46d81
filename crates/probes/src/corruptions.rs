//! How an ensemble and its members hold up as images become worse.

use crate::inputs::subject;
use crate::sweep::sweep;
use basin_core::{Citation, Curve, DataRef, Labels, Logits, Probs, Record};
use basin_ensemble::{Lab, Probe, ProbeError};
use basin_metrics::{
    Combine, MetricError, accuracy, brier, combine, disagreement, ece, jsd_one_vs_all, member_accuracies,
    nll, stats,
};

/// Where the benchmark comes from.
const CITATION: Citation = Citation {
    key: "hendrycks2019corruptions",
    authors: "Hendrycks, Dan and Dietterich, Thomas",
    title: "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
    year: 2019,
    locator: "1903.12261",
};

/// Begins the view of images that are read from the published arrays instead of being made: `published fog:3`.
pub const PUBLISHED: &str = "published ";

/// What is measured of every kind and severity, in this order: names of curves and scalars.
const QUANTITIES: [&str; 7] = [
    "corrupted-accuracy",
    "corrupted-nll",
    "corrupted-brier",
    "corrupted-ece",
    "corrupted-jsd",
    "corrupted-disagreement",
    "corrupted-member-accuracy",
];

/// The data of curves that are means over kinds.
const ALL: &str = "corrupted";

/// Accuracy, calibration and diversity over kinds of corruption and their severities (Hendrycks and Dietterich, Sec. 4; the
/// curves of Fort et al., Sec. 5, and of Ovadia et al. 2019).
///
/// Inputs: M ≥ 1 networks; records are passed over.
///
/// Record: curves over `severity`, 0 (the images as they are, evaluated once) and [`Corruptions::severities`], of the subject
/// `ensemble`: `corrupted-accuracy` (fraction), `corrupted-nll` (nats), `corrupted-brier`, `corrupted-ece` (fraction) of the
/// ensemble, `corrupted-jsd` ([`jsd_one_vs_all`], nats) and `corrupted-disagreement` (fraction) of its members,
/// `corrupted-member-accuracy` (mean over members). Their data is the kind's name, underscores written as hyphens, and
/// `corrupted` for the mean over kinds. Scalars of these seven names: means over kinds and severities from 1, each kind and
/// severity counting the same, as in the benchmark; `corrupted-kinds`: how many kinds that mean is over, of which the benchmark
/// has 15 (14 without photographs for `frost`). A single network has no diversity: `corrupted-jsd` and
/// `corrupted-disagreement` are left out.
///
/// Goes on at the network and kind at which it was stopped. Cost: one pass over the images for each network, kind and severity
/// and one more for each network; memory: logits of all networks on one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Corruptions {
    /// The images as they are, without a view: some of the test images, or all.
    pub data: DataRef,
    /// Names of views that take a severity, such as `fog`; at least one, each once.
    pub kinds: Vec<String>,
    /// Severities in 1..=5, rising; at least one.
    pub severities: Vec<u8>,
    /// What draws in the corruptions; the same for all networks.
    pub seed: u64,
    /// Whether the images are read from the published arrays (`data.corrupted_dir`); then the seed plays no part.
    pub published: bool,
    /// How members are averaged.
    pub combine: Combine,
    /// Bins of the calibration error, at least 1.
    pub ece_bins: usize,
}

impl Corruptions {
    /// The severities of the benchmark.
    pub const SEVERITIES: [u8; 5] = [1, 2, 3, 4, 5];

    /// The images as they are, then each kind at each severity.
    fn images(&self) -> Vec<DataRef> {
        let of = |kind: &String, severity: &u8| {
            let view = match self.published {
                true => format!("{PUBLISHED}{kind}:{severity}"),
                false => format!("{kind}:{severity}@{}", self.seed),
            };
            self.data.clone().seen(view)
        };
        let corrupted = self.kinds.iter().flat_map(|kind| self.severities.iter().map(move |s| of(kind, s)));
        [self.data.clone()].into_iter().chain(corrupted).collect()
    }

    /// In the order of [`QUANTITIES`]; NaN for what a single network does not have.
    fn measured(&self, logits: &[Logits], labels: &Labels) -> Result<Vec<f64>, MetricError> {
        let probs: Vec<Probs> = logits.iter().map(|logits| logits.softmax(1.0)).collect();
        let together = combine(logits, self.combine)?;
        let members = member_accuracies(&probs, labels)?;
        let [jsd, disagreement] = match &probs[..] {
            [_] => [f64::NAN; 2],
            _ => [jsd_one_vs_all(&probs)?, disagreement(&probs)?],
        };
        Ok(vec![
            accuracy(&together, labels)?,
            nll(&together, labels)?,
            brier(&together, labels)?,
            ece(&together, labels, self.ece_bins)?,
            jsd,
            disagreement,
            stats::mean(&members)?,
        ])
    }

    /// From the numbers of each of [`Corruptions::images`].
    fn record(&self, clean: &[f64], corrupted: &[Vec<f64>]) -> Record {
        let at: Vec<f64> = [0].iter().chain(&self.severities).map(|severity| f64::from(*severity)).collect();
        let mut record = Record::default().with("corrupted-kinds", self.kinds.len() as f64);
        for (place, quantity) in QUANTITIES.iter().enumerate().filter(|(place, _)| !clean[*place].is_nan()) {
            let kinds: Vec<Vec<f64>> = corrupted
                .chunks(self.severities.len())
                .map(|severities| severities.iter().map(|numbers| numbers[place]).collect())
                .collect();
            let means = (0..self.severities.len()).map(|s| mean(kinds.iter().map(|kind| kind[s])));
            let means: Vec<f64> = means.collect();
            record = record.with(*quantity, mean(kinds.iter().flatten().copied()));
            let named = self.kinds.iter().map(|kind| kind.replace('_', "-"));
            for (data, values) in named.zip(&kinds).chain([(ALL.to_owned(), &means)]) {
                record = record.with_curve(Curve {
                    subject: "ensemble".to_owned(),
                    data,
                    quantity: (*quantity).to_owned(),
                    variable: "severity".to_owned(),
                    at: at.clone(),
                    values: [clean[place]].iter().chain(values).copied().collect(),
                });
            }
        }
        record
    }
}

impl Probe for Corruptions {
    fn id(&self) -> &'static str {
        "corruptions"
    }

    fn settings(&self) -> String {
        let severities: Vec<String> = self.severities.iter().map(u8::to_string).collect();
        let (kinds, severities) = (self.kinds.join(","), severities.join(","));
        format!("1 (kinds {kinds}; severities {severities}; {:?}, {} bins)", self.combine, self.ece_bins)
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

    fn record_bytes(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        // A value with its severity, some twenty letters each, and the names.
        (QUANTITIES.len() * (self.kinds.len() + 1) * (2 * 20 * (self.severities.len() + 1) + 120)) as u64
    }

    fn check(&self, networks: usize, _: usize) -> Result<(), ProbeError> {
        let refuse = |reason: String| Err(subject(self.id(), reason));
        if networks == 0 {
            return refuse("no networks, expected at least one".into());
        }
        if let Some(view) = &self.data.view {
            return refuse(format!(
                "images seen through {view}, expected images as they are, to be corrupted"
            ));
        }
        let again = |i: usize| self.kinds[..i].contains(&self.kinds[i]);
        if self.kinds.is_empty() || (0..self.kinds.len()).any(again) {
            return refuse(format!("kinds {:?}, expected at least one, each once", self.kinds));
        }
        let inside = self.severities.iter().all(|severity| (1..=5).contains(severity));
        let rising = self.severities.windows(2).all(|two| two[0] < two[1]);
        if self.severities.is_empty() || !inside || !rising {
            return refuse(format!("severities {:?}, expected some of 1 to 5, rising", self.severities));
        }
        if self.ece_bins == 0 {
            return refuse("0 bins of the calibration error, expected at least 1".into());
        }
        Ok(())
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        // No corruption changes what an image shows.
        let labels = lab.labels(&self.data)?;
        let numbers = sweep(self.id(), lab, &self.images(), &|_, logits| self.measured(logits, &labels))?;
        match numbers.split_first() {
            Some((clean, corrupted)) => Ok(self.record(clean, corrupted)),
            None => Err(subject(self.id(), "no images")),
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    sum / count
}
