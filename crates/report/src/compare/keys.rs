//! Keys of two configurations that differ.

use basin_papers::CaseKeys;
use basin_results::Results;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One key that differs. A run of an earlier build may lack it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyDifference {
    /// The case of the experiment; empty for what all of a run has in common.
    #[serde(skip_serializing_if = "CaseKeys::is_empty")]
    pub case: CaseKeys,
    /// `section.name`, or `paper`, `experiment`.
    pub key: String,
    /// In the first run.
    pub a: Option<Value>,
    /// In the second run.
    pub b: Option<Value>,
}

/// Of the whole runs, then of the cases that both have, where these differ in something else.
pub(super) fn differences(a: &Results, b: &Results) -> Vec<KeyDifference> {
    let named = |key: &str, a: &str, b: &str| (key.to_owned(), Some(a.into()), Some(b.into()));
    let names =
        [named("paper", &a.paper, &b.paper), named("experiment", &a.experiment, &b.experiment)].into_iter();
    let mut found: Vec<KeyDifference> = names
        .chain(keys(&a.config, &b.config))
        .filter(|(_, a, b)| !same(a.as_ref(), b.as_ref()))
        .map(|(key, a, b)| KeyDifference { case: CaseKeys::new(), key, a, b })
        .collect();
    for case in &a.cases {
        let other = b.cases.iter().find(|other| (&other.case, &other.model) == (&case.case, &case.model));
        for (key, a, b) in other.into_iter().flat_map(|other| keys(&case.config, &other.config)) {
            let known = found.iter().any(|told| (&told.key, &told.a, &told.b) == (&key, &a, &b));
            if !known && !same(a.as_ref(), b.as_ref()) {
                found.push(KeyDifference { case: case.case.clone(), key, a, b });
            }
        }
    }
    found
}

/// Every key of either configuration, nested by section, with both values.
fn keys(a: &Value, b: &Value) -> impl Iterator<Item = (String, Option<Value>, Option<Value>)> {
    let [a, b] = [a, b].map(|config| {
        let mut flat = BTreeMap::new();
        flatten(config, "", &mut flat);
        flat
    });
    let all: BTreeSet<String> = a.keys().chain(b.keys()).cloned().collect();
    all.into_iter().map(move |key| {
        let (a, b) = (a.get(&key).cloned(), b.get(&key).cloned());
        (key, a, b)
    })
}

fn flatten(value: &Value, name: &str, flat: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(value, &name, flat);
            }
        }
        Value::Null if name.is_empty() => {}
        other => drop(flat.insert(name.to_owned(), other.clone())),
    }
}

/// Whether two values are equal; 1 and 1.0 are.
fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    let numbers = a.and_then(Value::as_f64).zip(b.and_then(Value::as_f64));
    a == b || numbers.is_some_and(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_that_differ_are_told_and_numbers_are_numbers() {
        let with = |config| Results { config, ..Results::default() };
        let a = with(json!({"train": {"epochs": 3, "l2": 1}, "run": {"device": "cpu"}}));
        let b = with(json!({"train": {"epochs": 4, "l2": 1.0}, "run": {"device": "cpu", "new": []}}));
        let found = differences(&a, &b);
        let told: Vec<_> = found.iter().map(|d| (d.key.as_str(), d.a.clone(), d.b.clone())).collect();
        let expected = [("run.new", None, Some(json!([]))), ("train.epochs", Some(json!(3)), Some(json!(4)))];
        assert_eq!(told, expected);
        assert!(differences(&a, &a).is_empty());
    }
}
