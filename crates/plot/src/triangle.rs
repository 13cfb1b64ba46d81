//! Values at the points of a barycentric grid as a whole figure: a triangle of cells, a bar of colours, names at its corners.

use super::axis::{LABEL_SIZE, fitting};
use super::grid::HATCH;
use super::labels::{Key, keys};
use super::map::{LEVELS, RIGHT};
use super::palette::Ink;
use super::scene::{Anchor, Dash, Mark, Region, Scene};
use super::shades::Shades;
use crate::PlotError;
use std::collections::BTreeMap;

/// Left of the triangle, and what stands above it and below: the names of its corners.
const LEFT: f64 = 30.0;
const TOP: f64 = 56.0;
const BELOW: f64 = 28.0;
/// Height of a triangle whose sides are one.
const HEIGHT: f64 = 0.866_025_403_784_438_6;
/// Points on a side up to which each is shown as a dot.
const DOTTED: usize = 21;

/// Weights of the three corners, in steps of the grid.
type Weights = [f64; 3];
/// Corners of a polygon, in pixels.
type Polygon = Vec<(f64, f64)>;

/// From the point of a cell to its corners, in order: the middles of the six small triangles around the point.
const AROUND: [Weights; 6] = {
    let (one, two) = (1.0 / 3.0, 2.0 / 3.0);
    [
        [-two, one, one],
        [-one, -one, two],
        [one, -two, one],
        [two, -one, -one],
        [one, one, -two],
        [-one, two, -one],
    ]
};

/// A triangle in the making.
#[derive(Clone, Debug)]
pub struct Triangle {
    scene: Scene,
    shades: Shades,
    gaps: usize,
}

impl Triangle {
    /// Draws `values` at the `side`·(`side` + 1)/2 points of a grid with `side` points on each side, row by row: the first row from
    /// the first corner at the lower left to the second at the lower right, the last at the third above them. Each point is a cell of
    /// one colour, the places of the triangle that are nearest to it; up to 21 points a side it is a dot, too. Colours are those of
    /// [`Shades::of`], or of [`Shades::around_zero`] where amounts are `signed`. `name` is what they show, `title` the scene's; `width`
    /// in pixels, at least 200.
    ///
    /// # Errors
    /// [`PlotError::Triangle`] for another number of values, or fewer than two points on a side.
    pub fn new(
        width: f64,
        title: &str,
        name: &str,
        corners: [&str; 3],
        (side, values): (usize, &[f64]),
        signed: bool,
    ) -> Result<Self, PlotError> {
        let expected = side.checked_add(1).and_then(|next| side.checked_mul(next)).map(|twice| twice / 2);
        if side < 2 || expected != Some(values.len()) {
            return Err(PlotError::Triangle { side, values: values.len() });
        }
        let width = width.max(200.0);
        let steps = side - 1;
        let plot = Plot { steps: steps as f64, wide: width - LEFT - RIGHT };
        let all = values.iter().copied();
        let shades = if signed { Shades::around_zero(all, LEVELS) } else { Shades::of(all, LEVELS) };
        let mut scene = Scene::new(width, 0.0, title);
        let size = fitting(name, LABEL_SIZE, width - LEFT - 14.0);
        scene.text((LEFT, 15.0), name, size, Ink::Text, Anchor::Start);

        let points = (0..=steps).flat_map(|up| (0..=steps - up).map(move |across| (across, up)));
        let weights = points.map(|(across, up)| [steps - across - up, across, up].map(|steps| steps as f64));
        let mut cells: BTreeMap<Option<Ink>, Vec<Polygon>> = BTreeMap::new();
        let mut dots: BTreeMap<Ink, Vec<Polygon>> = BTreeMap::new();
        for (at, value) in weights.zip(values) {
            let ink = shades.ink(*value);
            cells.entry(ink).or_default().push(cell(at).into_iter().map(|at| plot.pixel(at)).collect());
            let (x, y) = plot.pixel(at);
            let dot = [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)].map(|(dx, dy)| (x + dx, y + dy));
            dots.entry(ink.map_or(Ink::Muted, Ink::opposite)).or_default().push(dot.to_vec());
        }
        let gaps = cells.get(&None).map_or(0, Vec::len);
        for (ink, tiles) in cells {
            match ink {
                Some(ink) => scene.marks.push(Mark::Tiles { tiles, ink }),
                None => {
                    let lines = tiles.iter().flat_map(lines_across).collect();
                    scene.marks.push(Mark::Tiles { tiles, ink: Ink::Grid });
                    scene.marks.push(Mark::Strokes { lines, ink: Ink::Muted, width: 1.0, opacity: 0.9 });
                }
            }
        }
        if side <= DOTTED {
            scene.marks.extend(dots.into_iter().map(|(ink, tiles)| Mark::Tiles { tiles, ink }));
        }
        let mut triangle = Self { scene, shades, gaps };
        triangle.around(&plot, corners);
        Ok(triangle)
    }

    /// The outline, the names of the corners, the bar and what is said below.
    fn around(&mut self, plot: &Plot, corners: [&str; 3]) {
        let scene = &mut self.scene;
        let ends = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let ends = ends.map(|end| plot.pixel(end.map(|weight| weight * plot.steps)));
        let [first, second, third] = ends;
        let points = vec![first, second, third, first];
        scene.marks.push(Mark::Line { points, ink: Ink::Axis, width: 1.0, opacity: 1.0, dash: Dash::Solid });
        let below = 7.0 + 0.75 * LABEL_SIZE;
        for ((x, y), (name, down)) in ends.into_iter().zip(corners.into_iter().zip([below, below, -8.0])) {
            let (at, text) = ((x, y + down), name.to_owned());
            let (size, ink, anchor) = (LABEL_SIZE, Ink::Text, Anchor::Middle);
            scene.marks.push(Mark::Text { at, text, size, ink, anchor, bold: true, upright: false });
        }
        let (left, bottom) = (second.0 + 10.0, second.1);
        self.shades.bar(scene, Region { left, top: TOP, right: left + 12.0, bottom });
        scene.height = bottom + BELOW;
        if self.gaps > 0 {
            let entry = [("no finite value", Ink::Muted, Key::Hatched)];
            scene.height += keys(scene, &entry, (LEFT, bottom + BELOW), scene.width - 14.0) + 6.0;
        }
    }

    /// The scale of its colours.
    pub fn shades(&self) -> &Shades {
        &self.shades
    }

    /// How many values are not finite.
    pub fn without_number(&self) -> usize {
        self.gaps
    }

    /// The figure.
    pub fn scene(self) -> Scene {
        self.scene
    }
}

/// Where the triangle stands.
struct Plot {
    steps: f64,
    wide: f64,
}

impl Plot {
    fn pixel(&self, [_, second, third]: Weights) -> (f64, f64) {
        let step = self.wide / self.steps;
        (LEFT + step * (second + third / 2.0), TOP + HEIGHT * (self.wide - step * third))
    }
}

/// The corners of a point's cell: a hexagon, less what lies outside of the triangle.
fn cell(at: Weights) -> Vec<Weights> {
    let mut corners: Vec<Weights> =
        AROUND.iter().map(|to| [0, 1, 2].map(|corner| at[corner] + to[corner])).collect();
    for side in 0..3 {
        let mut kept = Vec::new();
        for (place, from) in corners.iter().enumerate() {
            let to = corners[(place + 1) % corners.len()];
            if from[side] >= 0.0 {
                kept.push(*from);
            }
            if (from[side] < 0.0) != (to[side] < 0.0) {
                let share = from[side] / (from[side] - to[side]);
                kept.push([0, 1, 2].map(|corner| from[corner] + share * (to[corner] - from[corner])));
            }
        }
        corners = kept;
    }
    corners
}

/// The lines x + y = k · [`HATCH`] inside a convex polygon.
fn lines_across(tile: &Polygon) -> Vec<Polygon> {
    let sums = || tile.iter().map(|(x, y)| x + y);
    let (low, high) = (sums().fold(f64::INFINITY, f64::min), sums().fold(f64::NEG_INFINITY, f64::max));
    let line = |k: i64| {
        let sum = k as f64 * HATCH;
        let crossing = |place: usize| {
            let ((x, y), (to_x, to_y)) = (tile[place], tile[(place + 1) % tile.len()]);
            let (from, to) = (x + y - sum, to_x + to_y - sum);
            let share = from / (from - to);
            ((from < 0.0) != (to < 0.0)).then_some((x + share * (to_x - x), y + share * (to_y - y)))
        };
        (0..tile.len()).filter_map(crossing).collect::<Polygon>()
    };
    let lines = ((low / HATCH).ceil() as i64..=(high / HATCH).floor() as i64).map(line);
    lines.filter(|line| line.len() == 2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reader, svg};

    fn drawn(side: usize, value: impl Fn(f64, f64) -> f64, signed: bool) -> Triangle {
        let steps = side - 1;
        let rows = (0..=steps).flat_map(|up| (0..=steps - up).map(move |across| (across, up)));
        let share = |at: usize| at as f64 / steps as f64;
        let values: Vec<f64> = rows.map(|(across, up)| value(share(across), share(up))).collect();
        Triangle::new(460.0, "t", "q", ["1", "2", "3"], (side, &values), signed).unwrap()
    }

    fn tiles(scene: &Scene) -> Vec<(Ink, &Polygon)> {
        let of = |mark| match mark {
            &Mark::Tiles { ref tiles, ink } => tiles.iter().map(|tile| (ink, tile)).collect(),
            _ => Vec::new(),
        };
        scene.marks.iter().flat_map(of).collect()
    }

    fn area(polygon: &[(f64, f64)]) -> f64 {
        let next = polygon.iter().cycle().skip(1);
        polygon.iter().zip(next).map(|((x, y), (u, v))| x * v - u * y).sum::<f64>().abs() / 2.0
    }

    #[test]
    fn cells_fill_the_triangle_and_stay_inside() {
        for side in [2, 3, 8, 31] {
            let scene = drawn(side, |x, y| x + y, false).scene();
            let dots = if side <= DOTTED { side * (side + 1) / 2 } else { 0 };
            let all = tiles(&scene);
            let cells: Vec<&Polygon> = all[..all.len() - dots].iter().map(|(_, tile)| *tile).collect();
            assert_eq!(cells.len(), side * (side + 1) / 2);
            let wide = 460.0 - LEFT - RIGHT;
            let whole = HEIGHT * wide * wide / 2.0;
            let sum: f64 = cells.iter().map(|tile| area(tile)).sum();
            assert!((sum - whole).abs() < 1e-6 * whole, "{side}: {sum} of {whole}");
            // From the sides of the triangle nothing sticks out.
            let bottom = TOP + HEIGHT * wide;
            for (x, y) in cells.iter().flat_map(|tile| tile.iter()) {
                let in_from_sides = (bottom - y) / HEIGHT / 2.0;
                assert!(*y <= bottom + 1e-9 && *x >= LEFT + in_from_sides - 1e-9, "{side}: ({x}, {y})");
                assert!(*x <= LEFT + wide - in_from_sides + 1e-9, "{side}: ({x}, {y})");
            }
        }
    }

    #[test]
    fn the_first_value_lies_at_the_lower_left_and_the_last_above() {
        let scene = drawn(3, |x, y| x + 2.0 * y, false).scene();
        let at = |ink: Ink| {
            let (_, tile) = tiles(&scene).into_iter().find(|(own, _)| *own == ink).unwrap();
            tile.iter()
                .fold((0.0, 0.0), |(x, y), at| (x + at.0 / tile.len() as f64, y + at.1 / tile.len() as f64))
        };
        let (first, last) = (at(Ink::Amount(0)), at(Ink::Amount(63)));
        assert!(first.0 < 90.0 && first.1 > 320.0, "{first:?}");
        assert!((last.0 - (LEFT + (460.0 - LEFT - RIGHT) / 2.0)).abs() < 1e-6 && last.1 < 130.0, "{last:?}");
        let named = scene.marks.iter().filter_map(|mark| match mark {
            Mark::Text { text, bold: true, at, .. } => Some((text.as_str(), *at)),
            _ => None,
        });
        let named: Vec<(&str, (f64, f64))> = named.collect();
        assert_eq!(named.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["1", "2", "3"]);
        assert!(named[0].1.0 < named[2].1.0 && named[2].1.0 < named[1].1.0 && named[2].1.1 < named[0].1.1);
    }

    #[test]
    fn signed_amounts_part_at_zero_and_what_is_no_number_is_hatched() {
        let q = |x: f64, y: f64| match x == 0.5 && y == 0.0 {
            true => f64::NAN,
            false => -x * y,
        };
        let triangle = drawn(5, q, true);
        assert_eq!(triangle.without_number(), 1);
        let inks: Vec<Ink> =
            triangle.shades().ink(-0.25).into_iter().chain(triangle.shades().ink(0.0)).collect();
        assert_eq!(inks, [Ink::Around(-31), Ink::Around(0)]);
        let text = svg(&triangle.scene(), Reader::File);
        assert!(text.contains(">no finite value<") && !text.contains("NaN"), "{text}");
        assert!(svg(&drawn(31, |x, y| x * y, true).scene(), Reader::Page).len() < 80_000);
    }

    #[test]
    fn hatching_stays_inside_its_cell() {
        let square = vec![(10.0, 20.0), (30.0, 20.0), (30.0, 40.0), (10.0, 40.0)];
        let lines = lines_across(&square);
        assert!(lines.len() >= 5);
        let inside = |(x, y): &(f64, f64)| (10.0..=30.0).contains(x) && (20.0..=40.0).contains(y);
        assert!(lines.iter().flatten().all(inside), "{lines:?}");
    }

    #[test]
    fn what_does_not_fill_the_triangle_is_refused() {
        for (side, values) in [(3, 5), (1, 1), (0, 0), (usize::MAX, 3)] {
            let error = Triangle::new(460.0, "", "", ["", "", ""], (side, &vec![0.0; values]), false);
            assert_eq!(error.unwrap_err(), PlotError::Triangle { side, values });
        }
    }
}
