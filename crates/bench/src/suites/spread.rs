//! How measured values lie: median, quartiles and extremes, since times have long tails and a mean hides them.

use serde::Serialize;

/// Order statistics of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(super) min: f64,
    pub(super) lower_quartile: f64,
    pub(super) upper_quartile: f64,
    pub(super) max: f64,
}

impl Spread {
    /// The spread of at least one value; `None` of none.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            median: quantile(&sorted, 0.5)?,
            min: *sorted.first()?,
            lower_quartile: quantile(&sorted, 0.25)?,
            upper_quartile: quantile(&sorted, 0.75)?,
            max: *sorted.last()?,
        })
    }
}

impl Spread {
    /// For showing.
    pub(super) fn rounded(self) -> Self {
        let Self { median, min, lower_quartile, upper_quartile, max } = self;
        let [median, min, lower_quartile, upper_quartile, max] =
            [median, min, lower_quartile, upper_quartile, max].map(rounded);
        Self { median, min, lower_quartile, upper_quartile, max }
    }
}

/// The quantile of sorted values, linear between neighbours (the definition of NumPy and R, type 7).
fn quantile(sorted: &[f64], at: f64) -> Option<f64> {
    let position = at * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    Some(below + (above - below) * position.fract())
}

/// Four significant digits: more would only pretend.
pub(super) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powi(3 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_linear_between_neighbours() {
        let spread = Spread::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        let expected = Spread { median: 2.5, min: 1.0, lower_quartile: 1.75, upper_quartile: 3.25, max: 4.0 };
        assert_eq!(spread, expected);
        let odd = Spread::of(&[10.0, 30.0, 20.0, 50.0, 40.0]).unwrap();
        assert_eq!((odd.lower_quartile, odd.median, odd.upper_quartile), (20.0, 30.0, 40.0));
    }

    #[test]
    fn one_value_is_all_of_its_spread_and_none_has_none() {
        let one = Spread::of(&[0.25]).unwrap();
        assert_eq!((one.min, one.lower_quartile, one.median, one.max), (0.25, 0.25, 0.25, 0.25));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn four_digits_remain() {
        assert_eq!([784.237, 0.012_345_6, 123_456.0, 0.0].map(rounded), [784.2, 0.012_35, 123_500.0, 0.0]);
    }
}
