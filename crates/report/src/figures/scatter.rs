//! One metric against another, one point per method and seed, the paper's means hollow beside ours; of many methods their means.

use super::many::{self, MANY};
use super::sized::{RADIUS, Sized};
use super::{Figure, WIDTH, sentences, slug};
use crate::telling::Telling;
use basin_metrics::Metric;
use basin_papers::{CaseKeys, Level};
use basin_plot::{Anchor, Dash, Frame, Ink, Key, LABEL_SIZE, Mark, Region, Room, Scale, Scene, keys, legend};
use basin_results::Ensemble;
use std::collections::BTreeSet;

/// What is plotted against what, and what is said of it.
pub(super) struct Shown<'a> {
    /// Beginning of the file's name.
    pub(super) file: &'a str,
    pub(super) x: &'static Metric,
    pub(super) y: &'static Metric,
    pub(super) levels: &'a [Level],
    /// Whether ensembles of all numbers of members stand in one figure.
    pub(super) together: bool,
    /// What the points' area is.
    pub(super) size: Option<&'static Metric>,
    pub(super) like: &'a str,
    pub(super) reading: &'a str,
}

/// The paper's outlines stand clear of a point of ours at the same place.
const HOLLOW_RADIUS: f64 = 7.0;

/// A point of the paper with the method it is of, as shown along the axes.
type Theirs<'a> = (&'a str, (f64, f64));

/// One figure per data set, model and, unless they stand together, ensemble size that has a finite point.
pub(super) fn figures(telling: &Telling<'_>, shown: &Shown<'_>) -> Vec<Figure> {
    let members = |ensemble: &Ensemble| if shown.together { 0 } else { ensemble.members };
    let groups = telling.groups(|e| (e.dataset.as_str(), e.model.as_str(), members(e)));
    groups.into_iter().filter_map(|group| figure(telling, shown, group)).collect()
}

fn value(ensemble: &Ensemble, metric: &Metric) -> f64 {
    metric.scale() * ensemble.number(metric.id)
}

fn figure(telling: &Telling<'_>, shown: &Shown<'_>, mut group: Vec<&Ensemble>) -> Option<Figure> {
    let Shown { x, y, .. } = shown;
    let asked = telling.in_order(group.iter().map(|ensemble| ensemble.method.as_str()));
    group.retain(|ensemble| value(ensemble, x).is_finite() && value(ensemble, y).is_finite());
    // Variations of what stands beside them would look the same.
    if group.iter().any(|ensemble| ensemble.case.is_empty()) {
        group.retain(|ensemble| ensemble.case.is_empty());
    }
    let first = *group.first()?;
    let (dataset, model) = (first.dataset.as_str(), first.model.as_str());
    let cases: BTreeSet<&CaseKeys> = group.iter().map(|ensemble| &ensemble.case).collect();
    let each = if cases.len() > 1 { "method, case and seed" } else { "method and seed" };
    let methods = telling.inks(group.iter().map(|ensemble| ensemble.method.as_str()));
    let (crowded, sized) = (methods.len() > MANY, Sized::of(shown.size, &group));
    let radius = |ensemble: &Ensemble| {
        let of =
            |sized: &Sized| sized.radius(shown.size.map_or(f64::NAN, |metric| ensemble.number(metric.id)));
        sized.as_ref().map_or(RADIUS, of)
    };
    let level = |(place, level): (usize, &Level)| {
        let metric = telling.paper.metric(level.metric)?;
        let own = group.iter().filter(|ensemble| ensemble.method == level.method);
        let values: Vec<f64> = own.map(|ensemble| value(ensemble, metric)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        mean.is_finite().then_some((mean, level.name, [Dash::Dashed, Dash::Dotted][place % 2]))
    };
    let levels: Vec<(f64, &str, Dash)> = shown.levels.iter().enumerate().filter_map(level).collect();

    let title = format!("{} against {}, {dataset}, {model}", y.title, x.title);
    let mut scene = Scene::new(WIDTH, 0.0, &title);
    let (left, right, top, bottom) = (60.0, WIDTH - 14.0, 14.0, if crowded { 420.0 } else { 296.0 });
    // Zero belongs to an axis of differences.
    let zero = (x.range.0 < 0.0).then_some(0.0);
    let mut xs: Vec<f64> = group.iter().map(|ensemble| value(ensemble, x)).chain(zero).collect();
    let heights = group.iter().map(|ensemble| value(ensemble, y));
    let mut ys: Vec<f64> = heights.chain(levels.iter().map(|level| level.0)).collect();
    let published = published(telling, &group, (x, y));
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
    frame.name_x(&mut scene, &x.title_with_unit());
    Frame::name_y(&mut scene, &y.title_with_unit(), (top, bottom));

    let own = |id: &str| -> Vec<&Ensemble> { group.iter().copied().filter(|e| e.method == id).collect() };
    let points = |id: &str| -> Vec<((f64, f64), f64)> {
        let at = |ensemble| Some((frame.point(value(ensemble, x), value(ensemble, y))?, radius(ensemble)));
        own(id).into_iter().filter_map(at).collect()
    };
    let hollow =
        |id: &str| theirs.iter().find(|(method, _)| *method == id).and_then(|&(_, (x, y))| frame.point(x, y));
    let reach = |(at, radius): ((f64, f64), f64)| Region::around(at, radius + HOLLOW_RADIUS + 1.0 - RADIUS);
    let marked = methods.iter().flat_map(|(id, _)| {
        let ours = if crowded { Vec::new() } else { points(id) };
        ours.into_iter().chain(hollow(id).map(|at| (at, RADIUS))).map(reach)
    });
    let taken = marked.collect();
    let mut room = Room { bounds: frame.region(), taken };
    for &(level, name, dash) in &levels {
        let y = frame.y.at(level);
        let points = vec![(left, y), (right, y)];
        scene.marks.push(Mark::Line { points, ink: Ink::Muted, width: 1.4, opacity: 1.0, dash });
        room.taken.push(Region { left, top: y - 2.0, right, bottom: y + 2.0 });
        name_level(&mut scene, &mut room, name, y);
    }
    // Under our points, which matter more.
    let outlines = methods.iter().filter_map(|&(id, ink)| Some((hollow(id)?, ink)));
    let outline =
        |(at, ink): ((f64, f64), Ink)| Mark::Hollow { at, marker: ink.marker(), radius: HOLLOW_RADIUS, ink };
    scene.marks.extend(outlines.map(outline));
    let mut below = bottom + 46.0;
    below += if crowded {
        let value = |ensemble: &Ensemble| [value(ensemble, x), value(ensemble, y), radius(ensemble)];
        let values = |id: &str| own(id).into_iter().map(value).collect();
        let methods = methods.iter().map(|(id, ink)| {
            let name = telling.name(id);
            many::Method { name, ink: *ink, values: values(id) }
        });
        let methods: Vec<many::Method<'_>> = methods.collect();
        many::draw(&mut scene, &mut room, &frame, &methods, (left, below), right)
    } else {
        let mut unnamed = Vec::new();
        for &(id, ink) in &methods {
            let own = points(id);
            let point = |&(at, radius)| Mark::Point { at, marker: ink.marker(), radius, ink };
            scene.marks.extend(own.iter().map(point));
            let at: Vec<(f64, f64)> = own.iter().map(|(at, _)| *at).collect();
            if !room.place(&mut scene, telling.name(id), ink, &at, true) {
                unnamed.push((telling.name(id), ink));
            }
        }
        legend(&mut scene, &unnamed, Key::Point, (left, below), right)
    };
    let entry: &[(&str, Ink)] = if theirs.is_empty() { &[] } else { &[("paper (hollow)", Ink::Muted)] };
    below += legend(&mut scene, entry, Key::Hollow, (left, below), right);
    let sizes = sized.as_ref().map_or_else(Vec::new, Sized::keys);
    let sizes: Vec<(&str, Ink, Key)> =
        sizes.iter().map(|(name, ink, key)| (name.as_str(), *ink, *key)).collect();
    // The largest of them needs more room than a line.
    below += if sizes.is_empty() { 0.0 } else { 5.0 };
    scene.height = below + keys(&mut scene, &sizes, (left, below), right);
    let beside = match (published.is_empty(), theirs.is_empty()) {
        (true, _) => "",
        (false, false) => "Hollow: the paper's means, for its own set-up.",
        (false, true) => "The paper's own means are too far away to be drawn; the tables have them.",
    };
    let absent = asked.iter().filter(|id| !methods.iter().any(|(known, _)| known == *id));
    let absent: Vec<&str> = absent.map(|id| telling.name(id)).collect();
    let absent = match absent.is_empty() {
        true => String::new(),
        false => format!("Without a number here: {}.", absent.join(", ")),
    };
    let (members, suffix) = members(&group, shown.together);
    let like = if shown.like.is_empty() { String::new() } else { format!(" ({})", shown.like) };
    let what = format!("{} against {} on {dataset} with {model} and {members}{like}.", y.title, x.title);
    let points = match (crowded, most(&group)) {
        (false, _) => format!("One point per {each}."),
        (true, 1) => "One point per method, of one seed.".to_owned(),
        (true, seeds) => {
            let of = if cases.len() > 1 { "ensembles, of cases and seeds" } else { "seeds" };
            format!("One point per method, its mean over {seeds} {of}; bars: ± one standard deviation.")
        }
    };
    let area = sized.as_ref().map_or_else(String::new, Sized::in_words);
    Some(Figure {
        file: format!("{}-{}-{}{suffix}", shown.file, slug(dataset), slug(model)),
        caption: sentences(&[&what, &points, &area, shown.reading, beside, &absent]),
        scene,
        is_main: false,
    })
}

/// How many members the ensembles of a figure have, and what its file's name ends with.
fn members(group: &[&Ensemble], together: bool) -> (String, String) {
    let all = || group.iter().map(|ensemble| ensemble.members);
    let (fewest, most) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
    match together {
        false => (format!("{most} members"), format!("-m{most}")),
        true if fewest == most => (format!("{most} members"), String::new()),
        true => (format!("{fewest} to {most} members"), String::new()),
    }
}

/// The most ensembles of one method: seeds, or seeds and cases.
fn most(group: &[&Ensemble]) -> usize {
    let same = |one: &&Ensemble| group.iter().filter(|other| other.method == one.method).count();
    group.iter().map(same).max().unwrap_or(0)
}

/// The paper's points for the methods of these ensembles. What an experiment varies is not in the paper's tables.
fn published<'a>(
    telling: &Telling<'_>,
    group: &[&'a Ensemble],
    (x, y): (&Metric, &Metric),
) -> Vec<Theirs<'a>> {
    let mut theirs: Vec<Theirs<'a>> = Vec::new();
    for ensemble in group.iter().filter(|ensemble| ensemble.case.is_empty()) {
        let along = |metric: &Metric| {
            let Ensemble { dataset, model, method, .. } = ensemble;
            let found = telling.published.find(dataset, model, method, metric.id)?;
            Some(metric.scale() * found.summary.mean)
        };
        let known = theirs.iter().any(|(method, _)| *method == ensemble.method);
        let at = along(x).zip(along(y)).filter(|_| !known);
        theirs.extend(at.map(|at| (ensemble.method.as_str(), at)));
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
pub(super) fn name_level(scene: &mut Scene, room: &mut Room, name: &str, y: f64) {
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
    use basin_paper_single_basin::SingleBasin;
    use basin_results::Results;

    fn drawn(points: &[(&str, f64, f64)], case: &[(&str, &str)]) -> (usize, String) {
        let case: CaseKeys =
            case.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let ensemble = |&(method, connectivity, accuracy): &(&str, f64, f64)| {
            Ensemble {
                dataset: "cifar10".into(),
                model: "resnet20".into(),
                case: case.clone(),
                method: method.into(),
                ..Ensemble::default()
            }
            .with("joint-connectivity", connectivity)
            .with("ensemble-accuracy", accuracy)
            .with("mean-member-accuracy", accuracy - 0.01)
        };
        let results = Results { ensembles: points.iter().map(ensemble).collect(), ..Results::default() };
        let telling = Telling::new(&results, &SingleBasin).unwrap();
        let figure = crate::figures::figures(&telling).remove(0);
        let hollow = figure.scene.marks.iter().filter(|mark| matches!(mark, Mark::Hollow { .. }));
        (hollow.count(), figure.caption)
    }

    #[test]
    fn the_papers_points_are_hollow_and_only_of_methods_that_were_run() {
        let near = [("deep", -0.7, 0.94), ("constrained", -0.01, 0.935), ("own", -0.3, 0.93)];
        let (hollow, caption) = drawn(&near, &[]);
        // Two points and the key of the legend.
        assert_eq!(hollow, 3);
        assert!(caption.contains("Hollow: the paper's means"), "{caption}");
        assert_eq!(drawn(&near, &[("ensemble.split_epoch", "2")]).0, 0);
    }

    #[test]
    fn points_of_the_paper_too_far_away_are_told_of_not_drawn() {
        let (hollow, caption) = drawn(&[("deep", -0.33, 0.64), ("constrained", -0.02, 0.61)], &[]);
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
