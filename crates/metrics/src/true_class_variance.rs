//! True-class variance: how much the members' belief in the right answer varies.

use crate::MetricError;
use crate::shape::{check_labelled_members, mean_from_first, rows_of_members};
use basin_core::{Citation, Labels, Probs};

/// Where this metric comes from.
pub const CITATION: Citation = crate::jsd::CITATION;

/// Variance over the members of the true class's probability, averaged over inputs, in 0..=1/4: the
/// diversity of Fig. 3b of Lion et al.
///
/// `(1/n) Σₓ (1/M) Σᵢ (pᵢ,y(x) − p̄_y(x))²`: the population variance (divisor M), as
/// `VarianceData.expected_variance` in the code of Abe et al. Members that predict alike bit for bit give
/// exactly 0. Cost: O(M n), after one pass that checks the predictions.
///
/// # Errors
/// [`MetricError::Members`] for fewer than two members, [`MetricError::NoRows`],
/// [`MetricError::MemberShape`], [`MetricError::LabelShape`] or [`MetricError::NotFinite`].
pub fn true_class_variance(members: &[Probs], labels: &Labels) -> Result<f64, MetricError> {
    check_labelled_members(members, labels, 2)?;
    let variance = |(row, &label): (Vec<&[f64]>, &u32)| {
        let beliefs = row.iter().map(|p| p[label as usize]);
        let mean = mean_from_first(beliefs.clone());
        beliefs.map(|p| (p - mean).powi(2)).sum::<f64>() / row.len() as f64
    };
    let sum: f64 = rows_of_members(members).zip(labels.values()).map(variance).sum();
    Ok(sum / labels.len() as f64)
}
