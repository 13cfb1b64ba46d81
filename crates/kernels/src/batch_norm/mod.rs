//! Normalisation of channels by statistics over all pixels of a batch, with an optional shortcut and ReLU, each way.
//!
//! y = act(γ · (x − μ) · r + β + shortcut) with r = 1/√(σ² + ε). Values are cut into chunks that stay in cache, the same
//! whatever the threads; a chunk's mean is taken first, then the rest and the squares around it, and chunks are merged in
//! order in f64 (Chan et al. 1979), so that nothing cancels and memory is read once.
//!
//! Plain loops, which the compiler vectorises for the instruction set; several pixels of few channels make one line.

mod lines;

use crate::simd::Isa;
use lines::{backward_on, forward_on, products_on, squares_on, sums_on};
use rayon::prelude::*;

/// Values of a chunk: 64 KiB.
const CHUNK: usize = 16 * 1024;
/// Values of a line, at least.
const LINE: usize = 64;

/// Statistics of every channel and what is done with them.
#[derive(Clone, Copy, Debug)]
pub struct Channels<'a> {
    /// μ.
    pub mean: &'a [f32],
    /// 1/√(σ² + ε).
    pub rstd: &'a [f32],
    /// γ.
    pub gamma: &'a [f32],
    /// β.
    pub beta: &'a [f32],
    /// Whether a ReLU follows (after the shortcut is added, where there is one).
    pub relu: bool,
}

impl Channels<'_> {
    fn count(&self) -> usize {
        let c = self.mean.len();
        assert!(
            c > 0 && self.rstd.len() == c && self.gamma.len() == c && self.beta.len() == c,
            "{c} channels"
        );
        c
    }
}

/// How `c` channels are cut: pixels of a line, values of a chunk.
fn cut(c: usize) -> (usize, usize) {
    let pixels = (LINE / c).max(1);
    (pixels, (CHUNK / (c * pixels)).max(1) * c * pixels)
}

fn tiled(values: &[f32], times: usize) -> Vec<f32> {
    values.repeat(times)
}

/// Adds the pixels of a line up.
fn folded(line: &[f32], c: usize) -> Vec<f32> {
    let mut sum = line[..c].to_vec();
    for pixel in line[c..].chunks_exact(c) {
        sum.iter_mut().zip(pixel).for_each(|(s, p)| *s += p);
    }
    sum
}

/// Whole lines, and the pixels that fill none.
fn whole(values: &[f32], line: usize) -> (&[f32], &[f32]) {
    values.split_at(values.len() / line * line)
}

fn whole_mut(values: &mut [f32], line: usize) -> (&mut [f32], &mut [f32]) {
    values.split_at_mut(values.len() / line * line)
}

/// Mean and variance (the sum of squares over the number of pixels) of every channel of `x` (`[pixels, channels]`).
///
/// # Panics
/// When there is no pixel, or part of one.
pub fn moments(x: &[f32], channels: usize, isa: Isa) -> (Vec<f32>, Vec<f32>) {
    let c = channels;
    assert!(c > 0 && !x.is_empty() && x.len().is_multiple_of(c), "{} values of {c} channels", x.len());
    let (pixels, chunk) = cut(c);
    let of_chunk = |x: &[f32]| -> (Vec<f64>, Vec<f64>) {
        let (all, rest) = whole(x, c * pixels);
        let mut line = vec![0.0; c * pixels];
        // SAFETY: the set comes from `Isa::available`; bodies index within their slices.
        unsafe {
            sums_on(isa, all, &mut line);
            sums_on(isa, rest, &mut line[..c]);
        }
        let count = (x.len() / c) as f32;
        let mean: Vec<f32> = folded(&line, c).iter().map(|sum| sum / count).collect();
        let (around, mut squares) = (tiled(&mean, pixels), vec![0.0; c * pixels]);
        line.fill(0.0);
        // SAFETY: as above.
        unsafe {
            squares_on(isa, all, &around, (&mut line, &mut squares));
            squares_on(isa, rest, &around[..c], (&mut line[..c], &mut squares[..c]));
        }
        // What the mean was rounded by.
        let missed: Vec<f64> = folded(&line, c).iter().map(|d| f64::from(d / count)).collect();
        let squares = folded(&squares, c).into_iter().zip(&missed);
        let squares = squares.map(|(s, d)| f64::from(s) - d * d * f64::from(count)).collect();
        (mean.iter().zip(&missed).map(|(m, d)| f64::from(*m) + d).collect(), squares)
    };
    let parts: Vec<(Vec<f64>, Vec<f64>)> = x.par_chunks(chunk).map(of_chunk).collect();
    let (mut mean, mut squares, mut seen) = (vec![0.0f64; c], vec![0.0f64; c], 0.0f64);
    for ((part_mean, part_squares), part) in parts.iter().zip(x.chunks(chunk)) {
        let count = (part.len() / c) as f64;
        let total = seen + count;
        for i in 0..c {
            let apart = part_mean[i] - mean[i];
            mean[i] += apart * count / total;
            squares[i] += part_squares[i] + apart * apart * seen * count / total;
        }
        seen = total;
    }
    let variance = squares.iter().map(|s| (s.max(0.0) / seen) as f32).collect();
    (mean.iter().map(|m| *m as f32).collect(), variance)
}

/// Writes `y` like `x` (`[pixels, channels]`); the shortcut has its size.
///
/// # Panics
/// When lengths disagree.
pub fn forward(x: &[f32], shortcut: Option<&[f32]>, of: Channels<'_>, y: &mut [f32], isa: Isa) {
    let c = of.count();
    assert!(x.len().is_multiple_of(c) && y.len() == x.len() && shortcut.is_none_or(|s| s.len() == x.len()));
    let (pixels, chunk) = cut(c);
    let line = c * pixels;
    let scale: Vec<f32> = of.gamma.iter().zip(of.rstd).map(|(g, r)| g * r).collect();
    let [mean, scale, beta] = [of.mean, &scale, of.beta].map(|values| tiled(values, pixels));
    let one = |y: &mut [f32], x: &[f32], shortcut: Option<&[f32]>| {
        let ((y, y_rest), (x, x_rest)) = (whole_mut(y, line), whole(x, line));
        let (s, s_rest) = shortcut.map(|s| whole(s, line)).unzip();
        // SAFETY: the set comes from `Isa::available`; bodies index within their slices.
        unsafe {
            forward_on(isa, x, s, (&mean, &scale, &beta), of.relu, y);
            forward_on(isa, x_rest, s_rest, (&mean[..c], &scale[..c], &beta[..c]), of.relu, y_rest);
        }
    };
    let pairs = y.par_chunks_mut(chunk).zip(x.par_chunks(chunk));
    match shortcut {
        Some(s) => pairs.zip(s.par_chunks(chunk)).for_each(|((y, x), s)| one(y, x, Some(s))),
        None => pairs.for_each(|(y, x)| one(y, x, None)),
    }
}

/// Gradients of γ and β: Σ g (x − μ) r and Σ g over the pixels, g what of `dy` passes the ReLU behind `y`. It takes the place of
/// `dy`, where there is a ReLU: it is the gradient of the shortcut, and what [`backward`] starts from.
///
/// # Panics
/// When lengths disagree.
pub fn affine_gradient(
    x: &[f32],
    y: &[f32],
    dy: &mut [f32],
    of: Channels<'_>,
    isa: Isa,
) -> (Vec<f32>, Vec<f32>) {
    let c = of.count();
    assert!(x.len().is_multiple_of(c) && y.len() == x.len() && dy.len() == x.len());
    let (pixels, chunk) = cut(c);
    let (line, mean) = (c * pixels, tiled(of.mean, pixels));
    let one = |((x, y), dy): ((&[f32], &[f32]), &mut [f32])| {
        let mut sums = (vec![0.0; line], vec![0.0; line]);
        let ((x, x_rest), (y, y_rest), (dy, dy_rest)) = (whole(x, line), whole(y, line), whole_mut(dy, line));
        // SAFETY: as in `forward`.
        unsafe {
            products_on(isa, x, y, dy, &mean, of.relu, (&mut sums.0, &mut sums.1));
            let narrow = (&mut sums.0[..c], &mut sums.1[..c]);
            products_on(isa, x_rest, y_rest, dy_rest, &mean[..c], of.relu, narrow);
        }
        (folded(&sums.0, c), folded(&sums.1, c))
    };
    let chunks = x.par_chunks(chunk).zip(y.par_chunks(chunk)).zip(dy.par_chunks_mut(chunk));
    let parts: Vec<(Vec<f32>, Vec<f32>)> = chunks.map(one).collect();
    let (mut dgamma, mut dbeta) = (vec![0.0f64; c], vec![0.0f64; c]);
    for (products, gradients) in &parts {
        dgamma.iter_mut().zip(products).for_each(|(sum, part)| *sum += f64::from(*part));
        dbeta.iter_mut().zip(gradients).for_each(|(sum, part)| *sum += f64::from(*part));
    }
    let dgamma = dgamma.iter().zip(of.rstd).map(|(sum, rstd)| (sum * f64::from(*rstd)) as f32);
    (dgamma.collect(), dbeta.iter().map(|sum| *sum as f32).collect())
}

/// Gradient of `x`, which is written, from what [`affine_gradient`] left of `dy`. `through` are the gradients of γ and β where the
/// statistics are of this batch, and nothing where they are constants.
///
/// # Panics
/// When lengths disagree.
pub fn backward(
    x: &[f32],
    g: &[f32],
    of: Channels<'_>,
    through: Option<(&[f32], &[f32])>,
    dx: &mut [f32],
    isa: Isa,
) {
    let c = of.count();
    assert!(x.len().is_multiple_of(c) && g.len() == x.len() && dx.len() == x.len());
    let count = (x.len() / c) as f32;
    let (pixels, chunk) = cut(c);
    let line = c * pixels;
    // dx = scale · g − slope · (x − μ) − offset.
    let scale: Vec<f32> = of.gamma.iter().zip(of.rstd).map(|(g, r)| g * r).collect();
    let (mut slope, mut offset) = (vec![0.0; c], vec![0.0; c]);
    if let Some((dgamma, dbeta)) = through {
        assert!(dgamma.len() == c && dbeta.len() == c);
        for i in 0..c {
            slope[i] = scale[i] * of.rstd[i] * dgamma[i] / count;
            offset[i] = scale[i] * dbeta[i] / count;
        }
    }
    let [mean, scale, slope, offset] = [of.mean, &scale, &slope, &offset].map(|values| tiled(values, pixels));
    let inputs = x.par_chunks(chunk).zip(g.par_chunks(chunk));
    dx.par_chunks_mut(chunk).zip(inputs).for_each(|(dx, (x, g))| {
        let ((x, x_rest), (g, g_rest), (dx, dx_rest)) = (whole(x, line), whole(g, line), whole_mut(dx, line));
        let narrow = (&mean[..c], &scale[..c], &slope[..c], &offset[..c]);
        // SAFETY: as in `forward`.
        unsafe {
            backward_on(isa, x, g, (&mean, &scale, &slope, &offset), dx);
            backward_on(isa, x_rest, g_rest, narrow, dx_rest);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_values_far_from_zero_lose_nothing() {
        for (pixels, c) in [(5, 3), (20_000, 3), (70, 64), (4_097, 100)] {
            let at = |p: usize, i: usize| 1000.0 + ((p * 7 + i * 13) % 101) as f32 / 64.0;
            let x: Vec<f32> = (0..pixels * c).map(|k| at(k / c, k % c)).collect();
            for isa in Isa::available() {
                let (mean, variance) = moments(&x, c, isa);
                for i in 0..c {
                    let values: Vec<f64> = (0..pixels).map(|p| f64::from(at(p, i))).collect();
                    let m = values.iter().sum::<f64>() / pixels as f64;
                    let v = values.iter().map(|x| (x - m).powi(2)).sum::<f64>() / pixels as f64;
                    assert!((f64::from(mean[i]) - m).abs() < 1e-4, "{pixels}×{c} {isa:?}: {} {m}", mean[i]);
                    assert!((f64::from(variance[i]) - v).abs() < 2e-4 * v, "{} {v}", variance[i]);
                }
            }
        }
    }

    #[test]
    fn threads_and_pixels_of_no_whole_line_change_nothing() {
        let c = 5;
        let x: Vec<f32> = (0..c * 9_999).map(|k| ((k * 37) % 211) as f32 / 100.0 - 1.0).collect();
        let isa = Isa::detect();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| moments(&x, c, isa))
        };
        assert_eq!(run(1), run(3));
        // A pixel's result is that of the pixel alone.
        let (mean, rstd, gamma, beta) = ([0.1; 5], [0.9; 5], [1.1; 5], [-0.2; 5]);
        let of = Channels { mean: &mean, rstd: &rstd, gamma: &gamma, beta: &beta, relu: true };
        let (mut all, mut one) = (vec![0.0; x.len()], [0.0; 5]);
        forward(&x, None, of, &mut all, isa);
        for pixel in [0, 12, 9_998] {
            forward(&x[pixel * c..][..c], None, of, &mut one, isa);
            assert_eq!(all[pixel * c..][..c], one, "pixel {pixel}");
        }
    }
}
