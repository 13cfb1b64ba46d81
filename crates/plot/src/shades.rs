//! From amounts to colours: a scale over the ramp, and the bar that tells it.

use super::axis::TICK_SIZE;
use super::palette::Ink;
use super::ramp::{REACH, STEPS};
use super::scale::Scale;
use super::scene::{Anchor, Dash, Mark, Region, Scene};

/// Beyond this factor between the greatest and the least value, colours follow the logarithm: two decades.
const WIDE: f64 = 100.0;

/// A scale of colours over the finite ones of some values.
#[derive(Clone, Debug)]
pub struct Shades {
    scale: Scale,
    /// For signed amounts: the greatest distance from zero, which both ends of the colours stand for.
    reach: Option<f64>,
}

impl Shades {
    /// From the least to the greatest finite value, with about `count` ticks; logarithmic where all are positive and span more
    /// than two decades. What is not finite has no part in it.
    pub fn of(values: impl Iterator<Item = f64>, count: usize) -> Self {
        let values: Vec<f64> = values.collect();
        Self { scale: Scale::logarithmic_beyond(WIDE, &values, 0.0, (0.0, 1.0), count), reach: None }
    }

    /// For signed amounts: two colours that part at zero, equally strong at equal distances from it. The bar runs from the least to
    /// the greatest finite value, zero included. What is not finite has no part in it.
    pub fn around_zero(values: impl Iterator<Item = f64>, count: usize) -> Self {
        let scale = Scale::linear(values.chain([0.0]), 0.0, (0.0, 1.0), count);
        let (low, high) = scale.range();
        Self { scale, reach: Some(low.abs().max(high.abs())) }
    }

    /// Whether equal steps of colour are equal factors.
    pub fn is_logarithmic(&self) -> bool {
        self.scale.is_logarithmic()
    }

    /// Where a value lies between the first colour, 0, and the last, 1; NaN for what is not finite, or not positive on a
    /// logarithmic scale.
    pub fn share(&self, value: f64) -> f64 {
        if value.is_finite() { self.scale.at(value) } else { f64::NAN }
    }

    /// The colour of a value; none for what is not finite.
    pub fn ink(&self, value: f64) -> Option<Ink> {
        if let Some(reach) = self.reach {
            let steps = f64::from(REACH);
            return value
                .is_finite()
                .then(|| Ink::Around((steps * (value / reach).clamp(-1.0, 1.0)).round() as i8));
        }
        let share = self.share(value);
        let step = || (share.clamp(0.0, 1.0) * STEPS as f64).min(STEPS as f64 - 1.0) as u8;
        share.is_finite().then(|| Ink::Amount(step()))
    }

    /// The values of the bar's ticks with their labels: levels for contours, which can so be read from the bar.
    pub fn levels(&self) -> &[(f64, String)] {
        &self.scale.ticks
    }

    /// Draws the bar, the least amount at the bottom, with ticks and labels at its right.
    pub fn bar(&self, scene: &mut Scene, of: Region) {
        let Region { left, top, right, bottom } = of;
        let edge = |step: usize| bottom + (top - bottom) * step as f64 / STEPS as f64;
        let (low, high) = self.scale.range();
        for step in 0..STEPS {
            let boxes = vec![Region { left, top: edge(step + 1), right, bottom: edge(step) }];
            let middle = low + (high - low) * (step as f64 + 0.5) / STEPS as f64;
            let signed = self.reach.and_then(|_| self.ink(middle));
            scene.marks.push(Mark::Cells { boxes, ink: signed.unwrap_or(Ink::Amount(step as u8)) });
        }
        scene.outline(of, Ink::Axis);
        let scale = self.scale.over((bottom, top));
        for (at, label) in &scale.ticks {
            let y = scale.at(*at);
            scene.rule((right, y), (right + 4.0, y), Ink::Axis, Dash::Solid);
            scene.text((right + 7.0, y + 0.35 * TICK_SIZE), label, TICK_SIZE, Ink::Muted, Anchor::Start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_run_from_the_least_to_the_greatest_finite_value() {
        let shades = Shades::of([f64::NEG_INFINITY, 1.0, 3.0, f64::NAN, f64::INFINITY].into_iter(), 5);
        assert_eq!([1.0, 2.0, 3.0].map(|v| shades.ink(v)), [0, 32, 63].map(|step| Some(Ink::Amount(step))));
        assert_eq!([f64::NAN, f64::INFINITY].map(|v| shades.ink(v)), [None, None]);
        assert!(!shades.is_logarithmic());
    }

    #[test]
    fn signed_amounts_are_equally_strong_on_both_sides_of_zero() {
        let shades = Shades::around_zero([-40.0, -20.0, 10.0, f64::NAN].into_iter(), 5);
        let of = |value| shades.ink(value);
        assert_eq!([-40.0, -20.0, 0.0, 20.0].map(of), [-31, -16, 0, 16].map(|step| Some(Ink::Around(step))));
        assert_eq!([f64::NAN, f64::NEG_INFINITY].map(of), [None, None]);
        let labels: Vec<&str> = shades.levels().iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["−40", "−30", "−20", "−10", "0", "10"]);
        // The bar's colours are those of its values: from the strongest brown to a weak blue.
        let mut scene = Scene::new(100.0, 100.0, "");
        shades.bar(&mut scene, Region { left: 0.0, top: 0.0, right: 10.0, bottom: 100.0 });
        let inks = scene.marks.iter().filter_map(|mark| match mark {
            Mark::Cells { ink, .. } => Some(*ink),
            _ => None,
        });
        let inks: Vec<Ink> = inks.collect();
        assert_eq!((inks.len(), inks[0], inks[STEPS - 1]), (STEPS, Ink::Around(-31), Ink::Around(7)));
        assert!(Shades::around_zero([0.0].into_iter(), 5).ink(0.0) == Some(Ink::Around(0)));
    }

    #[test]
    fn more_than_two_decades_are_logarithmic() {
        let shades = Shades::of([0.01, 1e4].into_iter(), 6);
        assert!(shades.is_logarithmic() && (shades.share(10.0) - 0.5).abs() < 1e-12);
        let labels: Vec<&str> = shades.levels().iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["0.01", "0.1", "1", "10", "100", "1000", "10000"]);
        assert!(!Shades::of([0.0, 1e4].into_iter(), 6).is_logarithmic());
        assert!(!Shades::of([0.1, 9.0].into_iter(), 6).is_logarithmic());
    }

    #[test]
    fn the_bar_has_every_colour_and_a_label_for_each_level() {
        let shades = Shades::of([0.0, 1.0].into_iter(), 5);
        let mut scene = Scene::new(100.0, 100.0, "");
        shades.bar(&mut scene, Region { left: 0.0, top: 0.0, right: 10.0, bottom: 100.0 });
        let cells = scene.marks.iter().filter(|mark| matches!(mark, Mark::Cells { .. })).count();
        let labels = scene.marks.iter().filter(|mark| matches!(mark, Mark::Text { .. })).count();
        assert_eq!((cells, labels), (STEPS, shades.levels().len()));
    }

    #[test]
    fn no_finite_value_at_all_still_gives_a_bar() {
        let shades = Shades::of([f64::NAN].into_iter(), 5);
        assert!(shades.ink(f64::NAN).is_none() && !shades.levels().is_empty());
    }
}
