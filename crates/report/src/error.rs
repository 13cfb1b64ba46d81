//! Why there is no report.

use basin_papers::PublishedError;
use basin_results::ResultsError;
use thiserror::Error;

/// Why no report was made. Nothing is rendered in part: either all artifacts come back or this.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The results contradict themselves, or their metrics.
    #[error(transparent)]
    Results(#[from] ResultsError),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> serde_json::Error {
        serde_json::from_str::<u8>("").expect_err("an empty text holds no number")
    }

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &ReportError) -> usize {
        match error {
            ReportError::Results(_) => 0,
            ReportError::Published(_) => 1,
            ReportError::Json { .. } => 2,
            ReportError::Raster { .. } => 3,
            ReportError::Csv { .. } => 4,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (
                ReportError::Results(ResultsError::LineGrid {
                    method: "deep".into(),
                    seed: 0,
                    first: 0,
                    second: 1,
                }),
                "interpolation line of deep, seed 0, members 0 and 1 stands on other positions than the method's first line; expected one grid of alphas per method, measure the lines on the same grid",
            ),
            (
                ReportError::Published(PublishedError { file: "numbers.json", source: broken() }),
                "numbers.json does not parse: EOF while parsing a value at line 1 column 0; repair the file and rebuild",
            ),
            (
                ReportError::Json { run: "a".into(), source: broken() },
                "the results of run a cannot be written as JSON: EOF while parsing a value at line 1 column 0; check config and environment",
            ),
            (
                ReportError::Raster { figure: "f".into(), reason: "no size".into() },
                "figure f cannot be rasterised: no size; this is a defect of basin-report, please report it",
            ),
            (
                ReportError::Csv { run: "a".into(), source: std::io::Error::other("no room").into() },
                "the results of run a cannot be written as CSV: no room; this is a defect of basin-report, please report it",
            ),
        ];
        let mut seen = [false; 5];
        for (error, text) in told {
            assert_eq!(error.to_string(), text);
            seen[place(&error)] = true;
        }
        assert_eq!(seen, [true; 5], "every variant is told");
    }
}
