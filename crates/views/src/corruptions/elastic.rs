//! Images pulled out of shape.

use super::filter::{Edge, Shape, gaussian};
use crate::view::Given;
use crate::view::picture::Picture;
use basin_core::Rng;

/// An affine map that moves three points around the middle by up to `reach` pixels in each direction, bilinear, mirrored
/// at the middle of the edge pixels; then displacements Gaussian_σ(U(−1, 1)) · α, bilinear, mirrored at the edge.
///
/// OpenCV rounds the coordinates of affine maps to 1/32 of a pixel, this does not.
pub(super) fn elastic_transform(picture: &mut Picture, given: &Given<'_>) {
    let &[strength, sigma, reach] = given.values else { return };
    let (mut rng, shape) = (given.rng(), Shape { side: picture.side, channels: picture.channels });
    let affine = Affine::draw(shape.side as f64, reach, &mut rng);
    let mut values = sampled(&picture.unit(), shape, Edge::Mirror101, |_, x, y| affine.of(x, y));
    if strength > 0.0 {
        let plane = Shape { channels: 1, ..shape };
        let mut field = || {
            let raw: Vec<f64> = (0..shape.side * shape.side).map(|_| rng.uniform_in(-1.0, 1.0)).collect();
            gaussian(&raw, plane, sigma, 3.0, Edge::Mirror)
        };
        let (along, down) = (field(), field());
        values = sampled(&values, shape, Edge::Mirror, |pixel, x, y| {
            (x + along[pixel] * strength, y + down[pixel] * strength)
        });
    }
    picture.store(&values);
}

/// Where in the old image a place of the new one is.
struct Affine([[f64; 3]; 2]);

impl Affine {
    /// Three corners of a square of two thirds of the side are moved; the map takes the moved to the old.
    fn draw(side: f64, reach: f64, rng: &mut Rng) -> Self {
        let (centre, arm) = ((side / 2.0).floor(), (side / 3.0).floor());
        let (near, far) = (centre - arm, centre + arm);
        let old = [[far, far], [far, near], [near, near]];
        let new = old.map(|point| point.map(|x| x + rng.uniform_in(-reach, reach)));
        // Cramer's rule for a · x + b · y + c = value at three points.
        let [[x0, y0], [x1, y1], [x2, y2]] = new;
        let area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
        let row = |axis: usize| {
            let [v0, v1, v2] = old.map(|point| point[axis]);
            let a = ((v1 - v0) * (y2 - y0) - (v2 - v0) * (y1 - y0)) / area;
            let b = ((x1 - x0) * (v2 - v0) - (x2 - x0) * (v1 - v0)) / area;
            [a, b, v0 - a * x0 - b * y0]
        };
        Self([row(0), row(1)])
    }

    fn of(&self, x: f64, y: f64) -> (f64, f64) {
        let [u, v] = self.0.map(|[a, b, c]| a * x + b * y + c);
        (u, v)
    }
}

/// Each pixel from the place that `from` (pixel, x, y) tells, bilinear.
fn sampled(
    values: &[f64],
    shape: Shape,
    edge: Edge,
    from: impl Fn(usize, f64, f64) -> (f64, f64),
) -> Vec<f64> {
    let Shape { side, channels } = shape;
    let mut out = vec![0.0; values.len()];
    for (pixel, out) in out.chunks_exact_mut(channels).enumerate() {
        let (x, y) = from(pixel, (pixel % side) as f64, (pixel / side) as f64);
        let (left, top) = (x.floor(), y.floor());
        let (right_share, low_share) = (x - left, y - top);
        let place = |at: f64| edge.index(at as isize, side);
        let ([x0, x1], [y0, y1]) = ([place(left), place(left + 1.0)], [place(top), place(top + 1.0)]);
        for (c, out) in out.iter_mut().enumerate() {
            let at = |y: usize, x: usize| values[(y * side + x) * channels + c];
            let above = at(y0, x0) * (1.0 - right_share) + at(y0, x1) * right_share;
            let below = at(y1, x0) * (1.0 - right_share) + at(y1, x1) * right_share;
            *out = above * (1.0 - low_share) + below * low_share;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::SeedTree;

    #[test]
    fn the_moved_corners_come_from_the_old_ones() {
        let rng = || SeedTree::root(4).rng();
        let affine = Affine::draw(32.0, 2.5, &mut rng());
        let mut again = rng();
        for old in [[26.0, 26.0], [26.0, 6.0], [6.0, 6.0]] {
            let [x, y] = old.map(|x| x + again.uniform_in(-2.5, 2.5));
            let (u, v) = affine.of(x, y);
            assert!((u - old[0]).abs() < 1e-12 && (v - old[1]).abs() < 1e-12);
        }
        let still = Affine::draw(32.0, 0.0, &mut rng());
        assert_eq!(still.of(3.0, 30.0), (3.0, 30.0));
    }
}
