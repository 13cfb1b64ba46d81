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
        name: "paper-resnet20",
        summary: "the paper's Table 1: ResNet20 ×4, 5 members, 3 seeds (needs --data-dir and a large machine)",
        text: include_str!("../../presets/paper-resnet20.toml"),
    },
];

type Entries = Vec<(String, String)>;

impl Preset {
    /// The preset of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The default name of a run: the preset's, with the data set where that is not the preset's own.
    pub fn run_name(&self, dataset: &str) -> String {
        let own = self.entries().0.into_iter().find(|(key, _)| key == "data.dataset");
        match own {
            Some((_, own)) if own == dataset => self.name.to_owned(),
            _ => format!("{}-{dataset}", self.name),
        }
    }

    /// Values for all data sets, and per data set those that differ (`[dataset.NAME.section]`).
    ///
    /// # Panics
    /// Never for the built-in presets, which a test resolves.
    pub(super) fn entries(&self) -> (Entries, BTreeMap<String, Entries>) {
        let mut table: toml::Table = self.text.parse().expect("built-in presets are TOML");
        let sections = match table.remove("dataset") {
            Some(toml::Value::Table(sections)) => {
                sections.iter().map(|(name, value)| (name.clone(), flatten(value))).collect()
            }
            _ => BTreeMap::new(),
        };
        (flatten(&toml::Value::Table(table)), sections)
    }
}

fn flatten(value: &toml::Value) -> Entries {
    let plain = |value: &toml::Value| match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => {
            let item = |v: &toml::Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
            items.iter().map(item).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    };
    let sections = value.as_table().into_iter().flatten();
    let entry = |(section, value): (&String, &toml::Value)| {
        let keys = value.as_table().into_iter().flatten();
        keys.map(|(key, value)| (format!("{section}.{key}"), plain(value))).collect::<Vec<_>>()
    };
    sections.flat_map(entry).collect()
}
