//! The rows as a tidy CSV file (RFC 4180): one line per ensemble, full precision, empty where not measured.

use crate::results::Row;

/// `results.csv`.
pub(crate) fn rows(rows: &[Row]) -> String {
    let mut text = header();
    for row in rows {
        let mut fields: Vec<String> =
            [&row.dataset, &row.model, &row.case, &row.method].map(|text| quoted(text)).to_vec();
        fields.extend([row.seed.to_string(), row.members.to_string()]);
        fields.extend(row.metrics().map(|(_, value)| number(value)));
        // A list is no column of a tidy table; spaces keep it one field that every reader splits easily.
        fields.push(row.member_accuracies.iter().map(|&a| number(a)).collect::<Vec<_>>().join(" "));
        text += &fields.join(",");
        text += "\r\n";
    }
    text
}

fn header() -> String {
    let metrics = Row::default().metrics().map(|(name, _)| name).join(",");
    format!("dataset,model,case,method,seed,members,{metrics},member_accuracies\r\n")
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

    #[test]
    fn a_row_keeps_full_precision_and_leaves_gaps_empty() {
        let row = Row {
            dataset: "a,b".into(),
            model: "say \"x\"".into(),
            ensemble_accuracy: 1.0 / 3.0,
            nll: f64::NAN,
            member_accuracies: vec![0.25, f64::INFINITY],
            ..Row::default()
        };
        let text = rows(&[row]);
        let line = text.lines().nth(1).unwrap();
        assert_eq!(line, "\"a,b\",\"say \"\"x\"\"\",,,0,0,0.3333333333333333,0,0,0,,0,0,0,0,0,,0.25 ");
        assert_eq!(text.lines().next().unwrap().split(',').count(), 18);
    }

    #[test]
    fn no_rows_still_name_the_columns() {
        assert_eq!(rows(&[]), header());
    }
}
