//! From data to pixels: ranges, round tick values, linear and logarithmic scales.

use crate::number::{fixed, tick};

/// A range of data laid over a range of pixels.
#[derive(Clone, Debug)]
pub struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    logarithmic: bool,
    /// Data values at which to draw a grid line, with their labels.
    pub ticks: Vec<(f64, String)>,
}

impl Scale {
    /// Covers the finite `values`, widened on both sides by `margin` of their extent; pixels run from `from`
    /// to `to`. About `count` ticks at 1, 2 or 5 times a power of ten.
    pub fn linear(
        values: impl Iterator<Item = f64>,
        margin: f64,
        (from, to): (f64, f64),
        count: usize,
    ) -> Self {
        let (low, high) = extent(values);
        let extra = margin * (high - low);
        let (low, high) = (low - extra, high + extra);
        let step = round_step((high - low) / count.max(1) as f64);
        let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
        // The slack keeps an end that is a tick up to rounding.
        let slack = 1e-9 * (high - low);
        let (first, last) = (((low - slack) / step).ceil(), ((high + slack) / step).floor());
        let ticks = (0..=(last - first).max(0.0) as usize).map(|i| (first + i as f64) * step);
        let ticks = ticks.map(|at| (at, fixed(at, decimals))).collect();
        Self { low, high, from, to, logarithmic: false, ticks }
    }

    /// As [`Scale::linear`], but logarithmic when all values are positive and span a factor of ten or more.
    pub fn logarithmic_if_wide(values: &[f64], margin: f64, span: (f64, f64), count: usize) -> Self {
        Self::logarithmic_beyond(10.0, values, margin, span, count)
    }

    /// As [`Scale::linear`], but logarithmic when all values are positive and span this factor or more.
    pub fn logarithmic_beyond(
        factor: f64,
        values: &[f64],
        margin: f64,
        span: (f64, f64),
        count: usize,
    ) -> Self {
        let (low, high) = extent(values.iter().copied());
        if low <= 0.0 || high / low < factor {
            return Self::linear(values.iter().copied(), margin, span, count);
        }
        let widen = (high / low).powf(margin);
        let (low, high) = (low / widen, high * widen);
        let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let inside = |leads: &[f64]| -> Vec<f64> {
            let all =
                decades.clone().flat_map(|power| leads.iter().map(move |lead| lead * 10f64.powi(power)));
            all.filter(|at| (low..=high).contains(at)).collect()
        };
        let sets = [&[1.0, 2.0, 5.0][..], &[1.0, 3.0], &[1.0]].map(inside);
        let fits = |set: &&Vec<f64>| set.len() <= count + 1;
        let chosen = sets.iter().find(fits).unwrap_or(&sets[2]);
        let label = |at: f64| tick(at, (-at.log10().floor()).clamp(0.0, 9.0) as usize);
        // Of very many decades, every other one or fewer.
        let stride = chosen.len().div_ceil(count + 1).max(1);
        let ticks = chosen.iter().step_by(stride).map(|&at| (at, label(at))).collect();
        Self { low, high, from: span.0, to: span.1, logarithmic: true, ticks }
    }

    /// Pixel of a data value.
    pub fn at(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share * (self.to - self.from)
    }

    /// The same scale over other pixels.
    pub fn over(&self, (from, to): (f64, f64)) -> Self {
        Self { from, to, ..self.clone() }
    }

    /// Whether equal distances are equal factors.
    pub fn is_logarithmic(&self) -> bool {
        self.logarithmic
    }

    /// Whether the value lies on the scale.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The least and the greatest data value on the scale.
    pub fn range(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// First and last pixel.
    pub fn span(&self) -> (f64, f64) {
        (self.from, self.to)
    }
}

/// Least and greatest finite value; a unit around a single one, `0..1` for none.
fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let finite = values.filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    match () {
        () if low > high => (0.0, 1.0),
        // Closer than the resolution of f64 leaves no room for ticks.
        () if high - low <= 1e-9 * low.abs().max(1e-3) => (low - 0.5, high + 0.5),
        () => (low, high),
    }
}

/// 1, 2 or 5 times a power of ten, whichever is nearest to `raw`.
fn round_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    let lead = raw / power;
    // Between the geometric means of neighbours: √2, √10, √50.
    let round = match lead {
        ..1.414 => 1.0,
        ..3.162 => 2.0,
        ..7.071 => 5.0,
        _ => 10.0,
    };
    round * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<&str> {
        scale.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_inside_the_range() {
        let scale = Scale::linear([0.0, 1.0].into_iter(), 0.0, (0.0, 100.0), 5);
        assert_eq!(labels(&scale), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(scale.at(0.25), 25.0);
        let scale = Scale::linear([-71.7, 1.5].into_iter(), 0.05, (0.0, 1.0), 5);
        assert_eq!(labels(&scale), ["−60", "−40", "−20", "0"]);
        assert!(scale.ticks.iter().all(|(at, _)| scale.contains(*at)));
    }

    #[test]
    fn a_wide_range_of_losses_gets_a_logarithmic_scale() {
        let scale = Scale::logarithmic_if_wide(&[0.01, 2.3], 0.0, (0.0, 100.0), 5);
        assert_eq!(labels(&scale), ["0.01", "0.03", "0.1", "0.3", "1"]);
        assert!((scale.at((0.01f64 * 2.3).sqrt()) - 50.0).abs() < 1e-9);
        assert_eq!(
            labels(&Scale::logarithmic_if_wide(&[1.0, 2.0], 0.0, (0.0, 1.0), 2)),
            ["1.0", "1.5", "2.0"]
        );
    }

    #[test]
    fn very_many_decades_have_few_ticks() {
        let scale = Scale::logarithmic_beyond(100.0, &[1e-3, 1e30], 0.0, (0.0, 1.0), 6);
        assert_eq!(
            labels(&scale),
            ["0.001", "1e2", "1e7", "1e12", "1e17", "1e22", "1e27"].map(|l| if l == "1e2" {
                "100"
            } else {
                l
            })
        );
        assert!(!Scale::logarithmic_beyond(100.0, &[0.1, 9.0], 0.0, (0.0, 1.0), 6).is_logarithmic());
    }

    #[test]
    fn nothing_one_value_and_no_number_still_give_a_scale() {
        for values in [vec![], vec![3.0], vec![f64::NAN, f64::INFINITY], vec![0.0, 0.0]] {
            let scale = Scale::linear(values.into_iter(), 0.05, (0.0, 1.0), 5);
            assert!(scale.ticks.len() >= 2 && scale.at(scale.ticks[0].0).is_finite(), "{scale:?}");
        }
    }
}
