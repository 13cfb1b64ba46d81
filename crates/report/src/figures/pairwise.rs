//! Connectivity on the segment between two members, per method.

use super::{Figure, WIDTH, slug};
use crate::spread::summary;
use crate::telling::Telling;
use basin_metrics::stats::Summary;
use basin_papers::CaseKeys;
use basin_plot::{Dash, Frame, Ink, Key, Mark, Region, Room, Scale, Scene, legend};
use basin_results::PairwiseLine;

/// Mean and deviation over pairs and seeds at one position.
type Spread = (f64, Summary);

/// More groups than this are a sweep, which has figures of its own: then only what is not swept is drawn.
const MOST_GROUPS: usize = 4;

/// One figure per network and case that has a line to draw.
pub(super) fn figures(telling: &Telling<'_>, like: &str) -> Vec<Figure> {
    let mut groups: Vec<(&str, &CaseKeys)> = Vec::new();
    for line in &telling.results.pairwise {
        let key = (line.model.as_str(), &line.case);
        if !groups.contains(&key) {
            groups.push(key);
        }
    }
    let several = groups.len() > 1;
    if groups.len() > MOST_GROUPS {
        groups.retain(|(_, case)| case.is_empty());
    }
    groups.into_iter().filter_map(|key| figure(telling, like, key, several)).collect()
}

fn figure(telling: &Telling<'_>, like: &str, key: (&str, &CaseKeys), several: bool) -> Option<Figure> {
    let here = |line: &&PairwiseLine| (line.model.as_str(), &line.case) == key;
    let lines: Vec<&PairwiseLine> = telling.results.pairwise.iter().filter(here).collect();
    let methods = telling.inks(lines.iter().map(|line| line.method.as_str()));
    let curves: Vec<(&str, Ink, Vec<Spread>)> = methods
        .into_iter()
        .map(|(id, ink)| (id, ink, spread(&lines, id)))
        .filter(|c| !c.2.is_empty())
        .collect();
    if curves.is_empty() {
        return None;
    }
    let mut scene = Scene::new(WIDTH, 0.0, "Pairwise connectivity along the line between two members");
    let (left, right, top, bottom) = (60.0, WIDTH - 14.0, 14.0, 296.0);
    let ends = |(_, s): &Spread| [s.mean - band(s), s.mean + band(s)];
    let frame = Frame {
        x: Scale::linear(
            curves.iter().flat_map(|c| c.2.iter().map(|(alpha, _)| *alpha)),
            0.0,
            (left, right),
            5,
        ),
        y: Scale::linear(
            curves.iter().flat_map(|c| c.2.iter().flat_map(ends)).chain([0.0]),
            0.09,
            (bottom, top),
            6,
        ),
    };
    frame.draw(&mut scene);
    frame.name_x(&mut scene, "position α between two members");
    Frame::name_y(&mut scene, "q(α), percentage points", (top, bottom));

    for (_, ink, curve) in &curves {
        let edge = |sign: f64| curve.iter().map(move |(a, s)| (*a, s.mean + sign * band(s)));
        let upper = edge(1.0).filter_map(|(a, q)| frame.point(a, q));
        let lower: Vec<(f64, f64)> = edge(-1.0).filter_map(|(a, q)| frame.point(a, q)).collect();
        let points = upper.chain(lower.into_iter().rev()).collect();
        scene.marks.push(Mark::Area { points, ink: *ink, opacity: 0.16 });
    }
    let line = |curve: &[Spread]| -> Vec<(f64, f64)> {
        curve.iter().filter_map(|(alpha, s)| frame.point(*alpha, s.mean)).collect()
    };
    let mut taken = Vec::new();
    for (_, ink, curve) in &curves {
        let points = line(curve);
        taken.extend(points.windows(2).flat_map(|pair| obstacles(pair[0], pair[1])));
        scene.marks.push(Mark::Line { points, ink: *ink, width: 2.2, opacity: 1.0, dash: Dash::Solid });
    }
    let mut room = Room { bounds: frame.region(), taken };
    let mut unnamed = Vec::new();
    // From the highest curve down, so that names stand in the order of the curves.
    let mut downwards: Vec<_> = curves.iter().collect();
    downwards.sort_by(|a, b| middle(&b.2).total_cmp(&middle(&a.2)));
    for (id, ink, curve) in downwards {
        // The middle, where the curves are furthest apart, then outwards.
        let mut spots = line(curve);
        let centre = (left + right) / 2.0;
        spots.sort_by(|a, b| (a.0 - centre).abs().total_cmp(&(b.0 - centre).abs()));
        if !room.place(&mut scene, telling.name(id), *ink, &spots, upward(&curves, curve)) {
            unnamed.push((telling.name(id), *ink));
        }
    }
    let below = bottom + 46.0;
    scene.height = below + legend(&mut scene, &unnamed, Key::Line(Dash::Solid), (left, below), right);
    let (model, case) = (key.0, telling.label(key.1));
    let (file, of) = match several {
        true => (
            format!("pairwise-connectivity-{}", slug(&format!("{model} {case}"))),
            format!(" of {model} {case}"),
        ),
        false => ("pairwise-connectivity".to_owned(), String::new()),
    };
    Some(Figure {
        file,
        caption: format!(
            "Connectivity on the line between two members{} ({like}): accuracy at each point \
                  minus the mixture of the two ends' accuracies. Line: mean over pairs and seeds; band: ± one standard \
                  deviation. A curve that stays at 0 joins members of one basin.",
            of.trim_end()
        ),
        scene,
        is_main: false,
    })
}

/// Whether a curve's name belongs above it: when the next curve above is further away than the next below.
fn upward(curves: &[(&str, Ink, Vec<Spread>)], curve: &[Spread]) -> bool {
    let here = middle(curve);
    let offsets = || curves.iter().map(|(_, _, other)| middle(other) - here);
    let above = offsets().filter(|offset| *offset > 0.0).fold(f64::INFINITY, f64::min);
    let below = offsets().filter(|offset| *offset < 0.0).map(f64::abs).fold(f64::INFINITY, f64::min);
    above > below
}

/// Mean q halfway between the members, where curves are furthest apart.
fn middle(curve: &[Spread]) -> f64 {
    curve.get(curve.len() / 2).map_or(0.0, |(_, summary)| summary.mean)
}

/// Half the height of the band; none where a single line stands behind the mean.
fn band(summary: &Summary) -> f64 {
    crate::number::deviation(summary).unwrap_or(0.0)
}

/// Mean and deviation of q in percentage points at each α where all lines of the method are finite.
fn spread(lines: &[&PairwiseLine], id: &str) -> Vec<Spread> {
    let lines: Vec<&PairwiseLine> = lines.iter().copied().filter(|line| line.method == id).collect();
    let Some(first) = lines.first() else { return Vec::new() };
    let at =
        |i: usize| lines.iter().filter_map(|line| line.q.get(i)).map(|q| 100.0 * q).collect::<Vec<f64>>();
    let spreads = first.alphas.iter().enumerate().map(|(i, &alpha)| (alpha, summary(&at(i))));
    spreads.filter(|(alpha, summary)| alpha.is_finite() && summary.mean.is_finite()).collect()
}

/// Small boxes along a piece of line, so that labels stay off it.
pub(super) fn obstacles(from: (f64, f64), to: (f64, f64)) -> Vec<Region> {
    let pieces = ((to.0 - from.0).hypot(to.1 - from.1) / 4.0).ceil().clamp(1.0, 200.0) as usize;
    let share = |i: usize| i as f64 / pieces as f64;
    let at = |i: usize| (from.0 + share(i) * (to.0 - from.0), from.1 + share(i) * (to.1 - from.1));
    (0..=pieces).map(|i| Region::around(at(i), 2.5)).collect()
}
