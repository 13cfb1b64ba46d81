//! Points as large as a number: how large each is, and the key that tells it.

use crate::number::fixed;
use basin_metrics::Metric;
use basin_plot::{Ink, Key};
use basin_results::Ensemble;

/// Radius where all points are alike.
pub(super) const RADIUS: f64 = 5.5;
/// Radius of the greatest value, and the least one that is drawn: of smaller ones the marker could not be told.
const LARGEST: f64 = 9.0;
const SMALLEST: f64 = 3.5;

/// A metric that the area of points is.
pub(super) struct Sized {
    metric: &'static Metric,
    /// The least and the greatest positive value of a figure, in the metric's own unit.
    ends: (f64, f64),
}

impl Sized {
    /// Of the ensembles of a figure; none where there is no metric or no positive value of it.
    pub(super) fn of(metric: Option<&'static Metric>, group: &[&Ensemble]) -> Option<Self> {
        let metric = metric?;
        let values = group.iter().map(|ensemble| ensemble.number(metric.id));
        let values = values.filter(|value| value.is_finite() && *value > 0.0);
        let none = (f64::INFINITY, f64::NEG_INFINITY);
        let ends = values.fold(none, |(low, high), value| (low.min(value), high.max(value)));
        (ends.0 <= ends.1).then_some(Self { metric, ends })
    }

    /// Radius of a point with this value: the area is in proportion to it. The usual one where there is none.
    pub(super) fn radius(&self, value: f64) -> f64 {
        match value.is_finite() && value >= 0.0 {
            true => (LARGEST * (value / self.ends.1).sqrt()).clamp(SMALLEST, LARGEST),
            false => RADIUS,
        }
    }

    /// Keys of the least and the greatest value; of one where they are alike.
    pub(super) fn keys(&self) -> Vec<(String, Ink, Key)> {
        let of = |value: f64| {
            let number = fixed(self.metric.scale() * value, self.metric.decimals);
            let key = Key::Sized(self.radius(value).round() as u8);
            (format!("{number} {}", self.metric.head.to_lowercase()), Ink::Muted, key)
        };
        let (low, high) = self.ends;
        if low == high { vec![of(low)] } else { vec![of(low), of(high)] }
    }

    /// For the caption.
    pub(super) fn in_words(&self) -> String {
        let clipped = LARGEST * (self.ends.0 / self.ends.1).sqrt() < SMALLEST;
        let least = if clipped { ", the smallest drawn larger than that" } else { "" };
        format!("Area of points: {}{least}.", self.metric.title_with_unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_in_proportion_and_what_is_not_known_is_of_the_usual_size() {
        let metric = Metric::find("passes");
        let all = [12.5, 50.0, f64::NAN].map(|passes| Ensemble::default().with("passes", passes));
        let sized = Sized::of(metric, &all.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!([50.0, 12.5, 0.0].map(|value| sized.radius(value)), [LARGEST, LARGEST / 2.0, SMALLEST]);
        assert_eq!([f64::NAN, -1.0].map(|value| sized.radius(value)), [RADIUS; 2]);
        let keys = sized.keys();
        let told: Vec<(&str, Key)> = keys.iter().map(|(name, _, key)| (name.as_str(), *key)).collect();
        assert_eq!(told, [("12.5 passes", Key::Sized(5)), ("50.0 passes", Key::Sized(9))]);
        assert_eq!(sized.in_words(), "Area of points: Cost of training, passes over the training set.");
        let cheap = Ensemble::default().with("passes", 1.0);
        let told = Sized::of(metric, &[&all[1], &cheap]).unwrap().in_words();
        assert!(
            told.ends_with("passes over the training set, the smallest drawn larger than that."),
            "{told}"
        );
        assert!(Sized::of(metric, &[&all[2]]).is_none() && Sized::of(None, &[&all[0]]).is_none());
        assert_eq!(Sized::of(metric, &[&all[0]]).unwrap().keys().len(), 1);
    }
}
