//! Loss and accuracy while training: one panel per network and method, one thin line per trained node.
//!
//! Panels share the y axis and have their own x axis, because a stochastic-weight ensemble trains one network for
//! as many epochs as the others train all their members.

use super::{Figure, WIDTH};
use crate::plot::{Anchor, Dash, Frame, Ink, LABEL_SIZE, Mark, Scale, Scene, TICK_SIZE};
use crate::results::{TrainingCurve, TrainingPoint};
use crate::telling::Telling;

const COLUMNS: usize = 2;
const LEFT: f64 = 60.0;
const GAP: f64 = 30.0;
const PANEL_WIDTH: f64 = (WIDTH - LEFT - 14.0 - GAP) / COLUMNS as f64;
const PANEL_HEIGHT: f64 = 104.0;
/// Title above a panel and tick labels below it.
const ROW_HEIGHT: f64 = PANEL_HEIGHT + 52.0;

/// Loss and accuracy, each where a curve has a finite value.
pub(super) fn figures(telling: &Telling<'_>) -> Vec<Figure> {
    let about = "One panel per network and method, one line per trained node and seed; panels share the vertical axis, and each \
                 has its own length of training.";
    let loss = panels(telling, "training loss", &|point| point.loss, true);
    let accuracy = panels(telling, "accuracy, %", &|point| 100.0 * point.accuracy, false);
    let figure = |file: &str, what: &str, scene: Option<Scene>| {
        Some(Figure {
            file: file.to_owned(),
            caption: format!("{what} {about}"),
            scene: scene?,
            is_main: false,
        })
    };
    let loss = figure("training-loss", "Training loss against epoch.", loss);
    let accuracy = figure("training-accuracy", "Accuracy while training against epoch.", accuracy);
    loss.into_iter().chain(accuracy).collect()
}

type Quantity<'a> = &'a dyn Fn(&TrainingPoint) -> f64;

fn panels(telling: &Telling<'_>, name: &str, quantity: Quantity<'_>, logarithmic: bool) -> Option<Scene> {
    let values: Vec<f64> =
        telling.results.training.iter().flat_map(|curve| curve.points.iter().map(quantity)).collect();
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
        let y = if logarithmic {
            Scale::logarithmic_if_wide(&values, 0.03, span, 4)
        } else {
            Scale::linear(values.iter().copied(), 0.05, span, 4)
        };
        panel(&mut scene, telling, group, quantity, (left, y), i % COLUMNS == 0);
    }
    scene.text(((LEFT + WIDTH - 14.0) / 2.0, bottom + 14.0), "epoch", LABEL_SIZE, Ink::Text, Anchor::Middle);
    Frame::name_y(&mut scene, name, (0.0, bottom));
    Some(scene)
}

/// What one panel shows.
struct Group<'a> {
    model: &'a str,
    method: &'a str,
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
            Group { model, method, title, ink }
        })
    };
    models.into_iter().flat_map(of).collect()
}

fn panel(
    scene: &mut Scene,
    telling: &Telling<'_>,
    group: &Group<'_>,
    quantity: Quantity<'_>,
    (left, mut y): (f64, Scale),
    first_column: bool,
) {
    let ink = group.ink;
    let here =
        |curve: &&TrainingCurve| (curve.model.as_str(), curve.method.as_str()) == (group.model, group.method);
    let curves = || telling.results.training.iter().filter(here);
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
        size: TICK_SIZE + 1.0,
        ink,
        anchor: Anchor::Start,
        bold: true,
        upright: false,
    });
    for curve in curves() {
        // A gap in the measurements is a gap in the line.
        let points = curve.points.iter().map(|point| frame.point(point.epoch, quantity(point)));
        for piece in points.collect::<Vec<_>>().split(Option::is_none) {
            let points: Vec<(f64, f64)> = piece.iter().copied().flatten().collect();
            if let [alone] = points[..] {
                scene.marks.push(Mark::Point { at: alone, marker: ink.marker(), radius: 3.0, ink });
            } else if !points.is_empty() {
                scene.marks.push(Mark::Line { points, ink, width: 1.2, opacity: 0.7, dash: Dash::Solid });
            }
        }
    }
}
