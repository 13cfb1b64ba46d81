//! Curves that measurements left: mean over seeds, the band between the lowest and the highest, and where the barrier of the
//! mean was read.

use super::{Figure, WIDTH, file_name, like};
use crate::number::shown as told_as;
use crate::telling::Telling;
use basin_metrics::{Metric, Minima, barrier_from_minima, stats};
use basin_papers::{Barrier, CaseKeys, Curves};
use basin_plot::{Dash, Frame, Ink, Key, Mark, Scale, Scene, keys};
use basin_results::Curve;
use basin_results::in_words;

/// More series than this are told apart by no eye: then each case has a figure of its own.
const MOST_SERIES: usize = 6;

/// Values at the points, for each seed.
type BySeed = Vec<(u64, Vec<f64>)>;

/// One series with how it is drawn.
struct Series<'a> {
    method: &'a str,
    case: &'a CaseKeys,
    /// The first words of the subjects that it is of, or none for all.
    of: Option<String>,
    name: String,
    ink: Ink,
    dash: Dash,
    at: &'a [f64],
    seeds: BySeed,
}

/// Where a figure's curves are from.
#[derive(Clone, Copy, PartialEq)]
struct Place<'a> {
    dataset: &'a str,
    model: &'a str,
    data: &'a str,
}

/// One figure per data set, network and kind of images, or several where there are many cases.
pub(super) fn figures(telling: &Telling<'_>, shown: &Curves) -> Vec<Figure> {
    let mut places: Vec<Place<'_>> = Vec::new();
    for data in shown.data {
        for curve in &telling.results.curves {
            let place = Place { dataset: &curve.dataset, model: &curve.model, data };
            let wanted = curve.data == *data && curve.quantity == shown.metric;
            let wanted = wanted && curve.subject.is_among(shown.subjects);
            if wanted && curve.variable == shown.variable && !places.contains(&place) {
                places.push(place);
            }
        }
    }
    places.into_iter().flat_map(|place| of_place(telling, shown, place)).collect()
}

fn of_place(telling: &Telling<'_>, shown: &Curves, place: Place<'_>) -> Vec<Figure> {
    let all = series(telling, shown, place);
    let mut cases: Vec<&CaseKeys> = Vec::new();
    for series in &all {
        if !cases.contains(&series.case) {
            cases.push(series.case);
        }
    }
    if all.len() <= MOST_SERIES {
        return figure(telling, shown, place, all, "").into_iter().collect();
    }
    let of = |case: &CaseKeys| {
        let label = telling.label(case);
        let mine = series(telling, shown, place).into_iter().filter(|series| series.case == case);
        let mine = mine.map(|series| {
            let kinds = shown.subjects.len() > 1;
            let (name, ink) = (telling.name(series.method).to_owned(), telling.ink(series.method));
            match kinds {
                false => Series { name, ink, dash: Dash::Solid, ..series },
                true => series,
            }
        });
        figure(telling, shown, place, mine.collect(), &label)
    };
    cases.into_iter().filter_map(of).collect()
}

/// A method's series in the order of methods, then of kinds of subjects, then of cases. One method alone lends its cases and kinds
/// colours; several keep their own, and dashes tell them apart.
fn series<'a>(telling: &'a Telling<'_>, shown: &Curves, place: Place<'_>) -> Vec<Series<'a>> {
    let here: Vec<&Curve> =
        telling.results.curves.iter().filter(|c| is_of(c, shown.metric, shown, place)).collect();
    let methods = telling.in_order(here.iter().map(|curve| curve.method.as_str()));
    let kinds = kinds(shown, &here);
    let mut all: Vec<Series<'a>> = Vec::new();
    for &method in &methods {
        let mut of_method = 0;
        for of in &kinds {
            let of_kind = |curve: &&&Curve| of.as_ref().is_none_or(|words| curve.subject.begins(words));
            for curve in here.iter().filter(of_kind).filter(|curve| curve.method == method) {
                let known =
                    |known: &Series<'_>| (known.method, &known.of, known.case) == (method, of, &curve.case);
                if all.iter().any(known) {
                    continue;
                }
                let alone = methods.len() == 1;
                let ink = if alone { Ink::method(of_method, MOST_SERIES) } else { telling.ink(method) };
                let dash = [Dash::Solid, Dash::Dashed, Dash::Dotted][if alone { 0 } else { of_method % 3 }];
                let seeds =
                    by_seed(telling, shown.metric, shown, place, (method, &curve.case, of.as_deref()));
                let (method, case) = (&*curve.method, &curve.case);
                let name = series_name(telling, method, case, of.as_deref(), alone);
                let of = of.clone();
                all.push(Series { method, case, of, name, ink, dash, at: &curve.at, seeds });
                of_method += 1;
            }
        }
    }
    all
}

/// The first words of the subjects that are series of their own; none for all subjects together, which can be averaged as long as
/// they stand on the same points.
fn kinds(shown: &Curves, here: &[&Curve]) -> Vec<Option<String>> {
    if !shown.subjects.is_empty() {
        return shown.subjects.iter().map(|words| Some((*words).to_owned())).collect();
    }
    let leader = |curve: &Curve| here.iter().find(|other| other.case == curve.case).map(|other| &other.at);
    if here.iter().all(|curve| leader(curve) == Some(&curve.at)) {
        return vec![None];
    }
    let mut kinds: Vec<Option<String>> = Vec::new();
    for curve in here {
        let kind = Some(curve.subject.kind());
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// Method, kind of subject and case, as far as they tell anything.
fn series_name(
    telling: &Telling<'_>,
    method: &str,
    case: &CaseKeys,
    of: Option<&str>,
    alone: bool,
) -> String {
    let rest = [of.map(in_words).unwrap_or_default(), telling.label(case)];
    let rest: Vec<String> = rest.into_iter().filter(|part| !part.is_empty()).collect();
    let method = (!alone || rest.is_empty()).then(|| telling.name(method).to_owned());
    method.into_iter().chain(rest).collect::<Vec<_>>().join(", ")
}

fn is_of(curve: &Curve, metric: &str, shown: &Curves, place: Place<'_>) -> bool {
    let Place { dataset, model, data } = place;
    curve.series() == [dataset, model, &curve.method, metric, data, shown.variable]
        && curve.subject.is_among(shown.subjects)
}

/// A series' curves, one a seed: the mean over what they are of, such as pairs of members.
fn by_seed(
    telling: &Telling<'_>,
    metric: &str,
    shown: &Curves,
    place: Place<'_>,
    (method, case, of): (&str, &CaseKeys, Option<&str>),
) -> BySeed {
    let all = telling.results.curves.iter().filter(|curve| is_of(curve, metric, shown, place));
    let all = all.filter(|curve| of.is_none_or(|words| curve.subject.begins(words)));
    let mut seeds: Vec<(u64, Vec<&[f64]>)> = Vec::new();
    for curve in all.filter(|curve| curve.method == method && curve.case == *case) {
        match seeds.iter_mut().find(|(seed, _)| *seed == curve.seed) {
            Some((_, curves)) => curves.push(&curve.values),
            None => seeds.push((curve.seed, vec![&curve.values])),
        }
    }
    seeds.into_iter().map(|(seed, curves)| (seed, mean(&curves))).collect()
}

/// Point by point.
fn mean(curves: &[&[f64]]) -> Vec<f64> {
    let points = curves.first().map_or(0, |curve| curve.len());
    let at = |i: usize| {
        let values: Vec<f64> = curves.iter().filter_map(|curve| curve.get(i)).copied().collect();
        stats::mean(&values).unwrap_or(f64::NAN)
    };
    (0..points).map(at).collect()
}

fn mean_of(seeds: &BySeed) -> Vec<f64> {
    mean(&seeds.iter().map(|(_, values)| &values[..]).collect::<Vec<_>>())
}

fn figure(
    telling: &Telling<'_>,
    shown: &Curves,
    place: Place<'_>,
    all: Vec<Series<'_>>,
    case: &str,
) -> Option<Figure> {
    let metric = telling.paper.metric(shown.metric)?;
    let Place { dataset, model, data } = place;
    let values = || all.iter().flat_map(|s| s.seeds.iter().flat_map(|(_, v)| v)).map(|v| metric.scale() * v);
    if !values().any(f64::is_finite) {
        return None;
    }
    let name = metric.title_with_unit();
    let of_case = if case.is_empty() { String::new() } else { format!(", {case}") };
    let mut scene =
        Scene::new(WIDTH, 0.0, &format!("{name} against {}, {data}, {model}{of_case}", shown.name));
    let (left, right, top, bottom) = (60.0, WIDTH - 14.0, 14.0, 296.0);
    let frame = Frame {
        x: Scale::linear(all.iter().flat_map(|series| series.at).copied(), 0.0, (left, right), 5),
        y: Scale::linear(values(), 0.07, (bottom, top), 6),
    };
    frame.draw(&mut scene);
    frame.name_x(&mut scene, shown.name);
    Frame::name_y(&mut scene, &name, (top, bottom));
    for series in &all {
        band(&mut scene, &frame, series, metric);
    }
    let barriers: Vec<Option<Read>> =
        all.iter().map(|series| read(telling, shown, place, series, shown.barrier?)).collect();
    for (series, barrier) in all.iter().zip(&barriers) {
        line(&mut scene, &frame, series, metric);
        if let Some(Read { of_mean, .. }) = barrier {
            marks(&mut scene, &frame, series, metric, of_mean);
        }
    }
    let names: Vec<(&str, Ink, Key)> =
        all.iter().map(|series| (series.name.as_str(), series.ink, Key::Line(series.dash))).collect();
    let below = bottom + 46.0;
    scene.height = below + keys(&mut scene, &names, (left, below), right);
    Some(Figure {
        file: file_name(&[shown.file, data, dataset, model, case]),
        caption: caption(
            shown,
            &all,
            &barriers,
            &format!("{name} on {data} images of {dataset} with {model}{of_case}"),
        ),
        scene,
        is_main: false,
    })
}

/// From the lowest to the highest seed, where there are two.
fn band(scene: &mut Scene, frame: &Frame, series: &Series<'_>, metric: &Metric) {
    if series.seeds.len() < 2 {
        return;
    }
    let ends = |i: usize| {
        let all = series.seeds.iter().filter_map(|(_, values)| values.get(i)).map(|v| metric.scale() * v);
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let edge = |of: fn((f64, f64)) -> f64| {
        series.at.iter().enumerate().filter_map(move |(i, at)| frame.point(*at, of(ends(i))))
    };
    let (upper, lower): (Vec<_>, Vec<_>) = (edge(|e| e.1).collect(), edge(|e| e.0).collect());
    let points = upper.into_iter().chain(lower.into_iter().rev()).collect();
    scene.marks.push(Mark::Area { points, ink: series.ink, opacity: 0.14 });
}

/// A gap in the mean is a gap in the line.
fn line(scene: &mut Scene, frame: &Frame, series: &Series<'_>, metric: &Metric) {
    let mean = mean_of(&series.seeds);
    let points = series.at.iter().zip(&mean).map(|(at, v)| frame.point(*at, metric.scale() * v));
    for piece in points.collect::<Vec<_>>().split(Option::is_none) {
        let points: Vec<(f64, f64)> = piece.iter().copied().flatten().collect();
        if !points.is_empty() {
            let (ink, dash) = (series.ink, series.dash);
            scene.marks.push(Mark::Line { points, ink, width: 2.0, opacity: 1.0, dash });
        }
    }
}

/// λ* and the minima beside it, on the mean.
fn marks(scene: &mut Scene, frame: &Frame, series: &Series<'_>, metric: &Metric, minima: &Minima) {
    let mean = mean_of(&series.seeds);
    let place = |lambda: Option<f64>| {
        let i = series.at.iter().position(|at| Some(*at) == lambda)?;
        frame.point(series.at[i], metric.scale() * mean[i])
    };
    let ink = series.ink;
    for at in [minima.left, minima.right].into_iter().filter_map(place) {
        scene.marks.push(Mark::Hollow { at, marker: Ink::Text.marker(), radius: 4.5, ink });
    }
    if let Some(at) = place(minima.lambda_max) {
        let (bottom, top) = frame.y.span();
        let points = vec![(at.0, top), (at.0, bottom)];
        scene.marks.push(Mark::Line { points, ink, width: 1.0, opacity: 0.7, dash: Dash::Dotted });
        scene.marks.push(Mark::Point { at, marker: Ink::Text.marker(), radius: 5.0, ink });
    }
}

/// What is read of a barrier.
struct Read {
    of_mean: Minima,
    /// Means over seeds of each seed's own barrier and difference.
    of_seeds: (f64, f64),
}

fn read(
    telling: &Telling<'_>,
    shown: &Curves,
    place: Place<'_>,
    series: &Series<'_>,
    barrier: Barrier,
) -> Option<Read> {
    let of =
        |metric| by_seed(telling, metric, shown, place, (series.method, series.case, series.of.as_deref()));
    let (loss, accuracy) = (of(barrier.loss), of(barrier.accuracy));
    let of_mean = barrier_from_minima(series.at, &mean_of(&loss), &mean_of(&accuracy)).ok()?;
    let own = loss.iter().map(|(seed, loss)| {
        let (_, accuracy) = accuracy.iter().find(|(other, _)| other == seed)?;
        barrier_from_minima(series.at, loss, accuracy).ok()
    });
    let own = own.collect::<Option<Vec<Minima>>>()?;
    let mean = |of: fn(&Minima) -> f64| own.iter().map(of).sum::<f64>() / own.len() as f64;
    Some(Read { of_mean, of_seeds: (mean(|m| m.barrier), mean(|m| m.accuracy_difference)) })
}

fn caption(shown: &Curves, all: &[Series<'_>], barriers: &[Option<Read>], what: &str) -> String {
    let most = all.iter().map(|series| series.seeds.len()).max().unwrap_or(0);
    let like = like(shown.like);
    let seeds = match most {
        0 | 1 => "One seed.".to_owned(),
        _ => format!("Lines: means over seeds, at most {most}; bands: from the lowest to the highest seed."),
    };
    let metric = |id| Metric::find(id);
    let told = |(series, read): (&Series<'_>, &Option<Read>)| {
        let (Read { of_mean, of_seeds }, barrier, difference) =
            (read.as_ref()?, metric("barrier")?, metric("accuracy-difference")?);
        let own = format!("{}; {}", told_as(of_seeds.0, barrier), told_as(of_seeds.1, difference));
        Some(match of_mean.lambda_max {
            Some(at) => format!(
                "{}: barrier {}, Δ {} at λ* {at:.2} [{own}]",
                series.name,
                told_as(of_mean.barrier, barrier),
                told_as(of_mean.accuracy_difference, difference),
            ),
            None => format!("{}: no maximum between the ends, barrier 0 [{own}]", series.name),
        })
    };
    let barriers: Vec<String> = all.iter().zip(barriers).filter_map(told).collect();
    let barriers = match barriers.is_empty() {
        true => String::new(),
        false => format!(
            " Dot and dotted line: λ*, the highest loss between; circles: the minima beside it. Barrier (nats) and accuracy \
             difference Δ (percentage points) of the curve averaged over seeds before the maximum, in brackets the means of \
             each seed's own. {}.",
            barriers.join(". ")
        ),
    };
    format!("{what}{like}. {seeds}{barriers}")
}
