//! Many methods in one plane: a point for each, at its mean over seeds, with a number that a list below names.

use crate::number::deviation;
use crate::spread::summary;
use basin_metrics::stats::Summary;
use basin_plot::{Dash, Frame, Ink, Key, Mark, Region, Room, Scene, columns};

/// More methods than this are drawn so: their names would not find room beside their points, and points of all seeds would hide
/// each other.
pub(super) const MANY: usize = 10;

/// Size of the numbers beside points.
const NUMBER: f64 = 11.5;

/// One method: its name and, of each ensemble, where it stands on the axes and how large its point is.
pub(super) struct Method<'a> {
    pub(super) name: &'a str,
    pub(super) ink: Ink,
    pub(super) values: Vec<[f64; 3]>,
}

/// Where a method stands: its mean, and how far seeds lie from it.
struct Placed {
    at: (f64, f64),
    radius: f64,
    ends: Vec<[(f64, f64); 2]>,
}

fn placed(method: &Method<'_>, frame: &Frame) -> Option<Placed> {
    let [x, y, radius] =
        [0, 1, 2].map(|of| summary(&method.values.iter().map(|value| value[of]).collect::<Vec<f64>>()));
    // What lies off the axes ends at them.
    let ends = |summary: &Summary, (low, high): (f64, f64)| {
        deviation(summary).map(|sd| [-sd, sd].map(|sd| (summary.mean + sd).clamp(low, high)))
    };
    let across = ends(&x, frame.x.range()).map(|ends| ends.map(|x| (frame.x.at(x), frame.y.at(y.mean))));
    let up = ends(&y, frame.y.range()).map(|ends| ends.map(|y| (frame.x.at(x.mean), frame.y.at(y))));
    let at = frame.point(x.mean, y.mean)?;
    Some(Placed { at, radius: radius.mean, ends: across.into_iter().chain(up).collect() })
}

/// Draws the methods, the large points below the small ones, and the list of their names from `(left, top)`; returns its height.
pub(super) fn draw(
    scene: &mut Scene,
    room: &mut Room,
    frame: &Frame,
    methods: &[Method<'_>],
    (left, top): (f64, f64),
    right: f64,
) -> f64 {
    let placed: Vec<Option<Placed>> = methods.iter().map(|method| placed(method, frame)).collect();
    let mut drawn: Vec<(usize, &Placed)> =
        placed.iter().enumerate().filter_map(|(place, found)| Some((place, found.as_ref()?))).collect();
    for (place, found) in &drawn {
        let ink = methods[*place].ink;
        let bar = |ends: &[(f64, f64); 2]| Mark::Line {
            points: ends.to_vec(),
            ink,
            width: 1.2,
            opacity: 0.6,
            dash: Dash::Solid,
        };
        scene.marks.extend(found.ends.iter().map(bar));
    }
    room.taken.extend(drawn.iter().map(|(_, found)| Region::around(found.at, found.radius)));
    drawn.sort_by(|a, b| b.1.radius.total_cmp(&a.1.radius));
    for (place, found) in &drawn {
        let (ink, at, radius) = (methods[*place].ink, found.at, found.radius);
        scene.marks.push(Mark::Point { at, marker: ink.marker(), radius, ink });
    }
    // Over the bars, in the order of the list.
    drawn.sort_by_key(|(place, _)| *place);
    for (place, found) in &drawn {
        let text = (place + 1).to_string();
        let ink = methods[*place].ink;
        if let Some((at, anchor)) = room.beside(&text, NUMBER, found.radius + 3.0, &[found.at], true) {
            scene.marks.push(Mark::Haloed { at, text, size: NUMBER, ink, rim: Ink::Paper, anchor });
        }
    }
    let names = methods.iter().enumerate().map(|(place, method)| format!("{} {}", place + 1, method.name));
    let names: Vec<String> = names.collect();
    let entries = names.iter().zip(methods).map(|(name, method)| (name.as_str(), method.ink, Key::Point));
    columns(scene, &entries.collect::<Vec<_>>(), (left, top), right)
}
