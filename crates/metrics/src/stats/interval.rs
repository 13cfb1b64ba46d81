//! Confidence intervals for a mean and for the difference of two means.

use crate::MetricError;
use crate::stats::Summary;
use crate::stats::student_t::upper_tail_quantile;
use basin_core::Citation;

/// Where the interval for means of unequal variance comes from.
pub const CITATION: Citation = Citation {
    key: "welch1947generalization",
    authors: "Welch, Bernard L.",
    title: "The Generalization of `Student's' Problem when Several Different Population Variances are Involved",
    year: 1947,
    locator: "10.1093/biomet/34.1-2.28",
};

/// A two-sided confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The difference of two means with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Welch {
    /// mean(a) − mean(b).
    pub difference: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Welch–Satterthwaite degrees of freedom.
    pub df: f64,
}

/// Student's interval for a mean, `x̄ ± t_{(1+level)/2, n−1} · sd/√n`, for example at level 0.95.
///
/// # Errors
/// [`MetricError::Summary`] when the summary is of fewer than two values, [`MetricError::Level`] for a level
/// outside (0, 1).
pub fn t_interval(summary: &Summary, level: f64) -> Result<Interval, MetricError> {
    summary.check()?;
    let half = half_width(summary.standard_error(), summary.n as f64 - 1.0, level)?;
    Ok(Interval { low: summary.mean - half, high: summary.mean + half })
}

/// Welch's interval for mean(a) − mean(b); the variances may differ.
///
/// With s² = sₐ²/nₐ + s_b²/n_b, `difference ± t_{(1+level)/2, df} · s` and
/// `df = s⁴ / ((sₐ²/nₐ)²/(nₐ−1) + (s_b²/n_b)²/(n_b−1))`. The difference is significant at 1 − level when 0
/// lies outside. Only means, standard deviations and sizes enter, so a published "94.43 ± 0.12 over 3
/// seeds" can stand on one side. When both standard deviations are 0 the interval is the difference itself
/// and df = nₐ + n_b − 2.
///
/// # Errors
/// [`MetricError::Summary`] when a summary is of fewer than two values, [`MetricError::Level`] for a level
/// outside (0, 1).
pub fn welch(a: &Summary, b: &Summary, level: f64) -> Result<Welch, MetricError> {
    a.check()?;
    b.check()?;
    let difference = a.mean - b.mean;
    let (free_a, free_b) = (a.n as f64 - 1.0, b.n as f64 - 1.0);
    // Shares of the variance rather than its square: tiny standard deviations do not underflow.
    let error = a.standard_error().hypot(b.standard_error());
    let df = if error > 0.0 {
        let (share_a, share_b) = ((a.standard_error() / error).powi(2), (b.standard_error() / error).powi(2));
        1.0 / (share_a.powi(2) / free_a + share_b.powi(2) / free_b)
    } else {
        free_a + free_b
    };
    // Rounding may not push df below the smaller sample's own, its lower bound.
    let df = df.max(free_a.min(free_b));
    let half = half_width(error, df, level)?;
    Ok(Welch { difference, low: difference - half, high: difference + half, df })
}

fn half_width(standard_error: f64, df: f64, level: f64) -> Result<f64, MetricError> {
    if !(level > 0.0 && level < 1.0) {
        return Err(MetricError::Level { level });
    }
    Ok(upper_tail_quantile(0.5 * (1.0 - level), df)? * standard_error)
}
