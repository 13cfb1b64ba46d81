//! Cells of a grid of places as things of their own: lines of text in them, an edge between two kinds of them, one that is marked.

use super::axis::{LABEL_SIZE, TICK_SIZE};
use super::font::text_width;
use super::labels::{EDGE, MARKED};
use super::map::Map;
use super::palette::Ink;
use super::scene::{Anchor, Dash, Mark, Region};

/// Text stays so far from a cell's sides, edges included.
const MARGIN: f64 = 5.0;
/// Size of the lines after the first.
const SMALL: f64 = 10.5;

impl Map {
    /// The box of a place, counted row by row.
    fn place(&self, place: usize) -> Region {
        let (column, row) = ((place % self.grid.x().len()) as f64, (place / self.grid.x().len()) as f64);
        let (left, right) = (self.frame.x.at(column - 0.5), self.frame.x.at(column + 0.5));
        let (top, bottom) = (self.frame.y.at(row + 0.5), self.frame.y.at(row - 0.5));
        Region { left, top, right, bottom }
    }

    /// Writes lines of text into the cells of a grid of places, the first line large: as many lines as fit into all cells. Returns
    /// how many these are; `texts` has an entry for each place, row by row, and what belongs to no cell or to one without a finite
    /// value is passed over.
    pub fn texts(&mut self, texts: &[Vec<String>]) -> usize {
        let Region { left, top, right, bottom } = self.place(0);
        let (wide, high) = (right - left - 2.0 * MARGIN, bottom - top - 2.0 * MARGIN);
        let size = |line: usize| if line == 0 { LABEL_SIZE } else { SMALL };
        let widest = |line: usize| {
            let all = texts.iter().filter_map(|text| text.get(line));
            all.map(|text| 1.04 * text_width(text, size(line))).fold(0.0, f64::max)
        };
        let tall = |lines: usize| (0..lines).map(|line| 1.15 * size(line)).sum::<f64>();
        let most = texts.iter().map(Vec::len).max().unwrap_or(0);
        let fits = |lines: usize| tall(lines) <= high && (0..lines).all(|line| widest(line) <= wide);
        let lines = (1..=most).take_while(|lines| fits(*lines)).last().unwrap_or(0);
        for (place, text) in texts.iter().enumerate().take(self.grid.values().len()) {
            let Some(ground) = self.shades.ink(self.grid.values()[place]) else { continue };
            let Region { left, top, right, bottom } = self.place(place);
            let own = lines.min(text.len());
            // Digits stand on the baseline and reach to some 0.72 of their size above it.
            let mut y = (top + bottom - tall(own)) / 2.0 + 0.07 * LABEL_SIZE;
            for (line, text) in text.iter().take(own).enumerate() {
                let at = ((left + right) / 2.0, y + 0.86 * size(line));
                self.scene.text(at, text, size(line), ground.opposite(), Anchor::Middle);
                y += 1.15 * size(line);
            }
        }
        lines
    }

    /// Draws a thick line between neighbouring cells of which one is inside and the other not, row by row; a place of neither kind
    /// has none around it. Returns how many sides of cells it has.
    pub fn edge(&mut self, inside: &[Option<bool>]) -> usize {
        let columns = self.grid.x().len();
        let of = |place: usize| inside.get(place).copied().flatten();
        let parted = |a: usize, b: usize| of(a).zip(of(b)).is_some_and(|(a, b)| a != b);
        let mut sides = Vec::new();
        for place in 0..self.grid.values().len() {
            let Region { left, top, right, bottom } = self.place(place);
            if (place + 1) % columns != 0 && parted(place, place + 1) {
                sides.push(vec![(right, top), (right, bottom)]);
            }
            if parted(place, place + columns) {
                sides.push(vec![(left, top), (right, top)]);
            }
        }
        // Round ends reach as far as to the outline and not over it.
        let Region { left, top, right, bottom } = self.frame.region();
        let cap = EDGE[0].1 / 2.0;
        for (x, y) in sides.iter_mut().flatten() {
            (*x, *y) = (x.clamp(left + cap, right - cap), y.clamp(top + cap, bottom - cap));
        }
        for (ink, width) in EDGE {
            let line = |side: &Vec<(f64, f64)>| Mark::Line {
                points: side.clone(),
                ink,
                width,
                opacity: 1.0,
                dash: Dash::Solid,
            };
            self.scene.marks.extend(sides.iter().map(line));
        }
        sides.len()
    }

    /// Marks a cell in its upper right corner; false, and nothing drawn, where it is too small.
    pub fn mark_cell(&mut self, place: usize) -> bool {
        let Region { left, top, right, bottom } = self.place(place);
        let (marker, radius) = MARKED;
        let inset = 1.3 * radius + MARGIN;
        let fits = right - left >= 4.0 * inset && bottom - top >= 2.0 * inset + TICK_SIZE;
        if fits {
            let at = (right - inset, top + inset);
            self.scene.marks.push(Mark::Rimmed { at, marker, radius, ink: Ink::White, rim: Ink::Black });
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Grid, Key, Scene};

    fn map(columns: usize, rows: usize) -> Map {
        let values = (0..columns * rows).map(|i| i as f64).collect();
        let grid = Grid::of_places(columns, rows, values).unwrap();
        Map::new(460.0, "", "", grid, ("", ""), Some([Vec::new(), Vec::new()]))
    }

    fn texts(scene: &Scene) -> Vec<(&str, f64, f64)> {
        let text = |mark| match mark {
            &Mark::Text { ref text, at, size, .. } if size != TICK_SIZE => Some((text.as_str(), at.1, size)),
            _ => None,
        };
        scene.marks.iter().filter_map(text).filter(|(text, ..)| !text.is_empty()).collect()
    }

    #[test]
    fn as_many_lines_are_written_as_fit_into_every_cell() {
        let lines =
            |text: &[&str], n: usize| vec![text.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>(); n];
        let mut wide = map(2, 2);
        assert_eq!(wide.texts(&lines(&["94.4", "± 0.1"], 4)), 2);
        let scene = wide.scene();
        let all = texts(&scene);
        assert_eq!(all.len(), 8);
        let [(first, above, large), (second, below, small)] = [all[0], all[1]];
        assert!((first, second) == ("94.4", "± 0.1") && above + 8.0 < below && large > small, "{all:?}");
        let (left, right) = (map(2, 2).place(0), map(2, 2).place(1));
        let middle = (left.top + left.bottom) / 2.0;
        assert!((above - 0.36 * large - middle).abs() < 14.0 && right.left == left.right);
        let mut long = map(4, 2);
        assert_eq!(long.texts(&lines(&["94.4", "± 0.1 of very many seeds"], 8)), 1);
        assert_eq!(map(40, 40).texts(&lines(&["94.4"], 1600)), 0);
        assert_eq!(map(2, 2).texts(&[]), 0);
    }

    #[test]
    fn an_edge_runs_between_what_is_inside_and_what_is_not() {
        let count = |inside: &[Option<bool>]| {
            let mut map = map(3, 2);
            let before = map.scene.marks.len();
            let sides = map.edge(inside);
            assert_eq!(map.scene.marks.len() - before, 2 * sides, "a rim and a line each");
            sides
        };
        let (yes, no) = (Some(true), Some(false));
        // The first row is the lower one.
        assert_eq!(count(&[yes, yes, no, yes, no, no]), 3);
        assert_eq!(count(&[yes, yes, None, yes, None, no]), 0, "what is not known has no edge");
        assert_eq!(count(&[yes; 6]), 0);
        let mut map = map(3, 2);
        map.edge(&[yes, yes, yes, no, no, no]);
        let level = (map.place(0).top, map.place(3).bottom);
        let points = map.scene.marks.iter().rev().find_map(|mark| match mark {
            Mark::Line { points, ink: Ink::Black, .. } => Some(points.clone()),
            _ => None,
        });
        assert!(points.unwrap().iter().all(|(_, y)| *y == level.0 && *y == level.1));
    }

    #[test]
    fn one_cell_is_marked_where_there_is_room_and_keys_say_what_stands_there() {
        let mut wide = map(3, 3);
        assert!(wide.mark_cell(4));
        let middle = wide.place(4);
        let at = wide.scene.marks.iter().find_map(|mark| match mark {
            Mark::Rimmed { at, .. } => Some(*at),
            _ => None,
        });
        assert!(middle.holds(&Region::around(at.unwrap(), MARKED.1)));
        let before = wide.scene.height;
        wide.keys(&[("edge of the basin", Ink::Black, Key::Edge), ("best", Ink::Black, Key::Marked)]);
        assert!(wide.scene.height > before);
        assert!(!map(40, 40).mark_cell(0));
    }
}
