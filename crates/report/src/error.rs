//! What can be wrong with results before a report of them would mislead.

use thiserror::Error;

/// Why no report was made. Nothing is rendered in part: either all artifacts come back or this.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Two rows describe the same ensemble, which would count one seed twice: drop one of them.
    #[error(
        "row {row} repeats row {first} (dataset {dataset}, model {model}, method {method}, seed {seed}); \
         expected one row per ensemble, remove one of them"
    )]
    DuplicateRow {
        /// Position of the first of the two, from 0.
        first: usize,
        /// Position of the second, from 0.
        row: usize,
        /// Data set of both.
        dataset: String,
        /// Model of both.
        model: String,
        /// Method of both.
        method: String,
        /// Seed of both.
        seed: u64,
    },
    /// A share lies outside its range, most often a percentage where a fraction belongs: divide it by 100.
    #[error(
        "row {row} ({method}, seed {seed}): {column} is {value}, expected a fraction in [{low}, {high}]; \
         percentages must be divided by 100"
    )]
    NotAFraction {
        /// Position of the row, from 0.
        row: usize,
        /// Its method.
        method: String,
        /// Its seed.
        seed: u64,
        /// The field.
        column: &'static str,
        /// What it holds.
        value: f64,
        /// Smallest allowed value.
        low: f64,
        /// Largest allowed value.
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
    /// A file of published facts compiled into this crate does not parse: repair it and rebuild.
    #[error("fixtures/paper/{file} does not parse: {source}; repair the file and rebuild")]
    Published {
        /// Name of the file in `fixtures/paper`.
        file: &'static str,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// The results do not turn into JSON: look for a map with keys that are not strings in the configuration.
    #[error("the results of run {run} cannot be written as JSON: {source}; check config and environment")]
    Json {
        /// Name of the run.
        run: String,
        /// What the writer said.
        #[source]
        source: serde_json::Error,
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
