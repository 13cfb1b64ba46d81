//! What a paper claims, as data: a sentence, the comparison that decides it, and how much evidence that takes.

use crate::CaseKeys;

/// A sentence that results can bear out or contradict.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Lower-case words with hyphens.
    pub id: &'static str,
    /// What is claimed, as a sentence.
    pub sentence: &'static str,
    /// Where it stands.
    pub source: &'static str,
    /// What it speaks of.
    pub scope: Scope,
    /// What must hold before the comparison means anything; where it does not, nothing is decided.
    pub given: &'static [Contrast],
    /// What decides it.
    pub comparison: Comparison,
    /// Seeds that a verdict needs. With fewer the numbers are told, and the claim stays undecided.
    pub seeds: usize,
    /// What is told first of all, and decides nothing.
    pub share: Option<Share>,
}

/// The ensembles that a claim speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Networks by name; none: all.
    pub models: &'static [&'static str],
    /// What its case varies, by key in order, for a comparison within one case. What an experiment varies is another question
    /// than a claim's that names nothing.
    pub case: &'static [(&'static str, &'static str)],
}

impl Scope {
    /// Every network, where nothing is varied.
    pub const ANY: Self = Self { models: &[], case: &[] };

    /// Whether it speaks of a network.
    pub fn has_model(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.contains(&model)
    }

    /// Whether it speaks of a case.
    pub fn has_case(&self, case: &CaseKeys) -> bool {
        case.iter().map(|(key, value)| (key.as_str(), value.as_str())).eq(self.case.iter().copied())
    }
}

/// How large one sum of a metric over methods is beside another: of means over seeds, with a 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The metric.
    pub metric: &'static str,
    /// Weights and method ids of the part.
    pub part: &'static [(f64, &'static str)],
    /// Weights and method ids of the whole, above 0 where there is anything to share.
    pub whole: &'static [(f64, &'static str)],
    /// What it is a share of, after the number: `of the gap closed`.
    pub of: &'static str,
}

/// What is compared. All comparisons are of means over seeds, with 95 % intervals.
#[derive(Clone, Copy, Debug)]
pub enum Comparison {
    /// Every one of these holds.
    All(&'static [Contrast]),
    /// A connectivity is not below zero by more than a margin, or is.
    Connected {
        /// Method id.
        method: &'static str,
        /// The metric.
        metric: &'static str,
        /// So far below zero counts as zero.
        margin: f64,
        /// What the claim says: connected, or not.
        connected: bool,
    },
    /// A metric changes with a key: the slope of the least-squares line over the cases of each seed.
    Trend {
        /// Method ids, each judged by itself.
        methods: &'static [&'static str],
        /// The metric.
        metric: &'static str,
        /// The key that the cases vary.
        over: &'static str,
        /// On which side of a slope the claim lies.
        expected: Expected,
    },
}

/// A weighted sum of one metric over methods, per seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    /// The metric.
    pub metric: &'static str,
    /// Weights and method ids.
    pub terms: &'static [(f64, &'static str)],
    /// The metric of its standard error over test images, of a single term with weight 1; what a single seed can offer.
    pub error: Option<&'static str>,
    /// On which side of a bound the claim lies.
    pub expected: Expected,
}

/// A side of a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expected {
    /// Above it.
    Above(f64),
    /// Below it.
    Below(f64),
}

impl Claim {
    /// Ids of the methods that it speaks of, each once, in the order in which they are named.
    pub fn methods(&self) -> Vec<&'static str> {
        let of =
            |contrasts: &'static [Contrast]| contrasts.iter().flat_map(|c| c.terms.iter().map(|(_, id)| *id));
        let mut all: Vec<&str> = of(self.given).collect();
        match self.comparison {
            Comparison::All(contrasts) => all.extend(of(contrasts)),
            Comparison::Connected { method, .. } => all.push(method),
            Comparison::Trend { methods, .. } => all.extend(methods),
        }
        let mut once = Vec::new();
        all.into_iter().for_each(|id| {
            if !once.contains(&id) {
                once.push(id)
            }
        });
        once
    }
}
