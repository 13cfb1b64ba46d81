//! What a reader must know where the work of one run was done in several environments.

use crate::Results;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// That the nodes of a run were not all computed where its report was made, and in what these places differ; none where they
/// were. It is read from the results' environment: `here`, and `nodes`, each entry with those who computed so many of them.
pub fn environments_in_words(results: &Results) -> Option<String> {
    let entries = results.environment["nodes"].as_array()?;
    let makers = |entry: &Value| entry["computed_by"].as_array().cloned().unwrap_or_default();
    let all: Vec<Value> = entries
        .iter()
        .chain([&serde_json::json!({ "computed_by": results.environment["here"] })])
        .flat_map(makers)
        .collect();
    let makers_told: Vec<_> = all.iter().filter_map(Value::as_object).collect();
    let keys: BTreeSet<&str> =
        makers_told.iter().flat_map(|maker| maker.keys()).map(String::as_str).collect();
    let mut values: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (maker, key) in makers_told.iter().flat_map(|maker| keys.iter().map(move |key| (maker, *key))) {
        // What a maker does not name, such as a device, it did without.
        let text = match maker.get(key) {
            Some(value) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            None => "none".to_owned(),
        };
        let known = values.entry(key).or_default();
        if !known.contains(&text) {
            known.push(text);
        }
    }
    let differing = values.iter().filter(|(_, values)| values.len() > 1);
    let mut differing: Vec<String> =
        differing.map(|(key, values)| format!("{key} {}", values.join(", "))).collect();
    if entries.iter().any(|entry| makers(entry).is_empty()) {
        differing.push("builds that noted no environment".into());
    }
    Some(format!(
        "The work of this run was not all done in one environment ({}): numbers from different ones agree up to rounding, not \
         bit by bit.",
        differing.join("; ").replace('_', " ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_told() {
        let maker = |isa: &str| json!({ "basin": "0.1.0", "instruction_set": isa });
        let of = |environment: Value| environments_in_words(&Results { environment, ..Results::default() });
        assert_eq!(of(json!({ "basin": "0.1.0" })), None);
        let told = of(json!({
            "here": [maker("AVX2")],
            "nodes": [{ "computed_by": [maker("AVX2")], "nodes": 3 }, { "computed_by": [maker("AVX-512"), maker("AVX2")], "nodes": 1 }],
        }));
        let told = told.unwrap();
        assert!(told.contains("(instruction set AVX2, AVX-512)") && !told.contains("0.1.0"), "{told}");
        let on_gpu = json!({ "basin": "0.1.0", "instruction_set": "AVX2", "device": "H200" });
        let mixed = json!({ "here": [on_gpu], "nodes": [{ "computed_by": [maker("AVX2")], "nodes": 3 }] });
        let told = of(mixed).unwrap();
        assert!(told.contains("(device none, H200)"), "{told}");
        let told =
            of(json!({ "here": [maker("AVX2")], "nodes": [{ "computed_by": [], "nodes": 3 }] })).unwrap();
        assert!(told.contains("(builds that noted no environment)"), "{told}");
    }
}
