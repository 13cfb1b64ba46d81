//! Means over seeds that say what they do not know: one seed has no deviation, a missing value no mean.

use basin_metrics::stats::{self, Summary};

/// Mean, deviation and number of values. The deviation of a single value, and everything about values of which
/// one is not finite, is NaN, which tables show as missing: leaving a failed seed out would flatter the mean.
pub(crate) fn summary(values: &[f64]) -> Summary {
    let missing = Summary { mean: f64::NAN, sd: f64::NAN, n: values.len() };
    Summary::from_values(values)
        .unwrap_or(Summary { mean: stats::mean(values).unwrap_or(f64::NAN), ..missing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_has_a_mean_and_no_deviation() {
        let one = summary(&[0.5]);
        assert!(one.mean == 0.5 && one.sd.is_nan() && one.n == 1);
    }

    #[test]
    fn a_failed_seed_is_not_left_out_of_the_mean() {
        let failed = summary(&[0.5, f64::NAN, 0.6]);
        assert!(failed.mean.is_nan() && failed.n == 3);
    }
}
