//! Surfaces over the weights of three networks, as triangles.

use super::maps::{self, Chosen, is_signed};
use super::{Figure, WIDTH, file_name, like, sentences};
use crate::number::fixed;
use crate::telling::Telling;
use basin_metrics::Direction;
use basin_papers::Triangle as Shown;
use basin_plot::Triangle;
use basin_results::Surface;

/// A figure for each surface of the first seed that is over such weights and has a finite value.
pub(super) fn figures(telling: &Telling<'_>, shown: &Shown) -> Vec<Figure> {
    let chosen = maps::chosen(telling, shown.metric, shown.data, shown.subjects);
    chosen.iter().filter_map(|one| figure(telling, shown, one)).collect()
}

/// Whether the points of a triangle are weights: both axes in equal steps from 0 to 1.
fn is_of_weights(surface: &Surface) -> bool {
    let even = |at: &[f64]| {
        let step = |place: usize| place as f64 / (at.len() - 1) as f64;
        at.iter().enumerate().all(|(place, at)| (at - step(place)).abs() < 1e-9)
    };
    surface.is_triangle() && even(&surface.x) && even(&surface.y)
}

fn figure(telling: &Telling<'_>, shown: &Shown, chosen: &Chosen<'_>) -> Option<Figure> {
    let (metric, side) = (chosen.metric, chosen.surface.x.len());
    if !is_of_weights(chosen.surface) {
        return None;
    }
    let values = chosen.values();
    let points = || chosen.surface.points().zip(&values).map(|((at, _), value)| (at, *value));
    let finite = || points().filter(|(_, value)| value.is_finite());
    // The worst network is what a triangle is looked at for.
    let worst = match metric.direction {
        Direction::Lower => finite().max_by(|a, b| a.1.total_cmp(&b.1))?,
        Direction::Higher | Direction::Neutral => finite().min_by(|a, b| a.1.total_cmp(&b.1))?,
    };
    let names = chosen.names(telling);
    let name = metric.title_with_unit();
    let title = format!("{name} over the weights of three members, {}", names.join(", "));
    let corners = ["1", "2", "3"];
    let drawn = Triangle::new(WIDTH, &title, &name, corners, (side, &values), is_signed(metric)).ok()?;

    let number = |value: f64| fixed(value, metric.decimals);
    let at_corners = [0, side - 1, values.len() - 1].map(|corner| values[corner]);
    let worth = match at_corners.iter().all(|value| *value == 0.0) {
        true => String::new(),
        false => format!(", with {}", at_corners.map(number).join(", ")),
    };
    let corners = format!("Corners: members 1, 2 and 3{worth}.");
    let cells =
        format!("A cell for each of {} networks, {side} on a side; nothing is interpolated.", values.len());
    let ([second, third], value) = worst;
    let weights = [1.0 - second - third, second, third].map(|weight| fixed(weight, 2)).join(", ");
    let kind = if metric.direction == Direction::Lower { "Greatest" } else { "Least" };
    let worst = format!("{kind}: {} at λ = ({weights}).", number(value));
    let logarithmic = if drawn.shades().is_logarithmic() { "Colours are logarithmic." } else { "" };
    let missing = match drawn.without_number() {
        0 => String::new(),
        n => format!(
            "Hatched: no finite value at {n} of {} points; these have no part in the colours' range.",
            values.len()
        ),
    };
    let told = chosen.told(telling, &like(shown.like));
    let caption = sentences(&[&told, &corners, &cells, &worst, shown.reading, logarithmic, &missing]);
    let [data, dataset, model, method, case, subject] = &names;
    let file = file_name(&[shown.file, data, dataset, model, method, case, subject]);
    Some(Figure { file, caption, scene: drawn.scene(), is_main: false })
}
