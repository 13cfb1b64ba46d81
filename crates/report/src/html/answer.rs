//! What a page opens with: each claim that the run can speak to, with its verdict, and the main figure.

use super::text::Text;
use crate::claims::{Judgement, judgement_in_words, setting_in_words};
use crate::told::Told;
use maud::{Markup, html};

/// The answer beside the main figure; the figure alone where no claim can be judged; nothing without either.
pub(super) fn section(told: &Told<'_>, main: Option<Markup>) -> Markup {
    let paper = told.telling.paper;
    let mut claims: Vec<Vec<&Judgement>> = Vec::new();
    for judgement in &told.judgements {
        match claims.last_mut() {
            Some(all) if all[0].claim.id == judgement.claim.id => all.push(judgement),
            _ => claims.push(vec![judgement]),
        }
    }
    let finding = |judgement: &Judgement| {
        let (verdict, setting) = (judgement.verdict, setting_in_words(&told.judgements, judgement));
        let found = judgement_in_words(judgement, paper);
        html! {
            p.small { span class={ "verdict " (verdict) } { (verdict) } " " (Text(setting)) (Text(found)) } "\n"
        }
    };
    html! {
        @if !claims.is_empty() || main.is_some() {
            section {
                h2 { (Text(paper.question())) }
                div.answer {
                    @if !claims.is_empty() {
                        ul.claims {
                            @for all in &claims {
                                li { p { (Text(all[0].claim.sentence)) } @for one in all { (finding(one)) } } "\n"
                            }
                        }
                    }
                    @if let Some(main) = main { (main) }
                }
            }
        }
    }
}
