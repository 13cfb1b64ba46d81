//! Rotation as RotatedMNIST has it: PIL's, to the byte.

use super::given::Given;
use super::picture::Picture;

/// Anticlockwise around the centre, bicubic (a = −1), zeros outside; fractions are cut off. Multiples of 90° move whole
/// pixels.
pub(super) fn rotate(picture: &mut Picture, given: &Given<'_>) {
    let degrees = given.values[0].rem_euclid(360.0);
    let (side, channels) = (picture.side, picture.channels);
    let before = picture.pixels.clone();
    let fifteen_digits = |x: f64| format!("{x:.15}").parse().unwrap_or(x);
    let angle = -degrees.to_radians();
    let (cos, sin): (f64, f64) = (fifteen_digits(angle.cos()), fifteen_digits(angle.sin()));
    let centre = side as f64 / 2.0;
    let shift = (-cos * centre - sin * centre + centre, sin * centre - cos * centre + centre);
    for (pixel, out) in picture.pixels.chunks_exact_mut(channels).enumerate() {
        let (x, y) = ((pixel % side) as f64 + 0.5, (pixel / side) as f64 + 0.5);
        let (from_x, from_y) = (cos * x + sin * y + shift.0, -sin * x + cos * y + shift.1);
        let inside = |at: f64| (0.0..side as f64).contains(&at);
        if inside(from_x) && inside(from_y) {
            sample(&before, side, from_x - 0.5, from_y - 0.5, out);
        } else {
            out.fill(0);
        }
    }
}

/// The bicubic mean of the 4×4 pixels around a place; those outside are the nearest inside.
fn sample(pixels: &[u8], side: usize, x: f64, y: f64, out: &mut [u8]) {
    let near = |at: isize| at.clamp(0, side as isize - 1) as usize;
    let (left, top) = (x.floor(), y.floor());
    let (dx, dy) = (x - left, y - top);
    let columns: [usize; 4] = std::array::from_fn(|i| near(left as isize - 1 + i as isize));
    let rows: [usize; 4] = std::array::from_fn(|i| near(top as isize - 1 + i as isize));
    let channels = out.len();
    for (c, out) in out.iter_mut().enumerate() {
        let lines = rows
            .map(|row| cubic(columns.map(|col| f64::from(pixels[(row * side + col) * channels + c])), dx));
        // A cast cuts off and clips.
        *out = cubic(lines, dy) as u8;
    }
}

/// The cubic through four values that lies between the second and the third.
fn cubic([v1, v2, v3, v4]: [f64; 4], d: f64) -> f64 {
    let p2 = -v1 + v3;
    let p3 = 2.0 * (v1 - v2) + v3 - v4;
    let p4 = -v1 + v2 - v3 + v4;
    v2 + d * (p2 + d * (p3 + d * p4))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{of_picture, seen};
    use crate::view::picture::tests::picture;

    #[test]
    fn quarter_turns_move_whole_pixels_anticlockwise() {
        let turned = seen("rotate:90", 2, &[1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
        assert_eq!(turned, [2, 2, 2, 4, 4, 4, 1, 1, 1, 3, 3, 3]);
        let start = picture(28, 1);
        let four = of_picture("rotate:90+rotate:90+rotate:90+rotate:90", start.clone(), 0);
        assert_eq!(four, start);
        assert_eq!(of_picture("rotate:0", start.clone(), 0), start);
        assert_eq!(of_picture("rotate:-90", start.clone(), 0), of_picture("rotate:270", start, 0));
    }

    #[test]
    fn corners_are_filled_with_zeros_and_each_channel_turns_alike() {
        let grey = of_picture("rotate:45", picture(28, 1), 0);
        assert_eq!([0, 27, 27 * 28, 27 * 28 + 27].map(|at: usize| grey.pixels[at]), [0; 4]);
        let mut three = picture(28, 3);
        three.pixels = picture(28, 1).pixels.iter().flat_map(|x| [*x; 3]).collect();
        let three = of_picture("rotate:45", three, 0);
        assert!(three.pixels.chunks(3).zip(&grey.pixels).all(|(rgb, x)| rgb == [*x; 3]));
    }
}
