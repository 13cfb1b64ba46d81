//! Loss barrier: by how much the loss rises on the way from one network to another.

use crate::MetricError;
use basin_core::Citation;

/// Where this form comes from.
pub const CITATION: Citation = Citation {
    key: "ainsworth2023rebasin",
    authors: "Ainsworth, Samuel K. and Hayase, Jonathan and Srinivasa, Siddhartha",
    title: "Git Re-Basin: Merging Models modulo Permutation Symmetries",
    year: 2023,
    locator: "2209.04836",
};

/// Loss barrier `max_λ L(λ) − ½ (L(0) + L(1))` along a path (Ainsworth et al., Def. 2.2), in the unit of the
/// loss, ≥ 0.
///
/// `ends` are the losses at the two networks, `path` those at points between them, in any order and
/// possibly none; the maximum runs over both. An infinite loss is an infinite barrier; NaN is refused, so that
/// a diverged network cannot look connected. When the ends differ the value is positive even on a straight
/// descent: [`crate::PairwiseCurve::barrier`] measures from the line between the ends instead.
///
/// # Errors
/// [`MetricError::Value`] for NaN on the path (its index) or an end that is not finite (index 0 or 1).
pub fn loss_barrier(ends: [f64; 2], path: &[f64]) -> Result<f64, MetricError> {
    if let Some(index) = ends.iter().position(|loss| !loss.is_finite()) {
        return Err(MetricError::Value { index, value: ends[index] });
    }
    if let Some(index) = path.iter().position(|loss| loss.is_nan()) {
        return Err(MetricError::Value { index, value: path[index] });
    }
    let highest = path.iter().fold(ends[0].max(ends[1]), |highest, &loss| highest.max(loss));
    Ok(highest - (0.5 * ends[0] + 0.5 * ends[1]))
}
