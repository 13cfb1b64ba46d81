//! Ensemble accuracy against joint connectivity, one point per method and seed (the paper's Fig. 2c).

use super::{Figure, WIDTH, inks, slug};
use crate::method;
use crate::paper::Paper;
use crate::plot::{Anchor, Dash, Frame, Ink, Key, LABEL_SIZE, Mark, Region, Room, Scale, Scene, legend};
use crate::results::{Results, Row};
use std::collections::BTreeSet;

const RADIUS: f64 = 5.5;
/// The paper's outlines stand clear of a point of ours at the same place.
const HOLLOW_RADIUS: f64 = 7.0;

/// A point of the paper with the method it is of: joint connectivity and accuracy, in percent.
type Theirs<'a> = (&'a str, (f64, f64));

/// One figure per data set, model and ensemble size that has a finite point.
pub(super) fn figures(results: &Results, paper: &Paper) -> Vec<Figure> {
    let mut keys: Vec<(&str, &str, usize)> = Vec::new();
    for row in &results.rows {
        let key = (row.dataset.as_str(), row.model.as_str(), row.members);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut figures: Vec<Figure> = Vec::new();
    for key in keys {
        let Some(mut figure) = figure(results, paper, key) else { continue };
        // Different names may shorten to one file name.
        while figures.iter().any(|other| other.file == figure.file) {
            figure.file.push_str("-b");
        }
        figures.push(figure);
    }
    figures
}

fn figure(
    results: &Results,
    paper: &Paper,
    (dataset, model, members): (&str, &str, usize),
) -> Option<Figure> {
    let here =
        |row: &&Row| (row.dataset.as_str(), row.model.as_str(), row.members) == (dataset, model, members);
    let seen = |row: &&Row| row.joint_connectivity.is_finite() && row.ensemble_accuracy.is_finite();
    let mut rows: Vec<&Row> = results.rows.iter().filter(here).filter(seen).collect();
    if rows.is_empty() {
        return None;
    }
    // Variations of what stands beside them would look the same.
    if rows.iter().any(|row| row.case.is_empty()) {
        rows.retain(|row| row.case.is_empty());
    }
    let cases: BTreeSet<&str> = rows.iter().map(|row| row.case.as_str()).collect();
    let each = if cases.len() > 1 { "method, case and seed" } else { "method and seed" };
    let methods = inks(results, rows.iter().map(|row| row.method.as_str()));
    let deep = |value: fn(&Row) -> f64| {
        let values: Vec<f64> =
            rows.iter().filter(|row| row.method == "deep").map(|row| 100.0 * value(row)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        mean.is_finite().then_some(mean)
    };
    let levels = [
        (deep(|row| row.ensemble_accuracy), "deep ensemble", Dash::Dashed),
        (deep(|row| row.mean_member_accuracy), "mean member", Dash::Dotted),
    ];
    let levels: Vec<(f64, &str, Dash)> =
        levels.into_iter().filter_map(|(y, n, d)| Some((y?, n, d))).collect();

    let title = format!("Ensemble accuracy against joint connectivity, {dataset}, {model}");
    let mut scene = Scene::new(WIDTH, 0.0, &title);
    let (left, right, top, bottom) = (60.0, WIDTH - 14.0, 14.0, 296.0);
    let mut xs: Vec<f64> = rows.iter().map(|row| 100.0 * row.joint_connectivity).chain([0.0]).collect();
    let accuracies = rows.iter().map(|row| 100.0 * row.ensemble_accuracy);
    let mut ys: Vec<f64> = accuracies.chain(levels.iter().map(|level| level.0)).collect();
    let published = published(paper, &rows);
    let (their_xs, their_ys): (Vec<f64>, Vec<f64>) = published.iter().map(|(_, at)| *at).unzip();
    let theirs = if readable(&xs, &their_xs) && readable(&ys, &their_ys) {
        xs.extend(their_xs);
        ys.extend(their_ys);
        published.as_slice()
    } else {
        &[]
    };
    let frame = Frame {
        x: Scale::linear(xs.into_iter(), 0.11, (left, right), 6),
        y: Scale::linear(ys.into_iter(), 0.1, (bottom, top), 5),
    };
    frame.draw(&mut scene);
    frame.name_x(&mut scene, "joint connectivity q̄, percentage points");
    Frame::name_y(&mut scene, "ensemble accuracy, %", (top, bottom));

    let points = |id: &str| -> Vec<(f64, f64)> {
        let mine = rows.iter().filter(|row| row.method == id);
        mine.filter_map(|row| frame.point(100.0 * row.joint_connectivity, 100.0 * row.ensemble_accuracy))
            .collect()
    };
    let hollow =
        |id: &str| theirs.iter().find(|(method, _)| *method == id).and_then(|&(_, (x, y))| frame.point(x, y));
    let marked = methods.iter().flat_map(|(id, _)| points(id).into_iter().chain(hollow(id)));
    let taken = marked.map(|at| Region::around(at, HOLLOW_RADIUS + 1.0)).collect();
    let mut room = Room { bounds: frame.region(), taken };
    for &(level, name, dash) in &levels {
        let y = frame.y.at(level);
        let points = vec![(left, y), (right, y)];
        scene.marks.push(Mark::Line { points, ink: Ink::Muted, width: 1.4, opacity: 1.0, dash });
        room.taken.push(Region { left, top: y - 2.0, right, bottom: y + 2.0 });
        name_level(&mut scene, &mut room, name, y);
    }
    let mut unnamed = Vec::new();
    // Under our points, which matter more.
    let outlines = methods.iter().filter_map(|&(id, ink)| Some((hollow(id)?, ink)));
    let outline =
        |(at, ink): ((f64, f64), Ink)| Mark::Hollow { at, marker: ink.marker(), radius: HOLLOW_RADIUS, ink };
    scene.marks.extend(outlines.map(outline));
    for &(id, ink) in &methods {
        let at = points(id);
        for &at in &at {
            scene.marks.push(Mark::Point { at, marker: ink.marker(), radius: RADIUS, ink });
        }
        if !room.place(&mut scene, method::name(id), ink, &at, true) {
            unnamed.push((method::name(id), ink));
        }
    }
    let mut below = bottom + 46.0;
    below += legend(&mut scene, &unnamed, Key::Point, (left, below), right);
    let entry: &[(&str, Ink)] = if theirs.is_empty() { &[] } else { &[("paper (hollow)", Ink::Muted)] };
    below += legend(&mut scene, entry, Key::Hollow, (left, below), right);
    scene.height = below;
    let beside = match (published.is_empty(), theirs.is_empty()) {
        (true, _) => "",
        (false, false) => " Hollow: the paper's means, for its own set-up.",
        (false, true) => " The paper's own means are too far away to be drawn; the tables have them.",
    };
    Some(Figure {
        file: format!("accuracy-connectivity-{}-{}-m{members}", slug(dataset), slug(model)),
        caption: format!(
            "Ensemble accuracy against joint connectivity on {dataset} with {model} and {members} members (the \
             paper's Fig. 2c). One point per {each}; dashed: mean accuracy of the deep ensembles, dotted: of \
             their members. Further right is better connected; at 0, points between the members are as accurate as \
             the members themselves.{beside}"
        ),
        scene,
    })
}

/// The paper's points for the methods of these rows. What an experiment varies is not in the paper's tables.
fn published<'a>(paper: &Paper, rows: &[&'a Row]) -> Vec<Theirs<'a>> {
    let own = rows.iter().filter(|row| row.case.is_empty());
    let mut theirs: Vec<Theirs<'a>> = Vec::new();
    for row in own {
        let percent = |metric| {
            let found = paper.find(&row.dataset, &row.model, &row.method, metric)?;
            Some(100.0 * found.summary.mean)
        };
        let known = theirs.iter().any(|(method, _)| *method == row.method);
        let at = percent("joint_connectivity").zip(percent("ensemble_accuracy")).filter(|_| !known);
        theirs.extend(at.map(|at| (row.method.as_str(), at)));
    }
    theirs
}

/// Whether our own values keep a third of an axis that shows theirs too. An extent under one percentage point counts
/// as one: closer values need no more room.
fn readable(ours: &[f64], theirs: &[f64]) -> bool {
    let extent = |values: &mut dyn Iterator<Item = &f64>| {
        let ends = (f64::INFINITY, f64::NEG_INFINITY);
        let (low, high) = values.fold(ends, |(low, high), &v| (low.min(v), high.max(v)));
        high - low
    };
    extent(&mut ours.iter().chain(theirs)) <= 3.0 * extent(&mut ours.iter()).max(1.0)
}

/// Writes the name of a horizontal line just above or below it, at the first place along it that is free.
fn name_level(scene: &mut Scene, room: &mut Room, name: &str, y: f64) {
    let size = LABEL_SIZE - 1.0;
    let places = (0..12).map(|i| room.bounds.left + 6.0 + 30.0 * f64::from(i));
    let spots = places.flat_map(|x| [(x, y - 6.0), (x, y + 4.0 + size)]);
    for at in spots {
        let region = Region::of_text(name, size, at, Anchor::Start);
        if room.bounds.holds(&region) && !room.taken.iter().any(|taken| taken.overlaps(&region)) {
            room.taken.push(region);
            scene.text(at, name, size, Ink::Muted, Anchor::Start);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(rows: &[(&str, f64, f64)], case: &str) -> (usize, String) {
        let row = |&(method, joint_connectivity, ensemble_accuracy): &(&str, f64, f64)| Row {
            dataset: "cifar10".into(),
            model: "resnet20".into(),
            case: case.into(),
            method: method.into(),
            joint_connectivity,
            ensemble_accuracy,
            mean_member_accuracy: ensemble_accuracy - 0.01,
            ..Row::default()
        };
        let results = Results { rows: rows.iter().map(row).collect(), ..Results::default() };
        let figure = figures(&results, &Paper::published().unwrap()).remove(0);
        let hollow = figure.scene.marks.iter().filter(|mark| matches!(mark, Mark::Hollow { .. }));
        (hollow.count(), figure.caption)
    }

    #[test]
    fn the_papers_points_are_hollow_and_only_of_methods_that_were_run() {
        let near = [("deep", -0.7, 0.94), ("constrained", -0.01, 0.935), ("own", -0.3, 0.93)];
        let (hollow, caption) = drawn(&near, "");
        // Two points and the key of the legend.
        assert_eq!(hollow, 3);
        assert!(caption.contains("Hollow: the paper's means"), "{caption}");
        assert_eq!(drawn(&near, "t = 2").0, 0);
    }

    #[test]
    fn points_of_the_paper_too_far_away_are_told_of_not_drawn() {
        let (hollow, caption) = drawn(&[("deep", -0.33, 0.64), ("constrained", -0.02, 0.61)], "");
        assert_eq!(hollow, 0);
        assert!(caption.contains("too far away"), "{caption}");
    }

    #[test]
    fn an_axis_is_shared_while_ours_keep_a_third_of_it() {
        assert!(readable(&[90.0, 92.0], &[95.9]) && !readable(&[90.0, 92.0], &[96.1]));
        assert!(readable(&[90.0], &[92.9]) && !readable(&[90.0], &[93.1]));
        assert!(readable(&[90.0], &[]));
    }
}
