//! LayerNorm over the channels of each pixel, with an optional shortcut and ReLU, in one pass each way.
//!
//! Forward: y = act(γ · (x − μ)/√(σ² + ε) + β + shortcut), one row of channels at a time, variance in two
//! passes over the row (which sits in registers). Backward recomputes x̂ from the saved μ and 1/√(σ² + ε).
#![allow(clippy::too_many_arguments)]

use crate::buffer::Buffer;
use crate::simd::{Isa, Simd, dispatch};

/// What a normalisation does besides normalising.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormShape {
    /// Channels per row.
    pub channels: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether a ReLU follows.
    pub relu: bool,
}

/// Writes `y` (`[rows, channels]`) and `statistics` (`[rows, 2]`: mean and reciprocal deviation).
///
/// # Panics
/// When lengths disagree.
pub fn forward(
    shape: NormShape,
    x: &[f32],
    shortcut: Option<&[f32]>,
    gamma: &[f32],
    beta: &[f32],
    y: &mut [f32],
    statistics: &mut [f32],
    isa: Isa,
) {
    assert!(y.len() == x.len() && statistics.len() * shape.channels == 2 * x.len());
    let job = Forward::new(shape, x.as_ptr(), x.len(), shortcut, gamma, beta);
    let job = Forward { y: y.as_mut_ptr(), statistics: statistics.as_mut_ptr(), ..job };
    // SAFETY: all lengths were checked; the set comes from `Isa::available`.
    unsafe { forward_on(isa.for_rows(shape.channels), job) }
}

/// As [`forward`], in place and without statistics: for evaluation.
///
/// # Panics
/// When lengths disagree.
pub fn forward_in_place(
    shape: NormShape,
    x: &mut [f32],
    shortcut: Option<&[f32]>,
    gamma: &[f32],
    beta: &[f32],
    isa: Isa,
) {
    let at = x.as_mut_ptr();
    let job = Forward { y: at, ..Forward::new(shape, at, x.len(), shortcut, gamma, beta) };
    // SAFETY: as for `forward`; every row is read before it is written.
    unsafe { forward_on(isa.for_rows(shape.channels), job) }
}

/// Gradients: writes `dx`, replaces `dy` by the shortcut's gradient (the part of `dy` that passes the ReLU), and
/// adds the sums over rows to `dgamma` and `dbeta`.
///
/// # Panics
/// When lengths disagree.
pub fn backward(
    shape: NormShape,
    x: &[f32],
    y: &[f32],
    statistics: &[f32],
    gamma: &[f32],
    dy: &mut [f32],
    dx: &mut [f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
    isa: Isa,
) {
    let c = shape.channels;
    let rows = x.len() / c;
    assert!(x.len() == rows * c && y.len() == x.len() && dy.len() == x.len() && dx.len() == x.len());
    assert!(statistics.len() == 2 * rows && gamma.len() == c && dgamma.len() == c && dbeta.len() == c);
    let mut sums = Buffer::zeroed(2 * c);
    let job = Backward {
        x: x.as_ptr(),
        y: y.as_ptr(),
        statistics: statistics.as_ptr(),
        gamma: gamma.as_ptr(),
        dy: dy.as_mut_ptr(),
        dx: dx.as_mut_ptr(),
        sums: sums.as_mut_ptr(),
        rows,
        shape,
    };
    // SAFETY: all lengths were checked; the set comes from `Isa::available`.
    unsafe { backward_on(isa.for_rows(c), job) }
    dgamma.iter_mut().zip(&sums[..c]).for_each(|(total, s)| *total += s);
    dbeta.iter_mut().zip(&sums[c..]).for_each(|(total, s)| *total += s);
}

#[derive(Clone, Copy)]
struct Forward {
    x: *const f32,
    shortcut: *const f32,
    gamma: *const f32,
    beta: *const f32,
    y: *mut f32,
    statistics: *mut f32,
    rows: usize,
    shape: NormShape,
}

impl Forward {
    /// A job without its results' places.
    fn new(
        shape: NormShape,
        x: *const f32,
        len: usize,
        shortcut: Option<&[f32]>,
        gamma: &[f32],
        beta: &[f32],
    ) -> Self {
        let c = shape.channels;
        let rows = len / c;
        assert!(len == rows * c && gamma.len() == c && beta.len() == c);
        assert!(shortcut.is_none_or(|s| s.len() == len));
        let (gamma, beta) = (gamma.as_ptr(), beta.as_ptr());
        let shortcut = shortcut.map_or(std::ptr::null(), <[f32]>::as_ptr);
        let (y, statistics) = (std::ptr::null_mut(), std::ptr::null_mut());
        Self { x, shortcut, gamma, beta, y, statistics, rows, shape }
    }

    /// Keeps a row's mean and reciprocal deviation, where they are wanted.
    #[inline(always)]
    unsafe fn keep(&self, row: usize, mean: f32, rstd: f32) {
        if !self.statistics.is_null() {
            // SAFETY: `forward` checked that there are two per row.
            unsafe {
                *self.statistics.add(2 * row) = mean;
                *self.statistics.add(2 * row + 1) = rstd;
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Backward {
    x: *const f32,
    y: *const f32,
    statistics: *const f32,
    gamma: *const f32,
    dy: *mut f32,
    dx: *mut f32,
    sums: *mut f32,
    rows: usize,
    shape: NormShape,
}

dispatch!(fn forward_on(job: Forward) => forward_any);
dispatch!(fn backward_on(job: Backward) => backward_any);

/// Runs the body whose row is exactly `vectors` registers, or the scalar one.
macro_rules! by_vectors {
    ($body:ident, $scalar:ident, $s:ident, $job:expr) => {{
        let job = $job;
        let (c, lanes) = (job.shape.channels, $s::LANES);
        match if c.is_multiple_of(lanes) { c / lanes } else { 0 } {
            1 => $body::<$s, 1>(job),
            2 => $body::<$s, 2>(job),
            3 => $body::<$s, 3>(job),
            4 => $body::<$s, 4>(job),
            6 => $body::<$s, 6>(job),
            8 => $body::<$s, 8>(job),
            12 => $body::<$s, 12>(job),
            16 => $body::<$s, 16>(job),
            24 => $body::<$s, 24>(job),
            32 => $body::<$s, 32>(job),
            _ => $scalar(job),
        }
    }};
}

#[inline(always)]
unsafe fn forward_any<S: Simd>(job: Forward) {
    // SAFETY: passed on.
    unsafe { by_vectors!(forward_rows, forward_scalar, S, job) }
}

#[inline(always)]
unsafe fn backward_any<S: Simd>(job: Backward) {
    // SAFETY: passed on.
    unsafe { by_vectors!(backward_rows, backward_scalar, S, job) }
}

/// Sum over all lanes of all vectors, in a fixed order.
#[inline(always)]
unsafe fn total<S: Simd, const V: usize>(vectors: &[S; V]) -> f32 {
    // SAFETY: instantiated under the right instruction set.
    unsafe {
        let mut sum = vectors[0];
        for vector in &vectors[1..] {
            sum = sum.add(*vector);
        }
        sum.sum()
    }
}

#[inline(always)]
unsafe fn load<S: Simd, const V: usize>(p: *const f32) -> [S; V] {
    // SAFETY: the caller guarantees V vectors at p.
    unsafe {
        let mut out = [S::splat(0.0); V];
        for (v, slot) in out.iter_mut().enumerate() {
            *slot = S::load(p.add(v * S::LANES));
        }
        out
    }
}

#[inline(always)]
unsafe fn forward_rows<S: Simd, const V: usize>(job: Forward) {
    // SAFETY: `forward` checked that every row is inside its slice.
    unsafe {
        let c = V * S::LANES;
        let (gamma, beta) = (load::<S, V>(job.gamma), load::<S, V>(job.beta));
        let (zero, scale) = (S::splat(0.0), 1.0 / c as f32);
        for row in 0..job.rows {
            let mut x = load::<S, V>(job.x.add(row * c));
            let mean = total(&x) * scale;
            let mut square = [zero; V];
            for v in 0..V {
                x[v] = x[v].sub(S::splat(mean));
                square[v] = x[v].mul(x[v]);
            }
            let rstd = 1.0 / (total(&square) * scale + job.shape.epsilon).sqrt();
            job.keep(row, mean, rstd);
            for v in 0..V {
                let at = row * c + v * S::LANES;
                let mut y = x[v].mul(S::splat(rstd)).fma(gamma[v], beta[v]);
                if !job.shortcut.is_null() {
                    y = y.add(S::load(job.shortcut.add(at)));
                }
                if job.shape.relu {
                    // In this order NaN stays NaN, as in PyTorch.
                    y = zero.max(y);
                }
                y.store(job.y.add(at));
            }
        }
    }
}

#[inline(always)]
unsafe fn backward_rows<S: Simd, const V: usize>(job: Backward) {
    // SAFETY: `backward` checked that every row is inside its slice.
    unsafe {
        let c = V * S::LANES;
        let gamma = load::<S, V>(job.gamma);
        let (mut dgamma, mut dbeta) = ([S::splat(0.0); V], [S::splat(0.0); V]);
        let scale = 1.0 / c as f32;
        for row in 0..job.rows {
            let (mean, rstd) = (*job.statistics.add(2 * row), *job.statistics.add(2 * row + 1));
            let mut xhat = load::<S, V>(job.x.add(row * c));
            let mut g = load::<S, V>(job.dy.add(row * c));
            if job.shape.relu {
                let y = load::<S, V>(job.y.add(row * c));
                for v in 0..V {
                    g[v] = g[v].where_positive(y[v]);
                    g[v].store(job.dy.add(row * c + v * S::LANES));
                }
            }
            let mut product = [S::splat(0.0); V];
            for v in 0..V {
                xhat[v] = xhat[v].sub(S::splat(mean)).mul(S::splat(rstd));
                dgamma[v] = g[v].fma(xhat[v], dgamma[v]);
                dbeta[v] = dbeta[v].add(g[v]);
                g[v] = g[v].mul(gamma[v]);
                product[v] = g[v].mul(xhat[v]);
            }
            let (mean_g, mean_gx) = (S::splat(total(&g) * scale), S::splat(-total(&product) * scale));
            for v in 0..V {
                let dx = xhat[v].fma(mean_gx, g[v].sub(mean_g)).mul(S::splat(rstd));
                dx.store(job.dx.add(row * c + v * S::LANES));
            }
        }
        for v in 0..V {
            dgamma[v].store(job.sums.add(v * S::LANES));
            dbeta[v].store(job.sums.add(c + v * S::LANES));
        }
    }
}

unsafe fn forward_scalar(job: Forward) {
    let c = job.shape.channels;
    // SAFETY: `forward` checked these lengths.
    unsafe {
        let gamma = std::slice::from_raw_parts(job.gamma, c);
        let beta = std::slice::from_raw_parts(job.beta, c);
        for row in 0..job.rows {
            // Not slices: x and y may be the same row.
            let (x, y) = (job.x.add(row * c), job.y.add(row * c));
            let mean = (0..c).map(|i| *x.add(i)).sum::<f32>() / c as f32;
            let variance = (0..c).map(|i| (*x.add(i) - mean).powi(2)).sum::<f32>() / c as f32;
            let rstd = 1.0 / (variance + job.shape.epsilon).sqrt();
            job.keep(row, mean, rstd);
            for i in 0..c {
                let shortcut = if job.shortcut.is_null() { 0.0 } else { *job.shortcut.add(row * c + i) };
                let value = (*x.add(i) - mean) * rstd * gamma[i] + beta[i] + shortcut;
                *y.add(i) = if job.shape.relu && value < 0.0 { 0.0 } else { value };
            }
        }
    }
}

unsafe fn backward_scalar(job: Backward) {
    let c = job.shape.channels;
    // SAFETY: `backward` checked these lengths.
    unsafe {
        let gamma = std::slice::from_raw_parts(job.gamma, c);
        let sums = std::slice::from_raw_parts_mut(job.sums, 2 * c);
        for row in 0..job.rows {
            let (mean, rstd) = (*job.statistics.add(2 * row), *job.statistics.add(2 * row + 1));
            let at = row * c;
            let gradient = |i: usize| {
                let open = !job.shape.relu || *job.y.add(at + i) > 0.0;
                if open { *job.dy.add(at + i) } else { 0.0 }
            };
            let xhat = |i: usize| (*job.x.add(at + i) - mean) * rstd;
            let (mut mean_g, mut mean_gx) = (0.0, 0.0);
            for i in 0..c {
                let g = gradient(i);
                *job.dy.add(at + i) = g;
                sums[i] += g * xhat(i);
                sums[c + i] += g;
                mean_g += g * gamma[i] / c as f32;
                mean_gx += g * gamma[i] * xhat(i) / c as f32;
            }
            for i in 0..c {
                *job.dx.add(at + i) = (gradient(i) * gamma[i] - mean_g - xhat(i) * mean_gx) * rstd;
            }
        }
    }
}
