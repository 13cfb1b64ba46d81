//! The configuration of a run: one table of keys, from which defaults, checks, help and provenance follow.
//!
//! Values come, later over earlier, from the defaults, a preset, the preset's values for the data set and the network, a file,
//! `--set key=value` with its shorthands, and what an experiment varies. Every key has a doc, a default, a range and a unit: the
//! built-in ones ([`KEYS`]) and those that entries of the registry bring ([`Keys`]);
//! unknown keys are refused with the nearest known one; all problems are reported at once.

mod file;
mod keys;
mod known;
mod preset;
mod value;

pub use file::ConfigFile;
pub use keys::{KEYS, Key};
pub use known::Keys;
pub use preset::run_name;
pub use value::{Range, Value};

use basin_papers::Preset;
use std::collections::BTreeMap;
use std::fmt;
use thiserror::Error;

/// The format of `config.resolved.toml`: raised when what a key means, or how values are written, changes.
const FORMAT: i64 = 1;

const DATA_DIR: &str = "data.dir";

/// Why a configuration is refused: every problem, one per line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the configuration is refused:\n{}", .problems.join("\n"))]
pub struct ConfigError {
    /// The problems.
    pub problems: Vec<String>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The table of keys.
    Default,
    /// A preset.
    Preset(&'static str),
    /// A configuration file.
    File,
    /// `--set` or a flag.
    CommandLine,
    /// What the experiment varies.
    Experiment,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Preset(name) => write!(f, "preset {name}"),
            Self::File => f.write_str("config file"),
            Self::CommandLine => f.write_str("command line"),
            Self::Experiment => f.write_str("experiment"),
        }
    }
}

/// A checked configuration: every key has a value of its type within its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    keys: Keys,
    values: BTreeMap<&'static str, (Value, Origin)>,
}

impl Config {
    /// Resolves defaults, a preset, settings of the form `(key, text)`, and what an experiment varies.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything wrong.
    pub fn resolve(
        keys: &Keys,
        preset: &Preset,
        settings: &[(String, String)],
        varied: &[(&str, String)],
    ) -> Result<Self, ConfigError> {
        Self::resolve_over(keys, preset, &[], settings, varied)
    }

    /// As [`Config::resolve`], with the settings of a file between the preset and the other settings.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything wrong.
    pub fn resolve_over(
        keys: &Keys,
        preset: &Preset,
        file: &[(String, String)],
        settings: &[(String, String)],
        varied: &[(&str, String)],
    ) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let defaults = keys.iter().map(|key| (key.name, (key.default(), Origin::Default)));
        let mut values: BTreeMap<_, _> = defaults.collect();
        let mut put = |name: &str, text: &str, origin: Origin| match keys.find(name) {
            Ok(key) => match key.parse(text) {
                Ok(value) => drop(values.insert(key.name, (value, origin))),
                Err(problem) => problems.push(problem),
            },
            Err(problem) => problems.push(problem),
        };
        // Data set and network decide which values of the preset hold, so whatever names them is looked at first.
        let entries = preset::entries(preset);
        let named = |name: &str, otherwise: &str| {
            let is_it = |key: &str| keys.is_key(key, name);
            let varied = varied.iter().rev().find(|(key, _)| is_it(key)).map(|(_, value)| value.clone());
            let asked =
                file.iter().chain(settings).rev().find(|(key, _)| is_it(key)).map(|(_, value)| value.clone());
            let own = entries.iter().find(|entry| entry.key == name).map(|entry| entry.value.clone());
            varied.or(asked).or(own).unwrap_or_else(|| otherwise.to_owned())
        };
        let (dataset, model) = (named("data.dataset", "synthetic"), named("model.name", "resnet20"));
        for entry in entries.iter().filter(|entry| entry.holds(&dataset, &model)) {
            put(&entry.key, &entry.value, Origin::Preset(preset.name));
        }
        file.iter().for_each(|(key, text)| put(key, text, Origin::File));
        settings.iter().for_each(|(key, text)| put(key, text, Origin::CommandLine));
        varied.iter().for_each(|(key, text)| put(key, text, Origin::Experiment));
        let number = |name: &str| match &values[name].0 {
            Value::Float(x) => *x,
            other => panic!("{name} is {other:?}"),
        };
        let (low, high) = (number("augment.zoom_low"), number("augment.zoom_high"));
        if low > high {
            problems
                .push(format!("  augment.zoom_low is {low}, expected at most augment.zoom_high = {high}"));
        }
        if problems.is_empty() {
            Ok(Self { keys: keys.clone(), values })
        } else {
            Err(ConfigError { problems })
        }
    }

    /// Resolves defaults and settings of the form `(key, text)`, without a preset.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything wrong.
    pub fn plain(keys: &Keys, settings: &[(String, String)]) -> Result<Self, ConfigError> {
        Self::resolve(keys, &Preset { name: "none", summary: "", text: "" }, settings, &[])
    }

    /// The keys that the command line sets, in the order of their names.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &'static str> {
        let asked = self.values.iter().filter(|(_, (_, origin))| *origin == Origin::CommandLine);
        asked.map(|(key, _)| *key)
    }

    /// A whole number. Panics when the key is unknown or of another type: a bug, not an input.
    #[track_caller]
    pub fn int(&self, key: &str) -> u64 {
        match self.value(key) {
            Value::Int(x) => *x,
            other => panic!("{key} is {other:?}"),
        }
    }

    /// A number.
    #[track_caller]
    pub fn float(&self, key: &str) -> f64 {
        match self.value(key) {
            Value::Float(x) => *x,
            other => panic!("{key} is {other:?}"),
        }
    }

    /// A word.
    #[track_caller]
    pub fn text(&self, key: &str) -> &str {
        match self.value(key) {
            Value::Text(x) => x,
            other => panic!("{key} is {other:?}"),
        }
    }

    /// A list of words.
    #[track_caller]
    pub fn list(&self, key: &str) -> &[String] {
        match self.value(key) {
            Value::List(x) => x,
            other => panic!("{key} is {other:?}"),
        }
    }

    #[track_caller]
    fn value(&self, key: &str) -> &Value {
        match self.values.get(key) {
            Some((value, _)) => value,
            None => panic!("no key {key}: an entry's own keys are registered with it"),
        }
    }

    /// As TOML, one line per key with its origin, in the order of [`Keys`]. Where the data lies is left out:
    /// it is a fact of the machine, not of the run.
    pub fn to_toml(&self) -> String {
        let mut out = format!("# Every value of this run and where it came from.\nformat = {FORMAT}\n");
        let mut section = "";
        for key in self.keys.iter().filter(|key| key.name != DATA_DIR) {
            let (value, origin) = &self.values[key.name];
            let (head, name) = key.name.split_once('.').unwrap_or(("", key.name));
            if head != section {
                out.push_str(&format!("\n[{head}]\n"));
                section = head;
            }
            out.push_str(&format!("{name} = {} # {origin}\n", value.toml()));
        }
        out
    }

    /// As lines of TOML with whole keys: what the experiment sets, and what differs from another configuration.
    pub(crate) fn lines_beside(&self, other: &Self) -> String {
        let keys = self.keys.iter().filter(|key| key.name != DATA_DIR);
        let entries = keys.map(|key| (key.name, &self.values[key.name], &other.values[key.name].0));
        let told =
            entries.filter(|(_, (value, origin), other)| *origin == Origin::Experiment || value != *other);
        told.map(|(name, (value, origin), _)| format!("{name} = {} # {origin}\n", value.toml())).collect()
    }

    /// As JSON, nested by section, without the place of the data.
    pub fn to_json(&self) -> serde_json::Value {
        let mut root = serde_json::Map::new();
        for (name, (value, _)) in self.values.iter().filter(|(name, _)| **name != DATA_DIR) {
            let (head, tail) = name.split_once('.').unwrap_or(("", name));
            let section = root.entry(head).or_insert_with(|| serde_json::json!({}));
            section[tail] = value.json();
        }
        root.into()
    }

    /// The part of the configuration that determines trained parameters, as text.
    pub(crate) fn training_identity(&self) -> String {
        let shapes_training = |name: &str| self.keys.iter().any(|key| key.name == name && key.identity);
        let entry = |(name, (value, _)): (&&str, &(Value, Origin))| format!("{name}={}\n", value.toml());
        self.values.iter().filter(|(name, _)| shapes_training(name)).map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_paper_single_basin::SingleBasin;
    use basin_papers::Paper;

    fn resolve(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let settings: Vec<_> = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::resolve(&Keys::default(), SingleBasin.preset("quick").unwrap(), &settings, &[])
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        let error = resolve(&[("ensemble.temprature", "3")]).unwrap_err();
        assert_eq!(error.problems, ["  unknown key ensemble.temprature; did you mean ensemble.temperature?"]);
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let error =
            resolve(&[("beta", "1.5"), ("tau", "0"), ("members", "1"), ("train.batch", "many")]).unwrap_err();
        assert_eq!(error.problems.len(), 4, "{error}");
        assert!(
            error.to_string().contains("ensemble.label_weight is 1.5, expected a number in 0 ≤ x ≤ 1"),
            "{error}"
        );
    }

    #[test]
    fn numbers_that_are_none_in_32_bits_are_refused() {
        for (key, value) in
            [("lr", "1e-320"), ("lr", "1e-39"), ("tau", "1e300"), ("tau", "1e-300"), ("train.l2", "1e-60")]
        {
            let error = resolve(&[(key, value)]).unwrap_err();
            assert!(error.problems[0].contains("and of a size of 1.1754944e-38 to 3.4028235e38"), "{error}");
        }
        for (key, value) in [("lr", "1e-37"), ("train.l2", "0"), ("train.clip_norm", "3e38")] {
            resolve(&[(key, value)]).unwrap();
        }
    }

    #[test]
    fn a_data_sets_own_section_applies_however_the_data_set_is_named() {
        for key in ["data.dataset", "dataset"] {
            let preset = SingleBasin.preset("paper").unwrap();
            let config =
                Config::resolve(&Keys::default(), preset, &[(key.into(), "cifar100".into())], &[]).unwrap();
            assert_eq!((config.int("train.epochs"), config.int("ensemble.split_epoch")), (190, 40));
        }
    }

    #[test]
    fn short_misspellings_find_their_key() {
        for (typed, meant) in
            [("bach", "train.batch"), ("temprature", "ensemble.temperature"), ("epoch", "train.epochs")]
        {
            let error = resolve(&[(typed, "3")]).unwrap_err();
            assert_eq!(error.problems, [format!("  unknown key {typed}; did you mean {meant}?")]);
        }
    }

    #[test]
    fn data_sets_are_those_that_can_be_loaded() {
        let known: Vec<String> = basin_data::DatasetId::ALL.iter().map(ToString::to_string).collect();
        let keys = Keys::default();
        let key = keys.find("data.dataset").unwrap();
        assert_eq!(key.allowed(), format!("one of {}", known.join(", ")));
    }

    #[test]
    fn every_preset_resolves_and_every_key_is_documented() {
        for preset in SingleBasin.presets() {
            for dataset in ["synthetic", "cifar10", "cifar100", "tiny-imagenet"] {
                for model in ["resnet20", "vit"] {
                    let varied = [("data.dataset", dataset.into()), ("model.name", model.into())];
                    Config::resolve(&Keys::default(), preset, &[], &varied).unwrap();
                }
            }
        }
        for key in KEYS {
            assert!(
                !key.doc.is_empty() && !key.unit.is_empty() && key.parse(&key.default().plain()).is_ok(),
                "{key:?}"
            );
        }
    }

    #[test]
    fn the_resolved_toml_reads_back_to_the_same_values() {
        let config = resolve(&[("seeds", "3,1")]).unwrap();
        let parsed: toml::Table = config.to_toml().parse().unwrap();
        assert_eq!(parsed["ensemble"]["seeds"].as_array().unwrap().len(), 2);
        assert_eq!(config.list("ensemble.seeds"), ["3", "1"]);
    }
}
