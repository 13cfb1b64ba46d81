//! Disagreement: how often two members name different classes.

use crate::MetricError;
use crate::shape::check_members;
use basin_core::{Citation, Probs};

/// Where this metric comes from.
pub const CITATION: Citation = Citation::LOSS_LANDSCAPE;

/// Mean disagreement of two members, in 0..=1: over all unordered pairs i < j, the mean of
/// `(1/n) Σₓ 1[argmax pᵢ(x) ≠ argmax pⱼ(x)]`.
///
/// The disagreement of Fort et al., without the division by 1 − accuracy of their diversity plots. Of equally
/// probable classes the lowest counts as predicted. Cost: O(M n C + M² n).
///
/// # Errors
/// [`MetricError::Members`] for fewer than two members, [`MetricError::NoRows`],
/// [`MetricError::MemberShape`] or [`MetricError::NotFinite`].
pub fn disagreement(members: &[Probs]) -> Result<f64, MetricError> {
    let matrix = disagreement_matrix(members)?;
    let m = matrix.len();
    let sum: f64 = matrix.iter().enumerate().map(|(i, row)| row[i + 1..].iter().sum::<f64>()).sum();
    Ok(sum / (m * (m - 1) / 2) as f64)
}

/// Disagreement of each pair of members, `[M][M]`: symmetric, zero on the diagonal, each entry in 0..=1.
///
/// # Errors
/// Those of [`fn@disagreement`].
pub fn disagreement_matrix(members: &[Probs]) -> Result<Vec<Vec<f64>>, MetricError> {
    check_members(members, 2)?;
    let classes: Vec<Vec<u32>> = members.iter().map(|member| member.argmax().collect()).collect();
    let differ =
        |a: &[u32], b: &[u32]| a.iter().zip(b).filter(|(x, y)| x != y).count() as f64 / a.len() as f64;
    Ok(classes.iter().map(|a| classes.iter().map(|b| differ(a, b)).collect()).collect())
}
