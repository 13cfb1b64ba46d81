//! What a paper asks: experiments, each a list of cases, each case a few keys with values.

use std::error::Error;

/// Keys and values that one case sets, in the order in which they are set.
pub type Varied = Vec<(&'static str, String)>;

/// Why there are no cases: what was asked for is not a configuration.
pub type CaseError = Box<dyn Error + Send + Sync>;

/// What was asked for, as an experiment sees it: its cases may depend on what the preset says of a data set and network.
pub trait Settings {
    /// A whole number of the configuration that results when an experiment varies these.
    ///
    /// # Errors
    /// When that is not a configuration.
    fn int(&self, key: &str, varied: &Varied) -> Result<u64, CaseError>;

    /// A number of it.
    ///
    /// # Errors
    /// As [`Settings::int`].
    fn float(&self, key: &str, varied: &Varied) -> Result<f64, CaseError>;

    /// A word of it.
    ///
    /// # Errors
    /// As [`Settings::int`].
    fn text(&self, key: &str, varied: &Varied) -> Result<String, CaseError>;
}

/// Methods by id, with commas, and what is measured of them besides the usual.
pub fn measured(methods: &str, also: &str) -> Varied {
    vec![("ensemble.methods", methods.to_owned()), ("metrics.also", also.to_owned())]
}

/// The cases of several experiments in one plan, each once.
///
/// # Errors
/// As [`Experiment::cases`].
pub fn together<'a>(
    asked: &dyn Settings,
    experiments: impl IntoIterator<Item = &'a Experiment>,
) -> Result<Vec<Varied>, CaseError> {
    let mut cases: Vec<Varied> = Vec::new();
    for experiment in experiments {
        for case in (experiment.cases)(asked)? {
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
    }
    Ok(cases)
}

/// What an experiment ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Trained and measured ensembles, and a report on them.
    Report,
    /// The epochs that its ensembles would need; nothing is trained.
    Costs,
}

/// One question of a paper: a name, and the cases it consists of.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// Name, as after `--experiment`.
    pub name: &'static str,
    /// Where in the paper, or what question; one line for help.
    pub summary: &'static str,
    /// Its cases, at least one.
    ///
    /// # Errors
    /// When what was asked for is not a configuration.
    pub cases: fn(&dyn Settings) -> Result<Vec<Varied>, CaseError>,
    /// What comes out of it.
    pub outcome: Outcome,
}
