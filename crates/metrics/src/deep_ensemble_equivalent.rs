//! Deep-ensemble equivalent: how many independent networks an ensemble is worth.

use crate::MetricError;

/// A deep ensemble of one size, measured over several draws of its members.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeepEnsemble {
    /// Number of members.
    pub members: usize,
    /// Mean calibrated negative log-likelihood in nats.
    pub nll: f64,
    /// Its standard deviation over the draws.
    pub sd: f64,
}

/// A size of a deep ensemble, or the end of the curve that it lies beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// Worse than the smallest deep ensemble that was measured, of this size.
    Below(f64),
    /// As good as a deep ensemble of this size, interpolated between those measured.
    At(f64),
    /// Better than every deep ensemble that was measured, up to this size.
    Above(f64),
}

/// The equivalent of one ensemble.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Equivalent {
    /// By the mean of the curve.
    pub value: Size,
    /// By a curve that is better by its standard deviation: the smallest size that may be meant.
    pub lower: Size,
    /// By a curve that is worse by its standard deviation.
    pub upper: Size,
}

/// Deep-ensemble equivalent (Ashukha et al. 2020): the smallest size, interpolated linearly, at which a
/// deep ensemble's calibrated log-likelihood reaches that of the ensemble, whose calibrated negative log-likelihood is `nll`.
///
/// `curve` holds deep ensembles by rising size. A curve that is not monotonic counts where it first reaches the value.
///
/// ```
/// use basin_metrics::{DeepEnsemble, Size, deep_ensemble_equivalent};
/// let curve = [(1, 0.30, 0.02), (2, 0.24, 0.01), (4, 0.20, 0.0)];
/// let curve = curve.map(|(members, nll, sd)| DeepEnsemble { members, nll, sd });
/// let equivalent = deep_ensemble_equivalent(0.22, &curve).unwrap();
/// let Size::At(value) = equivalent.value else { panic!("between 2 and 4") };
/// assert!((value - 3.0).abs() < 1e-12);
/// assert_eq!(deep_ensemble_equivalent(0.19, &curve).unwrap().value, Size::Above(4.0));
/// assert_eq!(deep_ensemble_equivalent(0.31, &curve).unwrap().value, Size::Below(1.0));
/// ```
///
/// # Errors
/// [`MetricError::Values`] for an empty curve, [`MetricError::Abscissa`] for sizes that do not rise from 1 on,
/// [`MetricError::Value`] for a value that is not finite or an sd below 0: its position in the curve, or the curve's length
/// for `nll`.
pub fn deep_ensemble_equivalent(nll: f64, curve: &[DeepEnsemble]) -> Result<Equivalent, MetricError> {
    if curve.is_empty() {
        return Err(MetricError::Values { found: 0, needed: 1 });
    }
    for (index, point) in curve.iter().enumerate() {
        if point.members == 0 || (index > 0 && point.members <= curve[index - 1].members) {
            return Err(MetricError::Abscissa { index, value: point.members as f64 });
        }
        if !(point.sd.is_finite() && point.sd >= 0.0) {
            return Err(MetricError::Value { index, value: point.sd });
        }
    }
    let values = curve.iter().map(|point| point.nll).chain([nll]);
    if let Some((index, value)) = values.enumerate().find(|(_, value)| !value.is_finite()) {
        return Err(MetricError::Value { index, value });
    }
    let by = |sds: f64| {
        first_as_good(nll, &curve.iter().map(|p| (p.members as f64, p.nll + sds * p.sd)).collect::<Vec<_>>())
    };
    Ok(Equivalent { value: by(0.0), lower: by(-1.0), upper: by(1.0) })
}

/// The first place of a piecewise linear curve that is as low as `nll`.
fn first_as_good(nll: f64, curve: &[(f64, f64)]) -> Size {
    let Some(place) = curve.iter().position(|(_, value)| *value <= nll) else {
        return Size::Above(curve[curve.len() - 1].0);
    };
    match place {
        0 if curve[0].1 < nll => Size::Below(curve[0].0),
        0 => Size::At(curve[0].0),
        _ => {
            let ((a, high), (b, low)) = (curve[place - 1], curve[place]);
            Size::At(a + (b - a) * ((high - nll) / (high - low)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(usize, f64, f64)]) -> Vec<DeepEnsemble> {
        points.iter().map(|&(members, nll, sd)| DeepEnsemble { members, nll, sd }).collect()
    }

    #[test]
    fn a_deep_ensemble_is_worth_itself() {
        let curve = curve(&[(1, 0.3, 0.0), (2, 0.2, 0.0), (3, 0.15, 0.0)]);
        for point in &curve {
            let size = Size::At(point.members as f64);
            let expected = Equivalent { value: size, lower: size, upper: size };
            assert_eq!(deep_ensemble_equivalent(point.nll, &curve), Ok(expected));
        }
    }

    #[test]
    fn the_spread_of_the_curve_is_the_spread_of_the_size() {
        let curve = curve(&[(1, 0.5, 0.125), (5, 0.25, 0.125)]);
        let got = deep_ensemble_equivalent(0.375, &curve).unwrap();
        assert_eq!(got, Equivalent { value: Size::At(3.0), lower: Size::At(1.0), upper: Size::At(5.0) });
        let got = deep_ensemble_equivalent(0.25, &curve).unwrap();
        assert_eq!((got.lower, got.upper), (Size::At(3.0), Size::Above(5.0)));
        let got = deep_ensemble_equivalent(0.5, &curve).unwrap();
        assert_eq!((got.lower, got.upper), (Size::Below(1.0), Size::At(3.0)));
    }

    #[test]
    fn a_bent_curve_counts_where_it_is_first_good_enough() {
        let curve = curve(&[(1, 0.5, 0.0), (2, 0.3, 0.0), (3, 0.4, 0.0), (4, 0.1, 0.0)]);
        assert_eq!(deep_ensemble_equivalent(0.3, &curve).unwrap().value, Size::At(2.0));
    }

    #[test]
    fn what_is_no_curve_is_refused() {
        let of =
            |points: &[(usize, f64, f64)], nll| deep_ensemble_equivalent(nll, &curve(points)).map(|_| ());
        assert_eq!(of(&[], 0.1), Err(MetricError::Values { found: 0, needed: 1 }));
        assert_eq!(of(&[(0, 0.1, 0.0)], 0.1), Err(MetricError::Abscissa { index: 0, value: 0.0 }));
        assert_eq!(
            of(&[(2, 0.1, 0.0), (2, 0.1, 0.0)], 0.1),
            Err(MetricError::Abscissa { index: 1, value: 2.0 })
        );
        assert_eq!(of(&[(1, 0.1, -1.0)], 0.1), Err(MetricError::Value { index: 0, value: -1.0 }));
        let infinite = f64::INFINITY;
        assert_eq!(of(&[(1, infinite, 0.0)], 0.1), Err(MetricError::Value { index: 0, value: infinite }));
        assert_eq!(of(&[(1, 0.1, 0.0)], infinite), Err(MetricError::Value { index: 1, value: infinite }));
    }
}
