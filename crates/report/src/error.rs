//! What can be wrong with results before a report of them would mislead.

use basin_papers::PublishedError;
use thiserror::Error;

/// Why no report was made. Nothing is rendered in part: either all artifacts come back or this.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
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
    /// The paper's numbers do not parse: repair the paper's crate and rebuild.
    #[error(transparent)]
    Published(#[from] PublishedError),
    /// The results do not turn into JSON: look for a map with keys that are not strings in the configuration.
    #[error("the results of run {run} cannot be written as JSON: {source}; check config and environment")]
    Json {
        /// Name of the run.
        run: String,
        /// What the writer said.
        #[source]
        source: serde_json::Error,
    },
    /// The numbers do not turn into a table of equal lines: a bug of this crate.
    #[error(
        "the results of run {run} cannot be written as CSV: {source}; this is a defect of basin-report, please report it"
    )]
    Csv {
        /// Name of the run.
        run: String,
        /// What the writer said.
        #[source]
        source: csv::Error,
    },
    /// A figure could not be turned into a PNG: a bug of this crate, please report the figure's name.
    #[error(
        "figure {figure} cannot be rasterised: {reason}; this is a defect of basin-report, please report it"
    )]
    Raster {
        /// Name of the figure.
        figure: String,
        /// What the rasteriser said.
        reason: String,
    },
}
