//! A configuration file as a run writes it, `config.resolved.toml`, read back as settings.

use crate::preset::plain;
use crate::{ConfigError, FORMAT, Given, Keys};
use std::path::{Path, PathBuf};
use toml::Value;

/// Far above any file that a run writes, which has a few kilobytes.
const MOST_BYTES: u64 = 1 << 20;

/// The values of a file, as they are written after `--set`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it was read.
    pub path: PathBuf,
    /// Key and text, in the order of the file.
    pub settings: Vec<(String, String)>,
    /// Number of an experiment's cases that it tells of; the experiment that is asked for makes its own.
    pub cases: usize,
}

impl ConfigFile {
    /// Reads a file. A key that it leaves out stays what it is without it.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything wrong: a file that cannot be read or is no TOML, another format, keys that are
    /// unknown, each with the nearest known one, values out of range.
    pub fn read(path: &Path, known: &Keys) -> Result<Self, ConfigError> {
        let refused = |problems: Vec<String>| ConfigError { problems };
        let told = |what: String| vec![format!("  {}: {what}", path.display())];
        let text = basin_core::read_regular_text(path, MOST_BYTES)
            .map_err(|error| refused(told(error.to_string())))?;
        let read =
            Self::parse(&text, known).map_err(|whats| refused(whats.into_iter().flat_map(told).collect()))?;
        Ok(Self { path: path.to_owned(), ..read })
    }

    fn parse(text: &str, known: &Keys) -> Result<Self, Vec<String>> {
        // The problem of a parser has lines of its own.
        let mut table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| vec![error.to_string().trim_end().to_owned()])?;
        // Files of the builds that wrote none are of the first format.
        match table.remove("format") {
            None => {}
            Some(Value::Integer(FORMAT)) => {}
            Some(other) => {
                return Err(vec![format!("format {other}, expected {FORMAT}, which this build reads")]);
            }
        }
        let mut problems = Vec::new();
        let cases = match table.remove("case") {
            None => 0,
            Some(Value::Array(cases)) => cases.len(),
            Some(_) => {
                problems.push("case is one value, expected a table for each case: [[case]]".to_owned());
                0
            }
        };
        let mut settings = Vec::new();
        for (section, value) in table {
            match value {
                Value::Table(keys) => {
                    settings.extend(keys.iter().map(|(key, v)| (format!("{section}.{key}"), plain(v))));
                }
                value => settings.push((section, plain(&value))),
            }
        }
        for (name, text) in &settings {
            let checked = known.find(name).and_then(|key| key.parse(text));
            problems.extend(checked.err().map(|problem| problem.trim_start().to_owned()));
        }
        let given: Vec<Given> =
            settings.iter().map(|(key, _)| Given { place: key.clone(), key: key.clone() }).collect();
        problems.extend(known.twice(&given).into_iter().map(|(_, problem)| problem.trim_start().to_owned()));
        if problems.is_empty() { Ok(Self { path: PathBuf::new(), settings, cases }) } else { Err(problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, KEYS};
    use basin_paper_single_basin::SingleBasin;
    use basin_papers::Paper;

    #[test]
    fn what_a_run_wrote_reads_back_to_the_same_values_over_any_preset() {
        let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let settings = [set("seeds", "3,1"), set("lr", "0.25"), set("data.dataset", "cifar100")];
        let [quick, small] = ["quick", "small"].map(|name| SingleBasin.preset(name).unwrap());
        let written = Config::resolve(&Keys::default(), quick, &settings, &[]).unwrap();
        let file = ConfigFile::parse(&written.to_toml(), &Keys::default()).unwrap();
        let of_the_place = KEYS.iter().filter(|key| crate::is_of_the_place(key.name)).count();
        assert_eq!(
            file.settings.len(),
            KEYS.len() - of_the_place,
            "all keys but where data lie and who works"
        );
        let read = Config::resolve_over(&Keys::default(), small, &file.settings, &[], &[]).unwrap();
        assert_eq!(read.to_json(), written.to_json());
        let over =
            Config::resolve_over(&Keys::default(), small, &file.settings, &[set("lr", "0.5")], &[]).unwrap();
        assert_eq!((over.train().peak_lr, over.train().epochs), (0.5, written.train().epochs));
    }

    #[test]
    fn a_key_that_the_file_leaves_out_is_the_presets_for_its_data_set() {
        let file = ConfigFile::parse("[data]\ndataset = \"cifar100\"\n", &Keys::default()).unwrap();
        let paper = SingleBasin.preset("paper").unwrap();
        let config = Config::resolve_over(&Keys::default(), paper, &file.settings, &[], &[]).unwrap();
        assert_eq!(config.train().epochs, 190);
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let text = "tau = 0\n[train]\nepoch = 3\nbatch = \"many\"\n[nothing]\nmomentun = 1\n";
        let problems = ConfigFile::parse(text, &Keys::default()).unwrap_err();
        let expected = [
            "unknown key nothing.momentun; did you mean train.momentum?",
            "ensemble.temperature is 0, expected a finite number with 0 < x",
            "unknown key train.epoch; did you mean train.epochs?",
            "train.batch is many, expected a whole number in 1 to 65536",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for one in expected {
            assert!(problems.iter().any(|problem| problem == one), "{one} in {problems:?}");
        }
    }

    #[test]
    fn a_key_under_two_names_is_no_choice_of_one() {
        let text = "tau = 1\n[ensemble]\ntemperature = 2\n";
        let problems = ConfigFile::parse(text, &Keys::default()).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].contains("by tau") && problems[0].contains("by ensemble.temperature"),
            "{problems:?}"
        );
    }

    #[test]
    fn another_format_is_refused_and_none_is_the_first() {
        let problems = ConfigFile::parse("format = 2\n[train]\nunknown = 1\n", &Keys::default()).unwrap_err();
        assert_eq!(problems, ["format 2, expected 1, which this build reads"]);
        assert_eq!(ConfigFile::parse("[train]\nepochs = 3\n", &Keys::default()).unwrap().settings.len(), 1);
    }

    #[test]
    fn every_committed_configuration_reads() {
        let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
        let folders = std::fs::read_dir(results).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<_> =
            folders.map(|folder| folder.join("config.resolved.toml")).filter(|file| file.is_file()).collect();
        assert!(files.len() >= 5, "{files:?}");
        files.iter().for_each(|file| drop(ConfigFile::read(file, &Keys::default()).unwrap()));
    }
}
