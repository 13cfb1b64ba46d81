//! What an experiment finds as it varies a number: quantities over the split epoch t or the number of members M (the
//! paper's Fig. 3).

use super::{Figure, WIDTH, inks, slug};
use crate::method;
use crate::number::deviation;
use crate::plot::{Dash, Frame, Ink, Key, Mark, Scale, Scene, legend};
use crate::results::{Results, Row};
use crate::spread::summary;
use basin_metrics::stats::Summary;
use serde_json::Value;

/// A number that experiments vary: its place in a configuration, and what the axis is called.
struct Axis {
    place: &'static str,
    symbol: &'static str,
    name: &'static str,
}

const AXES: [Axis; 2] = [
    Axis { place: "/ensemble/split_epoch", symbol: "t", name: "split epoch t" },
    Axis { place: "/ensemble/members", symbol: "M", name: "number of members M" },
];

type Quantity = (&'static str, &'static str, fn(&Row) -> f64);

const QUANTITIES: [Quantity; 5] = [
    ("accuracy", "ensemble accuracy, %", |row| 100.0 * row.ensemble_accuracy),
    ("connectivity", "joint connectivity q̄, percentage points", |row| 100.0 * row.joint_connectivity),
    ("member-accuracy", "mean member accuracy, %", |row| 100.0 * row.mean_member_accuracy),
    ("variance", "variance of the true class's probability", |row| row.true_class_variance),
    ("divergence", "Jensen-Shannon divergence, nats", |row| row.jsd_one_vs_all),
];

/// One series: a method, with what else its cases vary.
struct Series<'a> {
    method: &'a str,
    rest: String,
    /// Position and values over seeds, by position.
    points: Vec<(f64, Vec<&'a Row>)>,
}

/// A figure per data set, network and quantity for every axis along which there are several positions.
pub(super) fn figures(results: &Results) -> Vec<Figure> {
    let mut groups: Vec<(&str, &str)> = Vec::new();
    for row in &results.rows {
        if !groups.contains(&(&row.dataset, &row.model)) {
            groups.push((&row.dataset, &row.model));
        }
    }
    let mut figures = Vec::new();
    for axis in &AXES {
        for &(dataset, model) in &groups {
            let series = series(results, axis, (dataset, model));
            if series.iter().any(|series| series.points.len() > 1) {
                let of = |quantity: &Quantity| figure(results, axis, quantity, &series, (dataset, model));
                figures.extend(QUANTITIES.iter().filter_map(of));
            }
        }
    }
    figures
}

fn series<'a>(results: &'a Results, axis: &Axis, group: (&str, &str)) -> Vec<Series<'a>> {
    let mut all: Vec<Series<'a>> = Vec::new();
    let here = |row: &&Row| (row.dataset.as_str(), row.model.as_str()) == group && !row.case.is_empty();
    for row in results.rows.iter().filter(here) {
        let parts: Vec<&str> = row.case.split(", ").collect();
        let own = format!("{} = ", axis.symbol);
        let at = results.config_of(row).pointer(axis.place).and_then(Value::as_f64);
        let Some(at) = at.filter(|_| parts.iter().any(|part| part.starts_with(&own))) else { continue };
        let rest: Vec<&str> = parts.into_iter().filter(|part| !part.starts_with(&own)).collect();
        let rest = rest.join(", ");
        let known = all.iter().position(|series| series.method == row.method && series.rest == rest);
        let known = known.unwrap_or_else(|| {
            all.push(Series { method: &row.method, rest, points: Vec::new() });
            all.len() - 1
        });
        let points = &mut all[known].points;
        match points.iter_mut().find(|(position, _)| *position == at) {
            Some((_, rows)) => rows.push(row),
            None => points.push((at, vec![row])),
        }
    }
    all.iter_mut().for_each(|series| series.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    all
}

fn figure(
    results: &Results,
    axis: &Axis,
    (id, name, value): &Quantity,
    series: &[Series<'_>],
    (dataset, model): (&str, &str),
) -> Option<Figure> {
    let methods = inks(results, series.iter().map(|series| series.method));
    let ink = |id: &str| methods.iter().find(|(known, _)| *known == id).map_or(Ink::Text, |(_, ink)| *ink);
    let spread = |rows: &[&Row]| summary(&rows.iter().map(|row| value(row)).collect::<Vec<f64>>());
    let curves: Vec<(&Series<'_>, Vec<(f64, Summary)>)> = series
        .iter()
        .map(|series| (series, series.points.iter().map(|(at, rows)| (*at, spread(rows))).collect()))
        .collect();
    let points = || curves.iter().flat_map(|(_, points)| points.iter().map(|(x, s)| (*x, s.mean)));
    if !points().any(|(_, y)| y.is_finite()) {
        return None;
    }
    // Where a single seed stands behind a mean there is no bar.
    let ends = |s: &Summary| deviation(s).map(|sd| [s.mean - sd, s.mean + sd]);
    let bars = curves.iter().flat_map(|(_, points)| points.iter().filter_map(|(_, s)| ends(s))).flatten();
    let mut scene = Scene::new(WIDTH, 0.0, &format!("{name} against {}", axis.name));
    let (left, right, top, bottom) = (60.0, WIDTH - 14.0, 14.0, 296.0);
    let ys = points().map(|(_, y)| y).chain(bars).filter(|y| y.is_finite());
    let frame = Frame {
        x: Scale::linear(points().map(|(x, _)| x), 0.04, (left, right), 6),
        y: Scale::linear(ys, 0.09, (bottom, top), 6),
    };
    frame.draw(&mut scene);
    frame.name_x(&mut scene, axis.name);
    Frame::name_y(&mut scene, name, (top, bottom));
    let mut named = Vec::new();
    for (place, (series, points)) in curves.iter().enumerate() {
        let ink = ink(series.method);
        let before = curves[..place].iter().filter(|(other, _)| other.method == series.method).count();
        let dash = [Dash::Solid, Dash::Dashed, Dash::Dotted][before % 3];
        for (x, spread) in points {
            let bar: Vec<_> = ends(spread).into_iter().flatten().filter_map(|y| frame.point(*x, y)).collect();
            scene.marks.push(Mark::Line { points: bar, ink, width: 1.2, opacity: 0.6, dash: Dash::Solid });
        }
        let at: Vec<(f64, f64)> = points.iter().filter_map(|(x, s)| frame.point(*x, s.mean)).collect();
        scene.marks.extend(at.iter().map(|&at| Mark::Point { at, marker: ink.marker(), radius: 3.5, ink }));
        scene.marks.push(Mark::Line { points: at, ink, width: 2.0, opacity: 1.0, dash });
        let dashed = ["", " (dashed)", " (dotted)"][before % 3];
        named.push((format!("{} {}{dashed}", method::name(series.method), series.rest), ink));
    }
    let named: Vec<(&str, Ink)> = named.iter().map(|(name, ink)| (name.as_str(), *ink)).collect();
    let below = bottom + 46.0;
    scene.height = below + legend(&mut scene, &named, Key::Line, (left, below), right);
    let like = match (axis.symbol, *id) {
        ("t", "connectivity" | "variance" | "divergence") => " (as the paper's Fig. 3)",
        _ => "",
    };
    Some(Figure {
        file: format!("{id}-over-{}-{}-{}", axis.symbol.to_lowercase(), slug(dataset), slug(model)),
        caption: format!(
            "{name} over the {} on {dataset} with {model}{like}. Points: means over seeds; bars: ± one standard deviation.",
            axis.name
        ),
        scene,
    })
}
