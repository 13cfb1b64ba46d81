//! Files of earlier builds: one field per metric in a row, labels in place of keys, the paper's numbers in place of its id.
//!
//! Such a file reads as what this build would have written. A metric is carried over whatever it is called.

use crate::ensemble::Scalars;
use crate::{Ensemble, Subject};
use basin_papers::CaseKeys;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// What earlier labels call the keys.
const SYMBOLS: [(&str, &str); 6] = [
    ("M", "ensemble.members"),
    ("t", "ensemble.split_epoch"),
    ("β", "ensemble.label_weight"),
    ("k", "ensemble.distil_last"),
    ("R", "ensemble.replay_epochs"),
    ("REPAIR images", "metrics.repair_images"),
];

/// An ensemble of this build or of an earlier one.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AnyEnsemble {
    dataset: String,
    model: String,
    #[serde(default, deserialize_with = "case")]
    case: CaseKeys,
    method: String,
    seed: u64,
    members: usize,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    scalars: Scalars,
    /// Earlier builds: a field per metric.
    #[serde(flatten)]
    wide: Map<String, Value>,
}

impl From<AnyEnsemble> for Ensemble {
    fn from(any: AnyEnsemble) -> Self {
        let AnyEnsemble { dataset, model, case, method, seed, members, sources, scalars, wide } = any;
        let mut ensemble = Self { dataset, model, case, method, seed, members, scalars, sources };
        for (name, value) in &wide {
            carry(&mut ensemble, name, value);
        }
        ensemble
    }
}

/// A field of an earlier row as a number of the ensemble or of its members.
fn carry(ensemble: &mut Ensemble, name: &str, value: &Value) {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    match (name, value) {
        ("member_accuracies", Value::Array(all)) => {
            for (i, value) in all.iter().enumerate() {
                ensemble.set(Subject::Member(i + 1), "member-accuracy", number(value));
            }
        }
        ("minus_deep", Value::Object(difference)) => {
            for (field, metric) in [("mean", "minus-deep"), ("standard_error", "minus-deep-se")] {
                difference
                    .get(field)
                    .into_iter()
                    .for_each(|v| ensemble.set(Subject::Ensemble, metric, number(v)));
            }
        }
        // There was nothing to compare with.
        ("minus_deep", _) => {}
        // Zero stood for a cost that is not known.
        ("passes", value) if number(value) == 0.0 => {}
        (name, Value::Number(_) | Value::Null) => {
            ensemble.set(Subject::Ensemble, &name.replace('_', "-"), number(value));
        }
        _ => {}
    }
}

/// A case by its keys, or by an earlier label such as `t = 2, β = 0.2`.
pub(crate) fn case<'de, D: Deserializer<'de>>(from: D) -> Result<CaseKeys, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Any {
        Keys(CaseKeys),
        Label(String),
    }
    Ok(match Any::deserialize(from)? {
        Any::Keys(case) => case,
        Any::Label(label) => label.split(", ").filter_map(|part| part.split_once(" = ")).map(key).collect(),
    })
}

fn key((symbol, value): (&str, &str)) -> (String, String) {
    let known = SYMBOLS.iter().find(|(known, _)| *known == symbol);
    (known.map_or(symbol, |(_, key)| key).to_owned(), value.to_owned())
}

/// The id of a paper; earlier files hold its numbers there.
pub(crate) fn paper<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(Value::deserialize(from)?.as_str().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_row_is_read_with_every_number_it_has() {
        let text = r#"{"dataset": "cifar10", "model": "resnet20", "case": "M = 2, t = 1", "method": "swe", "seed": 3,
            "members": 2, "ensemble_accuracy": 0.5, "nll": null, "passes": 0.0, "member_accuracies": [0.4, null],
            "minus_deep": {"mean": -0.1, "standard_error": 0.01}, "a_new_one": 7, "sources": ["nodes/x"]}"#;
        let ensemble: Ensemble = serde_json::from_str(text).unwrap();
        let case: Vec<_> = ensemble.case.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(case, ["ensemble.members=2", "ensemble.split_epoch=1"]);
        let told: Vec<String> = ensemble.values().map(|(s, id, value)| format!("{s} {id} {value}")).collect();
        let expected = [
            "ensemble ensemble-accuracy 0.5",
            "member-1 member-accuracy 0.4",
            "member-2 member-accuracy NaN",
            "ensemble nll NaN",
            "ensemble minus-deep -0.1",
            "ensemble minus-deep-se 0.01",
            "ensemble a-new-one 7",
        ];
        assert_eq!(told, expected);
        assert_eq!((ensemble.get("passes"), ensemble.sources.len()), (None, 1));
    }

    #[test]
    fn what_this_build_writes_reads_back() {
        let written = Ensemble {
            method: "deep".into(),
            case: CaseKeys::from([("a.b".into(), "1".into())]),
            ..Default::default()
        }
        .with("nll", f64::NAN)
        .with_of(Subject::Member(2), "member-accuracy", 0.25);
        let text = serde_json::to_string(&written).unwrap();
        assert!(
            text.contains(r#""ensemble":{"nll":null}"#)
                && text.contains(r#""member-2":{"member-accuracy":0.25}"#),
            "{text}"
        );
        let back: Ensemble = serde_json::from_str(&text).unwrap();
        assert!(back.get("nll").unwrap().is_nan());
        assert_eq!(back.get_of(&Subject::Member(2), "member-accuracy"), Some(0.25));
        assert_eq!(back.case, written.case);
    }
}
