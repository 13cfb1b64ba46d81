//! Training curves as TensorBoard's runs: a folder with an event file for each.

use super::events::{self, Scalar};
use basin_report::Artifact;
use basin_results::{Results, TrainingCurve, TrainingPoint};
use std::collections::BTreeMap;

/// What of a point is a curve, by the tag that groups it.
type Tag = (&'static str, fn(&TrainingPoint) -> f64);

const TAGS: [Tag; 3] = [
    ("train/loss", |point| point.loss),
    ("train/accuracy", |point| point.accuracy),
    ("train/learning_rate", |point| point.learning_rate),
];

/// An event file per curve, whose steps are epochs.
pub(super) fn files(results: &Results) -> Vec<Artifact> {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let file = |curve: &TrainingCurve| {
        let name = name(results, curve);
        let count = taken.entry(name.clone()).or_default();
        *count += 1;
        let name = if *count == 1 { name } else { format!("{name}-{count}") };
        // What TensorBoard takes for an event file has this word in its name.
        Artifact { path: format!("{name}/events.out.tfevents.0.basin"), bytes: events::file(&scalars(curve)) }
    };
    results.training.iter().map(file).collect()
}

fn scalars(curve: &TrainingCurve) -> Vec<Scalar<'static>> {
    let at = |point: &TrainingPoint| {
        let step = point.epoch.round() as u64;
        TAGS.map(|(tag, of)| Scalar { tag, step, value: of(point) as f32 })
    };
    curve.points.iter().flat_map(at).collect()
}

/// `s0-deep-1`, with the network and the case before it where a run has several.
fn name(results: &Results, curve: &TrainingCurve) -> String {
    let several = results.training.iter().any(|other| other.model != curve.model);
    let model = several.then(|| curve.model.clone());
    let case = curve.case.iter().map(|(key, value)| format!("{key}={value}"));
    let parts = model.into_iter().chain(case).chain([format!("s{}-{}", curve.seed, curve.node)]);
    parts.map(|part| file_name(&part)).collect::<Vec<_>>().join(",")
}

/// A name that every file system takes; names of nodes are for people and may be anything.
fn file_name(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-=".contains(c) { c } else { '-' };
    let name: String = text.chars().map(safe).collect();
    if name.starts_with('.') { format!("-{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_curve_has_a_folder_of_its_own_whatever_its_name() {
        let curve = |node: &str, model: &str| TrainingCurve {
            node: node.into(),
            model: model.into(),
            ..TrainingCurve::default()
        };
        let training = vec![curve("a/../b", "r"), curve("a/../b", "r"), curve("a", "vit")];
        let results = Results { training, ..Results::default() };
        let paths: Vec<String> = files(&results).into_iter().map(|file| file.path).collect();
        let folders: Vec<&str> = paths.iter().map(|path| path.split_once('/').unwrap().0).collect();
        assert_eq!(folders, ["r,s0-a-..-b", "r,s0-a-..-b-2", "vit,s0-a"]);
    }
}
