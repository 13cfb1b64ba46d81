//! A paper's figures, as scenes: what is plotted against what.

mod curves;
mod grid;
mod many;
mod maps;
mod matrix;
mod pairwise;
mod paths;
mod plane;
mod scatter;
mod sized;
mod surfaces;
mod sweep;
mod training;
mod triangle;

use crate::telling::Telling;
use basin_papers::Figure as Kind;
use basin_plot::Scene;

/// A figure with its file name (without ending) and what stands below it.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) file: String,
    pub(crate) caption: String,
    pub(crate) scene: Scene,
    /// Whether it is of the kind that the paper's layout names first: it stands beside the answer.
    pub(crate) is_main: bool,
}

/// Width of every figure in pixels: narrow enough that its labels stay legible on a phone.
const WIDTH: f64 = 460.0;

/// All figures for which there is data, in the order of the paper's layout.
pub(crate) fn figures(telling: &Telling<'_>) -> Vec<Figure> {
    let of = |(place, kind): (usize, &Kind)| {
        let mut figures = match kind {
            Kind::Scatter { file, x, y, levels, together, size, like, reading } => {
                let axes = telling.paper.metric(x).zip(telling.paper.metric(y));
                axes.map_or_else(Vec::new, |(x, y)| {
                    let size = size.and_then(|id| telling.paper.metric(id));
                    scatter::figures(
                        telling,
                        &scatter::Shown { file, x, y, levels, together: *together, size, like, reading },
                    )
                })
            }
            Kind::Lines { like } => pairwise::figures(telling, like),
            Kind::Grid(shown) => grid::figures(telling, shown),
            Kind::Curves(shown) => curves::figures(telling, shown),
            Kind::Surfaces(shown) => surfaces::figures(telling, shown),
            Kind::Matrix(shown) => matrix::figures(telling, shown),
            Kind::Triangle(shown) => triangle::figures(telling, shown),
            Kind::Paths(shown) => paths::figures(telling, shown),
            Kind::Plane(shown) => plane::figures(telling, shown),
            Kind::Sweep(sweep) => sweep::figures(telling, sweep),
            Kind::Training => training::figures(telling),
        };
        figures.iter_mut().for_each(|figure| figure.is_main = place == 0);
        figures
    };
    let mut all: Vec<Figure> = telling.paper.layout().figures.iter().enumerate().flat_map(of).collect();
    // Different names may shorten to one file name.
    for place in 1..all.len() {
        while all[..place].iter().any(|other| other.file == all[place].file) {
            all[place].file.push_str("-b");
        }
    }
    all
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

/// A file's name from its parts, those that are empty left out.
fn file_name(parts: &[&str]) -> String {
    let parts = parts
        .iter()
        .enumerate()
        .map(|(place, part)| if place == 0 { (*part).to_owned() } else { slug(part) });
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// Parts of a caption, one after the other; those that are empty left out.
fn sentences(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// Which images, of which data set.
fn images(data: &str, dataset: &str) -> String {
    match data {
        "" => format!("on {dataset}"),
        _ if data.starts_with("test") || data.starts_with("train") => {
            format!("on {data} images of {dataset}")
        }
        // Weights, say, or a map of predictions.
        _ => format!("on {dataset} ({data})"),
    }
}

/// ` (as the paper's Fig. 3)`; nothing where it is none.
fn like(figure: &str) -> String {
    if figure.is_empty() { String::new() } else { format!(" (as {figure})") }
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
