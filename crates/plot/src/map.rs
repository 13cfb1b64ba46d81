//! A grid as a whole figure: cells, axes, a bar of colours, lines of equal value, marks, blocks and numbers.

use super::axis::{Frame, LABEL_SIZE, TICK_SIZE, fitting};
use super::contour::contours;
use super::font::text_width;
use super::grid::Grid;
use super::labels::{Key, Room, keys};
use super::number::fixed;
use super::palette::{Ink, Marker};
use super::scale::Scale;
use super::scene::{Anchor, Mark, Region, Scene};
use super::shades::Shades;

/// Left edge of the cells, right of the vertical axis' labels.
pub(super) const LEFT: f64 = 60.0;
/// Their top edge, below the name of what the colours show.
pub(super) const TOP: f64 = 38.0;
/// Right of the cells: the bar of colours with its labels.
pub(super) const RIGHT: f64 = 82.0;
/// Ticks of the bar of colours, which are the levels of lines.
pub(super) const LEVELS: usize = 7;
/// Radius of marks.
const RADIUS: f64 = 5.0;

/// Positions along an axis with their labels.
pub type Ticks = Vec<(f64, String)>;

/// A heat map in the making.
#[derive(Clone, Debug)]
pub struct Map {
    pub(super) scene: Scene,
    pub(super) frame: Frame,
    pub(super) shades: Shades,
    pub(super) grid: Grid,
}

impl Map {
    /// Draws the cells, the axes and the bar of colours, `width` pixels wide in all, at least 200. The height follows the grid's
    /// extent, so that a step is as long upwards as across, within what fits a page. `name` is what the colours show, `title` the
    /// scene's; `ticks` stand where labels are not the coordinates themselves.
    pub fn new(
        width: f64,
        title: &str,
        name: &str,
        grid: Grid,
        names: (&str, &str),
        ticks: Option<[Ticks; 2]>,
    ) -> Self {
        let shades = Shades::of(grid.values().iter().copied(), LEVELS);
        Self::shaded(width, title, name, grid, shades, names, ticks)
    }

    /// As [`Map::new`], with colours that part at zero.
    pub fn around_zero(
        width: f64,
        title: &str,
        name: &str,
        grid: Grid,
        names: (&str, &str),
        ticks: Option<[Ticks; 2]>,
    ) -> Self {
        let shades = Shades::around_zero(grid.values().iter().copied(), LEVELS);
        Self::shaded(width, title, name, grid, shades, names, ticks)
    }

    fn shaded(
        width: f64,
        title: &str,
        name: &str,
        grid: Grid,
        shades: Shades,
        (name_x, name_y): (&str, &str),
        ticks: Option<[Ticks; 2]>,
    ) -> Self {
        let ((x0, x1), (y0, y1)) = grid.extent();
        let width = width.max(200.0);
        let wide = width - LEFT - RIGHT;
        let high = (wide * (y1 - y0) / (x1 - x0)).clamp(0.4 * wide, 1.15 * wide);
        let (right, bottom) = (LEFT + wide, TOP + high);
        let mut frame = Frame {
            x: Scale::linear([x0, x1].into_iter(), 0.0, (LEFT, right), 5),
            y: Scale::linear([y0, y1].into_iter(), 0.0, (bottom, TOP), 5),
        };
        if let Some([x, y]) = ticks {
            (frame.x.ticks, frame.y.ticks) = (x, y);
        }
        let mut scene = Scene::new(width, 0.0, title);
        frame.draw(&mut scene);
        grid.draw(&mut scene, &frame, &shades);
        let size = fitting(name, LABEL_SIZE, width - LEFT - 14.0);
        scene.text((LEFT, 15.0), name, size, Ink::Text, Anchor::Start);
        frame.name_x(&mut scene, name_x);
        Frame::name_y(&mut scene, name_y, (TOP, bottom));
        shades.bar(&mut scene, Region { left: right + 10.0, top: TOP, right: right + 22.0, bottom });
        scene.height = bottom + 46.0;
        let hatched = grid.without_number() > 0;
        let mut map = Self { scene, frame, shades, grid };
        if hatched {
            map.keys(&[("no finite value", Ink::Muted, Key::Hatched)]);
        }
        map
    }

    /// Says below the map what stands on it, in rows of keys.
    pub fn keys(&mut self, entries: &[(&str, Ink, Key)]) {
        let (below, right) = ((LEFT, self.scene.height), self.scene.width - 14.0);
        self.scene.height += keys(&mut self.scene, entries, below, right);
    }

    /// The width of a cell of a grid of places that is drawn this wide.
    pub fn cell(width: f64, columns: usize) -> f64 {
        (width.max(200.0) - LEFT - RIGHT) / columns.max(1) as f64
    }

    /// The scale of its colours.
    pub fn shades(&self) -> &Shades {
        &self.shades
    }

    /// What it shows.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Draws lines of equal value where the bar has its ticks, light on dark and dark on light. On a logarithmic scale they are
    /// found between logarithms, as the colours are.
    pub fn lines(&mut self) {
        let shares = self.grid.map(|value| self.shades.share(value));
        for (level, _) in self.shades.levels() {
            let pixels = |&(x, y): &(f64, f64)| (self.frame.x.at(x), self.frame.y.at(y));
            let lines = contours(&shares, self.shades.share(*level)).into_iter().map(|line| {
                let ends = line.points.iter().chain(line.points.first().filter(|_| line.closed));
                ends.map(pixels).collect()
            });
            let lines: Vec<Vec<(f64, f64)>> = lines.collect();
            if let (Some(ground), false) = (self.shades.ink(*level), lines.is_empty()) {
                let ink = ground.opposite();
                self.scene.marks.push(Mark::Strokes { lines, ink, width: 1.1, opacity: 0.75 });
            }
        }
    }

    /// Marks points with their names; returns the places of those that lie outside or whose names have no room.
    pub fn marks(&mut self, marks: &[(String, [f64; 2])]) -> Vec<usize> {
        let spots: Vec<Option<(f64, f64)>> =
            marks.iter().map(|(_, [x, y])| self.frame.point(*x, *y)).collect();
        let taken = spots.iter().flatten().map(|at| Region::around(*at, RADIUS + 2.0)).collect();
        let mut room = Room { bounds: self.frame.region(), taken };
        let (marker, radius, size) = (Marker::Circle, RADIUS, LABEL_SIZE);
        let point = |at| Mark::Rimmed { at, marker, radius, ink: Ink::White, rim: Ink::Black };
        self.scene.marks.extend(spots.iter().flatten().map(|at| point(*at)));
        let mut unnamed = Vec::new();
        for (place, ((name, _), at)) in marks.iter().zip(spots).enumerate() {
            let text = name.clone();
            match at.and_then(|at| room.find(name, &[at], true)) {
                Some((at, anchor)) => {
                    let (ink, rim) = (Ink::Black, Ink::White);
                    self.scene.marks.push(Mark::Haloed { at, text, size, ink, rim, anchor });
                }
                None => unnamed.push(place),
            }
        }
        unnamed
    }

    /// Draws white lines with dark edges, which show on every colour, before these columns and rows of a grid of places; not
    /// before the first.
    pub fn separate(&mut self, columns: &[usize], rows: &[usize]) {
        let Region { left, top, right, bottom } = self.frame.region();
        let before = |places: &[usize], scale: &Scale| -> Vec<f64> {
            let inner = places.iter().filter(|place| **place > 0).map(|place| *place as f64 - 0.5);
            inner.filter(|at| scale.contains(*at)).map(|at| scale.at(at)).collect()
        };
        let upright = before(columns, &self.frame.x).into_iter().map(|x| vec![(x, top), (x, bottom)]);
        let level = before(rows, &self.frame.y).into_iter().map(|y| vec![(left, y), (right, y)]);
        let lines: Vec<Vec<(f64, f64)>> = upright.chain(level).collect();
        if !lines.is_empty() {
            for (ink, width) in [(Ink::Black, 3.6), (Ink::White, 2.0)] {
                self.scene.marks.push(Mark::Strokes { lines: lines.clone(), ink, width, opacity: 1.0 });
            }
        }
    }

    /// Writes names above blocks of columns, each with its first column and the one after its last; false, and nothing written,
    /// where one does not fit.
    pub fn block_names(&mut self, blocks: &[(usize, usize, String)]) -> bool {
        let edge = |place: usize| self.frame.x.at(place as f64 - 0.5);
        let fits = |(from, to, name): &(usize, usize, String)| {
            text_width(name, TICK_SIZE) + 4.0 < edge(*to) - edge(*from)
        };
        if !blocks.iter().all(fits) {
            return false;
        }
        for (from, to, name) in blocks {
            let at = ((edge(*from) + edge(*to)) / 2.0, self.frame.region().top - 5.0);
            self.scene.text(at, name, TICK_SIZE, Ink::Muted, Anchor::Middle);
        }
        true
    }

    /// Writes the values into the cells of a grid of places, if all of them fit.
    pub fn numbers(&mut self, decimals: usize) {
        let (columns, rows) = (self.grid.x().len(), self.grid.y().len());
        let text = |value: f64| if value.is_finite() { fixed(value, decimals) } else { String::new() };
        let texts: Vec<String> = self.grid.values().iter().map(|value| text(*value)).collect();
        let Region { left, top, right, bottom } = self.frame.region();
        let (wide, high) = ((right - left) / columns as f64, (bottom - top) / rows as f64);
        let widest = texts.iter().map(|text| text_width(text, 10.0)).fold(0.0, f64::max);
        if widest + 4.0 > wide || high < 14.0 {
            return;
        }
        for (place, text) in texts.iter().enumerate() {
            let Some(ground) = self.shades.ink(self.grid.values()[place]) else { continue };
            let size = fitting(text, TICK_SIZE, wide - 4.0);
            let (x, y) = ((place % columns) as f64, (place / columns) as f64);
            let at = (self.frame.x.at(x), self.frame.y.at(y) + 0.35 * size);
            self.scene.text(at, text, size, ground.opposite(), Anchor::Middle);
        }
    }

    /// The figure, with an outline around its cells.
    pub fn scene(mut self) -> Scene {
        self.scene.outline(self.frame.region(), Ink::Axis);
        self.scene
    }
}

/// Ticks for a grid of places: `values` as labels, as many as have room where a cell is so wide, or so high if the axis is upright;
/// each of `blocks`, which begin at these places, begins with one.
pub fn place_ticks(values: &[f64], blocks: &[usize], cell: f64, upright: bool) -> Ticks {
    let decimals = usize::from(values.iter().any(|value| value.is_finite() && value.fract() != 0.0));
    let label = |place: usize| fixed(values[place], decimals);
    let wide = |place: usize| if upright { TICK_SIZE } else { text_width(&label(place), TICK_SIZE) };
    let need = 8.0 + (0..values.len()).map(wide).fold(0.0, f64::max);
    let fits = |step: usize| step as f64 * cell >= need;
    let mut steps = (0..9).flat_map(|power| [1, 2, 5].map(|lead| lead * 10usize.pow(power)));
    let stride = steps.find(|step| fits(*step)).unwrap_or(usize::MAX);
    let begin = |place: usize| blocks.iter().rev().find(|begin| **begin <= place).copied().unwrap_or(0);
    let next = |place: usize| blocks.iter().find(|begin| **begin > place).copied().unwrap_or(usize::MAX);
    let wanted = |place: &usize| {
        let from = begin(*place);
        // Not so close before the next block that the two labels would touch.
        (place - from).is_multiple_of(stride) && (from == *place || fits(next(*place) - place))
    };
    (0..values.len()).filter(wanted).map(|place| (place as f64, label(place))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reader, svg};

    fn bowl(n: usize, hole: f64) -> Map {
        let at: Vec<f64> = (0..n).map(|i| i as f64 / (n - 1) as f64).collect();
        let of = |x: f64, y: f64| if x + y > 1.8 { hole } else { 0.01 + 50.0 * (x * x + y * y) };
        let values = at.iter().flat_map(|y| at.iter().map(|x| of(*x, *y)).collect::<Vec<_>>()).collect();
        let grid = Grid::new(at.clone(), at.clone(), values).unwrap();
        Map::new(460.0, "a bowl", "loss, nats", grid, ("x", "y"), None)
    }

    fn texts(scene: &Scene) -> Vec<&str> {
        let text = |mark| match mark {
            &Mark::Text { ref text, .. } | &Mark::Haloed { ref text, .. } => Some(text.as_str()),
            _ => None,
        };
        scene.marks.iter().filter_map(text).collect()
    }

    #[test]
    fn a_large_map_is_a_small_file() {
        let mut map = bowl(41, f64::NAN);
        map.lines();
        assert!(map.shades().is_logarithmic());
        for reader in [Reader::Page, Reader::File] {
            let svg = svg(&map.clone().scene(), reader);
            assert!(svg.len() < 90_000, "{} bytes", svg.len());
            assert!(svg.matches("<path").count() < 400, "{} paths", svg.matches("<path").count());
            assert!(!svg.contains("NaN") && !svg.contains("inf,"), "{svg}");
        }
    }

    #[test]
    fn what_has_no_finite_value_is_told_below_the_map() {
        assert!(texts(&bowl(9, f64::INFINITY).scene()).contains(&"no finite value"));
        assert!(!texts(&bowl(9, 1.0).scene()).contains(&"no finite value"));
    }

    #[test]
    fn marks_are_named_beside_them_and_what_lies_outside_is_returned() {
        let mut map = bowl(9, 1.0);
        let marks = [("origin", [0.0, 0.0]), ("member 1", [1.0, 0.0]), ("far", [9.0, 0.0])];
        let marks = marks.map(|(name, at)| (name.to_owned(), at));
        assert_eq!(map.marks(&marks), [2]);
        let scene = map.scene();
        let names: Vec<&str> =
            texts(&scene).into_iter().filter(|text| ["origin", "member 1", "far"].contains(text)).collect();
        assert_eq!(names, ["origin", "member 1"]);
    }

    #[test]
    fn small_matrices_show_their_numbers_and_large_ones_do_not() {
        let numbers = |n: usize| {
            let values: Vec<f64> = (0..n * n).map(|i| i as f64 / 100.0).collect();
            let grid = Grid::of_places(n, n, values).unwrap();
            let mut map = Map::new(460.0, "", "", grid, ("", ""), Some([Vec::new(), Vec::new()]));
            let before = map.scene.marks.len();
            map.numbers(2);
            map.scene.marks.len() - before
        };
        assert_eq!([numbers(5), numbers(40)], [25, 0]);
    }

    #[test]
    fn blocks_are_set_apart_and_named_where_there_is_room() {
        let grid = Grid::of_places(4, 4, vec![0.5; 16]).unwrap();
        let mut map = Map::new(460.0, "", "", grid, ("", ""), None);
        map.separate(&[0, 2, 9], &[0]);
        let lines = map.scene.marks.iter().filter_map(|mark| match mark {
            Mark::Strokes { lines, .. } => Some(lines.len()),
            _ => None,
        });
        assert_eq!(lines.collect::<Vec<_>>(), [1, 1], "one line, dark and then white");
        assert!(map.block_names(&[(0, 2, "run 1".into()), (2, 4, "run 2".into())]));
        assert!(!map.block_names(&[(0, 1, "a name that is far too long for its block".into())]));
    }

    #[test]
    fn labels_of_places_keep_apart_and_every_block_begins_with_one() {
        let epochs: Vec<f64> = (0..80).map(|i| f64::from(i % 40)).collect();
        let ticks = place_ticks(&epochs, &[0, 40], Map::cell(460.0, 80), false);
        let found: Vec<(f64, &str)> = ticks.iter().map(|(at, label)| (*at, label.as_str())).collect();
        let expected = [(0.0, "0"), (10.0, "10"), (20.0, "20"), (30.0, "30"), (40.0, "0"), (50.0, "10")];
        assert_eq!(found[..6], expected);
        assert!(place_ticks(&[], &[0], 1.0, false).is_empty());
        let halves = place_ticks(&[0.5, 1.0], &[0], 100.0, true);
        assert_eq!(halves, [(0.0, "0.5".to_owned()), (1.0, "1.0".to_owned())]);
    }
}
