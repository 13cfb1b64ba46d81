//! Gaussian filters on interleaved f64 planes, in scipy's order of additions: results are cut off to bytes, so that in
//! flat areas the last bit of a sum decides a byte.

/// What lies beyond the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// The pixel at the edge, again and again (scipy's `nearest`).
    Repeat,
    /// The image mirrored at the edge of the outermost pixels: `b a | a b` (scipy's `reflect`).
    Mirror,
    /// The image mirrored at the middle of the outermost pixels: `c b | a b c` (OpenCV's `REFLECT_101`).
    Mirror101,
}

impl Edge {
    /// Which of `n` pixels, at least one, stands at a place that may lie outside.
    pub(super) fn index(self, at: isize, n: usize) -> usize {
        let last = n as isize - 1;
        match self {
            _ if (0..=last).contains(&at) => at as usize,
            Self::Repeat => at.clamp(0, last) as usize,
            Self::Mirror => {
                let at = at.rem_euclid(2 * last + 2);
                at.min(2 * last + 1 - at) as usize
            }
            Self::Mirror101 if last == 0 => 0,
            Self::Mirror101 => {
                let at = at.rem_euclid(2 * last);
                at.min(2 * last - at) as usize
            }
        }
    }
}

/// Square planes of values, `[side, side, channels]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) side: usize,
    pub(super) channels: usize,
}

/// Weights of a Gaussian from the centre outwards, `radius + 1` of them; with their mirror images they add up to 1.
fn weights(sigma: f64, radius: usize) -> Vec<f64> {
    let raw = |i: isize| (-0.5 / (sigma * sigma) * (i * i) as f64).exp();
    let all: Vec<f64> = (-(radius as isize)..=radius as isize).map(raw).collect();
    let total = sum(&all);
    all[radius..].iter().map(|w| w / total).collect()
}

/// The sum of fewer than 128 values in numpy's order: eight accumulators from eight values on.
pub(super) fn sum(values: &[f64]) -> f64 {
    let (lanes, rest) = values.split_at(values.len() / 8 * 8);
    if lanes.is_empty() {
        return rest.iter().sum();
    }
    let mut r = [0.0; 8];
    lanes.chunks_exact(8).for_each(|lane| r.iter_mut().zip(lane).for_each(|(r, x)| *r += x));
    let total = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    rest.iter().fold(total, |total, x| total + x)
}

/// A Gaussian blur with a kernel of `truncate` standard deviations to either side, rows first; as it is for a
/// deviation of 0.
pub(super) fn gaussian(values: &[f64], shape: Shape, sigma: f64, truncate: f64, edge: Edge) -> Vec<f64> {
    let radius = (truncate * sigma + 0.5) as usize;
    if sigma <= 0.0 || radius == 0 {
        return values.to_vec();
    }
    let weights = weights(sigma, radius);
    let Shape { side, channels } = shape;
    let line = side * channels;
    let place = |i: usize| edge.index(i as isize - radius as isize, side);
    // Down the columns: whole rows are added.
    let mut down = vec![0.0; values.len()];
    for (y, out) in down.chunks_exact_mut(line).enumerate() {
        let row = |i: usize| &values[place(y + i) * line..][..line];
        add(out, &weights, row);
    }
    // Along the rows: the row with its surroundings is moved by whole pixels.
    let mut wide = vec![0.0; line + 2 * radius * channels];
    let mut out = vec![0.0; values.len()];
    for (row, out) in down.chunks_exact(line).zip(out.chunks_exact_mut(line)) {
        for (i, pixel) in wide.chunks_exact_mut(channels).enumerate() {
            pixel.copy_from_slice(&row[place(i) * channels..][..channels]);
        }
        add(out, &weights, |i| &wide[i * channels..][..line]);
    }
    out
}

/// `out` = the mean of `line(0)` to `line(2 · radius)` with these weights, from the outermost pair inwards.
fn add<'a>(out: &mut [f64], weights: &[f64], line: impl Fn(usize) -> &'a [f64]) {
    let radius = weights.len() - 1;
    out.iter_mut().zip(line(radius)).for_each(|(out, x)| *out = x * weights[0]);
    for i in 0..radius {
        let weight = weights[radius - i];
        let pair = line(i).iter().zip(line(2 * radius - i));
        out.iter_mut().zip(pair).for_each(|(out, (a, b))| *out += (a + b) * weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_outside_are_those_that_the_libraries_take() {
        let all = |edge: Edge| (-4..8).map(|at| edge.index(at, 4)).collect::<Vec<_>>();
        assert_eq!(all(Edge::Repeat), [0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 3, 3]);
        assert_eq!(all(Edge::Mirror), [3, 2, 1, 0, 0, 1, 2, 3, 3, 2, 1, 0]);
        assert_eq!(all(Edge::Mirror101), [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]);
        assert_eq!([Edge::Mirror, Edge::Mirror101].map(|edge| edge.index(-3, 1)), [0, 0]);
    }

    #[test]
    fn a_blur_keeps_what_is_flat_and_spreads_a_point_evenly() {
        let shape = Shape { side: 9, channels: 2 };
        let flat = gaussian(&[0.25; 162], shape, 1.3, 4.0, Edge::Mirror);
        assert!(flat.iter().all(|x| (x - 0.25).abs() < 1e-15));
        let mut point = vec![0.0; 162];
        point[(4 * 9 + 4) * 2] = 1.0;
        let seen = gaussian(&point, shape, 0.5, 4.0, Edge::Repeat);
        let at = |y: usize, x: usize| seen[(y * 9 + x) * 2];
        // exp(−2) to either side before the sum of the five is made 1; exp(−8) beyond.
        let total = 1.0 + 2.0 * (-2f64).exp() + 2.0 * (-8f64).exp();
        assert!((at(4, 5) - (-2f64).exp() / total / total).abs() < 1e-15);
        assert_eq!(
            [at(4, 5), at(4, 3), at(3, 4)].map(|x| (x * 1e12).round()),
            [(at(5, 4) * 1e12).round(); 3]
        );
        assert!(seen.iter().skip(1).step_by(2).all(|x| *x == 0.0), "channels are apart");
    }
}
