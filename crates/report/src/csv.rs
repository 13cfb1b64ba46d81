//! All numbers as a long, tidy CSV file (RFC 4180): one line per number, full precision, empty where it could not be measured.

use crate::results::{Results, Row};
use basin_papers::CaseKeys;
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
    let mut table = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    table.write_record(HEADER)?;
    for Row { results, ensemble, subject, metric, value } in results.rows() {
        table.write_record([
            &results.paper,
            &results.experiment,
            &ensemble.dataset,
            &ensemble.model,
            &keys(&ensemble.case),
            &ensemble.method,
            &ensemble.seed.to_string(),
            &ensemble.members.to_string(),
            &subject.to_string(),
            metric,
            &number(value),
        ])?;
    }
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
    use crate::{Ensemble, Subject};

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
    fn no_ensembles_still_name_the_columns() {
        assert_eq!(rows(&Results::default()).unwrap(), format!("{}\r\n", HEADER.join(",")).into_bytes());
    }
}
