//! What one run consists of: the cases of a design, each a whole configuration with its data and network.

use crate::Experiment;
use crate::config::{Config, ConfigError, Preset};
use crate::design::{Design, Varied};
use crate::experiment::Datasets;
use anyhow::Result;
use std::collections::BTreeSet;

/// What was asked for on the command line.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The design: which cases there are.
    pub design: &'static Design,
    /// Values to begin with.
    pub preset: &'static Preset,
    /// Values that take their place, as `(key, text)`. What a design varies itself takes the place of these.
    pub settings: Vec<(String, String)>,
}

impl Asked {
    /// The configuration without anything that the design varies.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything wrong.
    pub fn base(&self) -> Result<Config, ConfigError> {
        Config::resolve(self.preset, &self.settings, &[])
    }

    /// The configuration of one case.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything wrong.
    pub fn case(&self, varied: &Varied) -> Result<Config, ConfigError> {
        Config::resolve(self.preset, &self.settings, varied)
    }

    /// Keys that were set and that the design varies, so that what was asked for has no effect.
    ///
    /// # Errors
    /// As [`Asked::base`].
    pub fn replaced(&self) -> Result<Vec<&'static str>, ConfigError> {
        let cases = (self.design.cases)(self)?;
        let varied = cases.iter().flatten().map(|(key, _)| *key);
        let asked = |key: &&str| self.settings.iter().any(|(asked, _)| Config::is_key(asked, key));
        Ok(varied.filter(asked).collect::<BTreeSet<_>>().into_iter().collect())
    }
}

/// The cases of a design, loaded.
#[derive(Clone, Debug)]
pub struct Study {
    /// The design.
    pub design: &'static Design,
    /// At least one case; the first one's settings stand for what all have in common.
    pub cases: Vec<Experiment>,
    /// Whether a data set that is not there was stood in for.
    pub outlined: bool,
}

impl Study {
    /// Resolves every case, loads each data set once, builds the networks.
    ///
    /// # Errors
    /// With the file or key, what was expected and what was found.
    pub fn load(asked: &Asked) -> Result<Self> {
        Self::with(asked, Datasets::default())
    }

    /// As [`Study::load`], for a price: blank images of the official number stand in for a data set without a folder.
    ///
    /// # Errors
    /// As [`Study::load`].
    pub fn outline(asked: &Asked) -> Result<Self> {
        Self::with(asked, Datasets::or_blank())
    }

    fn with(asked: &Asked, mut datasets: Datasets) -> Result<Self> {
        let case = |varied: Varied| Experiment::load(asked.case(&varied)?, varied, &mut datasets);
        let cases = (asked.design.cases)(asked)?.into_iter().map(case).collect::<Result<Vec<_>>>()?;
        Ok(Self { design: asked.design, cases, outlined: datasets.blank })
    }

    /// The first case's configuration, and of every case what it varies and where else it differs from the first.
    pub fn to_toml(&self) -> String {
        let mut text = self.config().to_toml();
        for case in self.cases.iter().filter(|case| !case.varied.is_empty()) {
            text += "\n[[case]]\n";
            text += &case.config.lines_beside(self.config());
        }
        text
    }

    /// The configuration of the first case.
    pub fn config(&self) -> &Config {
        &self.cases[0].config
    }
}
