//! What can be wrong with results before a report of them would mislead.

use crate::Curve;
use std::fmt;
use thiserror::Error;

/// Why results cannot be told.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// Two entries are the same ensemble, which would count one seed twice: drop one of them.
    #[error(
        "ensemble {second} repeats ensemble {first} (dataset {dataset}, model {model}, method {method}, seed {seed}); \
         expected each once, remove one of them"
    )]
    DuplicateEnsemble {
        /// Position of the first of the two, from 0.
        first: usize,
        /// Position of the second, from 0.
        second: usize,
        /// Data set of both.
        dataset: String,
        /// Model of both.
        model: String,
        /// Method of both.
        method: String,
        /// Seed of both.
        seed: u64,
    },
    /// A number is none of its metric, most often a percentage where a fraction belongs: divide it by 100.
    #[error(
        "ensemble {ensemble} ({method}, seed {seed}): {metric} of {subject} is {value}, expected {low} to {high}; \
         percentages must be divided by 100"
    )]
    OutOfRange {
        /// Position of the ensemble, from 0.
        ensemble: usize,
        /// Its method.
        method: String,
        /// Its seed.
        seed: u64,
        /// What of it was measured.
        subject: String,
        /// The metric.
        metric: &'static str,
        /// What it is.
        value: f64,
        /// Smallest value that it can have.
        low: f64,
        /// Largest value that it can have.
        high: f64,
    },
    /// An interpolation line has another number of values than of positions: measure it again.
    #[error(
        "interpolation line of {method}, seed {seed}, members {first} and {second}: \
         {alphas} positions but {values} values; expected one value per position, measure the line again"
    )]
    LineLength {
        /// Its method.
        method: String,
        /// Its seed.
        seed: u64,
        /// First member.
        first: usize,
        /// Second member.
        second: usize,
        /// Number of positions α.
        alphas: usize,
        /// Number of values q.
        values: usize,
    },
    /// Lines of one method stand on different positions and cannot be averaged: use one grid for all.
    #[error(
        "interpolation line of {method}, seed {seed}, members {first} and {second} stands on other positions \
         than the method's first line; expected one grid of alphas per method, measure the lines on the same grid"
    )]
    LineGrid {
        /// Its method.
        method: String,
        /// Its seed.
        seed: u64,
        /// First member.
        first: usize,
        /// Second member.
        second: usize,
    },
    /// A curve has another number of values than of points: measure it again.
    #[error("{curve}: {at} points but {values} values; expected one value a point, measure the curve again")]
    CurveLength {
        /// The curve.
        curve: Box<CurveName>,
        /// Number of points.
        at: usize,
        /// Number of values.
        values: usize,
    },
    /// Curves that a figure of the paper averages stand on different points: use one grid for all.
    #[error(
        "{curve} stands on other points than the first of its series; expected one grid a series, measure the curves on the \
         same points"
    )]
    CurveGrid {
        /// The curve.
        curve: Box<CurveName>,
    },
    /// A surface has another number of values than its grid has points: measure it again.
    #[error(
        "{surface}: {values} values on a grid of {x} × {y} points; expected one value a point, measure the surface again"
    )]
    SurfaceShape {
        /// The surface, in words.
        surface: String,
        /// Points of the horizontal variable.
        x: usize,
        /// Points of the vertical variable.
        y: usize,
        /// Number of values.
        values: usize,
    },
}

/// What names a curve, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurveName {
    /// Its method.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// What of the ensemble it is of.
    pub subject: String,
    /// Id of its metric.
    pub quantity: String,
    /// Which images.
    pub data: String,
}

impl CurveName {
    pub(crate) fn of(curve: &Curve) -> Self {
        Self {
            method: curve.method.clone(),
            seed: curve.seed,
            subject: curve.subject.to_string(),
            quantity: curve.quantity.clone(),
            data: curve.data.clone(),
        }
    }
}

impl fmt::Display for CurveName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, seed, subject, quantity, data } = self;
        write!(f, "curve {quantity} on {data} of {method}, seed {seed}, {subject}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &ResultsError) -> usize {
        match error {
            ResultsError::DuplicateEnsemble { .. } => 0,
            ResultsError::OutOfRange { .. } => 1,
            ResultsError::LineLength { .. } => 2,
            ResultsError::LineGrid { .. } => 3,
            ResultsError::CurveLength { .. } => 4,
            ResultsError::CurveGrid { .. } => 5,
            ResultsError::SurfaceShape { .. } => 6,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (
                ResultsError::DuplicateEnsemble {
                    first: 0,
                    second: 2,
                    dataset: "d".into(),
                    model: "m".into(),
                    method: "deep".into(),
                    seed: 1,
                },
                "ensemble 2 repeats ensemble 0 (dataset d, model m, method deep, seed 1); expected each once, remove one of them",
            ),
            (
                ResultsError::OutOfRange {
                    ensemble: 1,
                    method: "deep".into(),
                    seed: 0,
                    subject: "ensemble".into(),
                    metric: "ensemble-accuracy",
                    value: 94.5,
                    low: 0.0,
                    high: 1.0,
                },
                "ensemble 1 (deep, seed 0): ensemble-accuracy of ensemble is 94.5, expected 0 to 1; percentages must be divided by 100",
            ),
            (
                ResultsError::LineLength {
                    method: "deep".into(),
                    seed: 0,
                    first: 0,
                    second: 1,
                    alphas: 3,
                    values: 2,
                },
                "interpolation line of deep, seed 0, members 0 and 1: 3 positions but 2 values; expected one value per position, measure the line again",
            ),
            (
                ResultsError::LineGrid { method: "deep".into(), seed: 0, first: 0, second: 1 },
                "interpolation line of deep, seed 0, members 0 and 1 stands on other positions than the method's first line; expected one grid of alphas per method, measure the lines on the same grid",
            ),
        ];
        let curve = || {
            let (method, subject) = ("deep".to_owned(), "pair-1-2".to_owned());
            let (quantity, data) = ("line-loss".to_owned(), "test".to_owned());
            Box::new(CurveName { method, seed: 0, subject, quantity, data })
        };
        let told = told.into_iter().chain([
            (
                ResultsError::CurveLength { curve: curve(), at: 3, values: 2 },
                "curve line-loss on test of deep, seed 0, pair-1-2: 3 points but 2 values; expected one value a point, measure the curve again",
            ),
            (
                ResultsError::CurveGrid { curve: curve() },
                "curve line-loss on test of deep, seed 0, pair-1-2 stands on other points than the first of its series; expected one grid a series, measure the curves on the same points",
            ),
            (
                ResultsError::SurfaceShape { surface: "surface a on b of c, seed 0, d".into(), x: 3, y: 2, values: 5 },
                "surface a on b of c, seed 0, d: 5 values on a grid of 3 × 2 points; expected one value a point, measure the surface again",
            ),
        ]);
        let mut seen = [false; 7];
        for (error, text) in told {
            assert_eq!(error.to_string(), text);
            seen[place(&error)] = true;
        }
        assert_eq!(seen, [true; 7], "every variant is told");
    }
}
