//! The plane of diversity and accuracy: a point for each network, and the limits between which they can lie.

use super::{Figure, WIDTH, file_name, images, like, sentences};
use crate::telling::Telling;
use basin_metrics::Metric;
use basin_papers::{CaseKeys, Plane};
use basin_plot::{Dash, Frame, Ink, Key, Mark, Scale, Scene, keys};
use basin_results::Curve;

/// What begins the names of points' subjects: `members`, or each by itself.
const POINTS: &str = "member";
/// What begins those of limits, with how they are drawn and called.
const LIMITS: [(&str, Dash, &str); 2] =
    [("upper-limit", Dash::Dashed, "upper limit"), ("lower-limit", Dash::Dotted, "lower limit")];
/// The points of a limit, how it is drawn and called.
type Limit = (Vec<(f64, f64)>, Dash, &'static str);
/// Accuracies are fractions, and shown in per cent.
const PER_CENT: f64 = 100.0;

/// What names a figure: data set, network, case and kind of images.
type Place<'a> = (&'a str, &'a str, &'a CaseKeys, &'a str);

/// One figure for each place with a finite point.
pub(super) fn figures(telling: &Telling<'_>, shown: &Plane) -> Vec<Figure> {
    let mut places: Vec<(Place<'_>, Vec<&Curve>)> = Vec::new();
    for data in shown.data {
        for curve in &telling.results.curves {
            let named = (&*curve.quantity, &*curve.variable, &*curve.data);
            if named != (shown.metric, shown.variable, *data) {
                continue;
            }
            let place: Place<'_> = (&curve.dataset, &curve.model, &curve.case, data);
            match places.iter_mut().find(|(known, _)| *known == place) {
                Some((_, curves)) => curves.push(curve),
                None => places.push((place, vec![curve])),
            }
        }
    }
    places.into_iter().filter_map(|(place, curves)| figure(telling, shown, place, &curves)).collect()
}

fn figure(
    telling: &Telling<'_>,
    shown: &Plane,
    (dataset, model, case, data): Place<'_>,
    curves: &[&Curve],
) -> Option<Figure> {
    let scale = telling.paper.metric(shown.metric).map_or(1.0, Metric::scale);
    let points = |curve: &Curve| -> Vec<(f64, f64)> {
        let all = curve.at.iter().zip(&curve.values).map(|(x, y)| (PER_CENT * x, scale * y));
        all.filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
    };
    let of =
        |words: &'static str| curves.iter().filter(move |curve| curve.subject.to_string().starts_with(words));
    let methods = telling.inks(of(POINTS).map(|curve| curve.method.as_str()));
    let all: Vec<(f64, f64)> = of(POINTS).flat_map(|curve| points(curve)).collect();
    if all.is_empty() {
        return None;
    }
    let mut seeds: Vec<u64> = of(POINTS).map(|curve| curve.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let limits = LIMITS.iter().filter_map(|(words, dash, name)| {
        let limit = points(of(words).next()?);
        (!limit.is_empty()).then_some((limit, *dash, *name))
    });
    let limits: Vec<Limit> = limits.collect();
    let case = telling.label(case);
    let title = format!("{} against {}, {data}, {dataset}, {model}", shown.name_y, shown.name_x);
    let mut scene = Scene::new(WIDTH, 0.0, &title);
    let (left, right, top, bottom) = (60.0, WIDTH - 14.0, 14.0, 320.0);
    let xs = all.iter().map(|at| at.0);
    let x = Scale::linear(xs, 0.07, (left, right), 6);
    // Limits reach over all accuracies; the picture where the networks are.
    let shown_limits = limits.iter().flat_map(|limit| &limit.0).filter(|at| x.contains(at.0));
    let ys: Vec<f64> = all.iter().chain(shown_limits).map(|at| at.1).chain([0.0]).collect();
    let frame = Frame { x, y: Scale::linear(ys.into_iter(), 0.06, (bottom, top), 6) };
    frame.draw(&mut scene);
    frame.name_x(&mut scene, &format!("{}, %", shown.name_x));
    Frame::name_y(&mut scene, shown.name_y, (top, bottom));
    for (limit, dash, _) in &limits {
        line(&mut scene, &frame, limit, *dash);
    }
    for (id, ink) in &methods {
        let mine = of(POINTS).filter(|curve| curve.method == *id).flat_map(|curve| points(curve));
        let at = mine.filter_map(|(x, y)| frame.point(x, y));
        let (marker, ink) = (ink.marker(), *ink);
        scene.marks.extend(at.map(|at| Mark::Point { at, marker, radius: 4.0, ink }));
    }
    let named = methods.iter().map(|(id, ink)| (telling.name(id), *ink, Key::Point));
    let limited = limits.iter().map(|(_, dash, name)| (*name, Ink::Muted, Key::Line(*dash)));
    let entries: Vec<(&str, Ink, Key)> = named.chain(limited).collect();
    let below = bottom + 46.0;
    scene.height = below + keys(&mut scene, &entries, (left, below), right);
    let of_case = if case.is_empty() { String::new() } else { format!(", {case}") };
    let count = if seeds.len() == 1 { "one seed".to_owned() } else { format!("{} seeds", seeds.len()) };
    let lines = match (limits.is_empty(), seeds.len()) {
        (true, _) => "",
        (false, 1) => " Lines: the limits.",
        (false, _) => " Lines: the limits of the first seed.",
    };
    let (images, like) = (images(data, dataset), like(shown.like));
    let what = format!("{} against {} {images} with {model}{of_case}{like}.", shown.name_y, shown.name_x);
    let points = format!("One point per network, {count}.");
    let caption = sentences(&[&what, &points, shown.reading, lines]);
    let file = file_name(&[shown.file, data, dataset, model, &case]);
    Some(Figure { file, caption, scene, is_main: false })
}

/// A limit, as far as it lies in the picture: pieces that leave it end at its edge.
fn line(scene: &mut Scene, frame: &Frame, limit: &[(f64, f64)], dash: Dash) {
    let cut = |pair: &[(f64, f64)]| -> Option<[(f64, f64); 2]> {
        let ((low, high), (a, b)) = (ends(frame), (pair[0], pair[1]));
        let inside = |at: (f64, f64)| frame.point(at.0, at.1).is_some();
        if inside(a) && inside(b) {
            return Some([a, b]);
        }
        // Shares of the piece at which it crosses the edges of the picture.
        let (mut from, mut to) = (0.0f64, 1.0f64);
        for (p, q, least, most) in [(a.0, b.0, low.0, high.0), (a.1, b.1, low.1, high.1)] {
            let (enter, leave) = match q - p {
                0.0 if (least..=most).contains(&p) => (0.0, 1.0),
                0.0 => return None,
                d => (((least - p) / d).min((most - p) / d), ((least - p) / d).max((most - p) / d)),
            };
            (from, to) = (from.max(enter), to.min(leave));
        }
        let at = |share: f64| (a.0 + share * (b.0 - a.0), a.1 + share * (b.1 - a.1));
        (from < to).then(|| [at(from), at(to)])
    };
    let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
    for [a, b] in limit.windows(2).filter_map(cut) {
        match pieces.last_mut() {
            Some(piece) if piece.last() == Some(&a) => piece.push(b),
            _ => pieces.push(vec![a, b]),
        }
    }
    for piece in pieces {
        let points = piece.into_iter().map(|(x, y)| (frame.x.at(x), frame.y.at(y))).collect();
        scene.marks.push(Mark::Line { points, ink: Ink::Muted, width: 1.5, opacity: 1.0, dash });
    }
}

/// The data at the corners of the picture: the least and the greatest coordinates.
fn ends(frame: &Frame) -> ((f64, f64), (f64, f64)) {
    let ((x0, x1), (y0, y1)) = (frame.x.range(), frame.y.range());
    ((x0, y0), (x1, y1))
}
