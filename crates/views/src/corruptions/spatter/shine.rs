//! How bright a drop of water is at each pixel, by OpenCV's operations on bytes.

use crate::corruptions::filter::Edge;

/// Low and high threshold of an edge.
const EDGE: (i32, i32) = (50, 150);
/// Distances are cut here.
const FAR: f64 = 20.0;
/// Steps to a neighbour, to a diagonal one and by a knight's move (Borgefors 1986).
const STEPS: [f64; 3] = [1.0, 1.4, 2.1969];

/// Distance from the edges of the layer, smoothed, equalised, embossed, smoothed; `[side, side]`.
pub(super) fn shine(layer: &[u8], side: usize) -> Vec<u8> {
    let far = distances(&edges(layer, side), side);
    let ninth = |sum: f64| sum * (1.0 / 9.0);
    let smooth: Vec<u8> = around(&far, side).map(|near| ninth(near.iter().sum()) as f32 as u8).collect();
    let even: Vec<f64> = equalised(&smooth).into_iter().map(f64::from).collect();
    const EMBOSS: [f64; 9] = [-2.0, -1.0, 0.0, -1.0, 1.0, 1.0, 0.0, 1.0, 2.0];
    let embossed: Vec<f64> = around(&even, side)
        .map(|near| near.iter().zip(EMBOSS).map(|(x, w)| x * w).sum::<f64>().clamp(0.0, 255.0))
        .collect();
    around(&embossed, side).map(|near| ninth(near.iter().sum()).round() as u8).collect()
}

/// The 3×3 values around each pixel, mirrored at the middle of the edge pixels.
fn around(values: &[f64], side: usize) -> impl Iterator<Item = [f64; 9]> {
    neighbours(values, side, Edge::Mirror101)
}

fn neighbours<T: Copy>(values: &[T], side: usize, edge: Edge) -> impl Iterator<Item = [T; 9]> {
    let near = move |at: usize| [0, 1, 2].map(|offset| edge.index((at + offset) as isize - 1, side));
    (0..side).flat_map(move |y| {
        let rows = near(y);
        (0..side).map(move |x| {
            let columns = near(x);
            std::array::from_fn(|i| values[rows[i / 3] * side + columns[i % 3]])
        })
    })
}

/// Canny's edges: Sobel gradients, their lengths as sums of absolute values, ridges of them above the high threshold, and
/// those above the low one that touch such.
fn edges(layer: &[u8], side: usize) -> Vec<bool> {
    let gradients: Vec<(i32, i32)> = neighbours(layer, side, Edge::Repeat)
        .map(|near| {
            let [a, b, c, d, _, f, g, h, i] = near.map(i32::from);
            (c + 2 * f + i - a - 2 * d - g, g + 2 * h + i - a - 2 * b - c)
        })
        .collect();
    let length = |y: isize, x: isize| {
        let inside = |at: isize| (0..side as isize).contains(&at);
        let gradient = |(dx, dy): (i32, i32)| dx.abs() + dy.abs();
        if inside(y) && inside(x) { gradient(gradients[y as usize * side + x as usize]) } else { 0 }
    };
    let is_ridge = |y: isize, x: isize| {
        let (dx, dy) = gradients[y as usize * side + x as usize];
        let here = length(y, x);
        // The gradient's direction in eighths of a turn, by the tangents of 22.5° and 67.5°.
        let (along, across) = (i64::from(dx.abs()), i64::from(dy.abs()) << 15);
        let low = along * 13573;
        if across < low {
            here > length(y, x - 1) && here >= length(y, x + 1)
        } else if across > low + (along << 16) {
            here > length(y - 1, x) && here >= length(y + 1, x)
        } else {
            let slant = if (dx ^ dy) < 0 { -1 } else { 1 };
            here > length(y - 1, x - slant) && here > length(y + 1, x + slant)
        }
    };
    let mut edge = vec![false; side * side];
    let places = (0..side as isize).flat_map(|y| (0..side as isize).map(move |x| (y, x)));
    let may_be: Vec<bool> = places.clone().map(|(y, x)| length(y, x) > EDGE.0 && is_ridge(y, x)).collect();
    let at = |y: isize, x: isize| y as usize * side + x as usize;
    let mut open: Vec<(isize, isize)> =
        places.filter(|&(y, x)| may_be[at(y, x)] && length(y, x) > EDGE.1).collect();
    open.iter().for_each(|&(y, x)| edge[at(y, x)] = true);
    while let Some((y, x)) = open.pop() {
        for (y, x) in (y - 1..=y + 1).flat_map(|y| (x - 1..=x + 1).map(move |x| (y, x))) {
            let inside = (0..side as isize).contains(&y) && (0..side as isize).contains(&x);
            if inside && may_be[at(y, x)] && !edge[at(y, x)] {
                edge[at(y, x)] = true;
                open.push((y, x));
            }
        }
    }
    edge
}

/// Distance from the nearest edge in steps of a 5×5 mask, at most [`FAR`]: one pass forwards, one back.
fn distances(edge: &[bool], side: usize) -> Vec<f64> {
    let [straight, diagonal, knight] = STEPS;
    // Half of the mask: down, right, length of the step back.
    const HALF: [(isize, isize); 8] =
        [(-2, -1), (-2, 1), (-1, -2), (-1, -1), (-1, 0), (-1, 1), (-1, 2), (0, -1)];
    let step = |(dy, dx): (isize, isize)| match dy.abs() + dx.abs() {
        1 => straight,
        2 => diagonal,
        _ => knight,
    };
    let mut far: Vec<f64> = edge.iter().map(|edge| if *edge { 0.0 } else { f64::INFINITY }).collect();
    let mut pass = |pixel: usize, way: isize| {
        let (y, x) = ((pixel / side) as isize, (pixel % side) as isize);
        for offset in HALF {
            let (y, x) = (y + way * offset.0, x + way * offset.1);
            if (0..side as isize).contains(&y) && (0..side as isize).contains(&x) {
                let there = far[y as usize * side + x as usize] + step(offset);
                far[pixel] = far[pixel].min(there);
            }
        }
    };
    (0..side * side).for_each(|pixel| pass(pixel, 1));
    (0..side * side).rev().for_each(|pixel| pass(pixel, -1));
    far.into_iter().map(|x| x.min(FAR)).collect()
}

/// Bytes spread so that each share of the range is about as frequent as another.
fn equalised(bytes: &[u8]) -> Vec<u8> {
    let mut counts = [0u32; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let Some(first) = counts.iter().position(|n| *n > 0) else { return Vec::new() };
    let rest = bytes.len() as u32 - counts[first];
    if rest == 0 {
        return bytes.to_vec();
    }
    let (scale, mut below) = (255.0 / rest as f32, 0);
    let mut table = [0; 256];
    for (byte, n) in counts.iter().enumerate().skip(first + 1) {
        below += n;
        table[byte] = (below as f32 * scale).round_ties_even() as u8;
    }
    bytes.iter().map(|byte| table[usize::from(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_has_its_outline_for_edges_and_distances_grow_from_it() {
        let side = 16;
        let layer: Vec<u8> = (0..side * side)
            .map(|i| if (4..12).contains(&(i % side)) && (4..12).contains(&(i / side)) { 255 } else { 0 })
            .collect();
        let found = edges(&layer, side);
        assert!(found.iter().any(|edge| *edge) && !found[8 * side + 8] && !found[0]);
        let far = distances(&found, side);
        assert!(far[8 * side + 8] >= 3.0 && found.iter().zip(&far).all(|(edge, x)| *edge == (*x == 0.0)));
        assert_eq!(distances(&[false; 256], side), [FAR; 256]);
        assert!(edges(&[7; 256], side).iter().all(|edge| !edge));
    }

    #[test]
    fn bytes_are_spread_over_the_range() {
        assert_eq!(equalised(&[5, 5, 6, 7]), [0, 0, 128, 255]);
        assert_eq!(equalised(&[9, 9]), [9, 9]);
    }
}
