//! Values over a rectangular grid, drawn as cells: the amounts by their colours, and what is not a number hatched.

use super::axis::Frame;
use super::palette::Ink;
use super::scene::{Mark, Region, Scene};
use super::shades::Shades;
use crate::PlotError;
use std::collections::BTreeMap;

/// Distance between the lines of a hatching, in pixels along an axis.
pub(super) const HATCH: f64 = 6.0;

/// A value at each point of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    x: Vec<f64>,
    y: Vec<f64>,
    values: Vec<f64>,
    /// Places that have no cell, in order.
    without: Vec<usize>,
}

impl Grid {
    /// Values at the points `(x[i], y[j])`: `[y, x]`, the row of `y[0]` first. Coordinates rise; values may be any.
    ///
    /// # Errors
    /// [`PlotError::Shape`] when the values do not fill the grid or there are none, [`PlotError::Order`] for coordinates that
    /// are not finite or do not rise.
    pub fn new(x: Vec<f64>, y: Vec<f64>, values: Vec<f64>) -> Result<Self, PlotError> {
        if x.len().checked_mul(y.len()) != Some(values.len()) || values.is_empty() {
            return Err(PlotError::Shape { x: x.len(), y: y.len(), values: values.len() });
        }
        for (axis, at) in [('x', &x), ('y', &y)] {
            let falls = |&place: &usize| !at[place].is_finite() || place > 0 && at[place] <= at[place - 1];
            if let Some(place) = (0..at.len()).find(falls) {
                return Err(PlotError::Order { axis, place });
            }
        }
        Ok(Self { x, y, values, without: Vec::new() })
    }

    /// Values at the places 0, 1, 2, …: a matrix `[rows, columns]`.
    ///
    /// # Errors
    /// [`PlotError::Shape`] as [`Grid::new`].
    pub fn of_places(columns: usize, rows: usize, values: Vec<f64>) -> Result<Self, PlotError> {
        let places = |n: usize| (0..n).map(|i| i as f64).collect();
        if columns.checked_mul(rows) != Some(values.len()) {
            return Err(PlotError::Shape { x: columns, y: rows, values: values.len() });
        }
        Self::new(places(columns), places(rows), values)
    }

    /// Leaves out these places, counted row by row: they have no value and no cell, and their ground stays empty.
    #[must_use]
    pub fn without(mut self, places: impl IntoIterator<Item = usize>) -> Self {
        self.without.extend(places.into_iter().filter(|place| *place < self.values.len()));
        self.without.sort_unstable();
        self.without.dedup();
        self.without.iter().for_each(|place| self.values[*place] = f64::NAN);
        self
    }

    /// Coordinates of the points along the horizontal axis.
    pub fn x(&self) -> &[f64] {
        &self.x
    }

    /// Coordinates of the points along the vertical axis.
    pub fn y(&self) -> &[f64] {
        &self.y
    }

    /// All values, row by row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The same grid with each value replaced.
    #[must_use]
    pub fn map(&self, of: impl Fn(f64) -> f64) -> Self {
        Self { values: self.values.iter().map(|value| of(*value)).collect(), ..self.clone() }
    }

    /// The outer edges of the first and the last cells, along x and along y.
    pub fn extent(&self) -> ((f64, f64), (f64, f64)) {
        let ends = |at: &[f64]| {
            let edges = edges(at);
            (edges[0], edges[edges.len() - 1])
        };
        (ends(&self.x), ends(&self.y))
    }

    /// How many values are not finite, places that are left out apart.
    pub fn without_number(&self) -> usize {
        self.values.iter().filter(|value| !value.is_finite()).count() - self.without.len()
    }

    /// How many places have a cell.
    pub fn cells(&self) -> usize {
        self.values.len() - self.without.len()
    }

    /// Draws every point as a cell that reaches half-way to its neighbours. Cells of one colour are one path, neighbours in a
    /// row one box, so that the drawing is small. Cells without a finite number are grey and hatched; places that are left out
    /// show the ground.
    pub fn draw(&self, scene: &mut Scene, frame: &Frame, shades: &Shades) {
        let across: Vec<f64> = edges(&self.x).into_iter().map(|x| frame.x.at(x)).collect();
        let up: Vec<f64> = edges(&self.y).into_iter().map(|y| frame.y.at(y)).collect();
        let mut boxes: BTreeMap<Kind, Vec<Region>> = BTreeMap::new();
        let columns = self.x.len();
        for (row, values) in self.values.chunks(columns).enumerate() {
            let kind = |(column, value): (usize, &f64)| match shades.ink(*value) {
                Some(ink) => Kind::Amount(ink),
                None if self.without.binary_search(&(row * columns + column)).is_ok() => Kind::Absent,
                None => Kind::NoNumber,
            };
            let kinds: Vec<Kind> = values.iter().enumerate().map(kind).collect();
            let mut begin = 0;
            for run in kinds.chunk_by(|a, b| a == b) {
                let end = begin + run.len();
                let (left, right) = (across[begin].min(across[end]), across[begin].max(across[end]));
                let (top, bottom) = (up[row].min(up[row + 1]), up[row].max(up[row + 1]));
                boxes.entry(run[0]).or_default().push(Region { left, top, right, bottom });
                begin = end;
            }
        }
        for (kind, boxes) in boxes {
            match kind {
                // Over the frame's lines.
                Kind::Absent => scene.marks.push(Mark::Cells { boxes, ink: Ink::Paper }),
                Kind::NoNumber => hatch(scene, boxes),
                Kind::Amount(ink) => scene.marks.push(Mark::Cells { boxes, ink }),
            }
        }
    }
}

/// What a place shows, in the order in which it is drawn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Absent,
    NoNumber,
    Amount(Ink),
}

/// Half-way between neighbours; as far beyond the ends.
fn edges(at: &[f64]) -> Vec<f64> {
    let (first, last) = (at[0], at[at.len() - 1]);
    let half = |pair: Option<&[f64]>| pair.map_or(0.5, |pair| (pair[1] - pair[0]) / 2.0);
    let mut windows = at.windows(2);
    let (begin, end) = (half(windows.next()), half(at.windows(2).next_back()));
    let between = at.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
    [first - begin].into_iter().chain(between).chain([last + end]).collect()
}

/// Grey boxes with lines across, which meet from box to box.
pub(crate) fn hatch(scene: &mut Scene, boxes: Vec<Region>) {
    let lines = boxes.iter().flat_map(lines_across).collect();
    scene.marks.push(Mark::Cells { boxes, ink: Ink::Grid });
    scene.marks.push(Mark::Strokes { lines, ink: Ink::Muted, width: 1.0, opacity: 0.9 });
}

/// The lines x + y = k · [`HATCH`] inside a box.
fn lines_across(of: &Region) -> Vec<Vec<(f64, f64)>> {
    let Region { left, top, right, bottom } = *of;
    let (first, last) = (((left + top) / HATCH).ceil() as i64, ((right + bottom) / HATCH).floor() as i64);
    let line = |k: i64| {
        let sum = k as f64 * HATCH;
        let (from, to) = ((sum - bottom).max(left), (sum - top).min(right));
        vec![(from, sum - from), (to, sum - to)]
    };
    (first..=last).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scale;

    fn frame(grid: &Grid) -> Frame {
        let ((left, right), (low, high)) = grid.extent();
        Frame {
            x: Scale::linear([left, right].into_iter(), 0.0, (0.0, 100.0), 5),
            y: Scale::linear([low, high].into_iter(), 0.0, (100.0, 0.0), 5),
        }
    }

    #[test]
    fn a_cell_reaches_half_way_to_its_neighbours() {
        assert_eq!(edges(&[0.0, 1.0, 3.0]), [-0.5, 0.5, 2.0, 4.0]);
        assert_eq!(edges(&[2.0]), [1.5, 2.5]);
    }

    #[test]
    fn what_does_not_fill_the_grid_or_does_not_rise_is_refused() {
        let of = |x: &[f64], y: &[f64], n: usize| Grid::new(x.to_vec(), y.to_vec(), vec![0.0; n]);
        assert_eq!(of(&[0.0, 1.0], &[0.0], 3), Err(PlotError::Shape { x: 2, y: 1, values: 3 }));
        assert_eq!(of(&[], &[], 0), Err(PlotError::Shape { x: 0, y: 0, values: 0 }));
        assert_eq!(of(&[0.0, 0.0], &[0.0], 2), Err(PlotError::Order { axis: 'x', place: 1 }));
        assert_eq!(of(&[0.0], &[f64::NAN], 1), Err(PlotError::Order { axis: 'y', place: 0 }));
        assert!(Grid::of_places(usize::MAX, 2, Vec::new()).is_err());
        assert!(of(&[0.0], &[0.0], 1).is_ok(), "a grid of one point is one");
    }

    #[test]
    fn neighbours_of_one_colour_are_one_box_and_what_is_no_number_is_hatched() {
        let values = vec![0.0, 0.0, 1.0, 0.0, f64::NAN, f64::INFINITY];
        let grid = Grid::of_places(3, 2, values).unwrap();
        let shades = Shades::of(grid.values().iter().copied(), 5);
        let mut scene = Scene::new(100.0, 100.0, "");
        grid.draw(&mut scene, &frame(&grid), &shades);
        let cells: Vec<(Ink, usize)> = scene
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Cells { boxes, ink } => Some((*ink, boxes.len())),
                _ => None,
            })
            .collect();
        assert_eq!(cells, [(Ink::Grid, 1), (Ink::Amount(0), 2), (Ink::Amount(63), 1)]);
        assert_eq!(grid.without_number(), 2);
        // The row of y = 0 lies at the bottom.
        let hatched = scene.marks.iter().find_map(|mark| match mark {
            Mark::Cells { boxes, ink: Ink::Grid } => Some(boxes[0]),
            _ => None,
        });
        let hatched = hatched.unwrap();
        assert!((hatched.top, hatched.bottom) == (0.0, 50.0) && hatched.right == 100.0, "{hatched:?}");
    }

    #[test]
    fn places_that_are_left_out_show_the_ground_and_are_no_gaps() {
        let grid = Grid::of_places(2, 2, vec![0.0, f64::NAN, 5.0, 1.0]).unwrap().without([2, 2, 9]);
        assert_eq!((grid.without_number(), grid.cells()), (1, 3));
        let shades = Shades::of(grid.values().iter().copied(), 5);
        let mut scene = Scene::new(100.0, 100.0, "");
        grid.draw(&mut scene, &frame(&grid), &shades);
        let cells = scene.marks.iter().filter_map(|mark| match mark {
            Mark::Cells { boxes, ink } => Some((*ink, boxes[0].left, boxes[0].top)),
            _ => None,
        });
        let amounts = [(Ink::Amount(0), 0.0, 50.0), (Ink::Amount(63), 50.0, 0.0)];
        let expected = [(Ink::Paper, 0.0, 0.0), (Ink::Grid, 50.0, 50.0)].into_iter().chain(amounts);
        assert!(cells.eq(expected), "the 5 that is left out has no part in the colours");
    }

    #[test]
    fn a_hatching_stays_inside_its_box() {
        let of = Region { left: 10.0, top: 20.0, right: 31.0, bottom: 27.0 };
        let lines = lines_across(&of);
        assert!(lines.len() >= 4);
        let inside = |&(x, y): &(f64, f64)| (10.0..=31.0).contains(&x) && (19.999..=27.001).contains(&y);
        assert!(lines.iter().flatten().all(inside), "{lines:?}");
    }
}
