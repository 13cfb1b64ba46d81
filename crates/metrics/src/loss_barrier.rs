//! Loss barrier: by how much the loss rises on the way from one network to another.

use crate::MetricError;
use crate::minima::check;
use basin_core::Citation;

/// Where this form comes from.
pub const CITATION: Citation = Citation {
    key: "ainsworth2023rebasin",
    authors: "Ainsworth, Samuel K. and Hayase, Jonathan and Srinivasa, Siddhartha",
    title: "Git Re-Basin: Merging Models modulo Permutation Symmetries",
    year: 2023,
    locator: "2209.04836",
};

/// Where the form above the straight line comes from.
pub const LINE_CITATION: Citation = Citation {
    key: "entezari2022permutation",
    authors: "Entezari, Rahim and Sedghi, Hanie and Saukh, Olga and Neyshabur, Behnam",
    title: "The Role of Permutation Invariance in Linear Mode Connectivity of Neural Networks",
    year: 2022,
    locator: "2110.06296",
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

/// Loss barrier `max_λ L(λ) − ((1 − λ) L(0) + λ L(1))` (Entezari et al., Eq. 1): how far the loss rises above the straight line
/// between its ends, in the unit of the loss, ≥ 0, as the ends lie on that line.
///
/// `loss` holds L at each of `lambdas`, which ascend; the first and the last are the ends. A loss that is convex along the way
/// has barrier 0, however much the ends differ: so it is told of ways whose ends are not alike, such as from a fine-tuned
/// network to an untrained head. An infinite loss between the ends is an infinite barrier. Cost: O(points).
///
/// # Errors
/// [`MetricError::Values`] for fewer than two points, [`MetricError::Lengths`] for lists of different lengths,
/// [`MetricError::Abscissa`] for a λ that does not ascend, [`MetricError::Value`] for a loss of NaN or −∞ and for an end that is
/// not finite.
pub fn barrier_above_line(lambdas: &[f64], loss: &[f64]) -> Result<f64, MetricError> {
    check(lambdas, loss, &vec![0.0; lambdas.len()], 2)?;
    let last = loss.len() - 1;
    if let Some(index) = [0, last].into_iter().find(|end| !loss[*end].is_finite()) {
        return Err(MetricError::Value { index, value: loss[index] });
    }
    let share = |lambda: f64| (lambda - lambdas[0]) / (lambdas[last] - lambdas[0]);
    let above = |(lambda, loss_there): (&f64, &f64)| {
        let share = share(*lambda);
        // Measured from each end: exactly 0 where all losses are one.
        (1.0 - share) * (loss_there - loss[0]) + share * (loss_there - loss[last])
    };
    Ok(lambdas.iter().zip(loss).map(above).fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: [f64; 4] = [0.0, 0.25, 0.5, 1.0];

    #[test]
    fn a_barrier_above_the_line_is_measured_from_the_line() {
        // The line is at 1, 1.5, 2 and 3.
        assert_eq!(barrier_above_line(&POINTS, &[1.0, 1.75, 4.0, 3.0]), Ok(2.0));
        assert_eq!(barrier_above_line(&POINTS, &[3.0, 4.0, 2.5, 1.0]), Ok(1.5));
        // The usual form counts half of what the ends differ by, even on a straight way.
        assert_eq!(barrier_above_line(&POINTS, &[1.0, 1.5, 2.0, 3.0]), Ok(0.0));
        assert_eq!(loss_barrier([1.0, 3.0], &[1.5, 2.0]), Ok(1.0));
        // Between ends that are alike, both are the same.
        assert_eq!(barrier_above_line(&POINTS, &[1.0, 1.5, 2.0, 1.0]), loss_barrier([1.0, 1.0], &[1.5, 2.0]));
    }

    #[test]
    fn a_way_below_the_line_has_no_barrier() {
        assert_eq!(barrier_above_line(&POINTS, &[1.0, 0.2, 0.7, 3.0]), Ok(0.0));
        assert_eq!(barrier_above_line(&POINTS, &[0.1; 4]), Ok(0.0));
        assert_eq!(barrier_above_line(&[0.0, 1.0], &[1.0, 3.0]), Ok(0.0));
        assert_eq!(barrier_above_line(&POINTS, &[1.0, f64::INFINITY, 2.0, 3.0]), Ok(f64::INFINITY));
    }

    #[test]
    fn what_is_no_way_between_two_ends_is_refused() {
        assert_eq!(barrier_above_line(&[0.0], &[1.0]), Err(MetricError::Values { found: 1, needed: 2 }));
        let short = barrier_above_line(&[0.0, 1.0], &[1.0]);
        assert_eq!(short, Err(MetricError::Lengths { found: 1, expected: 2 }));
        let back = barrier_above_line(&[0.0, 0.0], &[1.0, 1.0]);
        assert_eq!(back, Err(MetricError::Abscissa { index: 1, value: 0.0 }));
        let nan = barrier_above_line(&POINTS, &[1.0, f64::NAN, 1.0, 1.0]);
        assert!(matches!(nan, Err(MetricError::Value { index: 1, value }) if value.is_nan()));
        let end = barrier_above_line(&[0.0, 1.0], &[1.0, f64::INFINITY]);
        assert_eq!(end, Err(MetricError::Value { index: 1, value: f64::INFINITY }));
    }
}
