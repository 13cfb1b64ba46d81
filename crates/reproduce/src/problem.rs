//! What stands in the way of a run, collected before any of it is told: everything of every kind at once.

use crate::config::{Config, ConfigError, Settled};
use crate::experiment::{Datasets, plan_context};
use crate::{Asked, Registry, Study, exit, sizes};
use basin_papers::Varied;
use std::collections::BTreeSet;

/// Something that stands in the way, and what it follows from.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Keys, or sections of keys: where one of them was refused already, this may be no problem at all.
    about: &'static [&'static str],
    pub(crate) error: anyhow::Error,
}

impl Problem {
    pub(crate) fn new(about: &'static [&'static str], error: impl Into<anyhow::Error>) -> Self {
        Self { about, error: error.into() }
    }

    fn follows_from(&self, refused: &BTreeSet<&'static str>) -> bool {
        self.about.iter().any(|about| refused.iter().any(|key| key.starts_with(about)))
    }
}

/// All problems as one error, what several cases have in common once.
pub(crate) fn together(problems: Vec<Problem>) -> anyhow::Result<()> {
    let mut told = BTreeSet::new();
    let errors = problems.into_iter().map(|problem| problem.error);
    exit::together(errors.filter(|error| told.insert(format!("{error:#}"))).collect())
}

/// Keys whose ranges depend on each other in the recipes of methods.
const TOGETHER: &[&str] = &[
    "train.epochs",
    "train.peak_lr",
    "train.warmup",
    "model.",
    "ensemble.members",
    "ensemble.split_epoch",
    "ensemble.after_split",
    "ensemble.swe_floor",
    "ensemble.distil_last",
    "ensemble.replay_epochs",
    "ensemble.imports",
];

/// Methods that there are not, and what the others refuse of a configuration.
pub(crate) fn of_methods(registry: &Registry, config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    let asked = &config.ensemble().methods;
    let is_known = |id: &String| registry.methods().any(|known| known == id);
    let unknown: Vec<String> = asked.iter().filter(|id| !is_known(id)).map(|id| format!("{id:?}")).collect();
    if !unknown.is_empty() {
        let known = registry.methods().collect::<Vec<_>>().join(", ");
        let text = format!("ensemble.methods names {}, expected some of {known}", unknown.join(" and "));
        problems.push(Problem::new(&["ensemble.methods"], exit::Usage(text)));
    }
    for id in asked.iter().filter(|id| is_known(id)) {
        let planned = registry
            .method(id, config)
            .and_then(|method| Ok(method.plan(&plan_context(config)).map(|_| ())?));
        problems.extend(planned.err().map(|error| Problem::new(TOGETHER, error)));
    }
    problems
}

/// Everything that is wrong with what was asked for, where its values alone are refused: these, `more`, and what would be
/// refused after them and does not follow from them. `blank`: without data, as for a price.
pub(crate) fn refused(
    asked: &Asked,
    more: Vec<(&'static str, String)>,
    others: Vec<String>,
    registry: &Registry,
    blank: bool,
) -> ConfigError {
    let (mut refused, mut lines) = (BTreeSet::new(), others);
    for (key, line) in more {
        refused.insert(key);
        lines.push(line);
    }
    let mut configs: Vec<(Varied, Config)> = Vec::new();
    let cases = asked.cases().unwrap_or_else(|error| {
        lines.extend(error.problems);
        vec![Varied::new()]
    });
    for varied in cases {
        let Settled { config, problems, refused: keys } = asked.settle(&varied);
        refused.extend(keys);
        lines.extend(problems);
        configs.push((varied, config));
    }
    let mut problems: Vec<Problem> =
        configs.iter().flat_map(|(_, config)| of_methods(registry, config)).collect();
    let datasets = if blank { Datasets::or_blank() } else { Datasets::default() };
    match Study::attempt(asked, configs, datasets) {
        Ok(study) => problems.extend(
            sizes::check(&study, false)
                .err()
                .map(|error| Problem::new(&["model.", "train.", "ensemble."], error)),
        ),
        Err(more) => problems.extend(more),
    }
    let consequent = |problem: &Problem| !problem.follows_from(&refused);
    lines.extend(problems.into_iter().filter(consequent).map(|problem| format!("  {:#}", problem.error)));
    let mut told = BTreeSet::new();
    lines.retain(|line| told.insert(line.clone()));
    ConfigError { problems: lines }
}
