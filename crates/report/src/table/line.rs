//! One method of one quantity, and its cells.

use crate::number::{MISSING, shown_summary, signed, superscript};
use basin_metrics::Metric;
use basin_metrics::stats::{Summary, welch};
use basin_plot::Ink;

/// One method of one quantity.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Method id.
    pub(crate) method: String,
    pub(crate) name: String,
    pub(crate) ink: Ink,
    pub(crate) metric: &'static Metric,
    pub(crate) paper: Option<Summary>,
    /// Number of the footnote, from 1.
    pub(crate) mark: Option<usize>,
    /// None where the paper has a number and the run has no such method.
    pub(crate) ours: Option<Summary>,
    /// For a difference within the run: its interval, over test images where there is one seed, else over seeds.
    pub(crate) interval: Option<(f64, f64)>,
}

/// What stands as the verdict of a line that has the paper's number alone.
pub(crate) const NOT_RUN: &str = "not run";

impl Line {
    /// The paper's number with its footnote mark.
    pub(crate) fn paper_cell(&self) -> String {
        let text = self.paper.as_ref().map_or_else(|| MISSING.to_owned(), |s| shown_summary(s, self.metric));
        text + &self.mark.map_or_else(String::new, superscript)
    }

    /// Our number with the number of seeds; a difference within the run with its interval.
    pub(crate) fn ours_cell(&self) -> String {
        match (&self.ours, self.interval) {
            (None, _) => MISSING.to_owned(),
            (Some(ours), Some((low, high))) => {
                let [mean, low, high] = [ours.mean, low, high].map(|value| signed(value, self.metric));
                format!("{mean} [{low}, {high}] ({})", ours.n)
            }
            (Some(ours), None) => format!("{} ({})", shown_summary(ours, self.metric), ours.n),
        }
    }

    /// Ours minus the paper's, with the interval where there is one.
    pub(crate) fn difference_cell(&self) -> String {
        let Some(difference) = self.difference() else { return MISSING.to_owned() };
        let [difference, low, high] = match self.over_seeds() {
            Some((low, high)) => [difference, low, high].map(|value| signed(value, self.metric)),
            None => return signed(difference, self.metric),
        };
        format!("{difference} [{low}, {high}]")
    }

    /// `within`, `above`, `below`, a dash where there is no interval, or [`NOT_RUN`].
    pub(crate) fn verdict_cell(&self) -> &'static str {
        match self.over_seeds() {
            _ if self.ours.is_none() => NOT_RUN,
            Some((low, _)) if low > 0.0 => "above",
            Some((_, high)) if high < 0.0 => "below",
            Some(_) => "within",
            None => MISSING,
        }
    }

    fn difference(&self) -> Option<f64> {
        let difference = self.ours.as_ref()?.mean - self.paper.as_ref()?.mean;
        difference.is_finite().then_some(difference)
    }

    /// None where either side has fewer than two finite values.
    fn over_seeds(&self) -> Option<(f64, f64)> {
        let test = welch(self.ours.as_ref()?, self.paper.as_ref()?, 0.95).ok()?;
        Some((test.low, test.high))
    }
}
