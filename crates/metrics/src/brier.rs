//! Brier score: the squared distance of a prediction from the truth.

use crate::MetricError;
use crate::shape::check_labelled;
use basin_core::{Citation, Labels, Probs};

/// Where this metric comes from.
pub const CITATION: Citation = Citation {
    key: "brier1950verification",
    authors: "Brier, Glenn W.",
    title: "Verification of Forecasts Expressed in Terms of Probability",
    year: 1950,
    locator: "10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
};

/// Brier score, `(1/n) Σₓ Σ_c (p_c(x) − 1[c = y(x)])²`, in 0..=2. Lower is better.
///
/// This is Brier's original sum over classes. Lakshminarayanan et al. (1612.01474) divide it by the number of
/// classes, and libraries that score two classes by one probability report half. Strictly proper.
/// Cost: O(n C).
///
/// # Errors
/// [`MetricError::NoRows`], [`MetricError::LabelShape`] or [`MetricError::NotFinite`].
pub fn brier(probs: &Probs, labels: &Labels) -> Result<f64, MetricError> {
    check_labelled(probs, labels)?;
    let distance = |(row, &label): (&[f64], &u32)| -> f64 {
        let target = |class: usize| f64::from(u8::from(class == label as usize));
        row.iter().enumerate().map(|(class, p)| (p - target(class)).powi(2)).sum()
    };
    let sum: f64 = probs.rows().zip(labels.values()).map(distance).sum();
    Ok(sum / labels.len() as f64)
}
