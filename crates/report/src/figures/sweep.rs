//! What an experiment finds as it varies a number: metrics over a key, or over a metric that keys change; one series per
//! method and per setting of the other keys.

use super::pairwise::obstacles;
use super::scatter::name_level;
use super::{Figure, WIDTH, slug};
use crate::number::deviation;
use crate::spread::summary;
use crate::telling::Telling;
use basin_metrics::Metric;
use basin_metrics::stats::Summary;
use basin_papers::{CaseKeys, Over, Quantity, Reference, Sweep};
use basin_plot::{Dash, Frame, Ink, Key, Mark, Region, Room, Scale, Scene, legend};
use basin_results::Ensemble;

/// One series: a method, with what else its cases vary.
struct Series<'a> {
    method: &'a str,
    rest: String,
    /// Position and values over seeds, by position.
    points: Vec<(f64, Vec<&'a Ensemble>)>,
}

/// The keys whose values make the positions.
fn swept(sweep: &Sweep) -> Vec<&'static str> {
    match sweep.over {
        Over::Key(key) => vec![key],
        Over::Metric { keys, .. } => keys.to_vec(),
    }
}

/// Where an ensemble stands along the axis: at its key's number, or at the mean of the metric over the seeds of its case,
/// as the axis shows it.
fn position(telling: &Telling<'_>, sweep: &Sweep, ensemble: &Ensemble) -> Option<f64> {
    match sweep.over {
        Over::Key(key) => ensemble.case.get(key)?.parse().ok(),
        Over::Metric { metric, .. } => {
            let metric = telling.paper.metric(metric)?;
            let same = |other: &&Ensemble| {
                (other.setting(), &other.method) == (ensemble.setting(), &ensemble.method)
            };
            let all =
                telling.results.ensembles.iter().filter(same).map(|e| metric.scale() * e.number(metric.id));
            Some(summary(&all.collect::<Vec<f64>>()).mean).filter(|mean| mean.is_finite())
        }
    }
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
        let Some(at) = position(telling, sweep, ensemble) else { continue };
        let mut rest = ensemble.case.clone();
        swept(sweep).iter().for_each(|key| drop(rest.remove(*key)));
        let rest = telling.label(&rest);
        let known = all.iter().position(|series| series.method == ensemble.method && series.rest == rest);
        let known = known.unwrap_or_else(|| {
            all.push(Series { method: &ensemble.method, rest, points: Vec::new() });
            all.len() - 1
        });
        let points = &mut all[known].points;
        // Cases that come to the same metric are points of their own.
        let alike = |of: &CaseKeys| matches!(sweep.over, Over::Key(_)) || *of == ensemble.case;
        match points.iter_mut().find(|(position, all)| *position == at && alike(&all[0].case)) {
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
    let reference = quantity.reference.map(|Reference { at, name }| (metric.scale() * at, name));
    let ys = points().map(|(_, y)| y).chain(bars).chain(reference.map(|(at, _)| at));
    let ys = ys.filter(|y| y.is_finite());
    let xs: Vec<f64> = points().map(|(x, _)| x).collect();
    let frame = Frame {
        x: match sweep.logarithmic {
            true => Scale::logarithmic_if_wide(&xs, 0.04, (left, right), 6),
            false => Scale::linear(xs.into_iter(), 0.04, (left, right), 6),
        },
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
    if let Some((at, name)) = reference {
        let drawn = scene.marks.iter().flat_map(|mark| match mark {
            Mark::Point { at, radius, .. } => vec![Region::around(*at, radius + 2.0)],
            Mark::Line { points, ink: Ink::Method(_) | Ink::Again(_), .. } => {
                points.windows(2).flat_map(|pair| obstacles(pair[0], pair[1])).collect()
            }
            _ => Vec::new(),
        });
        let mut room = Room { bounds: frame.region(), taken: drawn.collect() };
        let y = frame.y.at(at);
        let points = vec![(left, y), (right, y)];
        scene.marks.push(Mark::Line {
            points,
            ink: Ink::Muted,
            width: 1.4,
            opacity: 1.0,
            dash: Dash::Dashed,
        });
        name_level(&mut scene, &mut room, name, y);
    }
    let named: Vec<(&str, Ink)> = named.iter().map(|(name, ink)| (name.as_str(), *ink)).collect();
    let below = bottom + 46.0;
    scene.height = below + legend(&mut scene, &named, Key::Line(Dash::Solid), (left, below), right);
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
