//! Curves as ways through a plane: points that grow in their order, from a hollow marker to a large filled one with the name.

use super::maps::of_seeds;
use super::{Figure, WIDTH, file_name, images, like, sentences};
use crate::telling::Telling;
use basin_papers::{CaseKeys, Paths};
use basin_plot::{Dash, Frame, Ink, Key, Mark, Region, Room, Scale, Scene, legend};
use basin_results::Curve;

/// What names a figure: data set, network, method, case and kind of images.
type Place<'a> = (&'a str, &'a str, &'a str, &'a CaseKeys, &'a str);

/// Its name, its colour, its points in pixels.
type Path = (String, Ink, Vec<(f64, f64)>);

/// Colours for paths; further ones have them again.
const INKS: usize = 8;

/// One figure for each place, of its first seed.
pub(super) fn figures(telling: &Telling<'_>, shown: &Paths) -> Vec<Figure> {
    let mut places: Vec<(Place<'_>, Vec<&Curve>)> = Vec::new();
    for data in shown.data {
        for curve in &telling.results.curves {
            let Curve { dataset, model, method, case, .. } = curve;
            let named =
                (&*curve.quantity, &*curve.variable, &*curve.data) == (shown.metric, shown.variable, *data);
            if !named || !curve.subject.is_among(shown.subjects) {
                continue;
            }
            let place: Place<'_> = (dataset, model, method, case, data);
            match places.iter_mut().find(|(known, _)| *known == place) {
                Some((_, curves)) => curves.push(curve),
                None => places.push((place, vec![curve])),
            }
        }
    }
    places.into_iter().filter_map(|(place, curves)| figure(telling, shown, place, &curves)).collect()
}

/// Its points that are finite, in order.
fn points(curve: &Curve) -> Vec<(f64, f64)> {
    let all = curve.at.iter().copied().zip(curve.values.iter().copied());
    all.filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
}

fn figure(
    telling: &Telling<'_>,
    shown: &Paths,
    (dataset, model, method, case, data): Place<'_>,
    curves: &[&Curve],
) -> Option<Figure> {
    let seed = curves.first()?.seed;
    let mut seeds: Vec<u64> = curves.iter().map(|curve| curve.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let mine = || curves.iter().filter(|curve| curve.seed == seed);
    let all: Vec<(f64, f64)> = mine().flat_map(|curve| points(curve)).collect();
    if all.is_empty() {
        return None;
    }
    let case = telling.label(case);
    let title = format!("{} against {}, {data}, {dataset}, {model}", shown.name_y, shown.name_x);
    let mut scene = Scene::new(WIDTH, 0.0, &title);
    let (left, right, top) = (60.0, WIDTH - 14.0, 14.0);
    let (xs, ys) = (all.iter().map(|at| at.0), all.iter().map(|at| at.1));
    // A step is as long upwards as across, within what fits a page.
    let extent = |values: &mut dyn Iterator<Item = f64>| {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        (high - low).max(f64::MIN_POSITIVE)
    };
    let ratio = extent(&mut ys.clone()) / extent(&mut xs.clone());
    let bottom = top + ((right - left) * ratio).clamp(250.0, 386.0);
    let frame =
        Frame { x: Scale::linear(xs, 0.07, (left, right), 6), y: Scale::linear(ys, 0.07, (bottom, top), 6) };
    frame.draw(&mut scene);
    frame.name_x(&mut scene, shown.name_x);
    Frame::name_y(&mut scene, shown.name_y, (top, bottom));
    let paths: Vec<Path> = mine()
        .enumerate()
        .map(|(place, curve)| {
            let at = points(curve).into_iter().filter_map(|(x, y)| frame.point(x, y)).collect();
            (curve.subject.in_words(), Ink::Method(place % INKS), at)
        })
        .collect();
    for (_, ink, at) in &paths {
        path(&mut scene, *ink, at);
    }
    let taken = paths.iter().flat_map(|(_, _, at)| at.iter().map(|at| Region::around(*at, 4.5)));
    let mut room = Room { bounds: frame.region(), taken: taken.collect() };
    let mut unnamed = Vec::new();
    for (name, ink, at) in &paths {
        let backwards: Vec<(f64, f64)> = at.iter().rev().take(1).copied().collect();
        if !room.place(&mut scene, name, *ink, &backwards, true) {
            unnamed.push((name.as_str(), *ink));
        }
    }
    let below = bottom + 46.0;
    scene.height = below + legend(&mut scene, &unnamed, Key::Point, (left, below), right);
    let of_case = if case.is_empty() { String::new() } else { format!(", {case}") };
    let (like, seeds) = (like(shown.like), of_seeds(seed, seeds.len()));
    let what = format!(
        "{} and {} {} with {model}: {}{of_case}{like}.",
        shown.name_x,
        shown.name_y,
        images(data, dataset),
        telling.name(method)
    );
    let order = "Each path begins hollow; its points grow in their order up to the filled marker.";
    let caption = sentences(&[&what, &seeds, shown.reading, order]);
    let file = file_name(&[shown.file, data, dataset, model, method, &case]);
    Some(Figure { file, caption, scene, is_main: false })
}

/// One path: lines that grow firmer, points that grow.
fn path(scene: &mut Scene, ink: Ink, at: &[(f64, f64)]) {
    let share = |place: usize| place as f64 / (at.len() - 1).max(1) as f64;
    for (place, pair) in at.windows(2).enumerate() {
        let (points, opacity) = (pair.to_vec(), 0.2 + 0.6 * share(place + 1));
        scene.marks.push(Mark::Line { points, ink, width: 1.2, opacity, dash: Dash::Solid });
    }
    let marker = ink.marker();
    let last = at.len().saturating_sub(1);
    for (place, &at) in at.iter().enumerate() {
        scene.marks.push(match place {
            _ if place == last => Mark::Point { at, marker, radius: 6.5, ink },
            0 => Mark::Hollow { at, marker, radius: 5.5, ink },
            _ => Mark::Point { at, marker, radius: 1.6 + 2.4 * share(place), ink },
        });
    }
}
