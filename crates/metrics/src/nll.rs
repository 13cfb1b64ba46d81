//! Negative log-likelihood: how surprised the prediction is by the true class.

use crate::MetricError;
use crate::shape::check_labelled;
use basin_core::{Citation, Labels, Probs};

/// Where the use of this score for ensembles comes from.
pub const CITATION: Citation = Citation {
    key: "lakshminarayanan2017ensembles",
    authors: "Lakshminarayanan, Balaji and Pritzel, Alexander and Blundell, Charles",
    title: "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles",
    year: 2017,
    locator: "1612.01474",
};

/// Mean negative log-likelihood of the true class in nats, `−(1/n) Σₓ ln p_y(x)`. Lower is better.
///
/// Range: 0 to 708.396…. A true class of probability below `f64::MIN_POSITIVE` = 2.2e-308 counts as that
/// probability, so that one saturated row costs 708 nats and not infinity. The score is strictly proper.
/// Cost: O(n), after one pass that checks the predictions.
///
/// By Jensen's inequality the mean of the members' probabilities never scores worse than the members do on
/// average.
///
/// # Errors
/// [`MetricError::NoRows`], [`MetricError::LabelShape`] or [`MetricError::NotFinite`].
pub fn nll(probs: &Probs, labels: &Labels) -> Result<f64, MetricError> {
    check_labelled(probs, labels)?;
    let surprise = |(row, &label): (&[f64], &u32)| -row[label as usize].max(f64::MIN_POSITIVE).ln();
    let sum: f64 = probs.rows().zip(labels.values()).map(surprise).sum();
    // A certain and correct prediction has surprise -0; the mean is reported as plain zero.
    Ok((sum / labels.len() as f64).max(0.0))
}
