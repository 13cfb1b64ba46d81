//! Surfaces over places of networks as matrices: square cells, blocks set apart, numbers in the cells where they have room.

use super::maps::{self, Chosen};
use super::{Figure, WIDTH, file_name, like, sentences};
use crate::telling::Telling;
use basin_papers::Matrix;
use basin_plot::{Grid, Map, fixed, place_ticks};
use basin_results::Surface;
use basin_results::in_words;

/// A figure for each matrix of the first seed that has a finite value.
pub(super) fn figures(telling: &Telling<'_>, shown: &Matrix) -> Vec<Figure> {
    let chosen = maps::chosen(telling, shown.metric, shown.data, shown.subjects);
    chosen.iter().filter_map(|one| figure(telling, shown, one)).collect()
}

/// The first place with this value.
fn place(values: &[f64], value: f64) -> Option<usize> {
    values.iter().position(|other| *other == value)
}

/// Where blocks begin along an axis, from 0: at the first place, where values stop rising, and at the values of marks.
fn blocks(values: &[f64], marks: impl Iterator<Item = f64>) -> Vec<usize> {
    let falls = (1..values.len()).filter(|&place| values[place] <= values[place - 1]);
    let marks = marks.filter_map(|value| place(values, value));
    let mut all: Vec<usize> = [0].into_iter().chain(falls).chain(marks).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn figure(telling: &Telling<'_>, shown: &Matrix, chosen: &Chosen<'_>) -> Option<Figure> {
    let surface = chosen.surface;
    let (columns, rows) = (surface.x.len(), surface.y.len());
    let grid = Grid::of_places(columns, rows, chosen.values()).ok()?;
    if grid.without_number() == grid.values().len() {
        return None;
    }
    let along = |axis: usize| surface.marks.iter().map(move |(_, at)| at[axis]);
    let (across, up) = (blocks(&surface.x, along(0)), blocks(&surface.y, along(1)));
    let cell = Map::cell(WIDTH, columns);
    let ticks = [place_ticks(&surface.x, &across, cell, false), place_ticks(&surface.y, &up, cell, true)];
    let names = chosen.names(telling);
    let name = chosen.metric.title_with_unit();
    let title = format!("{name} between networks, {}", names.join(", "));
    let mut map = Map::new(WIDTH, &title, &name, grid, (shown.name_x, shown.name_y), Some(ticks));
    map.separate(&across, &up);
    let named = block_names(&mut map, surface, &across);
    map.numbers(chosen.metric.decimals);
    let set_apart = if across.len() > 1 || up.len() > 1 { " White lines set runs apart." } else { "" };
    let told = chosen.told(telling, &like(shown.like));
    let caption = sentences(&[&told, shown.reading, set_apart, &named, &maps::legend(&map)]);
    let [data, dataset, model, method, case, subject] = &names;
    let file = file_name(&[shown.file, data, dataset, model, method, case, subject]);
    Some(Figure { file, caption, scene: map.scene(), is_main: false })
}

/// The names of blocks above them; for the caption where they do not fit.
fn block_names(map: &mut Map, surface: &Surface, across: &[usize]) -> String {
    let named = surface.marks.iter().filter_map(|(name, at)| {
        let begin = place(&surface.x, at[0])?;
        let end = across.iter().find(|next| **next > begin).copied().unwrap_or(surface.x.len());
        Some((begin, end, in_words(name)))
    });
    let named: Vec<(usize, usize, String)> = named.collect();
    if map.block_names(&named) {
        return String::new();
    }
    let names: Vec<String> = named
        .into_iter()
        .map(|(begin, _, name)| format!("{name} from {}", fixed(surface.x[begin], 0)))
        .collect();
    format!(" Blocks: {}.", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_begin_where_epochs_begin_again_and_at_marks() {
        assert_eq!(blocks(&[0.0, 5.0, 10.0, 0.0, 5.0, 10.0], [].into_iter()), [0, 3]);
        assert_eq!(blocks(&[1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 9.0, f64::NAN].into_iter()), [0, 2]);
        assert_eq!(blocks(&[f64::NAN, f64::NAN], [].into_iter()), [0]);
        assert_eq!(blocks(&[], [].into_iter()), [0]);
    }
}
