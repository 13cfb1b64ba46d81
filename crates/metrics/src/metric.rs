//! What a quantity is: its name, unit and range, and how it is shown.

use crate::METRICS;
use basin_core::Citation;

/// What a number is counted in; tells how it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A share in fractions, shown in percent.
    Share,
    /// A difference of two shares in fractions, shown in percentage points.
    Points,
    /// Natural units of information.
    Nats,
    /// No unit.
    Plain,
    /// Passes over the training set.
    Passes,
}

/// Which way a number is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// Neither.
    Neutral,
}

/// One quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Lower-case words with hyphens, for example `ensemble-accuracy`: its name in files and in claims.
    pub id: &'static str,
    /// Name in headings and along axes, without the unit.
    pub title: &'static str,
    /// Name at the head of a column.
    pub head: &'static str,
    /// What a legend says of the column; empty where the title says it all.
    pub meaning: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// Smallest and largest value that it can have; infinite where there is no bound.
    pub range: (f64, f64),
    /// Which way it is better.
    pub direction: Direction,
    /// Decimals that are shown, in the unit that is shown.
    pub decimals: usize,
    /// Where its definition comes from.
    pub citation: Option<Citation>,
}

impl Metric {
    /// The metric of that id.
    pub fn find(id: &str) -> Option<&'static Self> {
        METRICS.iter().find(|metric| metric.id == id)
    }

    /// What a stored value is multiplied by when it is shown.
    pub const fn scale(&self) -> f64 {
        match self.unit {
            Unit::Share | Unit::Points => 100.0,
            Unit::Nats | Unit::Plain | Unit::Passes => 1.0,
        }
    }

    /// The title with the unit that is shown, for a heading or an axis.
    pub fn title_with_unit(&self) -> String {
        match self.unit {
            Unit::Share => format!("{}, %", self.title),
            Unit::Points => format!("{}, percentage points", self.title),
            Unit::Nats => format!("{}, nats", self.title),
            Unit::Passes => format!("{}, passes over the training set", self.title),
            Unit::Plain => self.title.to_owned(),
        }
    }

    /// Whether a value can be one of this metric; single precision may push a value a little past its end. What is not finite is a value
    /// that could not be measured.
    pub fn allows(&self, value: f64) -> bool {
        let (low, high) = self.range;
        !value.is_finite() || (low - 1e-4..=high + 1e-4).contains(&value)
    }
}
