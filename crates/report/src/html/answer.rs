//! What a page opens with: each claim that the run can speak to, with its verdict, and the main figure.

use super::escape::escaped;
use crate::claims::{Judgement, Verdict, judgement_in_words, setting_in_words};
use crate::render::Told;

/// The answer beside the main figure; the figure alone where no claim can be judged; nothing without either.
pub(super) fn section(told: &Told<'_>, main: Option<String>) -> String {
    if told.judgements.is_empty() && main.is_none() {
        return String::new();
    }
    let paper = told.telling.paper;
    let mut claims: Vec<(&str, Vec<&Judgement>)> = Vec::new();
    for judgement in &told.judgements {
        match claims.last_mut() {
            Some((id, all)) if *id == judgement.claim.id => all.push(judgement),
            _ => claims.push((judgement.claim.id, vec![judgement])),
        }
    }
    let finding = |judgement: &&Judgement| {
        let setting = setting_in_words(&told.judgements, judgement);
        let found = judgement_in_words(judgement, paper);
        format!(
            "<p class=\"small\">{} {}</p>\n",
            badge(judgement.verdict),
            escaped(&format!("{setting}{found}"))
        )
    };
    let item = |(_, all): &(&str, Vec<&Judgement>)| {
        let findings: String = all.iter().map(finding).collect();
        format!("<li><p>{}</p>\n{findings}</li>\n", escaped(all[0].claim.sentence))
    };
    let items: String = claims.iter().map(item).collect();
    let list = if items.is_empty() { items } else { format!("<ul class=\"claims\">\n{items}</ul>\n") };
    format!(
        "<section>\n<h2>{}</h2>\n<div class=\"answer\">\n{list}{}</div>\n</section>\n",
        escaped(paper.question()),
        main.unwrap_or_default()
    )
}

fn badge(verdict: Verdict) -> String {
    format!("<span class=\"verdict {verdict}\">{verdict}</span>")
}
