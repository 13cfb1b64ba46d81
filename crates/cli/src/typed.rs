//! What was typed: settings by flags and --set, with the place of each key; paths.

use anyhow::Result;
use basin_reproduce::config::{Config, ConfigError, Given};
use basin_reproduce::{Registry, exit};
use clap::builder::{PathBufValueParser, TypedValueParser};
use std::path::PathBuf;

/// The configuration's keys as they were typed.
pub(crate) struct Typed {
    /// Key and value.
    pub(crate) settings: Vec<(String, String)>,
    /// Where each key was given.
    pub(crate) given: Vec<Given>,
    /// What was given after --set and is no `KEY=VALUE`, a line each.
    pub(crate) malformed: Vec<String>,
}

impl Typed {
    pub(crate) fn new<'a>(
        set: &[String],
        flags: impl IntoIterator<Item = (&'a str, &'a str, Option<String>)>,
    ) -> Self {
        let (mut settings, mut given, mut malformed) = (Vec::new(), Vec::new(), Vec::new());
        let mut take = |place: String, key: &str, value: &str| {
            settings.push((key.to_owned(), value.to_owned()));
            given.push(Given { place, key: key.to_owned() });
        };
        for (flag, key, value) in flags {
            if let Some(value) = value {
                take(format!("{flag} {value}"), key, &value);
            }
        }
        for setting in set {
            match setting.split_once('=') {
                Some((key, value)) => take(format!("--set {setting}"), key.trim(), value.trim()),
                None => malformed.push(format!("  --set {setting}, expected KEY=VALUE")),
            }
        }
        Self { settings, given, malformed }
    }

    /// The defaults with these settings, for a command without a preset.
    ///
    /// # Errors
    /// Everything that is wrong with them, as one list.
    pub(crate) fn config(self, registry: &Registry) -> Result<Config> {
        let Self { settings, given, malformed: mut problems } = self;
        let keys = registry.keys()?;
        problems.extend(keys.twice(&given).into_iter().map(|(_, problem)| problem));
        match (Config::plain(&keys, &settings), problems.is_empty()) {
            (Ok(config), true) => Ok(config),
            (settled, _) => {
                problems.extend(settled.err().into_iter().flat_map(|error| error.problems));
                Err(ConfigError { problems }.into())
            }
        }
    }
}

/// Reads a path, and refuses one that begins with a `~` that the shell did not expand: no one has a folder of that name.
pub(crate) fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match basin_core::unexpanded_home(&path) {
        Some(home) => Err(exit::Usage(home)),
        None => Ok(path),
    })
}
