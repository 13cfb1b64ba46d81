//! Contours by marching squares: where a value on a grid crosses a level, by linear interpolation along the sides of the squares
//! between four neighbours.
//!
//! Source: Maple, *Geometric design and space planning using the marching squares and marching cube algorithms* (2003). A square
//! whose diagonals disagree (a saddle) is decided by the mean of its four corners.

use super::grid::Grid;
use std::collections::BTreeMap;

/// One line of equal value, in the grid's coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Contour {
    /// Its points in order; of a closed line the first is not repeated.
    pub points: Vec<(f64, f64)>,
    /// Whether the last point is joined to the first.
    pub closed: bool,
}

/// A side between two neighbours of the grid: the point that it starts at, and whether it runs along x.
type Side = (usize, usize, bool);

/// The contours of a grid at a level, each once, in the order of their first sides. Squares with a corner that is not finite are
/// left out, so that a contour ends there.
///
/// Cost: linear in the number of points of the grid, times a logarithm of the number of crossings.
pub fn contours(grid: &Grid, level: f64) -> Vec<Contour> {
    let (columns, rows) = (grid.x().len(), grid.y().len());
    let mut pieces: Vec<[Side; 2]> = Vec::new();
    for j in 1..rows {
        for i in 1..columns {
            pieces.extend(of_square(grid, level, (i - 1, j - 1)));
        }
    }
    joined(&pieces).into_iter().map(|(sides, closed)| line(grid, level, &sides, closed)).collect()
}

fn value(grid: &Grid, (i, j): (usize, usize)) -> f64 {
    grid.values()[j * grid.x().len() + i]
}

/// The pieces of contours that cross a square: none, one or two.
fn of_square(grid: &Grid, level: f64, (i, j): (usize, usize)) -> Vec<[Side; 2]> {
    let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)].map(|at| value(grid, at));
    if !corners.iter().all(|value| value.is_finite()) {
        return Vec::new();
    }
    let above = corners.map(|value| value >= level);
    // Between corners 0 and 1, 1 and 2, 2 and 3, 3 and 0.
    let sides: [Side; 4] = [(i, j, true), (i + 1, j, false), (i, j + 1, true), (i, j, false)];
    let crossed: Vec<usize> = (0..4).filter(|&k| above[k] != above[(k + 1) % 4]).collect();
    match crossed[..] {
        [a, b] => vec![[sides[a], sides[b]]],
        [_, _, _, _] => {
            let middle = corners.iter().sum::<f64>() / 4.0 >= level;
            // Where the middle is like corner 0, corners 1 and 3 are cut off; else corners 0 and 2.
            match middle == above[0] {
                true => vec![[sides[0], sides[1]], [sides[2], sides[3]]],
                false => vec![[sides[3], sides[0]], [sides[1], sides[2]]],
            }
        }
        _ => Vec::new(),
    }
}

/// Pieces that share a side put together: the sides in order, and whether the last piece meets the first.
fn joined(pieces: &[[Side; 2]]) -> Vec<(Vec<Side>, bool)> {
    let mut at: BTreeMap<Side, Vec<usize>> = BTreeMap::new();
    for (place, piece) in pieces.iter().enumerate() {
        piece.iter().for_each(|side| at.entry(*side).or_default().push(place));
    }
    let mut used = vec![false; pieces.len()];
    let mut lines = Vec::new();
    // First those that end somewhere, from an end; what is left is closed.
    let ends: Vec<Side> = at.iter().filter(|(_, all)| all.len() == 1).map(|(side, _)| *side).collect();
    let starts = ends.into_iter().chain(pieces.iter().map(|piece| piece[0]));
    for start in starts {
        let mut sides = vec![start];
        while let Some(&place) = at[&sides[sides.len() - 1]].iter().find(|&&place| !used[place]) {
            used[place] = true;
            let here = sides[sides.len() - 1];
            let [a, b] = pieces[place];
            sides.push(if a == here { b } else { a });
        }
        if sides.len() > 1 {
            let closed = sides[0] == sides[sides.len() - 1];
            if closed {
                sides.pop();
            }
            lines.push((sides, closed));
        }
    }
    lines
}

/// Sides as the points at which they are crossed.
fn line(grid: &Grid, level: f64, sides: &[Side], closed: bool) -> Contour {
    let point = |&(i, j, along_x): &Side| {
        let (from, to) = ((i, j), if along_x { (i + 1, j) } else { (i, j + 1) });
        let (low, high) = (value(grid, from), value(grid, to));
        // The two differ, because the level lies between them; of very large ones the difference may be none.
        let share = ((level - low) / (high - low)).clamp(0.0, 1.0);
        let share = if share.is_finite() { share } else { 0.5 };
        let between = |at: &[f64], a: usize, b: usize| at[a] + share * (at[b] - at[a]);
        (between(grid.x(), from.0, to.0), between(grid.y(), from.1, to.1))
    };
    Contour { points: sides.iter().map(point).collect(), closed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(n: usize, of: impl Fn(f64, f64) -> f64) -> Grid {
        let at: Vec<f64> = (0..n).map(|i| -1.0 + 2.0 * i as f64 / (n - 1) as f64).collect();
        let values = at.iter().flat_map(|y| at.iter().map(|x| of(*x, *y)).collect::<Vec<_>>()).collect();
        Grid::new(at.clone(), at.clone(), values).unwrap()
    }

    /// By the shoelace formula.
    fn area(contour: &Contour) -> f64 {
        let next = contour.points.iter().cycle().skip(1);
        let twice: f64 = contour.points.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum();
        twice.abs() / 2.0
    }

    #[test]
    fn a_circle_has_its_area_and_its_points_the_level() {
        let lines = contours(&grid(41, |x, y| x * x + y * y), 0.5);
        assert!(lines.len() == 1 && lines[0].closed, "{} lines", lines.len());
        let expected = std::f64::consts::PI * 0.5;
        assert!((area(&lines[0]) - expected).abs() < 0.01 * expected, "{}", area(&lines[0]));
        // Chords between samples of x² err by a quarter of a step squared.
        let off = |&(x, y): &(f64, f64)| (x * x + y * y - 0.5).abs();
        assert!(lines[0].points.iter().all(|point| off(point) < 0.05f64.powi(2)), "{lines:?}");
    }

    #[test]
    fn a_plane_is_cut_straight_from_side_to_side() {
        let lines = contours(&grid(5, |x, y| x + 2.0 * y), 0.3);
        assert!(lines.len() == 1 && !lines[0].closed);
        assert!(lines[0].points.iter().all(|(x, y)| (x + 2.0 * y - 0.3).abs() < 1e-12));
        let along: Vec<f64> = lines[0].points.iter().map(|point| point.0).collect();
        assert!(along.is_sorted() || along.iter().rev().is_sorted(), "{along:?}");
        assert!((along[0] - along[along.len() - 1]).abs() > 1.9, "it crosses the whole grid: {along:?}");
    }

    #[test]
    fn a_saddle_is_two_lines_which_do_not_cross_whatever_side_its_middle_is_on() {
        for (level, inside) in [(0.1, true), (-0.1, false)] {
            // A single square whose corners are 1, −1, 1, −1: its middle is 0.
            let lines = contours(&grid(2, |x, y| x * y), level);
            assert_eq!(lines.len(), 2);
            for line in &lines {
                assert!(!line.closed && line.points.len() == 2);
                let middle = (
                    (line.points[0].0 + line.points[1].0) / 2.0,
                    (line.points[0].1 + line.points[1].1) / 2.0,
                );
                // Below the level in the middle: the two high corners, where x and y have one sign, are cut off.
                assert_eq!(middle.0 * middle.1 > 0.0, inside, "{lines:?}");
            }
        }
    }

    #[test]
    fn squares_without_a_finite_corner_are_left_out() {
        for hole in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let of = |x: f64, y: f64| if x > 0.9 && y.abs() < 0.1 { hole } else { x * x + y * y };
            // The circle of radius 0.95 passes the hole at (1, 0), and is open there.
            let lines = contours(&grid(21, of), 0.9);
            assert!(lines.len() == 1 && !lines[0].closed, "{hole}: {lines:?}");
            assert!(lines[0].points.iter().all(|(x, y)| x.is_finite() && y.is_finite()));
        }
        let nowhere = grid(4, |_, _| f64::NAN);
        assert!(contours(&nowhere, 0.0).is_empty());
        assert!(contours(&grid(4, |_, _| 1.0), 1.0).is_empty(), "what is level has no contour");
    }

    #[test]
    fn two_hills_are_two_lines() {
        let hill = |x: f64, y: f64| (-20.0 * (x * x + y * y)).exp();
        let lines = contours(&grid(31, |x, y| hill(x - 0.5, y) + hill(x + 0.5, y)), 0.5);
        assert!(lines.len() == 2 && lines.iter().all(|line| line.closed), "{lines:?}");
        assert!((area(&lines[0]) - area(&lines[1])).abs() < 1e-9);
    }

    #[test]
    fn a_grid_of_one_point_or_line_has_none() {
        for (x, y) in [(vec![0.0], vec![0.0]), (vec![0.0, 1.0], vec![0.0])] {
            let values = (0..x.len() * y.len()).map(|v| v as f64).collect();
            assert!(contours(&Grid::new(x, y, values).unwrap(), 0.5).is_empty());
        }
    }
}
