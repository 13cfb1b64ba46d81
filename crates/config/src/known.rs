//! The keys that a run knows: the built-in ones, and those that entries of the registry bring.
//!
//! A key of an entry is a key like any other: listed by `basin keys`, set by presets and `--set`, refused outside of its
//! range, part of `config.resolved.toml`, of `results.json` and of the report. What a method reads reaches the names of
//! nodes as it does for built-in methods: through the recipe, so that nodes which do not depend on a value share work.

use crate::networks::{self, NetworkEntry};
use crate::{KEYS, Key};
use basin_data::Dataset;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most characters of a name for which the nearest key is looked for: what takes as long as the name has letters.
const LONGEST: usize = 64;

/// All keys of a run, each name once, keys of one section side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Keys {
    all: Arc<[Key]>,
    networks: Arc<[NetworkEntry]>,
    datasets: Arc<[&'static Dataset]>,
}

impl Default for Keys {
    /// The built-in ones.
    fn default() -> Self {
        Self {
            all: KEYS.as_slice().into(),
            networks: networks::built_in().into(),
            datasets: Dataset::BUILT_IN.into(),
        }
    }
}

impl Keys {
    /// The built-in keys and more, and the networks and data sets that `model.name` and `data.dataset` may name.
    ///
    /// # Errors
    /// What is wrong with the new ones, a line each: a name that is taken or malformed, a default outside of its range,
    /// no doc or unit.
    pub fn with(
        more: &[Key],
        networks: &[NetworkEntry],
        datasets: &[&'static Dataset],
    ) -> Result<Self, Vec<String>> {
        let (mut all, mut faults) = (KEYS.to_vec(), Vec::new());
        for key in more {
            let spellings = || [Some(key.name), key.alias].into_iter().flatten();
            let taken = |known: &Key| spellings().any(|s| s == known.name || Some(s) == known.alias);
            if let Some(fault) = key.fault() {
                faults.push(fault);
            } else if let Some(known) = all.iter().find(|known| taken(known)) {
                faults.push(format!(
                    "key {}, expected another name or alias than those of {}",
                    key.name, known.name
                ));
            } else {
                let section = all.iter().rposition(|known| known.section() == key.section());
                all.insert(section.map_or(all.len(), |last| last + 1), key.clone());
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let all = registered(all, datasets, networks).into();
        Ok(Self { all, networks: networks.into(), datasets: datasets.into() })
    }

    /// The network of that name.
    pub(crate) fn network(&self, name: &str) -> Option<&NetworkEntry> {
        self.networks.iter().find(|network| network.name == name)
    }

    /// The data set of that name.
    pub(crate) fn dataset(&self, name: &str) -> Option<&'static Dataset> {
        self.datasets.iter().copied().find(|dataset| dataset.name == name)
    }

    /// All data sets.
    pub(crate) fn datasets(&self) -> impl Iterator<Item = &'static Dataset> + '_ {
        self.datasets.iter().copied()
    }

    /// In the order in which they are listed.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.all.iter()
    }

    /// The key of that name: in full, by alias, or by its last part where that is unambiguous. The last parts of built-in
    /// keys stay theirs whatever entries bring, and those of the experiment its own, not its source's.
    pub(crate) fn find(&self, name: &str) -> Result<&Key, String> {
        let exact = self.iter().find(|key| key.name == name || key.alias == Some(name));
        let named = || KEYS.iter().filter(|key| key.last() == name);
        let built_in = || only(named().filter(|key| key.section() != "source")).or_else(|| only(named()));
        let any = || only(self.iter().filter(|key| key.last() == name));
        exact.or_else(built_in).or_else(any).ok_or_else(|| {
            if let Some((cut, _)) = name.char_indices().nth(LONGEST) {
                return format!("  unknown key {}…, longer than any that there is", &name[..cut]);
            }
            let nearest = self.iter().min_by_key(|key| key.distance(name)).map_or("", |key| key.name);
            format!("  unknown key {name}; did you mean {nearest}?")
        })
    }

    /// Whether what was typed, in full or short, is the key of that name.
    pub fn is_key(&self, typed: &str, name: &str) -> bool {
        self.find(typed).is_ok_and(|key| key.name == name)
    }

    /// Keys that were given more than once, each with a line that names all places; places of one key say how it was spelled.
    pub fn twice(&self, given: &[Given]) -> Vec<(&'static str, String)> {
        let mut places: BTreeMap<&'static str, Vec<&str>> = BTreeMap::new();
        for Given { place, key } in given {
            if let Ok(known) = self.find(key) {
                places.entry(known.name).or_default().push(place);
            }
        }
        let several = places.into_iter().filter(|(_, places)| places.len() > 1);
        several
            .map(|(key, places)| (key, format!("  {key} is given {}; give it once", in_words(&places))))
            .collect()
    }

    /// As a table: name, default, allowed values, unit, doc.
    pub fn describe(&self) -> String {
        let line = |key: &Key| {
            let alias = key.alias.map_or(String::new(), |alias| format!(" (also {alias})"));
            let (default, allowed) = (key.default().plain(), key.allowed());
            format!("{}{alias}\n    {}; {allowed}; default {default:?} [{}]\n", key.name, key.doc, key.unit)
        };
        self.iter().map(line).collect()
    }
}

/// Keys with the names that are registered where a value is one of these.
pub(crate) fn registered(
    keys: Vec<Key>,
    datasets: &[&'static Dataset],
    networks: &[NetworkEntry],
) -> Vec<Key> {
    let named = |key: Key| match key.name {
        "data.dataset" => key.one_of(datasets.iter().map(|dataset| dataset.name).collect()),
        "model.name" => key.one_of(networks.iter().map(|network| network.name).collect()),
        _ => key,
    };
    keys.into_iter().map(named).collect()
}

/// A key that was given, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// As it was typed, with its value: `--set train.batch=8`, `--width 1`.
    pub place: String,
    /// The key as it was spelled there.
    pub key: String,
}

/// `twice, by a and by b`, `3 times, by a, by b and by c`.
fn in_words(places: &[&str]) -> String {
    let (last, others) = places.split_last().unwrap_or((&"", &[]));
    let times = if places.len() == 2 { "twice".to_owned() } else { format!("{} times", places.len()) };
    let others: Vec<String> = others.iter().map(|place| format!("by {place}")).collect();
    format!("{times}, {} and by {last}", others.join(", "))
}

/// The only one, if there is exactly one.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Range};

    const CYCLE: Key = Key::new("snapshot.epochs", "40", Range::Int(1, 100), "epochs", "length of a cycle");
    const FLOOR: Key = Key::new("ensemble.floor", "0", Range::Float(0.0, true, 1.0, true), "rate", "a floor");

    fn settings(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn keys_of_entries_are_set_checked_and_shown_like_others() {
        let keys = Keys::with(&[CYCLE, FLOOR], &networks::built_in(), &Dataset::BUILT_IN).unwrap();
        let config = Config::plain(&keys, &settings(&[("snapshot.epochs", "7"), ("floor", "0.5")])).unwrap();
        assert_eq!((config.int(&CYCLE), config.float(&FLOOR)), (7, 0.5));
        // One table per section, or it would not parse.
        let parsed: toml::Table = config.to_toml().parse().unwrap();
        assert_eq!(parsed["snapshot"]["epochs"].as_integer(), Some(7));
        assert_eq!(parsed["ensemble"]["floor"].as_float(), Some(0.5));
        assert_eq!(config.to_json()["snapshot"]["epochs"], 7);
        assert!(
            keys.describe()
                .contains("snapshot.epochs\n    length of a cycle; a whole number in 1 to 100; default")
        );
        let error = Config::plain(&keys, &settings(&[("snapshot.epochs", "0"), ("snapshot.epoch", "1")]))
            .unwrap_err();
        let expected = [
            "  snapshot.epochs is 0, expected a whole number in 1 to 100",
            "  unknown key snapshot.epoch; did you mean snapshot.epochs?",
        ];
        assert_eq!(error.problems, expected);
    }

    #[test]
    fn a_key_that_is_given_more_than_once_is_told_with_every_place() {
        let given = |pairs: &[(&str, &str)]| -> Vec<Given> {
            pairs.iter().map(|(place, key)| Given { place: (*place).into(), key: (*key).into() }).collect()
        };
        let keys = Keys::default();
        assert_eq!(
            keys.twice(&given(&[("--set lr=1", "lr"), ("--width 1", "model.width"), ("--set x=1", "x")])),
            []
        );
        let twice = keys.twice(&given(&[
            ("--set train.batch=8", "train.batch"),
            ("--set train.batch=9", "train.batch"),
            ("--width 1", "model.width"),
            ("--set batch=4", "batch"),
            ("--set model.width=1", "model.width"),
            // The same name in vain is not a key.
            ("--set x=1", "x"),
            ("--set x=2", "x"),
        ]));
        let expected = [
            (
                "model.width",
                "  model.width is given twice, by --width 1 and by --set model.width=1; give it once",
            ),
            (
                "train.batch",
                "  train.batch is given 3 times, by --set train.batch=8, by --set train.batch=9 and by --set batch=4; give \
                 it once",
            ),
        ];
        assert_eq!(twice, expected.map(|(key, text)| (key, text.to_owned())));
    }

    #[test]
    fn a_short_name_of_a_built_in_key_stays_its_own() {
        let keys = Keys::with(&[CYCLE], &networks::built_in(), &Dataset::BUILT_IN).unwrap();
        let config = Config::plain(&keys, &settings(&[("epochs", "9")])).unwrap();
        assert_eq!((config.train().epochs, config.int(&CYCLE)), (9, 40));
    }

    #[test]
    fn the_keys_of_an_entry_name_no_nodes_of_others() {
        let (keys, without) = (
            Keys::with(&[CYCLE], &networks::built_in(), &Dataset::BUILT_IN).unwrap(),
            Config::plain(&Keys::default(), &[]).unwrap(),
        );
        let with = Config::plain(&keys, &settings(&[("snapshot.epochs", "7")])).unwrap();
        let images = basin_core::digest([&b"images"[..]]);
        assert_eq!(with.training_identity(images), without.training_identity(images));
    }

    #[test]
    fn keys_that_contradict_others_or_themselves_are_refused_together() {
        let key = |name, default| Key::new(name, default, Range::Int(1, 9), "unit", "doc");
        let bad = [
            key("train.batch", "1"),
            key("a.b", "0"),
            key("a", "1"),
            key("a.c", "1").alias("tau"),
            key("A.b", "1"),
        ];
        let faults = Keys::with(&bad, &[], &[]).unwrap_err();
        let expected = [
            "key train.batch, expected another name or alias than those of train.batch",
            "key a.b has the default \"0\", expected a whole number in 1 to 9",
            "key \"a\", expected section.name of lower case, digits, _ and -",
            "key a.c, expected another name or alias than those of ensemble.temperature",
            "key \"A.b\", expected section.name of lower case, digits, _ and -",
        ];
        assert_eq!(faults, expected);
        assert!(Keys::with(&[Key::new("a.b", "1", Range::Int(1, 9), "", "doc")], &[], &[]).is_err());
    }
}
