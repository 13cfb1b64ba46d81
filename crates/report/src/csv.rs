//! All numbers as a long, tidy CSV file (RFC 4180): one line per number, full precision, empty where it could not be measured.

use basin_papers::CaseKeys;
use basin_results::{Results, Row};
use csv::{Terminator, WriterBuilder};

const HEADER: [&str; 11] = [
    "paper",
    "experiment",
    "dataset",
    "model",
    "case",
    "method",
    "seed",
    "members",
    "subject",
    "metric",
    "value",
];

/// `results.csv`.
///
/// # Errors
/// Never for a table in memory, whose lines all have the fields of the header.
pub(crate) fn rows(results: &Results) -> Result<Vec<u8>, csv::Error> {
    let line = |Row { results, ensemble, subject, metric, value }: Row<'_>| {
        [
            results.paper.clone(),
            results.experiment.clone(),
            ensemble.dataset.clone(),
            ensemble.model.clone(),
            keys(&ensemble.case),
            ensemble.method.clone(),
            ensemble.seed.to_string(),
            ensemble.members.to_string(),
            subject.to_string(),
            metric.to_owned(),
            number(value),
        ]
    };
    table(HEADER, results.rows().map(line))
}

const CURVE_HEADER: [&str; 13] = [
    "paper",
    "experiment",
    "dataset",
    "model",
    "case",
    "method",
    "seed",
    "subject",
    "metric",
    "data",
    "variable",
    "at",
    "value",
];

/// `curves.csv`: a line for each point of each curve.
///
/// # Errors
/// As [`rows`].
pub(crate) fn curves(results: &Results) -> Result<Vec<u8>, csv::Error> {
    let lines = results.curves.iter().flat_map(|curve| {
        curve.at.iter().zip(&curve.values).map(|(at, value)| {
            [
                results.paper.clone(),
                results.experiment.clone(),
                curve.dataset.clone(),
                curve.model.clone(),
                keys(&curve.case),
                curve.method.clone(),
                curve.seed.to_string(),
                curve.subject.to_string(),
                curve.quantity.clone(),
                curve.data.clone(),
                curve.variable.clone(),
                number(*at),
                number(*value),
            ]
        })
    });
    table(CURVE_HEADER, lines)
}

const SURFACE_HEADER: [&str; 15] = [
    "paper",
    "experiment",
    "dataset",
    "model",
    "case",
    "method",
    "seed",
    "subject",
    "metric",
    "data",
    "variable_x",
    "variable_y",
    "x",
    "y",
    "value",
];

/// `surfaces.csv`: a line for each point of each surface, row by row.
///
/// # Errors
/// As [`rows`].
pub(crate) fn surfaces(results: &Results) -> Result<Vec<u8>, csv::Error> {
    let lines = results.surfaces.iter().flat_map(|surface| {
        surface.points().map(|([x, y], value)| {
            [
                results.paper.clone(),
                results.experiment.clone(),
                surface.dataset.clone(),
                surface.model.clone(),
                keys(&surface.case),
                surface.method.clone(),
                surface.seed.to_string(),
                surface.subject.to_string(),
                surface.quantity.clone(),
                surface.data.clone(),
                surface.variables[0].clone(),
                surface.variables[1].clone(),
                number(x),
                number(y),
                number(value),
            ]
        })
    });
    table(SURFACE_HEADER, lines)
}

/// A header and its lines.
fn table<const N: usize>(
    header: [&str; N],
    mut lines: impl Iterator<Item = [String; N]>,
) -> Result<Vec<u8>, csv::Error> {
    let mut table = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    table.write_record(header)?;
    lines.try_for_each(|line| table.write_record(line))?;
    table.into_inner().map_err(|error| error.into_error().into())
}

/// `ensemble.members=2;ensemble.split_epoch=1`.
fn keys(case: &CaseKeys) -> String {
    case.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(";")
}

/// The shortest decimal that reads back as the same number; empty when there is none.
fn number(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_results::{Ensemble, Subject};

    #[test]
    fn every_number_is_a_line_with_full_precision_and_gaps_are_empty() {
        let case = CaseKeys::from([("a.b".to_owned(), "1".to_owned()), ("c".to_owned(), "2".to_owned())]);
        let ensemble = Ensemble {
            dataset: "a,b".into(),
            model: "say \"x\"".into(),
            case,
            members: 2,
            ..Ensemble::default()
        }
        .with_of(Subject::Member(2), "member-accuracy", f64::INFINITY)
        .with("nll", f64::NAN)
        .with("ensemble-accuracy", 1.0 / 3.0);
        let results = Results { paper: "p".into(), ensembles: vec![ensemble], ..Results::default() };
        let text = String::from_utf8(rows(&results).unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let names = "p,,\"a,b\",\"say \"\"x\"\"\",a.b=1;c=2,,0,2";
        let expected = [
            HEADER.join(","),
            format!("{names},ensemble,ensemble-accuracy,0.3333333333333333"),
            format!("{names},member-2,member-accuracy,"),
            format!("{names},ensemble,nll,"),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn every_point_of_a_curve_is_a_line() {
        let curve = basin_results::Curve {
            case: CaseKeys::from([("a.b".to_owned(), "1".to_owned())]),
            dataset: "mnist".into(),
            model: "mlp".into(),
            method: "shifted".into(),
            seed: 2,
            subject: Subject::Pair(1, 2),
            quantity: "line-loss".into(),
            data: "test-a".into(),
            variable: "lambda".into(),
            at: vec![0.0, 0.5],
            values: vec![f64::NAN, 1.0 / 3.0],
        };
        let results = Results { paper: "p".into(), curves: vec![curve], ..Results::default() };
        let text = String::from_utf8(curves(&results).unwrap()).unwrap();
        let names = "p,,mnist,mlp,a.b=1,shifted,2,pair-1-2,line-loss,test-a,lambda";
        let expected =
            [CURVE_HEADER.join(","), format!("{names},0,"), format!("{names},0.5,0.3333333333333333")];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn no_ensembles_still_name_the_columns() {
        assert_eq!(rows(&Results::default()).unwrap(), format!("{}\r\n", HEADER.join(",")).into_bytes());
    }
}
