//! The paper's figures, as scenes: what is plotted against what.

mod accuracy_connectivity;
mod pairwise;
mod sweep;
mod training;

use crate::method;
use crate::paper::Paper;
use crate::plot::{Ink, Scene};
use crate::results::Results;

/// A figure with its file name (without ending) and what stands below it.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) file: String,
    pub(crate) caption: String,
    pub(crate) scene: Scene,
}

/// Width of every figure in pixels: narrow enough that its labels stay legible on a phone.
const WIDTH: f64 = 460.0;

/// All figures for which there is data, accuracy against connectivity first.
pub(crate) fn figures(results: &Results, paper: &Paper) -> Vec<Figure> {
    let mut all = accuracy_connectivity::figures(results, paper);
    all.extend(pairwise::figures(results));
    all.extend(sweep::figures(results));
    all.extend(training::figures(results));
    all
}

/// Each method of a figure with its colour, in the paper's order. Colours depend on the whole run, not on the
/// figure, so that a method looks the same everywhere.
fn inks<'a>(results: &'a Results, ids: impl Iterator<Item = &'a str>) -> Vec<(&'a str, Ink)> {
    let strangers = strangers(results);
    method::in_paper_order(ids).into_iter().map(|id| (id, Ink::of(id, &strangers))).collect()
}

/// The run's methods that the paper does not have.
pub(crate) fn strangers(results: &Results) -> Vec<&str> {
    let rows = results.rows.iter().map(|row| row.method.as_str());
    let curves = results.training.iter().map(|curve| curve.method.as_str());
    let lines = results.pairwise.iter().map(|line| line.method.as_str());
    let all = rows.chain(curves).chain(lines).filter(|id| method::rank(id).is_none());
    method::in_paper_order(all)
}

/// Letters, digits and single hyphens: a part of a file name on every system.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_never_leaves_its_folder() {
        assert_eq!(slug("../Tiny ImageNet//x\\"), "tiny-imagenet-x");
        assert_eq!(slug("…"), "");
    }
}
