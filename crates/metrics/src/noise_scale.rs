//! Noise scale of stochastic gradient descent: by how much batches shake the steps.

use crate::MetricError;
use basin_core::Citation;

/// Where this number comes from.
pub const CITATION: Citation = Citation {
    key: "smith2018bayesian",
    authors: "Smith, Samuel L. and Le, Quoc V.",
    title: "A Bayesian Perspective on Generalization and Stochastic Gradient Descent",
    year: 2018,
    locator: "1710.06451",
};

/// `g = ε (N/B − 1)` for learning rate ε, N training images and batches of B (Smith and Le, Sec. 4), ≥ 0.
///
/// It assumes plain SGD: with momentum m the scale is g/(1 − m), and Adam has none. Under a schedule it is that of the
/// rate given. 0 for full batches.
///
/// # Errors
/// [`MetricError::Value`] for a rate that is negative or not finite (index 0), [`MetricError::Batch`] for a batch that
/// is empty or larger than the set.
pub fn noise_scale(rate: f64, images: usize, batch: usize) -> Result<f64, MetricError> {
    if !(rate.is_finite() && rate >= 0.0) {
        return Err(MetricError::Value { index: 0, value: rate });
    }
    match (1..=images).contains(&batch) {
        true => Ok(rate * (images as f64 / batch as f64 - 1.0)),
        false => Err(MetricError::Batch { batch, images }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_batches_and_smaller_rates_are_calmer() {
        assert_eq!(noise_scale(0.5, 1000, 50), Ok(9.5));
        assert_eq!(noise_scale(0.5, 1000, 1000), Ok(0.0));
    }

    #[test]
    fn what_is_no_training_is_refused() {
        assert_eq!(noise_scale(0.1, 10, 0), Err(MetricError::Batch { batch: 0, images: 10 }));
        assert_eq!(noise_scale(0.1, 10, 11), Err(MetricError::Batch { batch: 11, images: 10 }));
        assert_eq!(noise_scale(-0.1, 10, 5), Err(MetricError::Value { index: 0, value: -0.1 }));
    }
}
