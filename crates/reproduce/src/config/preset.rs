//! Presets: complete experiments as TOML files whose heads say what to expect.

use std::collections::BTreeMap;

/// A named set of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Name, as after `--preset`.
    pub name: &'static str,
    /// One line for help.
    pub summary: &'static str,
    text: &'static str,
}

/// All presets.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "quick",
        summary: "synthetic images, narrow net, 3 members, about 2 minutes on 2 cores",
        text: include_str!("../../presets/quick.toml"),
    },
    Preset {
        name: "small",
        summary: "CIFAR-10, ResNet20 ×0.5, 3 members, under an hour on 2 cores (needs --data-dir)",
        text: include_str!("../../presets/small.toml"),
    },
    Preset {
        name: "paper",
        summary: "the paper's set-up: ResNet20 ×4 or ViT, 5 members, 3 seeds (needs --data-dir and a large machine)",
        text: include_str!("../../presets/paper.toml"),
    },
];

/// One value of a preset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The data set and the network for which it holds; those that are not named may be any.
    pub(super) condition: BTreeMap<String, String>,
    pub(super) key: String,
    pub(super) value: String,
}

impl Entry {
    /// Whether it holds for this data set and network.
    pub(super) fn holds(&self, dataset: &str, model: &str) -> bool {
        self.condition.iter().all(|(what, wanted)| match what.as_str() {
            "dataset" => wanted == dataset,
            "model" => wanted == model,
            _ => false,
        })
    }
}

impl Preset {
    /// The preset of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The default name of a run: the preset's, with data set and network where they are not the preset's own.
    pub fn run_name(&self, dataset: &str, model: &str) -> String {
        let entries = self.entries();
        let own = |key: &str, value: &str| entries.iter().any(|e| e.key == key && e.value == value);
        let parts = [("data.dataset", dataset), ("model.name", model)];
        let others = parts.into_iter().filter(|(key, value)| !own(key, value));
        others.fold(self.name.to_owned(), |name, (_, value)| format!("{name}-{value}"))
    }

    /// All values in the order in which they apply: those for everything, then those of each `[[when]]`, whose `if`
    /// names the data set, the network or both.
    ///
    /// # Panics
    /// Never for the built-in presets, which a test resolves.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut table: toml::Table = self.text.parse().expect("built-in presets are TOML");
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
fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
