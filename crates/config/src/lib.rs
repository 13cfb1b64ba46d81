#![doc = include_str!("../README.md")]

mod access;
mod file;
mod identity;
mod keys;
mod known;
mod networks;
mod preset;
mod sections;
mod source;
mod typed;
mod value;

pub use file::ConfigFile;
pub use keys::Key;
pub use known::{Given, Keys};
pub use networks::{NetworkEntry, NetworkError, built_in as built_in_networks};
pub use preset::run_name;
pub use sections::{
    Augment, Data, Ensemble, KEYS, Landscape, Metrics, Model, Run, Slurm, Source, Subspace, Train, Transfer,
};
pub use typed::{
    AfterSplit, BackendName, DeviceName, HeadsName, NoiseName, NormName, OrderName, PartitionName,
    RunnerName, ScheduleName, Statistics, TaskName, UpdateRule,
};
pub use value::{Range, Value};

use basin_core::Extent;
use basin_data::{Dataset, Normalisation};
use basin_models::Network;
use basin_papers::Preset;
use sections::Sections;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use thiserror::Error;
use weight_matching::PermutationSpec;

/// The format of `config.resolved.toml`: raised when what a key means, or how values are written, changes.
const FORMAT: i64 = 1;

/// Where files lie, and who does the work: of no concern to anybody who reads results.
const OF_THE_PLACE: &[&str] = &[
    "data.dir",
    "data.other_dir",
    "data.corrupted_dir",
    "data.frost_dir",
    "source.dir",
    "run.runner",
    "run.lease_seconds",
    "run.devices",
];

/// Whether a key says where files lie or who does the work.
fn is_of_the_place(key: &str) -> bool {
    OF_THE_PLACE.contains(&key) || key.starts_with("slurm.")
}

/// Why a configuration is refused: every problem, one per line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the configuration is refused:\n{}", .problems.join("\n"))]
pub struct ConfigError {
    /// The problems.
    pub problems: Vec<String>,
}

/// A configuration as far as what was asked for makes one.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Keys whose values were refused have those that they would have had without.
    pub config: Config,
    /// What was refused, a line each.
    pub problems: Vec<String>,
    /// The keys of refused values.
    pub refused: BTreeSet<&'static str>,
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
    sections: Sections,
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
        let Settled { config, problems, .. } = Self::settle(keys, preset, file, settings, varied);
        if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
    }

    /// As [`Config::resolve_over`], with everything that is wrong beside what it comes to without that.
    pub fn settle(
        keys: &Keys,
        preset: &Preset,
        file: &[(String, String)],
        settings: &[(String, String)],
        varied: &[(&str, String)],
    ) -> Settled {
        let (mut problems, mut refused) = (Vec::new(), BTreeSet::new());
        let defaults = keys.iter().map(|key| (key.name, (key.default(), Origin::Default)));
        let mut values: BTreeMap<_, _> = defaults.collect();
        let mut put = |name: &str, text: &str, origin: Origin| match keys.find(name) {
            Ok(key) => match key.parse(text) {
                Ok(value) => drop(values.insert(key.name, (value, origin))),
                Err(problem) => {
                    refused.insert(key.name);
                    problems.push(problem);
                }
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
        let sections = Sections::read(&values.iter().map(|(name, (value, _))| (*name, value)).collect());
        let (low, high) = (sections.augment.zoom_low, sections.augment.zoom_high);
        if low > high {
            problems
                .push(format!("  augment.zoom_low is {low}, expected at most augment.zoom_high = {high}"));
        }
        let &Train { peak_lr, warmup, warmup_from, .. } = &sections.train;
        if warmup_from > peak_lr {
            problems.push(format!(
                "  train.warmup_from is {warmup_from}, expected at most train.peak_lr = {peak_lr}"
            ));
        }
        if warmup_from > 0.0 && warmup == 0.0 {
            problems.push(format!("  train.warmup_from is {warmup_from}, expected 0 with train.warmup = 0"));
        }
        let (schedule, after_split) = (sections.train.schedule, sections.ensemble.after_split);
        if schedule != ScheduleName::Cosine && after_split == AfterSplit::Restart {
            problems.push(format!(
                "  ensemble.after_split is restart, expected continue with train.schedule = {}",
                schedule.word()
            ));
        }
        let config = Self { keys: keys.clone(), values, sections };
        problems.extend(config.source_problems());
        Settled { config, problems, refused }
    }

    /// Resolves defaults and settings of the form `(key, text)`, without a preset.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything wrong.
    pub fn plain(keys: &Keys, settings: &[(String, String)]) -> Result<Self, ConfigError> {
        Self::resolve(keys, &Preset { name: "none", summary: "", text: "" }, settings, &[])
    }

    /// The keys that the command line sets, in the order of their names.
    pub fn asked(&self) -> impl Iterator<Item = &'static str> {
        let asked = self.values.iter().filter(|(_, (_, origin))| *origin == Origin::CommandLine);
        asked.map(|(key, _)| *key)
    }

    /// The data set.
    ///
    /// # Panics
    /// Never: the key takes only names of data sets that the keys were made with.
    pub fn dataset(&self) -> &'static Dataset {
        let name = &self.data().dataset;
        self.keys.dataset(name).unwrap_or_else(|| panic!("no data set {name} is registered"))
    }

    /// The data set of that name, if one is registered.
    pub fn dataset_named(&self, name: &str) -> Option<&'static Dataset> {
        self.keys.dataset(name)
    }

    /// All registered data sets, in the order in which they are listed.
    pub fn datasets(&self) -> impl Iterator<Item = &'static Dataset> + '_ {
        self.keys.datasets()
    }

    /// Extent of the data set's images at the configured size. What they are seen through may change their channels.
    pub fn extent(&self) -> Extent {
        let Extent { side, channels } = self.dataset().extent;
        let side = if self.data().halved { side / 2 } else { side };
        Extent { side: side.max(self.data().padded), channels }
    }

    /// The channel statistics that normalise pixels: ImageNet's are of three channels, whatever the images have. None where
    /// they are those of the images as they are seen.
    pub fn normalisation(&self) -> Option<Normalisation> {
        let grey = self.dataset().extent.channels == 1;
        match self.data().normalisation {
            Statistics::Dataset => Some(self.dataset().normalisation),
            Statistics::ImageNet => Some(Normalisation::IMAGENET),
            Statistics::Half if grey => Some(Normalisation::HALF_GREY),
            Statistics::Half => Some(Normalisation::HALF),
            Statistics::Raw if grey => Some(Normalisation::RAW_GREY),
            Statistics::Raw => Some(Normalisation::RAW),
            Statistics::View => None,
            Statistics::Source => {
                let source = self.dataset_named(&self.source().dataset);
                Some(source.unwrap_or_else(|| self.dataset()).normalisation)
            }
        }
    }

    /// The network for images of this extent; a bare side is that of colour images.
    ///
    /// # Errors
    /// When the settings make none, or it does not take such images.
    pub fn network(&self, extent: impl Into<Extent>, classes: usize) -> anyhow::Result<Network> {
        let entry = self.network_entry()?;
        entry.check(self.model())?;
        let network = (entry.build)(self.model(), extent.into(), classes)?;
        match self.run().backend {
            BackendName::Candle if network.program().is_none() => Ok(basin_candle::run_by_candle(&network)?),
            _ => Ok(network),
        }
    }

    /// Its permutation spec for images of this extent.
    ///
    /// # Errors
    /// [`NetworkError::NoSpec`] when the network has none.
    pub fn permutation_spec(&self, extent: impl Into<Extent>) -> anyhow::Result<PermutationSpec> {
        let none = || NetworkError::NoSpec { name: self.model().name.clone() };
        (self.network_entry()?.spec.ok_or_else(none)?)(self.model(), extent.into())
    }

    fn network_entry(&self) -> Result<&NetworkEntry, NetworkError> {
        let name = &self.model().name;
        self.keys.network(name).ok_or_else(|| NetworkError::Unknown { name: name.clone() })
    }

    /// The whole number of a key that an entry of the registry brought.
    ///
    /// # Panics
    /// When the key was not registered, or is of another type: a bug, not an input.
    #[track_caller]
    pub fn int(&self, key: &Key) -> u64 {
        match self.own(key) {
            Value::Int(x) => *x,
            other => panic!("{} is {other:?}", key.name),
        }
    }

    /// The number of such a key.
    ///
    /// # Panics
    /// As [`Config::int`].
    #[track_caller]
    pub fn float(&self, key: &Key) -> f64 {
        match self.own(key) {
            Value::Float(x) => *x,
            other => panic!("{} is {other:?}", key.name),
        }
    }

    /// The word or path of such a key.
    ///
    /// # Panics
    /// As [`Config::int`].
    #[track_caller]
    pub fn text(&self, key: &Key) -> &str {
        match self.own(key) {
            Value::Text(x) => x,
            other => panic!("{} is {other:?}", key.name),
        }
    }

    /// The list of words of such a key.
    ///
    /// # Panics
    /// As [`Config::int`].
    #[track_caller]
    pub fn list(&self, key: &Key) -> &[String] {
        match self.own(key) {
            Value::List(x) => x,
            other => panic!("{} is {other:?}", key.name),
        }
    }

    #[track_caller]
    fn own(&self, key: &Key) -> &Value {
        match self.values.get(key.name) {
            Some((value, _)) => value,
            None => panic!("no key {}: an entry's own keys are registered with it", key.name),
        }
    }

    /// As TOML, one line per key with its origin, in the order of [`Keys`]. Where the data lies is left out:
    /// it is a fact of the machine, not of the run.
    pub fn to_toml(&self) -> String {
        let mut out = format!("# Every value of this run and where it came from.\nformat = {FORMAT}\n");
        let mut section = "";
        for key in self.keys.iter().filter(|key| !is_of_the_place(key.name)) {
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
    pub fn lines_beside(&self, other: &Self) -> String {
        let keys = self.keys.iter().filter(|key| !is_of_the_place(key.name));
        let entries = keys.map(|key| (key.name, &self.values[key.name], &other.values[key.name].0));
        let told =
            entries.filter(|(_, (value, origin), other)| *origin == Origin::Experiment || value != *other);
        told.map(|(name, (value, origin), _)| format!("{name} = {} # {origin}\n", value.toml())).collect()
    }

    /// As JSON, nested by section, without the place of the data.
    pub fn to_json(&self) -> serde_json::Value {
        let mut root = serde_json::Map::new();
        for (name, (value, _)) in self.values.iter().filter(|(name, _)| !is_of_the_place(name)) {
            let (head, tail) = name.split_once('.').unwrap_or(("", name));
            let section = root.entry(head).or_insert_with(|| serde_json::json!({}));
            section[tail] = value.json();
        }
        root.into()
    }
}

#[cfg(test)]
mod tests;
