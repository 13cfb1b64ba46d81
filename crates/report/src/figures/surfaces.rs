//! Surfaces as heat maps, with lines of equal value and the networks that are marked on them.

use super::maps::{self, Chosen};
use super::{Figure, WIDTH, file_name, like, sentences};
use crate::telling::Telling;
use basin_papers::Surfaces;
use basin_plot::{Grid, Map};
use basin_results::in_words;

/// A figure for each surface of the first seed that has a finite value.
pub(super) fn figures(telling: &Telling<'_>, shown: &Surfaces) -> Vec<Figure> {
    let chosen = maps::chosen(telling, shown.metric, shown.data, shown.subjects);
    chosen.iter().filter_map(|one| figure(telling, shown, one)).collect()
}

fn figure(telling: &Telling<'_>, shown: &Surfaces, chosen: &Chosen<'_>) -> Option<Figure> {
    let surface = chosen.surface;
    let values = chosen.values();
    // Coordinates that do not rise are not a plane: then cells stand in their order.
    let grid = Grid::new(surface.x.clone(), surface.y.clone(), values.clone());
    let grid = grid.or_else(|_| Grid::of_places(surface.x.len(), surface.y.len(), values)).ok()?;
    if grid.without_number() == grid.values().len() {
        return None;
    }
    let names = chosen.names(telling);
    let name = chosen.metric.title_with_unit();
    let title = format!("{name} over {} and {}, {}", shown.name_x, shown.name_y, names.join(", "));
    let mut map = Map::new(WIDTH, &title, &name, grid, (shown.name_x, shown.name_y), None);
    if shown.contours {
        map.lines();
    }
    let marks = surface.marks.iter().map(|(name, at)| (in_words(name), *at));
    let marks: Vec<(String, [f64; 2])> = marks.collect();
    let unnamed = map.marks(&marks).into_iter().map(|place| {
        let (name, [x, y]) = &marks[place];
        format!("{name} at ({x:.2}, {y:.2})")
    });
    let unnamed: Vec<String> = unnamed.collect();
    let lines = if shown.contours { " Lines: equal values, at the ticks of the colour bar." } else { "" };
    let unnamed = match unnamed.is_empty() {
        true => String::new(),
        false => format!(" Without a name in the picture: {}.", unnamed.join(", ")),
    };
    let told = chosen.told(telling, &like(shown.like));
    let caption = sentences(&[&told, shown.reading, lines, &maps::legend(&map), &unnamed]);
    let [data, dataset, model, method, case, subject] = &names;
    let file = file_name(&[shown.file, data, dataset, model, method, case, subject]);
    Some(Figure { file, caption, scene: map.scene(), is_main: false })
}
