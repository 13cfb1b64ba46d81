//! Curvature of a loss curve at its ends: how sharply the loss turns where the networks are.

use crate::MetricError;
use crate::minima::check;

/// Second derivative of the loss with respect to λ at both ends of a line, `[at 0, at 1]`, in the unit of the loss.
///
/// The second difference over the three points at an end: with steps h and k from the end inwards,
/// `2 (k L₀ − (h + k) L₁ + h L₂) / (h k (h + k))`, which is `(L₀ − 2 L₁ + L₂)/h²` on an even grid. Exact for a
/// parabola; else the curvature of the parabola through the points, of first order in h. Large and positive at the
/// bottom of a narrow valley, near 0 on a plain, negative on the way up a hill. Cost: O(points), to check them.
///
/// # Errors
/// [`MetricError::Values`] for fewer than three points; those of [`crate::barrier_from_minima`].
pub fn curvature_ends(lambdas: &[f64], loss: &[f64]) -> Result<[f64; 2], MetricError> {
    check(lambdas, loss, lambdas, 3)?;
    if let Some(index) = loss.iter().position(|loss| !loss.is_finite()) {
        return Err(MetricError::Value { index, value: loss[index] });
    }
    let at = |[a, b, c]: [usize; 3]| {
        let (h, k) = ((lambdas[b] - lambdas[a]).abs(), (lambdas[c] - lambdas[b]).abs());
        2.0 * (k * loss[a] - (h + k) * loss[b] + h * loss[c]) / (h * k * (h + k))
    };
    let last = loss.len() - 1;
    Ok([at([0, 1, 2]), at([last, last - 1, last - 2])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parabola_is_as_curved_everywhere() {
        let lambdas = [0.0, 0.1, 0.3, 0.6, 1.0];
        let loss = lambdas.map(|x: f64| 3.0 * x * x - x + 2.0);
        let ends = curvature_ends(&lambdas, &loss).unwrap();
        assert!(ends.iter().all(|end| (end - 6.0).abs() < 1e-12), "{ends:?}");
    }

    #[test]
    fn each_end_has_its_own() {
        let even = [0.0, 0.25, 0.5, 0.75, 1.0];
        let ends = curvature_ends(&even, &[1.0, 0.5, 0.9, 0.9, 0.8]).unwrap();
        assert!((ends[0] - 0.9 / 0.0625).abs() < 1e-12 && (ends[1] + 0.1 / 0.0625).abs() < 1e-12);
    }

    #[test]
    fn two_points_have_none() {
        assert_eq!(
            curvature_ends(&[0.0, 1.0], &[1.0, 1.0]),
            Err(MetricError::Values { found: 2, needed: 3 })
        );
        let infinite = curvature_ends(&[0.0, 0.5, 1.0], &[1.0, f64::INFINITY, 1.0]);
        assert_eq!(infinite, Err(MetricError::Value { index: 1, value: f64::INFINITY }));
    }
}
