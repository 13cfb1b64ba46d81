//! Expected calibration error: by how much stated confidence and accuracy differ.

use crate::MetricError;
use crate::shape::check_labelled;
use basin_core::{Citation, Labels, Probs};

/// Where this metric comes from.
pub const CITATION: Citation = Citation {
    key: "guo2017calibration",
    authors: "Guo, Chuan and Pleiss, Geoff and Sun, Yu and Weinberger, Kilian Q.",
    title: "On Calibration of Modern Neural Networks",
    year: 2017,
    locator: "1706.04599",
};

/// One bar of a reliability diagram: the inputs whose confidence lies in `(lower, upper]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReliabilityBin {
    /// Left edge, not included (except that the first bin includes 0).
    pub lower: f64,
    /// Right edge, included.
    pub upper: f64,
    /// Number of inputs in the bin.
    pub count: usize,
    /// Their mean confidence; 0 when the bin is empty.
    pub confidence: f64,
    /// The fraction of them classified correctly; 0 when the bin is empty.
    pub accuracy: f64,
}

/// Top-label expected calibration error, `Σ_b (n_b/n) |acc_b − conf_b|`, in 0..=1. Lower is better.
///
/// Equal-width bins, closed on the right, as Guo et al. (Eq. 2 and 3) define them; 15 is their number and
/// the customary one. See [`reliability`] for the bins. The value depends on the number of bins and is biased
/// upwards when few inputs fall into one: compare only at equal `bins` and n. Cost: O(n (C + log bins)).
///
/// torchmetrics used the same bins up to 0.10; since then its bins are closed on the left and a confidence
/// of exactly 1 has a bin of its own, so its values differ when a confidence lies on an edge.
///
/// # Errors
/// [`MetricError::Bins`] for zero bins, [`MetricError::NoRows`], [`MetricError::LabelShape`] or
/// [`MetricError::NotFinite`].
pub fn ece(probs: &Probs, labels: &Labels, bins: usize) -> Result<f64, MetricError> {
    let n = labels.len() as f64;
    let gap = |bin: &ReliabilityBin| bin.count as f64 / n * (bin.accuracy - bin.confidence).abs();
    Ok(reliability(probs, labels, bins)?.iter().map(gap).sum())
}

/// The bins behind [`fn@ece`], from low to high confidence: the data of a reliability diagram.
///
/// Bin b of B holds the inputs whose largest probability lies in `(b/B, (b+1)/B]`, the edges being the f64
/// numbers nearest those fractions; a confidence of 0 belongs to the first bin and 1 to the last.
///
/// # Errors
/// Those of [`fn@ece`].
pub fn reliability(probs: &Probs, labels: &Labels, bins: usize) -> Result<Vec<ReliabilityBin>, MetricError> {
    if bins == 0 {
        return Err(MetricError::Bins);
    }
    check_labelled(probs, labels)?;
    let edge = |b: usize| b as f64 / bins as f64;
    let empty =
        |b| ReliabilityBin { lower: edge(b), upper: edge(b + 1), count: 0, confidence: 0.0, accuracy: 0.0 };
    let mut diagram: Vec<ReliabilityBin> = (0..bins).map(empty).collect();
    for ((row, class), &label) in probs.rows().zip(probs.argmax()).zip(labels.values()) {
        let confidence = row[class as usize];
        // Multiplying by the number of bins would put some edges into the wrong bin by rounding.
        let b = diagram.partition_point(|bin| bin.upper < confidence).min(bins - 1);
        diagram[b].count += 1;
        diagram[b].confidence += confidence;
        diagram[b].accuracy += f64::from(u8::from(class == label));
    }
    for bin in diagram.iter_mut().filter(|bin| bin.count > 0) {
        bin.confidence /= bin.count as f64;
        bin.accuracy /= bin.count as f64;
    }
    Ok(diagram)
}
