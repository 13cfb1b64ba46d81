//! The ratio of two means of pairs, with Fieller's interval.

use crate::MetricError;
use crate::stats::interval::Interval;
use crate::stats::student_t::upper_tail_quantile;
use crate::stats::{Summary, mean};
use basin_core::Citation;

/// Where the interval of a ratio comes from.
pub const FIELLER: Citation = Citation {
    key: "fieller1954interval",
    authors: "Fieller, Edgar C.",
    title: "Some Problems in Interval Estimation",
    year: 1954,
    locator: "10.1111/j.2517-6161.1954.tb00159.x",
};

/// Fieller's interval for mean(a) / mean(b) of pairs `(aᵢ, bᵢ)`, for example at level 0.95: all ratios r for which
/// the mean of aᵢ − r·bᵢ is not significantly different from 0 by Student's t with n − 1 degrees of freedom.
///
/// None when mean(b) itself is not significantly different from 0: then no bounded interval has the level.
///
/// # Errors
/// [`MetricError::Values`] for fewer than two pairs or lengths that differ, [`MetricError::Value`] for a value that is
/// not finite, [`MetricError::Level`] for a level outside (0, 1).
pub fn fieller(a: &[f64], b: &[f64], level: f64) -> Result<Option<Interval>, MetricError> {
    if !(level > 0.0 && level < 1.0) {
        return Err(MetricError::Level { level });
    }
    let (of_a, of_b) = (Summary::from_values(a)?, Summary::from_values(b)?);
    if a.len() != b.len() {
        return Err(MetricError::Values { found: a.len().min(b.len()), needed: a.len().max(b.len()) });
    }
    let n = a.len() as f64;
    let covariance = a.iter().zip(b).map(|(a, b)| (a - of_a.mean) * (b - of_b.mean)).sum::<f64>() / (n - 1.0);
    let t = upper_tail_quantile(0.5 * (1.0 - level), n - 1.0)?;
    let share = t * t / n;
    // The ends are the roots of c₂ r² − 2 c₁ r + c₀.
    let c2 = of_b.mean.powi(2) - share * of_b.sd.powi(2);
    let c1 = of_a.mean * of_b.mean - share * covariance;
    let c0 = of_a.mean.powi(2) - share * of_a.sd.powi(2);
    if c2 <= 0.0 {
        return Ok(None);
    }
    let root = (c1 * c1 - c2 * c0).max(0.0).sqrt();
    Ok(Some(Interval { low: (c1 - root) / c2, high: (c1 + root) / c2 }))
}

/// mean(a) / mean(b).
///
/// # Errors
/// [`MetricError::Values`] for no values, [`MetricError::Value`] for one that is not finite.
pub fn ratio(a: &[f64], b: &[f64]) -> Result<f64, MetricError> {
    Ok(mean(a)? / mean(b)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::t_interval;

    /// By definition: at either end the mean of a − r·b is exactly at the edge of its own interval around 0.
    #[test]
    fn at_the_ends_the_difference_is_just_significant() {
        let (a, b) = ([0.011, 0.016, 0.009], [0.021, 0.026, 0.019]);
        let found = fieller(&a, &b, 0.95).unwrap().unwrap();
        let middle = ratio(&a, &b).unwrap();
        assert!(found.low < middle && middle < found.high, "{found:?}");
        for (r, inner, outer) in [(found.low, 1.0, -1.0), (found.high, -1.0, 1.0)] {
            let holds_zero = |r: f64| {
                let rest: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - r * b).collect();
                let of = t_interval(&Summary::from_values(&rest).unwrap(), 0.95).unwrap();
                of.low <= 0.0 && 0.0 <= of.high
            };
            assert!(holds_zero(r + 1e-6 * inner) && !holds_zero(r + 1e-6 * outer), "{r}");
        }
    }

    #[test]
    fn a_denominator_without_noise_scales_students_interval() {
        let a = [1.0, 2.0, 4.0];
        let found = fieller(&a, &[2.0; 3], 0.95).unwrap().unwrap();
        let of_a = t_interval(&Summary::from_values(&a).unwrap(), 0.95).unwrap();
        assert!((found.low - of_a.low / 2.0).abs() < 1e-12 && (found.high - of_a.high / 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_denominator_that_may_be_zero_has_no_interval() {
        assert_eq!(fieller(&[1.0, 2.0, 3.0], &[-1.0, 2.0, 0.5], 0.95).unwrap(), None);
    }

    #[test]
    fn pairs_that_are_none_and_odd_levels_are_refused() {
        assert!(matches!(fieller(&[1.0, 2.0], &[1.0, 2.0, 3.0], 0.95), Err(MetricError::Values { .. })));
        assert!(matches!(fieller(&[1.0], &[1.0], 0.95), Err(MetricError::Values { .. })));
        assert!(matches!(fieller(&[1.0, 2.0], &[1.0, f64::NAN], 0.95), Err(MetricError::Value { .. })));
        assert!(matches!(fieller(&[1.0, 2.0], &[1.0, 2.0], 1.0), Err(MetricError::Level { .. })));
    }
}
