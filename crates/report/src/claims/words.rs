//! Claims, findings and verdicts as sentences, the same in the report, the terminal and the documentation.

use super::{Basis, Finding, Judgement, ShareFound, Verdict};
use crate::number::{fixed, shown, signed};
use crate::telling::Telling;
use basin_metrics::{Metric, Unit};
use basin_papers::{Claim, Comparison, Contrast, Expected, Paper};
use std::fmt;

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Undecided => "undecided",
        })
    }
}

/// What decides a claim and what that takes, in one sentence.
pub fn claim_in_words(claim: &Claim, paper: &dyn Paper) -> String {
    let name =
        |id: &str| paper.methods().iter().find(|m| m.id == id).map_or(id.to_owned(), |m| m.name.to_owned());
    let title = |id: &str| paper.metric(id).map_or(id.to_owned(), |metric| metric.title.to_owned());
    let contrast = |c: &Contrast| {
        format!("{}, {}: {}", title(c.metric), sum(c, &name), side(c.expected, paper.metric(c.metric)))
    };
    let all = |contrasts: &[Contrast]| contrasts.iter().map(&contrast).collect::<Vec<_>>().join("; and ");
    let compared = match &claim.comparison {
        Comparison::All(contrasts) => all(contrasts),
        Comparison::Connected { method, metric, margin, connected } => {
            let bound = if *connected { Expected::Above(-margin) } else { Expected::Below(-margin) };
            format!("{}, {}: {}", title(metric), name(method), side(bound, paper.metric(metric)))
        }
        Comparison::Trend { methods, metric, over, expected } => {
            let symbol = paper.symbols().iter().find(|s| s.key == *over).map_or(*over, |s| s.symbol);
            let methods: Vec<String> = methods.iter().map(|id| name(id)).collect();
            let rises = if matches!(expected, Expected::Above(_)) { "above" } else { "below" };
            format!("{}, slope over {symbol}, {} each: {rises} 0", title(metric), methods.join(" and "))
        }
    };
    let given = if claim.given.is_empty() { String::new() } else { format!(", given {}", all(claim.given)) };
    format!("{compared}{given}. Takes {} seeds and a 95 % interval on that side.", claim.seeds)
}

fn side(expected: Expected, metric: Option<&Metric>) -> String {
    let bound = |bound: f64| match metric {
        _ if bound == 0.0 => "0".to_owned(),
        Some(metric) => format!("{}{}", shown(bound, metric), unit(metric)),
        None => fixed(bound, 4),
    };
    match expected {
        Expected::Above(at) => format!("above {}", bound(at)),
        Expected::Below(at) => format!("below {}", bound(at)),
    }
}

/// The terms of a contrast by the paper's names: `Dist. Ens. − 0.5 Con. Ens.`.
pub(super) fn terms(telling: &Telling<'_>, contrast: &Contrast) -> String {
    sum(contrast, &|id: &str| telling.name(id).to_owned())
}

fn sum(contrast: &Contrast, name: &dyn Fn(&str) -> String) -> String {
    let mut text = String::new();
    for (weight, method) in contrast.terms {
        let sign = match (text.is_empty(), *weight < 0.0) {
            (true, false) => "",
            (true, true) => "−",
            (false, false) => " + ",
            (false, true) => " − ",
        };
        let times = if weight.abs() == 1.0 { String::new() } else { format!("{} ", weight.abs()) };
        text += &format!("{sign}{times}{}", name(method));
    }
    text
}

fn unit(metric: &Metric) -> &'static str {
    match metric.unit {
        Unit::Share | Unit::Points => " points",
        Unit::Nats => " nats",
        Unit::Passes => " passes",
        Unit::Plain => "",
    }
}

/// `Con. Ens.: −1.75 [−2.97, −0.53] points`.
pub fn finding_in_words(finding: &Finding, paper: &dyn Paper) -> String {
    let Some(metric) = paper.metric(finding.metric) else { return finding.what.clone() };
    let interval = finding.interval.map_or_else(String::new, |(low, high)| {
        format!(" [{}, {}]", signed(low, metric), signed(high, metric))
    });
    let bound = match finding.bound {
        0.0 => String::new(),
        bound => format!(" (against {})", signed(bound, metric)),
    };
    format!("{}: {}{interval}{}{bound}", finding.what, signed(finding.effect, metric), unit(metric))
}

/// `62 % [31, 95] of the gap closed; `.
fn share_in_words(found: ShareFound) -> String {
    let percent = |share: f64| fixed(100.0 * share, 0);
    let interval = found
        .interval
        .map_or_else(String::new, |(low, high)| format!(" [{}, {}]", percent(low), percent(high)));
    format!("{} %{interval} {}; ", percent(found.share), found.of)
}

/// The setting of a judgement and a colon; nothing where all judgements have the same.
pub(crate) fn setting_in_words(all: &[Judgement], judgement: &Judgement) -> String {
    match all.iter().any(|other| other.setting != judgement.setting) {
        true => format!("{}: ", judgement.setting),
        false => String::new(),
    }
}

/// What was found and what that is worth, in one or two sentences without the claim itself.
pub fn judgement_in_words(judgement: &Judgement, paper: &dyn Paper) -> String {
    let findings: Vec<String> = judgement.findings.iter().map(|f| finding_in_words(f, paper)).collect();
    let seeds = format!("{} seed{}", judgement.seeds, if judgement.seeds == 1 { "" } else { "s" });
    let basis = match judgement.findings.iter().any(|finding| finding.basis == Basis::Images) {
        true => format!("{seeds}, interval over its test images"),
        false => seeds,
    };
    let share = judgement.share.map_or_else(String::new, share_in_words);
    let mut text = format!("{share}{} ({basis}).", findings.join("; "));
    if judgement.premise_open {
        text += " What the comparison presupposes is not shown here.";
    }
    let takes = judgement.claim.seeds;
    if judgement.seeds < takes {
        text += &match judgement.points_to {
            Some(Verdict::Holds) => format!(" A verdict takes {takes} seeds; so far the claim is borne out."),
            Some(Verdict::Fails) => {
                format!(" A verdict takes {takes} seeds; so far the claim is contradicted.")
            }
            _ => format!(" A verdict takes {takes} seeds."),
        };
    }
    text
}
