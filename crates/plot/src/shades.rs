//! From amounts to colours: a scale over the ramp, and the bar that tells it.

use super::axis::TICK_SIZE;
use super::palette::Ink;
use super::ramp::STEPS;
use super::scale::Scale;
use super::scene::{Anchor, Dash, Mark, Region, Scene};

/// Beyond this factor between the greatest and the least value, colours follow the logarithm: two decades.
const WIDE: f64 = 100.0;

/// A scale of colours over the finite ones of some values.
#[derive(Clone, Debug)]
pub struct Shades {
    scale: Scale,
}

impl Shades {
    /// From the least to the greatest finite value, with about `count` ticks; logarithmic where all are positive and span more
    /// than two decades. What is not finite has no part in it.
    pub fn of(values: impl Iterator<Item = f64>, count: usize) -> Self {
        let values: Vec<f64> = values.collect();
        Self { scale: Scale::logarithmic_beyond(WIDE, &values, 0.0, (0.0, 1.0), count) }
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

    /// The step of the ramp for a value; none for what is not finite.
    pub fn step(&self, value: f64) -> Option<u8> {
        let share = self.share(value);
        share.is_finite().then(|| (share.clamp(0.0, 1.0) * STEPS as f64).min(STEPS as f64 - 1.0) as u8)
    }

    /// The values of the bar's ticks with their labels: levels for contours, which can so be read from the bar.
    pub fn levels(&self) -> &[(f64, String)] {
        &self.scale.ticks
    }

    /// Draws the bar, the least amount at the bottom, with ticks and labels at its right.
    pub fn bar(&self, scene: &mut Scene, of: Region) {
        let Region { left, top, right, bottom } = of;
        let edge = |step: usize| bottom + (top - bottom) * step as f64 / STEPS as f64;
        for step in 0..STEPS {
            let boxes = vec![Region { left, top: edge(step + 1), right, bottom: edge(step) }];
            scene.marks.push(Mark::Cells { boxes, ink: Ink::Amount(step as u8) });
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
        assert_eq!([1.0, 2.0, 3.0].map(|v| shades.step(v)), [Some(0), Some(32), Some(63)]);
        assert_eq!([f64::NAN, f64::INFINITY].map(|v| shades.step(v)), [None, None]);
        assert!(!shades.is_logarithmic());
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
        assert!(shades.step(f64::NAN).is_none() && !shades.levels().is_empty());
    }
}
