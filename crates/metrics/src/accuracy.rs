//! Accuracy: the fraction of inputs whose most probable class is the true one.

use crate::MetricError;
use crate::shape::{check_labelled, check_labelled_members};
use basin_core::{Labels, Probs};

/// Top-1 accuracy, `(1/n) Σₓ 1[argmax_c p_c(x) = y(x)]`, a fraction in 0..=1. Higher is better.
///
/// Of equally probable classes the lowest counts as predicted. Cost: O(n C).
///
/// # Errors
/// [`MetricError::NoRows`], [`MetricError::LabelShape`] or [`MetricError::NotFinite`].
pub fn accuracy(probs: &Probs, labels: &Labels) -> Result<f64, MetricError> {
    check_labelled(probs, labels)?;
    Ok(fraction_correct(probs, labels))
}

/// [`fn@accuracy`] of each member, `[M]`. Their mean is the mean member accuracy, and they are what
/// [`fn@crate::joint_connectivity`] compares with.
///
/// # Errors
/// [`MetricError::Members`] without members, [`MetricError::MemberShape`] when members differ in shape, and
/// those of [`fn@accuracy`].
pub fn member_accuracies(members: &[Probs], labels: &Labels) -> Result<Vec<f64>, MetricError> {
    check_labelled_members(members, labels, 1)?;
    Ok(members.iter().map(|member| fraction_correct(member, labels)).collect())
}

fn fraction_correct(probs: &Probs, labels: &Labels) -> f64 {
    let correct = probs.argmax().zip(labels.values()).filter(|(class, label)| class == *label).count();
    correct as f64 / labels.len() as f64
}
