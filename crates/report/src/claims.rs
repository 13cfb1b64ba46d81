//! Claims judged by results: for each claim that they can speak to, what was found, on what evidence, and the verdict.
//!
//! A verdict takes as many seeds as the claim says, and an interval that lies on one side of the claim's bound. With less,
//! a claim is undecided; what the numbers at hand point to is told beside it.

mod evidence;
mod words;

pub(crate) use words::setting_in_words;
pub use words::{claim_in_words, finding_in_words, judgement_in_words};

use crate::ReportError;
use crate::telling::Telling;
use basin_papers::{CaseKeys, Claim, Comparison, Contrast, Paper};
use basin_results::{Ensemble, Results};
use std::collections::BTreeMap;

/// What results say of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The evidence bears it out.
    Holds,
    /// The evidence contradicts it.
    Fails,
    /// Too little evidence, or an interval on both sides of the bound.
    Undecided,
}

/// What an interval is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Seeds: Student's interval of their mean.
    Seeds,
    /// The test images of a single seed, which says nothing of other seeds.
    Images,
    /// There is no interval.
    Nothing,
}

/// One quantity that a claim depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What it is of, in the paper's names.
    pub what: String,
    /// Id of the metric whose unit it has.
    pub metric: &'static str,
    /// Mean over seeds; NaN where a value is missing.
    pub effect: f64,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// What the interval is over.
    pub basis: Basis,
    /// Number of seeds.
    pub seeds: usize,
    /// The bound that it is compared with.
    pub bound: f64,
    /// Whether the claim lies above the bound.
    pub above: bool,
    /// Verdict on this quantity, were the seeds enough.
    pub(crate) says: Verdict,
}

/// A claim, judged in one setting.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The claim.
    pub claim: &'static Claim,
    /// Data set, network, members, and what else was held fixed.
    pub setting: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What the numbers point to where there are too few seeds for a verdict.
    pub points_to: Option<Verdict>,
    /// Smallest number of seeds behind any finding.
    pub seeds: usize,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The claim's share, where its whole is above 0.
    pub share: Option<ShareFound>,
    /// Whether what must hold before the comparison means anything could not be shown.
    pub premise_open: bool,
}

/// How large a claim's part is beside its whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShareFound {
    /// Mean of the part over mean of the whole; may lie outside `[0, 1]`.
    pub share: f64,
    /// Fieller's 95 % interval over seeds; none for one seed, or where the whole may be 0.
    pub interval: Option<(f64, f64)>,
    /// What it is a share of.
    pub of: &'static str,
}

/// Every claim of the paper that these results can speak to, once for each setting in which they can, in the paper's order.
///
/// # Errors
/// As [`crate::render`].
pub fn judge(results: &Results, paper: &dyn Paper) -> Result<Vec<Judgement>, ReportError> {
    Ok(judged(&Telling::new(results, paper)?))
}

pub(crate) fn judged(telling: &Telling<'_>) -> Vec<Judgement> {
    telling.paper.claims().iter().flat_map(|claim| of_claim(telling, claim)).collect()
}

fn of_claim(telling: &Telling<'_>, claim: &'static Claim) -> Vec<Judgement> {
    if let Comparison::Trend { methods, metric, over, expected } = claim.comparison {
        return evidence::trends(telling, methods, metric, over, expected)
            .into_iter()
            .filter(|(model, ..)| claim.scope.has_model(model))
            .map(|(_, setting, finding)| verdict(claim, setting, (vec![finding], None), &[]))
            .collect();
    }
    let groups = telling.groups(|e| (e.dataset.as_str(), e.model.as_str(), &e.case, e.members));
    let meant = |first: &Ensemble| claim.scope.has_model(&first.model) && claim.scope.has_case(&first.case);
    let groups = groups.into_iter().filter(|group| meant(group[0]));
    groups.filter_map(|group| of_group(telling, claim, &group)).collect()
}

/// None where a method that the claim speaks of is missing.
fn of_group(telling: &Telling<'_>, claim: &'static Claim, group: &[&Ensemble]) -> Option<Judgement> {
    let contrast = |contrast: &&Contrast| evidence::contrast(telling, group, contrast);
    let findings = match &claim.comparison {
        Comparison::All(contrasts) => contrasts.iter().map(|c| contrast(&c)).collect::<Option<Vec<_>>>()?,
        Comparison::Connected { method, metric, margin, connected } => {
            vec![evidence::connected(telling, group, (method, metric), *margin, *connected)?]
        }
        Comparison::Trend { .. } => return None,
    };
    let given: Vec<Finding> = claim.given.iter().map(|c| contrast(&c)).collect::<Option<_>>()?;
    let (dataset, model, members) = (&group[0].dataset, &group[0].model, group[0].members);
    let share = claim.share.and_then(|share| evidence::share(group, &share));
    Some(verdict(claim, format!("{dataset} · {model} · {members} members"), (findings, share), &given))
}

fn verdict(
    claim: &'static Claim,
    setting: String,
    (findings, share): (Vec<Finding>, Option<ShareFound>),
    given: &[Finding],
) -> Judgement {
    let seeds = findings.iter().chain(given).map(|finding| finding.seeds).min().unwrap_or(0);
    let premise_open = given.iter().any(|finding| finding.says != Verdict::Holds);
    let says = |wanted: Verdict| findings.iter().filter(|finding| finding.says == wanted).count();
    let together = match (says(Verdict::Holds), says(Verdict::Fails)) {
        _ if premise_open => Verdict::Undecided,
        (_, 1..) => Verdict::Fails,
        (holds, 0) if holds == findings.len() => Verdict::Holds,
        _ => Verdict::Undecided,
    };
    let enough = seeds >= claim.seeds;
    Judgement {
        claim,
        setting,
        verdict: if enough { together } else { Verdict::Undecided },
        points_to: (!enough && together != Verdict::Undecided).then_some(together),
        seeds,
        findings,
        share,
        premise_open,
    }
}

/// The case without one key.
fn without(case: &CaseKeys, key: &str) -> CaseKeys {
    let rest = case.iter().filter(|(own, _)| *own != key);
    rest.map(|(key, value)| (key.clone(), value.clone())).collect::<BTreeMap<_, _>>()
}

#[cfg(test)]
mod tests;
