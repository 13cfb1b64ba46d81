//! The values of a paper's presets, in the order in which they apply.

use basin_papers::Preset;
use std::collections::BTreeMap;

/// One value of a preset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The data set and the network for which it holds; those that are not named may be any.
    pub(crate) condition: BTreeMap<String, String>,
    pub(crate) key: String,
    pub(crate) value: String,
}

impl Entry {
    /// Whether it holds for this data set and network.
    pub(crate) fn holds(&self, dataset: &str, model: &str) -> bool {
        self.condition.iter().all(|(what, wanted)| match what.as_str() {
            "dataset" => wanted == dataset,
            "model" => wanted == model,
            _ => false,
        })
    }
}

/// The default name of a run: the preset's, with data set and network where they are not the preset's own.
pub fn run_name(preset: &Preset, dataset: &str, model: &str) -> String {
    let entries = entries(preset);
    let own = |key: &str, value: &str| entries.iter().any(|e| e.key == key && e.value == value);
    let parts = [("data.dataset", dataset), ("model.name", model)];
    let others = parts.into_iter().filter(|(key, value)| !own(key, value));
    others.fold(preset.name.to_owned(), |name, (_, value)| format!("{name}-{value}"))
}

/// All values in the order in which they apply: those for everything, then those of each `[[when]]`, whose `if`
/// names the data set, the network or both.
///
/// # Panics
/// Never for the presets that are built in, which a test resolves.
pub(crate) fn entries(preset: &Preset) -> Vec<Entry> {
    let mut table: toml::Table = preset.text.parse().expect("presets that are built in are TOML");
    let whens = table.remove("when");
    let mut entries = flatten(&table, &BTreeMap::new());
    for when in whens.iter().filter_map(toml::Value::as_array).flatten() {
        let mut table = when.as_table().cloned().unwrap_or_default();
        let condition = table.remove("if");
        let named = condition.iter().filter_map(toml::Value::as_table).flatten();
        let condition = named.map(|(what, value)| (what.clone(), plain(value))).collect();
        entries.extend(flatten(&table, &condition));
    }
    entries
}

fn flatten(table: &toml::Table, condition: &BTreeMap<String, String>) -> Vec<Entry> {
    let section = |(section, values): (&String, &toml::Value)| {
        let values = values.as_table().cloned().unwrap_or_default();
        let entry = |(key, value): (&String, &toml::Value)| Entry {
            condition: condition.clone(),
            key: format!("{section}.{key}"),
            value: plain(value),
        };
        values.iter().map(entry).collect::<Vec<_>>()
    };
    table.iter().flat_map(section).collect()
}

/// A value as it is written after `--set key=`.
pub(crate) fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
