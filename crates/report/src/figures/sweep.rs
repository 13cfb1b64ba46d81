//! What an experiment finds as it varies a number: metrics over a key, one series per method and per setting of the other
//! keys.

use super::{Figure, WIDTH, slug};
use crate::Ensemble;
use crate::number::deviation;
use crate::plot::{Dash, Frame, Ink, Key, Mark, Scale, Scene, legend};
use crate::spread::summary;
use crate::telling::Telling;
use basin_metrics::Metric;
use basin_metrics::stats::Summary;
use basin_papers::{Quantity, Sweep};

/// One series: a method, with what else its cases vary.
struct Series<'a> {
    method: &'a str,
    rest: String,
    /// Position and values over seeds, by position.
    points: Vec<(f64, Vec<&'a Ensemble>)>,
}

/// A figure per data set, network and quantity, where there are several positions.
pub(super) fn figures(telling: &Telling<'_>, sweep: &Sweep) -> Vec<Figure> {
    let mut figures = Vec::new();
    for group in telling.groups(|e| (e.dataset.as_str(), e.model.as_str())) {
        let series = series(telling, sweep, &group);
        if series.iter().any(|series| series.points.len() > 1) {
            let group = (group[0].dataset.as_str(), group[0].model.as_str());
            let of = |quantity: &Quantity| figure(telling, sweep, quantity, &series, group);
            figures.extend(sweep.quantities.iter().filter_map(of));
        }
    }
    figures
}

fn series<'a>(telling: &Telling<'_>, sweep: &Sweep, group: &[&'a Ensemble]) -> Vec<Series<'a>> {
    let mut all: Vec<Series<'a>> = Vec::new();
    for ensemble in group {
        let Some(at) = ensemble.case.get(sweep.key).and_then(|text| text.parse::<f64>().ok()) else {
            continue;
        };
        let mut rest = ensemble.case.clone();
        rest.remove(sweep.key);
        let rest = telling.label(&rest);
        let known = all.iter().position(|series| series.method == ensemble.method && series.rest == rest);
        let known = known.unwrap_or_else(|| {
            all.push(Series { method: &ensemble.method, rest, points: Vec::new() });
            all.len() - 1
        });
        let points = &mut all[known].points;
        match points.iter_mut().find(|(position, _)| *position == at) {
            Some((_, ensembles)) => ensembles.push(ensemble),
            None => points.push((at, vec![ensemble])),
        }
    }
    all.iter_mut().for_each(|series| series.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    all
}

fn figure(
    telling: &Telling<'_>,
    sweep: &Sweep,
    quantity: &Quantity,
    series: &[Series<'_>],
    (dataset, model): (&str, &str),
) -> Option<Figure> {
    let metric: &Metric = telling.paper.metric(quantity.metric)?;
    let name = metric.title_with_unit();
    let spread = |ensembles: &[&Ensemble]| {
        summary(&ensembles.iter().map(|e| metric.scale() * e.number(metric.id)).collect::<Vec<f64>>())
    };
    let curves: Vec<(&Series<'_>, Vec<(f64, Summary)>)> = series
        .iter()
        .map(|series| (series, series.points.iter().map(|(at, all)| (*at, spread(all))).collect()))
        .collect();
    let points = || curves.iter().flat_map(|(_, points)| points.iter().map(|(x, s)| (*x, s.mean)));
    if !points().any(|(_, y)| y.is_finite()) {
        return None;
    }
    // Where a single seed stands behind a mean there is no bar.
    let ends = |s: &Summary| deviation(s).map(|sd| [s.mean - sd, s.mean + sd]);
    let bars = curves.iter().flat_map(|(_, points)| points.iter().filter_map(|(_, s)| ends(s))).flatten();
    let mut scene = Scene::new(WIDTH, 0.0, &format!("{name} against {}", sweep.name));
    let (left, right, top, bottom) = (60.0, WIDTH - 14.0, 14.0, 296.0);
    let ys = points().map(|(_, y)| y).chain(bars).filter(|y| y.is_finite());
    let frame = Frame {
        x: Scale::linear(points().map(|(x, _)| x), 0.04, (left, right), 6),
        y: Scale::linear(ys, 0.09, (bottom, top), 6),
    };
    frame.draw(&mut scene);
    frame.name_x(&mut scene, sweep.name);
    Frame::name_y(&mut scene, &name, (top, bottom));
    let (mut named, mut barred) = (Vec::new(), false);
    for (place, (series, points)) in curves.iter().enumerate() {
        let ink = telling.ink(series.method);
        let before = curves[..place].iter().filter(|(other, _)| other.method == series.method).count();
        let dash = [Dash::Solid, Dash::Dashed, Dash::Dotted][before % 3];
        for (x, [low, high]) in points.iter().filter_map(|(x, spread)| Some((*x, ends(spread)?))) {
            let bar = [low, high].into_iter().filter_map(|y| frame.point(x, y)).collect();
            barred = true;
            scene.marks.push(Mark::Line { points: bar, ink, width: 1.2, opacity: 0.6, dash: Dash::Solid });
        }
        let at: Vec<(f64, f64)> = points.iter().filter_map(|(x, s)| frame.point(*x, s.mean)).collect();
        scene.marks.extend(at.iter().map(|&at| Mark::Point { at, marker: ink.marker(), radius: 3.5, ink }));
        scene.marks.push(Mark::Line { points: at, ink, width: 2.0, opacity: 1.0, dash });
        let dashed = ["", " (dashed)", " (dotted)"][before % 3];
        named.push((format!("{} {}{dashed}", telling.name(series.method), series.rest), ink));
    }
    let named: Vec<(&str, Ink)> = named.iter().map(|(name, ink)| (name.as_str(), *ink)).collect();
    let below = bottom + 46.0;
    scene.height = below + legend(&mut scene, &named, Key::Line, (left, below), right);
    let like = if quantity.like.is_empty() { String::new() } else { format!(" (as {})", quantity.like) };
    let Sweep { symbol, name: over, .. } = sweep;
    let points =
        if barred { "Points: means over seeds; bars: ± one standard deviation" } else { "One seed" };
    Some(Figure {
        file: format!("{}-over-{}-{}-{}", quantity.file, symbol.to_lowercase(), slug(dataset), slug(model)),
        caption: format!("{name} over the {over} on {dataset} with {model}{like}. {points}."),
        scene,
        is_main: false,
    })
}
