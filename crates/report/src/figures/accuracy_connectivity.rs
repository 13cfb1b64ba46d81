//! Ensemble accuracy against joint connectivity, one point per method and seed (the paper's Fig. 2c).

use super::{Figure, WIDTH, inks, slug};
use crate::method;
use crate::plot::{Anchor, Dash, Frame, Ink, Key, LABEL_SIZE, Mark, Region, Room, Scale, Scene, legend};
use crate::results::{Results, Row};

const RADIUS: f64 = 5.5;

/// One figure per data set, model and ensemble size that has a finite point.
pub(super) fn figures(results: &Results) -> Vec<Figure> {
    let mut keys: Vec<(&str, &str, usize)> = Vec::new();
    for row in &results.rows {
        let key = (row.dataset.as_str(), row.model.as_str(), row.members);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut figures: Vec<Figure> = Vec::new();
    for key in keys {
        let Some(mut figure) = figure(results, key) else { continue };
        // Different names may shorten to one file name.
        while figures.iter().any(|other| other.file == figure.file) {
            figure.file.push_str("-b");
        }
        figures.push(figure);
    }
    figures
}

fn figure(results: &Results, (dataset, model, members): (&str, &str, usize)) -> Option<Figure> {
    let here =
        |row: &&Row| (row.dataset.as_str(), row.model.as_str(), row.members) == (dataset, model, members);
    let seen = |row: &&Row| row.joint_connectivity.is_finite() && row.ensemble_accuracy.is_finite();
    let rows: Vec<&Row> = results.rows.iter().filter(here).filter(seen).collect();
    if rows.is_empty() {
        return None;
    }
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
    let xs = rows.iter().map(|row| 100.0 * row.joint_connectivity).chain([0.0]);
    let ys = rows.iter().map(|row| 100.0 * row.ensemble_accuracy).chain(levels.iter().map(|level| level.0));
    let frame =
        Frame { x: Scale::linear(xs, 0.11, (left, right), 6), y: Scale::linear(ys, 0.1, (bottom, top), 5) };
    frame.draw(&mut scene);
    frame.name_x(&mut scene, "joint connectivity q̄, percentage points");
    Frame::name_y(&mut scene, "ensemble accuracy, %", (top, bottom));

    let points = |id: &str| -> Vec<(f64, f64)> {
        let mine = rows.iter().filter(|row| row.method == id);
        mine.filter_map(|row| frame.point(100.0 * row.joint_connectivity, 100.0 * row.ensemble_accuracy))
            .collect()
    };
    let taken =
        methods.iter().flat_map(|(id, _)| points(id)).map(|at| Region::around(at, RADIUS + 2.0)).collect();
    let mut room = Room { bounds: frame.region(), taken };
    for &(level, name, dash) in &levels {
        let y = frame.y.at(level);
        let points = vec![(left, y), (right, y)];
        scene.marks.push(Mark::Line { points, ink: Ink::Muted, width: 1.4, opacity: 1.0, dash });
        room.taken.push(Region { left, top: y - 2.0, right, bottom: y + 2.0 });
        name_level(&mut scene, &mut room, name, y);
    }
    let mut unnamed = Vec::new();
    for &(id, ink) in &methods {
        let at = points(id);
        for &at in &at {
            scene.marks.push(Mark::Point { at, marker: ink.marker(), radius: RADIUS, ink });
        }
        if !room.place(&mut scene, method::name(id), ink, &at, true) {
            unnamed.push((method::name(id), ink));
        }
    }
    let below = bottom + 46.0;
    scene.height = below + legend(&mut scene, &unnamed, Key::Point, (left, below), right);
    Some(Figure {
        file: format!("accuracy-connectivity-{}-{}-m{members}", slug(dataset), slug(model)),
        caption: format!(
            "Ensemble accuracy against joint connectivity on {dataset} with {model} and {members} members (the \
             paper's Fig. 2c). One point per method and seed; dashed: mean accuracy of the deep ensembles, dotted: of \
             their members. Further right is better connected; at 0, points between the members are as accurate as \
             the members themselves."
        ),
        scene,
    })
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
