//! Barrier between two minima of a line: what is left of a barrier where networks between are better than the ends.

use crate::MetricError;
use basin_core::Citation;

/// Where the idea comes from; the steps are this crate's, as the paper does not print its own.
pub const CITATION: Citation = Citation::DATA_SHIFTS;

/// A barrier with the places on the line that it was read from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Minima {
    /// λ* of the highest loss between; `None` where the loss has no maximum inside the line.
    pub lambda_max: Option<f64>,
    /// λ of the lowest loss on the left of λ*.
    pub left: Option<f64>,
    /// λ of the lowest loss on the right of λ*.
    pub right: Option<f64>,
    /// `L(λ*) − ½ (L(left) + L(right))`, in the unit of the loss.
    pub barrier: f64,
    /// `A(λ*) − ½ (A(left) + A(right))`, in −1..=1 for accuracies as fractions.
    pub accuracy_difference: f64,
}

impl Minima {
    /// No maximum inside the line.
    const NONE: Self =
        Self { lambda_max: None, left: None, right: None, barrier: 0.0, accuracy_difference: 0.0 };

    fn read([top, left, right]: [usize; 3], lambdas: &[f64], loss: &[f64], accuracy: &[f64]) -> Self {
        let rise = |y: &[f64]| y[top] - (0.5 * y[left] + 0.5 * y[right]);
        Self {
            lambda_max: Some(lambdas[top]),
            left: Some(lambdas[left]),
            right: Some(lambdas[right]),
            barrier: rise(loss),
            accuracy_difference: rise(accuracy),
        }
    }
}

/// Barrier of a line measured from its local minima in λ (Hepburn et al., Sec. 3, Fig. 3), ≥ 0.
///
/// λ* is the highest local maximum of the loss inside the line; `left` and `right` are the lowest losses on `[0, λ*]`
/// and `[λ*, 1]`. Where these are the ends it is the usual barrier, [`barrier_from_ends`]. A loss without a maximum
/// inside (a descent, a basin between the ends, a constant) has barrier and difference 0 and no λ.
///
/// A plateau counts as one maximum, at its middle point (the left one of two), where the loss falls on both sides of
/// it; one that reaches an end is not a maximum. Of equally high maxima the first counts, of equally low points on a
/// side the one nearest to the end. So L and its mirror image have the same barrier where no two maxima are equally
/// high. Maxima on a coarse grid are lower than those of the line; the barrier of a mean curve is at most the mean of
/// barriers measured at its λ.
///
/// `lambdas` ascend; all three are as long. Cost: O(points).
///
/// # Errors
/// [`MetricError::Values`] for no points, [`MetricError::Lengths`] for lists of different lengths,
/// [`MetricError::Abscissa`] for a λ that does not ascend, [`MetricError::Value`] for a loss of NaN or −∞ and an accuracy
/// that is not finite. An infinite loss inside is an infinite barrier.
pub fn barrier_from_minima(lambdas: &[f64], loss: &[f64], accuracy: &[f64]) -> Result<Minima, MetricError> {
    check(lambdas, loss, accuracy, 1)?;
    let Some(top) = highest_inner_maximum(loss) else { return Ok(Minima::NONE) };
    let left = (0..top).fold(0, |low, i| if loss[i] < loss[low] { i } else { low });
    let last = loss.len() - 1;
    let right = (top + 1..last).rev().fold(last, |low, i| if loss[i] < loss[low] { i } else { low });
    Ok(Minima::read([top, left, right], lambdas, loss, accuracy))
}

/// Barrier of a line measured from its ends: `max L − ½ (L(0) + L(1))` over all points, ends included
/// ([`fn@crate::loss_barrier`]), ≥ 0, with the accuracy difference at the first point of the highest loss.
///
/// # Errors
/// Those of [`barrier_from_minima`], and for an end whose loss is not finite.
pub fn barrier_from_ends(lambdas: &[f64], loss: &[f64], accuracy: &[f64]) -> Result<Minima, MetricError> {
    check(lambdas, loss, accuracy, 1)?;
    let last = loss.len() - 1;
    if let Some(index) = [0, last].into_iter().find(|end| !loss[*end].is_finite()) {
        return Err(MetricError::Value { index, value: loss[index] });
    }
    let top = (1..=last).fold(0, |high, i| if loss[i] > loss[high] { i } else { high });
    Ok(Minima::read([top, 0, last], lambdas, loss, accuracy))
}

/// Refuses what is not a curve of at least `needed` points.
pub(crate) fn check(
    lambdas: &[f64],
    loss: &[f64],
    accuracy: &[f64],
    needed: usize,
) -> Result<(), MetricError> {
    let points = lambdas.len();
    if points < needed {
        return Err(MetricError::Values { found: points, needed });
    }
    if let Some(other) = [loss.len(), accuracy.len()].into_iter().find(|n| *n != points) {
        return Err(MetricError::Lengths { found: other, expected: points });
    }
    let ascends = |i: usize| lambdas[i].is_finite() && (i == 0 || lambdas[i] > lambdas[i - 1]);
    if let Some(index) = (0..points).find(|i| !ascends(*i)) {
        return Err(MetricError::Abscissa { index, value: lambdas[index] });
    }
    let lost = |loss: f64| loss.is_nan() || loss == f64::NEG_INFINITY;
    match (0..points).find(|&i| lost(loss[i]) || !accuracy[i].is_finite()) {
        Some(index) => {
            let value = if lost(loss[index]) { loss[index] } else { accuracy[index] };
            Err(MetricError::Value { index, value })
        }
        None => Ok(()),
    }
}

/// The middle of the highest plateau from which the loss falls to both sides.
fn highest_inner_maximum(loss: &[f64]) -> Option<usize> {
    let (mut best, mut start) = (None::<usize>, 0);
    for i in 1..loss.len() {
        if loss[i] == loss[start] {
            continue;
        }
        // start..i is a plateau that ends here.
        let rises = start > 0 && loss[start - 1] < loss[start];
        if rises && loss[i] < loss[start] && best.is_none_or(|best| loss[start] > loss[best]) {
            best = Some((start + i - 1) / 2);
        }
        start = i;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_grid(loss: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let last = (loss.len() - 1).max(1) as f64;
        let lambdas = (0..loss.len()).map(|i| i as f64 / last).collect();
        (lambdas, loss.iter().map(|l| 1.0 - l / 10.0).collect())
    }

    fn minima(loss: &[f64]) -> Minima {
        let (lambdas, accuracy) = on_grid(loss);
        barrier_from_minima(&lambdas, loss, &accuracy).unwrap()
    }

    #[test]
    fn a_barrier_is_measured_from_the_minima_beside_it() {
        let loss = [1.0, 0.5, 0.9, 0.4, 1.0];
        let found = minima(&loss);
        assert_eq!((found.lambda_max, found.left, found.right), (Some(0.5), Some(0.25), Some(0.75)));
        assert!((found.barrier - 0.45).abs() < 1e-15 && (found.accuracy_difference + 0.045).abs() < 1e-15);
        let (lambdas, accuracy) = on_grid(&loss);
        let ends = barrier_from_ends(&lambdas, &loss, &accuracy).unwrap();
        assert_eq!((ends.barrier, ends.lambda_max), (0.0, Some(0.0)));
    }

    #[test]
    fn from_end_to_end_it_is_the_usual_barrier() {
        let loss = [0.2, 1.0, 0.2];
        let (lambdas, accuracy) = on_grid(&loss);
        assert_eq!(minima(&loss), barrier_from_ends(&lambdas, &loss, &accuracy).unwrap());
        assert_eq!(minima(&loss).barrier, 0.8);
        assert_eq!(crate::loss_barrier([0.2, 0.2], &[1.0]), Ok(0.8));
    }

    #[test]
    fn without_a_maximum_inside_there_is_no_barrier() {
        let flat: [&[f64]; 7] = [
            &[1.0, 0.8, 1.0],
            &[3.0, 2.0, 1.0],
            &[1.0, 1.0, 1.0],
            &[1.0],
            &[1.0, 2.0],
            &[2.0, 2.0, 1.0],
            &[0.0, 1.0, 1.0],
        ];
        for loss in flat {
            assert_eq!(minima(loss), Minima::NONE, "{loss:?}");
        }
    }

    #[test]
    fn a_plateau_is_one_maximum_at_its_middle() {
        assert_eq!(minima(&[0.0, 1.0, 1.0, 1.0, 0.0]).lambda_max, Some(0.5));
        assert_eq!(minima(&[0.0, 1.0, 1.0, 0.0]).lambda_max, Some(1.0 / 3.0));
        // A step on the way up is none.
        assert_eq!(minima(&[0.0, 1.0, 1.0, 2.0, 0.0]).lambda_max, Some(0.75));
        // The first of two that are equally high; the outermost of points that are equally low.
        let two = minima(&[0.5, 0.5, 2.0, 0.5, 2.0, 0.5, 0.5]);
        assert_eq!((two.lambda_max, two.left, two.right), (Some(2.0 / 6.0), Some(0.0), Some(1.0)));
    }

    #[test]
    fn the_line_may_be_walked_from_either_end() {
        let loss = [1.0, 0.6, 0.9, 0.4, 0.7, 0.3, 0.8];
        let mirrored: Vec<f64> = loss.iter().rev().copied().collect();
        let (there, back) = (minima(&loss), minima(&mirrored));
        assert_eq!(there.barrier, back.barrier);
        assert!((there.lambda_max.unwrap() + back.lambda_max.unwrap() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn what_is_no_curve_is_refused() {
        let of = barrier_from_minima;
        assert_eq!(of(&[], &[], &[]), Err(MetricError::Values { found: 0, needed: 1 }));
        assert_eq!(of(&[0.0, 1.0], &[1.0], &[0.5, 0.5]), Err(MetricError::Lengths { found: 1, expected: 2 }));
        assert_eq!(
            of(&[0.0, 0.0], &[1.0, 1.0], &[0.5, 0.5]),
            Err(MetricError::Abscissa { index: 1, value: 0.0 })
        );
        let nan = of(&[0.0, 1.0], &[1.0, f64::NAN], &[0.5, 0.5]);
        assert!(matches!(nan, Err(MetricError::Value { index: 1, value }) if value.is_nan()));
        let infinite = of(&[0.0, 0.5, 1.0], &[1.0, f64::INFINITY, 1.0], &[0.5; 3]).unwrap();
        assert_eq!(infinite.barrier, f64::INFINITY);
        let end = barrier_from_ends(&[0.0, 1.0], &[f64::INFINITY, 1.0], &[0.5; 2]);
        assert_eq!(end, Err(MetricError::Value { index: 0, value: f64::INFINITY }));
    }
}
