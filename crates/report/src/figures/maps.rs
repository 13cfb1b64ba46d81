//! What heat maps, matrices, grids and triangles share: which surfaces are drawn, and what is said of them.

use super::images;
use crate::telling::Telling;
use basin_metrics::Metric;
use basin_papers::CaseKeys;
use basin_plot::Map;
use basin_results::{Subject, Surface};

/// One surface to be drawn, among those of its place.
pub(super) struct Chosen<'a> {
    pub(super) surface: &'a Surface,
    pub(super) metric: &'static Metric,
    /// How many seeds have one in its place.
    seeds: usize,
}

/// What names the place of a surface: all but its seed.
type Place<'a> = (&'a str, &'a str, &'a str, &'a str, &'a CaseKeys, &'a Subject);

fn place(surface: &Surface) -> Place<'_> {
    let Surface { dataset, model, method, data, case, subject, .. } = surface;
    (data, dataset, model, method, case, subject)
}

/// The first seed's surfaces of a quantity, in the order of the kinds of images.
pub(super) fn chosen<'a>(
    telling: &'a Telling<'_>,
    metric: &str,
    data: &[&str],
    subjects: &[&str],
) -> Vec<Chosen<'a>> {
    let Some(metric) = telling.paper.metric(metric) else { return Vec::new() };
    let mut all: Vec<Chosen<'a>> = Vec::new();
    for data in data {
        let wanted = |surface: &&Surface| {
            surface.quantity == metric.id && surface.data == *data && surface.subject.is_among(subjects)
        };
        for surface in telling.results.surfaces.iter().filter(wanted) {
            match all.iter_mut().find(|known| place(known.surface) == place(surface)) {
                Some(known) => known.seeds += usize::from(known.surface.seed != surface.seed),
                None => all.push(Chosen { surface, metric, seeds: 1 }),
            }
        }
    }
    all
}

impl Chosen<'_> {
    /// The parts of a file's name after its beginning; the case as the paper writes it.
    pub(super) fn names(&self, telling: &Telling<'_>) -> [String; 6] {
        let Surface { dataset, model, method, data, case, subject, .. } = self.surface;
        let (case, subject) = (telling.label(case), subject.to_string());
        [data.clone(), dataset.clone(), model.clone(), method.clone(), case, subject]
    }

    /// The beginning of a caption: what is shown of what, and of which seed.
    pub(super) fn told(&self, telling: &Telling<'_>, like: &str) -> String {
        let Surface { dataset, model, method, data, case, subject, seed, .. } = self.surface;
        let case = telling.label(case);
        let case = if case.is_empty() { case } else { format!(", {case}") };
        format!(
            "{} {} with {model}: {}, {}{case}{like}. {}",
            self.metric.title_with_unit(),
            images(data, dataset),
            telling.name(method),
            subject.in_words(),
            of_seeds(*seed, self.seeds)
        )
    }

    /// Its values in the unit in which the metric is shown.
    pub(super) fn values(&self) -> Vec<f64> {
        self.surface.values.iter().map(|value| self.metric.scale() * value).collect()
    }
}

/// Whether values lie on both sides of zero, at which colours then part.
pub(super) fn is_signed(metric: &Metric) -> bool {
    metric.range.0 < 0.0 && metric.range.1 > 0.0
}

/// `Seed 3, one of 5.`
pub(super) fn of_seeds(seed: u64, seeds: usize) -> String {
    if seeds > 1 {
        format!("Seed {seed}, the first of {seeds}.")
    } else {
        format!("Seed {seed}, the only one.")
    }
}

/// What a caption says of colours and of what has none.
pub(super) fn legend(map: &Map) -> String {
    let logarithmic = if map.shades().is_logarithmic() { " Colours are logarithmic." } else { "" };
    let missing = match map.grid().without_number() {
        0 => String::new(),
        n => format!(
            " Hatched: {n} of {} points have no finite value, because it overflowed there or could not be measured; they \
             have no part in the colours' range.",
            map.grid().values().len()
        ),
    };
    format!("{logarithmic}{missing}")
}
