//! Student's t distribution: the tail by the incomplete beta function, the quantile by Newton's method.
//!
//! With a = ν/2 and x = ν/(ν + t²), P(T > t) = ½ I_x(a, ½) for t ≥ 0. I_x is the regularised incomplete
//! beta function, evaluated by a continued fraction (Didonato and Morris 1992, doi 10.1145/131766.131776, Eq. 9).

use crate::MetricError;
use std::f64::consts::PI;

const MAX_DF: f64 = 1e9;
const MIN_TAIL: f64 = 1e-100;
/// Bounds only so that no input can hang: the slowest cases of the range take 22 steps and 67 terms.
const MAX_STEPS: usize = 100;
const MAX_TERMS: u32 = 1000;

/// P(T ≤ t) for Student's t with `df` degrees of freedom, absolute error below 1e-13.
///
/// # Errors
/// [`MetricError::DegreesOfFreedom`] for `df` outside 1..=1e9, [`MetricError::Value`] when `t` is NaN.
pub fn student_t_cdf(t: f64, df: f64) -> Result<f64, MetricError> {
    check_df(df)?;
    if t.is_nan() {
        return Err(MetricError::Value { index: 0, value: t });
    }
    let tail = upper_tail(t.abs(), df).tail;
    Ok(if t > 0.0 { 1.0 - tail } else { tail })
}

/// The t with P(T ≤ t) = p for Student's t with `df` degrees of freedom: error below 1e-10, relative to
/// max(1, |t|).
///
/// # Errors
/// [`MetricError::Probability`] for p outside 1e-100 ≤ p < 1, [`MetricError::DegreesOfFreedom`] for `df` outside
/// 1..=1e9.
pub fn student_t_quantile(p: f64, df: f64) -> Result<f64, MetricError> {
    if !(MIN_TAIL..1.0).contains(&p) {
        return Err(MetricError::Probability { p });
    }
    if p > 0.5 { upper_tail_quantile(1.0 - p, df) } else { upper_tail_quantile(p, df).map(|t| -t) }
}

/// The t ≥ 0 with P(T > t) = `tail`, for a tail in 1e-100..=½.
pub(crate) fn upper_tail_quantile(tail: f64, df: f64) -> Result<f64, MetricError> {
    check_df(df)?;
    if tail >= 0.5 {
        return Ok(0.0);
    }
    // Newton's method for ln P(T > eᵘ) = ln tail. The left side is concave and decreasing in u, nearly a
    // line where the tail is a power, so that the first step lands right of the root and the others fall
    // towards it.
    let mut t = 1.0f64;
    let mut at = upper_tail(t, df);
    for _ in 0..MAX_STEPS {
        let mut step = (at.tail / tail).ln() * at.tail / at.slope;
        let mut next = upper_tail(t * step.exp(), df);
        // The first step may land where the tail underflows: halve it.
        for _ in 0..MAX_STEPS {
            if next.slope >= f64::MIN_POSITIVE {
                break;
            }
            step *= 0.5;
            next = upper_tail(t * step.exp(), df);
        }
        let previous = t;
        (t, at) = (t * step.exp(), next);
        if (t - previous).abs() <= 1e-12 * t.max(1.0) {
            break;
        }
    }
    Ok(t)
}

fn check_df(df: f64) -> Result<(), MetricError> {
    if (1.0..=MAX_DF).contains(&df) { Ok(()) } else { Err(MetricError::DegreesOfFreedom { df }) }
}

/// P(T > t) and how fast it falls.
struct Tail {
    /// P(T > t).
    tail: f64,
    /// −dP(T > t)/d ln t, which is t times the density and x^a (1−x)^½ / B(a, ½).
    slope: f64,
}

/// The tail at t ≥ 0.
fn upper_tail(t: f64, df: f64) -> Tail {
    let (a, w) = (0.5 * df, t * t / df);
    if w.is_infinite() {
        return Tail { tail: 0.0, slope: 0.0 };
    }
    // x and 1 − x apart, because either may be lost in the other's rounding.
    let (x, y) = (1.0 / (1.0 + w), w / (1.0 + w));
    let slope = (-a * w.ln_1p()).exp() * y.sqrt() * gamma_ratio(a) / PI.sqrt();
    let tail = if x < (a + 1.0) / (a + 2.5) {
        0.5 * slope / beta_fraction(a, 0.5, x, y)
    } else {
        0.5 - 0.5 * slope / beta_fraction(0.5, a, y, x)
    };
    Tail { tail, slope }
}

/// Continued fraction of xᵃ yᵇ / (B(a, b) I_x(a, b)) for y = 1 − x, by the modified Lentz method. Needs
/// x < (a + 1)/(a + b + 2), where it converges fast. This form keeps its digits for large a, where the
/// textbook one (Abramowitz and Stegun 26.5.8) cancels.
fn beta_fraction(a: f64, b: f64, x: f64, y: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut value = away_from_zero(a * (a * y - b * x + 1.0) / (a + 1.0));
    let (mut c, mut d) = (value, 0.0);
    for m in 1..MAX_TERMS {
        let m = f64::from(m);
        let odd = a + 2.0 * m - 1.0;
        let numerator = (a + m - 1.0) / odd * ((a + b + m - 1.0) / odd) * m * (b - m) * x * x;
        let denominator =
            m + m * (b - m) * x / odd + (a + m) / (odd + 2.0) * (a * y - b * x + 1.0 + m * (1.0 + y));
        d = 1.0 / away_from_zero(denominator + numerator * d);
        c = away_from_zero(denominator + numerator / c);
        value *= c * d;
        if (c * d - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    value
}

/// Γ(a + ½) / Γ(a), relative error near 1e-15. A difference of two log-gammas would lose digits as a grows.
fn gamma_ratio(a: f64) -> f64 {
    let (mut a, mut factor) = (a, 1.0);
    while a < 32.0 {
        factor *= a / (a + 0.5);
        a += 1.0;
    }
    // ln Γ(a+½) − ln Γ(a) − ½ ln a = −1/(8a) + 1/(192a³) − 1/(640a⁵) + 17/(14336a⁷) − …
    let s = 1.0 / (a * a);
    let series = (-1.0 / 8.0 + s * (1.0 / 192.0 + s * (-1.0 / 640.0 + s * 17.0 / 14_336.0))) / a;
    factor * a.sqrt() * series.exp()
}
