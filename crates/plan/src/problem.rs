//! What stands in the way of a run, collected before any of it is told.

use basin_exit as exit;
use std::collections::BTreeSet;

/// Something that stands in the way, and what it follows from.
#[derive(Debug)]
pub struct Problem {
    /// Keys, or sections of keys: where one of them was refused already, this may be no problem at all.
    about: &'static [&'static str],
    pub(crate) error: anyhow::Error,
}

impl Problem {
    /// A problem with the keys that it is about.
    pub fn new(about: &'static [&'static str], error: impl Into<anyhow::Error>) -> Self {
        Self { about, error: error.into() }
    }

    /// Whether it may be only because one of these keys was refused.
    pub fn follows_from(&self, refused: &BTreeSet<&'static str>) -> bool {
        self.about.iter().any(|about| refused.iter().any(|key| key.starts_with(about)))
    }
}

/// All problems, at least one, as one error: what several cases have in common once.
pub fn refusal(problems: Vec<Problem>) -> anyhow::Error {
    let mut told = BTreeSet::new();
    let errors = problems.into_iter().map(|problem| problem.error);
    let told = exit::together(errors.filter(|error| told.insert(format!("{error:#}"))).collect());
    told.err().unwrap_or_else(|| anyhow::anyhow!("refused for nothing"))
}
