//! Loss and accuracy while training: one panel per network and method, one thin line per trained node. Where nodes are
//! trained on parts of the data, one panel per case, too, and each part has a colour and a dash of its own. Where states of the
//! runs were looked at, what they make of test images stands beside, as points.
//!
//! Panels share the y axis and have their own x axis, because a stochastic-weight ensemble trains one network for
//! as many epochs as the others train all their members.

use super::{Figure, WIDTH};
use crate::telling::Telling;
use basin_papers::CaseKeys;
use basin_plot::{Anchor, Dash, Frame, Ink, Key, LABEL_SIZE, Mark, Scale, Scene, TICK_SIZE, fitting, keys};
use basin_results::{Curve, Subject, TrainingCurve, TrainingPoint};

const COLUMNS: usize = 2;
const LEFT: f64 = 60.0;
const GAP: f64 = 30.0;
const PANEL_WIDTH: f64 = (WIDTH - LEFT - 14.0 - GAP) / COLUMNS as f64;
const PANEL_HEIGHT: f64 = 104.0;
/// Title above a panel and tick labels below it.
const ROW_HEIGHT: f64 = PANEL_HEIGHT + 52.0;

/// Loss and accuracy, each where a curve has a finite value.
pub(super) fn figures(telling: &Telling<'_>) -> Vec<Figure> {
    let about = match sides(&telling.results.training) {
        0 | 1 => {
            "One panel per network and method, one line per trained node and seed; panels share the vertical axis, and each \
             has its own length of training."
        }
        _ => {
            "One panel per network, method and case, one line per trained node and seed, in the colour of its side of the \
             data; panels share the vertical axis, and each has its own length of training."
        }
    };
    let tested = telling.results.curves.iter().any(|curve| curve.quantity == LOSS.tested);
    let about = match tested {
        true => format!("{about} Points are states of the same runs on test images."),
        false => about.to_owned(),
    };
    let figure = |file: &str, what: &str, shown: &Shown| {
        Some(Figure {
            file: file.to_owned(),
            caption: format!("{what} {about}"),
            scene: panels(telling, shown)?,
            is_main: false,
        })
    };
    let loss = Shown { name: if tested { "loss" } else { LOSS.name }, ..LOSS };
    let told = if tested { "Loss against epoch." } else { "Training loss against epoch." };
    let loss = figure("training-loss", told, &loss);
    let accuracy = figure("training-accuracy", "Accuracy while training against epoch.", &ACCURACY);
    loss.into_iter().chain(accuracy).collect()
}

/// What is shown against epochs.
#[derive(Clone, Copy)]
struct Shown {
    name: &'static str,
    trained: fn(&TrainingPoint) -> f64,
    /// The quantity of curves of states on test images.
    tested: &'static str,
    /// From a curve's unit to the axis'.
    times: f64,
    logarithmic: bool,
}

const LOSS: Shown = Shown {
    name: "training loss",
    trained: |point| point.loss,
    tested: "learning-loss",
    times: 1.0,
    logarithmic: true,
};

const ACCURACY: Shown = Shown {
    name: "accuracy, %",
    trained: |point| 100.0 * point.accuracy,
    tested: "learning-accuracy",
    times: 100.0,
    logarithmic: false,
};

impl Shown {
    fn is_tested(&self, curve: &Curve) -> bool {
        curve.quantity == self.tested && curve.variable == "epoch"
    }
}

fn panels(telling: &Telling<'_>, shown: &Shown) -> Option<Scene> {
    let (name, results) = (shown.name, telling.results);
    let trained = results.training.iter().flat_map(|curve| curve.points.iter().map(shown.trained));
    let tested = results.curves.iter().filter(|curve| shown.is_tested(curve));
    let is_tested = tested.clone().next().is_some();
    let tested = tested.flat_map(|curve| curve.values.iter().map(|value| shown.times * value));
    let values: Vec<f64> = trained.chain(tested).collect();
    if !values.iter().any(|value| value.is_finite()) {
        return None;
    }
    let groups = groups(telling);
    let rows = groups.len().div_ceil(COLUMNS);
    let bottom = rows as f64 * ROW_HEIGHT;
    let mut scene = Scene::new(WIDTH, bottom + 24.0, &format!("{name} against epoch, by method"));
    for (i, group) in groups.iter().enumerate() {
        let left = LEFT + (i % COLUMNS) as f64 * (PANEL_WIDTH + GAP);
        let top = (i / COLUMNS) as f64 * ROW_HEIGHT + 26.0;
        let span = (top + PANEL_HEIGHT, top);
        let y = if shown.logarithmic {
            Scale::logarithmic_if_wide(&values, 0.03, span, 4)
        } else {
            Scale::linear(values.iter().copied(), 0.05, span, 4)
        };
        panel(&mut scene, telling, group, shown, (left, y), i % COLUMNS == 0);
    }
    scene.text(((LEFT + WIDTH - 14.0) / 2.0, bottom + 14.0), "epoch", LABEL_SIZE, Ink::Text, Anchor::Middle);
    let sides = sides(&telling.results.training);
    // Of no method: panels have different ones.
    let own = groups.first().map_or(Ink::Text, |group| group.ink);
    let mut entries: Vec<(String, Ink, Key)> = Vec::new();
    for side in (0..sides).filter(|_| sides > 1) {
        let (ink, dash) = style(own, side);
        entries.push((format!("side {}", letter(side)), ink, Key::Line(dash)));
    }
    if is_tested {
        entries.extend((0..sides.max(1)).map(|side| match sides {
            0 | 1 => ("test images".to_owned(), own, Key::Point),
            _ => (format!("side {}, test images", letter(side)), style(own, side).0, Key::Point),
        }));
    }
    if !entries.is_empty() {
        let entries: Vec<(&str, Ink, Key)> =
            entries.iter().map(|(name, ink, key)| (name.as_str(), *ink, *key)).collect();
        scene.height += keys(&mut scene, &entries, (LEFT, bottom + 24.0), WIDTH - 14.0);
    }
    Frame::name_y(&mut scene, name, (0.0, bottom));
    Some(scene)
}

/// What one panel shows.
struct Group<'a> {
    model: &'a str,
    method: &'a str,
    /// The case, where panels are of one.
    case: Option<&'a CaseKeys>,
    title: String,
    ink: Ink,
}

/// Network by network, the methods in their usual order.
fn groups<'a>(telling: &'a Telling<'_>) -> Vec<Group<'a>> {
    let mut models: Vec<&str> = Vec::new();
    for curve in &telling.results.training {
        if !models.contains(&curve.model.as_str()) {
            models.push(&curve.model);
        }
    }
    let several = models.len() > 1;
    let of = |model| {
        let curves = telling.results.training.iter().filter(move |curve| curve.model == model);
        telling.inks(curves.map(|curve| curve.method.as_str())).into_iter().map(move |(method, ink)| {
            let name = telling.name(method);
            let title = if several { format!("{model}: {name}") } else { name.to_owned() };
            Group { model, method, case: None, title, ink }
        })
    };
    let groups = models.into_iter().flat_map(of);
    match sides(&telling.results.training) {
        0 | 1 => groups.collect(),
        _ => groups.flat_map(|group| by_case(telling, group)).collect(),
    }
}

/// A panel for each case; its title tells the case, and network and method where there are several.
fn by_case<'a>(telling: &'a Telling<'_>, group: Group<'a>) -> Vec<Group<'a>> {
    let mut cases: Vec<&CaseKeys> = Vec::new();
    for curve in
        telling.results.training.iter().filter(|curve| group.holds(&curve.model, &curve.method, &curve.case))
    {
        if !cases.contains(&&curve.case) {
            cases.push(&curve.case);
        }
    }
    let several = cases.len() > 1;
    let methods = telling.in_order(telling.results.training.iter().map(|curve| curve.method.as_str())).len();
    let of = |case| {
        let label = telling.label(case);
        let title = match (several, label.is_empty()) {
            (true, false) if methods > 1 => format!("{}, {label}", group.title),
            (true, false) => group.title.replace(telling.name(group.method), &label),
            _ => group.title.clone(),
        };
        Group { case: Some(case), title, ..group }
    };
    cases.into_iter().map(of).collect()
}

impl Group<'_> {
    /// Whether a curve of these belongs to the panel.
    fn holds(&self, model: &str, method: &str, case: &CaseKeys) -> bool {
        (model, method) == (self.model, self.method) && self.case.is_none_or(|own| own == case)
    }
}

/// Which side of the data a node was trained on, from 0: the parts of its ensemble's nodes in their order.
fn side(all: &[TrainingCurve], curve: &TrainingCurve) -> usize {
    let mut parts: Vec<&str> = Vec::new();
    let beside = |other: &&TrainingCurve| {
        (&other.model, &other.method, &other.case, other.seed)
            == (&curve.model, &curve.method, &curve.case, curve.seed)
    };
    for other in all.iter().filter(beside).filter(|other| !other.data.is_empty()) {
        if !parts.contains(&other.data.as_str()) {
            parts.push(&other.data);
        }
    }
    parts.iter().position(|part| *part == curve.data).unwrap_or(0)
}

/// The most sides that an ensemble has; 0 for no curves.
fn sides(all: &[TrainingCurve]) -> usize {
    all.iter().map(|curve| side(all, curve) + 1).max().unwrap_or(0)
}

/// A, B, C, …
fn letter(side: usize) -> char {
    char::from(b'A' + (side % 26) as u8)
}

/// The first side is drawn as its method, the others in the colours of none.
fn style(own: Ink, side: usize) -> (Ink, Dash) {
    match side {
        0 => (own, Dash::Solid),
        _ => (Ink::Method(5 + side), [Dash::Dashed, Dash::Dotted][(side - 1) % 2]),
    }
}

fn panel(
    scene: &mut Scene,
    telling: &Telling<'_>,
    group: &Group<'_>,
    shown: &Shown,
    (left, mut y): (f64, Scale),
    first_column: bool,
) {
    let ink = group.ink;
    let curves = || {
        telling.results.training.iter().filter(|curve| group.holds(&curve.model, &curve.method, &curve.case))
    };
    let epochs = curves().flat_map(|curve| curve.points.iter().map(|point| point.epoch)).chain([0.0]);
    if !first_column {
        // The axis is shared: its labels stand at the left edge only.
        y.ticks.iter_mut().for_each(|tick| tick.1.clear());
    }
    let frame = Frame { x: Scale::linear(epochs, 0.0, (left, left + PANEL_WIDTH), 4), y };
    frame.draw(scene);
    let top = frame.region().top;
    scene.marks.push(Mark::Text {
        at: (left, top - 8.0),
        text: group.title.clone(),
        size: fitting(&group.title, TICK_SIZE + 1.0, PANEL_WIDTH + GAP - 12.0),
        ink,
        anchor: Anchor::Start,
        bold: true,
        upright: false,
    });
    for curve in curves() {
        let (ink, dash) = style(group.ink, side(&telling.results.training, curve));
        // A gap in the measurements is a gap in the line.
        let points = curve.points.iter().map(|point| frame.point(point.epoch, (shown.trained)(point)));
        for piece in points.collect::<Vec<_>>().split(Option::is_none) {
            let points: Vec<(f64, f64)> = piece.iter().copied().flatten().collect();
            if let [alone] = points[..] {
                scene.marks.push(Mark::Point { at: alone, marker: ink.marker(), radius: 3.0, ink });
            } else if !points.is_empty() {
                scene.marks.push(Mark::Line { points, ink, width: 1.2, opacity: 0.7, dash });
            }
        }
    }
    let tested = telling
        .results
        .curves
        .iter()
        .filter(|curve| shown.is_tested(curve) && group.holds(&curve.model, &curve.method, &curve.case));
    let sides = sides(&telling.results.training);
    for curve in tested {
        // Members stand in the order of the parts that they were trained on.
        let side = match curve.subject {
            Subject::Member(member) if sides > 1 => member.saturating_sub(1),
            _ => 0,
        };
        let (ink, dash) = style(group.ink, side);
        let points = curve.at.iter().zip(&curve.values);
        let points: Vec<_> = points.map(|(epoch, value)| frame.point(*epoch, shown.times * value)).collect();
        for piece in points.split(Option::is_none).filter(|piece| piece.len() > 1) {
            let points = piece.iter().copied().flatten().collect();
            scene.marks.push(Mark::Line { points, ink, width: 0.8, opacity: 0.6, dash });
        }
        let points = points.into_iter().flatten();
        scene.marks.extend(points.map(|at| Mark::Point { at, marker: ink.marker(), radius: 1.8, ink }));
    }
}
