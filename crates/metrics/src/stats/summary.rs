//! Mean and standard deviation of a few repeated measurements.

use crate::MetricError;
use crate::shape::mean_from_first;

/// What is left of a sample once it is written as "mean ± sd, n".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (divisor n − 1).
    pub sd: f64,
    /// Number of values.
    pub n: usize,
}

impl Summary {
    /// Summary of at least two finite values.
    ///
    /// # Errors
    /// [`MetricError::Values`] for fewer than two, [`MetricError::Value`] for one that is not finite.
    pub fn from_values(values: &[f64]) -> Result<Self, MetricError> {
        check(values, 2)?;
        let (mean, sd) = mean_and_sd(values);
        Ok(Self { mean, sd, n: values.len() })
    }

    /// Standard error of the mean, sd / √n.
    pub fn standard_error(&self) -> f64 {
        self.sd / (self.n as f64).sqrt()
    }

    pub(crate) fn check(&self) -> Result<(), MetricError> {
        let Self { mean, sd, n } = *self;
        if n >= 2 && mean.is_finite() && sd.is_finite() && sd >= 0.0 {
            Ok(())
        } else {
            Err(MetricError::Summary { n, mean, sd })
        }
    }
}

/// Arithmetic mean. Equal values give that value exactly.
///
/// # Errors
/// [`MetricError::Values`] for no values, [`MetricError::Value`] for one that is not finite.
pub fn mean(values: &[f64]) -> Result<f64, MetricError> {
    check(values, 1)?;
    Ok(mean_from_first(values.iter().copied()))
}

/// Sample standard deviation, `√(Σ (x − x̄)² / (n − 1))`.
///
/// # Errors
/// [`MetricError::Values`] for fewer than two values, [`MetricError::Value`] for one that is not finite.
pub fn sample_sd(values: &[f64]) -> Result<f64, MetricError> {
    Summary::from_values(values).map(|summary| summary.sd)
}

/// Mean and sample standard deviation of values the caller has checked: at least two, all finite.
pub(crate) fn mean_and_sd(values: &[f64]) -> (f64, f64) {
    let mean = mean_from_first(values.iter().copied());
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / (values.len() as f64 - 1.0)).sqrt())
}

fn check(values: &[f64], needed: usize) -> Result<(), MetricError> {
    if values.len() < needed {
        return Err(MetricError::Values { found: values.len(), needed });
    }
    match values.iter().position(|x| !x.is_finite()) {
        Some(index) => Err(MetricError::Value { index, value: values[index] }),
        None => Ok(()),
    }
}
