//! The arithmetic of a forward pass: plain loops in f64, written for clarity.

use super::program::Norm;
use rayon::prelude::*;

const EPSILON: f64 = 1e-5;

/// `[channels, positions]`.
#[derive(Clone, Debug)]
pub(super) struct Signal {
    pub(super) positions: usize,
    pub(super) data: Vec<f64>,
}

impl Signal {
    pub(super) fn channel(&self, channel: usize) -> &[f64] {
        &self.data[channel * self.positions..][..self.positions]
    }

    /// Each channel turned into another one.
    pub(super) fn map(mut self, mut f: impl FnMut(usize, &mut [f64])) -> Self {
        let positions = self.positions.max(1);
        self.data.chunks_mut(positions).enumerate().for_each(|(channel, row)| f(channel, row));
        self
    }

    pub(super) fn joined(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        // One of them may be pooled.
        let (long, short, swap) =
            if self.positions < other.positions { (other, self, true) } else { (self, other, false) };
        long.clone().map(|channel, row| {
            let other = short.channel(channel);
            for (x, y) in row.iter_mut().zip(other.iter().cycle()) {
                *x = if swap { f(*y, *x) } else { f(*x, *y) };
            }
        })
    }
}

/// Each channel by its running statistics.
pub(super) fn standardised(x: Signal, mean: &[f32], variance: &[f32]) -> Signal {
    x.map(|c, row| {
        let deviation = (f64::from(variance[c]).abs() + EPSILON).sqrt();
        row.iter_mut().for_each(|x| *x = (*x - f64::from(mean[c])) / deviation);
    })
}

pub(super) fn affine(x: Signal, by: Option<&[f32]>, f: impl Fn(f64, f64) -> f64) -> Signal {
    match by {
        None => x,
        Some(by) => x.map(|c, row| row.iter_mut().for_each(|x| *x = f(*x, f64::from(by[c])))),
    }
}

/// Which weight of a kernel joins which two positions.
pub(super) struct Taps {
    /// Values of a kernel.
    pub(super) kernel: usize,
    /// Place in the kernel, position written, position read.
    joins: Vec<(usize, usize, usize)>,
}

impl Taps {
    /// A kernel of one value.
    pub(super) fn single(positions: usize) -> Self {
        Self { kernel: 1, joins: (0..positions).map(|p| (0, p, p)).collect() }
    }

    /// The kernel of a convolution `[out, in, …, kh, kw]`, in the middle of any further axes.
    pub(super) fn of(shape: &[usize], positions: usize) -> Self {
        let kernel = &shape[2.min(shape.len())..];
        let count = kernel.iter().product();
        let columns = kernel.last().copied().unwrap_or(1);
        let rows = if kernel.len() > 1 { kernel[kernel.len() - 2] } else { 1 };
        let plane = rows * columns;
        let start = (count / plane.max(1)) / 2 * plane;
        let (height, width) = if positions == 4 && kernel.len() > 1 { (2, 2) } else { (1, positions) };
        let mut joins = Vec::new();
        for written in 0..positions {
            for read in 0..positions {
                let place = |size: usize, written: usize, read: usize| {
                    (read + size.saturating_sub(1) / 2).checked_sub(written).filter(|tap| *tap < size)
                };
                let row = place(rows, written / width, read / width);
                if let Some((row, column)) = row.zip(place(columns, written % width, read % width)) {
                    joins.push((start + row * columns + column, written, read));
                }
            }
        }
        debug_assert!(height * width == positions);
        Self { kernel: count, joins }
    }

    /// The sum for these joins.
    fn sum(&self) -> Sum {
        let positions = self.joins.last().map_or(0, |&(_, written, _)| written + 1);
        let joined = |place: fn(usize, usize) -> usize| {
            let all =
                (0..4).flat_map(|written| (0..4).map(move |read| (place(written, read), written, read)));
            self.joins.iter().copied().eq(all)
        };
        let alone = self.joins.iter().enumerate().all(|(p, join)| *join == (0, p, p));
        match (self.kernel, positions) {
            (9, 4) if joined(tap) => sum_image,
            (1, 4) if alone => sum_pixels,
            (1, 1) if alone => sum_features,
            _ => sum_any,
        }
    }
}

/// Adds the products of one output's kernels with the signals of their inputs, channel by channel, to its positions.
type Sum = fn(&Taps, &[f32], &[f64], &mut [f64]);

/// For any joins.
fn sum_any(taps: &Taps, kernels: &[f32], x: &[f64], sums: &mut [f64]) {
    let rows = x.chunks(sums.len().max(1));
    for (kernel, row) in kernels.chunks(taps.kernel.max(1)).zip(rows) {
        for &(tap, written, read) in &taps.joins {
            sums[written] += f64::from(kernel[tap]) * row[read];
        }
    }
}

/// The value of a 3x3 kernel that joins two of 2x2 pixels.
const fn tap(written: usize, read: usize) -> usize {
    (read / 2 + 1 - written / 2) * 3 + (read % 2 + 1 - written % 2)
}

/// For 3x3 kernels on 2x2 pixels, of which every one sees every other.
fn sum_image(_: &Taps, kernels: &[f32], x: &[f64], sums: &mut [f64]) {
    let Some(sums) = sums.first_chunk_mut::<4>() else { return };
    let mut kept = *sums;
    for (kernel, row) in kernels.as_chunks::<9>().0.iter().zip(x.as_chunks::<4>().0) {
        let kernel = kernel.map(f64::from);
        for read in 0..4 {
            for written in 0..4 {
                kept[written] += kernel[tap(written, read)] * row[read];
            }
        }
    }
    *sums = kept;
}

/// For single values on four positions.
fn sum_pixels(_: &Taps, kernels: &[f32], x: &[f64], sums: &mut [f64]) {
    let Some(sums) = sums.first_chunk_mut::<4>() else { return };
    let mut kept = *sums;
    for (&w, row) in kernels.iter().zip(x.as_chunks::<4>().0) {
        (0..4).for_each(|p| kept[p] += f64::from(w) * row[p]);
    }
    *sums = kept;
}

/// For single values on one position, in lanes that do not wait for each other.
fn sum_features(_: &Taps, kernels: &[f32], x: &[f64], sums: &mut [f64]) {
    const LANES: usize = 8;
    let ((w8, w1), (x8, x1)) = (kernels.as_chunks::<LANES>(), x.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (w, x) in w8.iter().zip(x8) {
        (0..LANES).for_each(|l| lanes[l] += f64::from(w[l]) * x[l]);
    }
    let rest: f64 = w1.iter().zip(x1).map(|(&w, x)| f64::from(w) * x).sum();
    sums.iter_mut().for_each(|sum| *sum += lanes.iter().sum::<f64>() + rest);
}

/// out[o, p] = bias[o] + Σ w[o, i, t] x[i, q] over the inputs of o's group and the joins (t, p, q).
pub(super) fn products(
    weight: &[f32],
    bias: Option<&[f32]>,
    x: &Signal,
    out: usize,
    groups: usize,
    taps: &Taps,
) -> Signal {
    let positions = x.positions;
    let mut data = vec![0.0; out * positions];
    let part = weight.len() / out.max(1) / taps.kernel.max(1);
    let sum = taps.sum();
    let rows = data.par_chunks_mut(positions.max(1)).enumerate();
    rows.with_min_len(16).for_each(|(o, sums)| {
        sums.fill(bias.map_or(0.0, |bias| f64::from(bias[o])));
        let first = o / (out / groups) * part;
        let kernels = &weight[o * part * taps.kernel..][..part * taps.kernel];
        sum(taps, kernels, &x.data[first * positions..][..part * positions], sums);
    });
    Signal { positions, data }
}

/// Zero mean, unit variance over the channels of a group: at each position, or at all where groups may be of
/// one channel.
pub(super) fn normalised(x: Signal, width: usize, kind: Norm) -> Signal {
    let groups = match kind {
        Norm::Batch => width,
        Norm::Layer => 1,
        Norm::Groups(groups) => groups,
        // The smallest blocks, which stand for every number of groups.
        Norm::UnknownGroups => width / super::symmetry::smallest_block(width),
    };
    let positions = x.positions;
    let mut data = x.data;
    let size = width / groups.max(1) * positions;
    for group in data.chunks_mut(size.max(1)) {
        let places: &[usize] = if groups == 1 { &(0..positions).collect::<Vec<usize>>() } else { &[0] };
        let step = if groups == 1 { positions } else { 1 };
        for &place in places {
            let values = || (place..size).step_by(step);
            let count = values().count() as f64;
            let mean = values().map(|i| group[i]).sum::<f64>() / count;
            let variance = values().map(|i| (group[i] - mean).powi(2)).sum::<f64>() / count;
            values().for_each(|i| group[i] = (group[i] - mean) / (variance + EPSILON).sqrt());
        }
    }
    Signal { positions, data }
}

/// Softmax(QKᵀ/√k)V in each head. Without a number of heads each unit is a head, in which no two may change.
pub(super) fn attention(q: &Signal, k: &Signal, v: &Signal, heads: Option<usize>, width: usize) -> Signal {
    let channels = |signal: &Signal| signal.data.len() / signal.positions.max(1);
    let heads = heads.unwrap_or(channels(q)).max(1);
    let size = channels(q) / heads;
    let own = (channels(k) / size.max(1)).max(1);
    let each = width / heads;
    let mut data = vec![0.0; width * q.positions];
    for head in 0..heads {
        let shared = head * own / heads;
        for i in 0..q.positions {
            let score = |j: usize| {
                let unit = |u: usize| q.channel(head * size + u)[i] * k.channel(shared * size + u)[j];
                (0..size).map(unit).sum::<f64>() / (size as f64).sqrt()
            };
            let scores: Vec<f64> = (0..k.positions).map(score).collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
            let total: f64 = weights.iter().sum();
            for u in 0..each {
                let values = v.channel(shared * each + u);
                let mean = weights.iter().zip(values).map(|(w, x)| w * x).sum::<f64>() / total;
                data[(head * each + u) * q.positions + i] = mean;
            }
        }
    }
    Signal { positions: q.positions, data }
}

/// A state that each position changes by its gates; which function of them it is does not matter.
pub(super) fn recur(seen: &Signal, weight: &[f32], biases: &[&[f32]], units: usize) -> Signal {
    let mut data = vec![0.0; units * seen.positions];
    let mut state = vec![0.0; units];
    for position in 0..seen.positions {
        let mut next = vec![0.0; units];
        for (row, weights) in weight.chunks(units.max(1)).enumerate() {
            let told: f64 = weights.iter().zip(&state).map(|(w, x)| f64::from(*w) * x).sum();
            let bias: f64 = biases.iter().map(|bias| f64::from(bias[row])).sum();
            next[row % units] +=
                (told + bias + seen.channel(row)[position]).tanh() * (1 + row / units) as f64;
        }
        state = next;
        for (unit, x) in state.iter().enumerate() {
            data[unit * seen.positions + position] = *x;
        }
    }
    Signal { positions: seen.positions, data }
}
