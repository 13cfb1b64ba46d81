//! All numbers as a long, tidy CSV file (RFC 4180): one line per number, full precision, empty where it could not be measured.

use crate::results::{Results, Row};
use basin_papers::Case;

const HEADER: &str = "paper,experiment,dataset,model,case,method,seed,members,subject,metric,value\r\n";

/// `results.csv`.
pub(crate) fn rows(results: &Results) -> String {
    let mut text = HEADER.to_owned();
    for Row { results, ensemble, subject, metric, value } in results.rows() {
        let names = [
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
        ];
        let mut fields: Vec<String> = names.iter().map(|text| quoted(text)).collect();
        fields.push(number(value));
        text += &fields.join(",");
        text += "\r\n";
    }
    text
}

/// `ensemble.members=2;ensemble.split_epoch=1`.
fn keys(case: &Case) -> String {
    case.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(";")
}

/// The shortest decimal that reads back as the same number; empty when there is none.
fn number(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ensemble, Subject};

    #[test]
    fn every_number_is_a_line_with_full_precision_and_gaps_are_empty() {
        let case = Case::from([("a.b".to_owned(), "1".to_owned()), ("c".to_owned(), "2".to_owned())]);
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
        let text = rows(&results);
        let lines: Vec<&str> = text.lines().collect();
        let names = "p,,\"a,b\",\"say \"\"x\"\"\",a.b=1;c=2,,0,2";
        let expected = [
            HEADER.trim_end().to_owned(),
            format!("{names},ensemble,ensemble-accuracy,0.3333333333333333"),
            format!("{names},member-2,member-accuracy,"),
            format!("{names},ensemble,nll,"),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn no_ensembles_still_name_the_columns() {
        assert_eq!(rows(&Results::default()), HEADER);
    }
}
