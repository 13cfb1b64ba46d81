//! What a network computes: a plain interpreter of its operations in f64, written for clarity.
//!
//! Values are channels at a few positions. An image has 2×2 of them, which a 3×3 kernel sees with all of its
//! taps; a convolution with another number of positions takes them for a line.

use super::program::{Norm, Op, Program, Value};
use super::wiring::WiringError;
use basin_core::{Array, Params, SeedTree};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Pixels of an image, tokens of a text.
const POSITIONS: usize = 4;
const EPSILON: f64 = 1e-5;

/// `[channels, positions]`.
#[derive(Clone, Debug)]
struct Signal {
    positions: usize,
    data: Vec<f64>,
}

impl Signal {
    fn channel(&self, channel: usize) -> &[f64] {
        &self.data[channel * self.positions..][..self.positions]
    }

    /// Each channel turned into another one.
    fn map(mut self, mut f: impl FnMut(usize, &mut [f64])) -> Self {
        let positions = self.positions.max(1);
        self.data.chunks_mut(positions).enumerate().for_each(|(channel, row)| f(channel, row));
        self
    }

    fn joined(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
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

impl Program {
    /// What the network with these arrays computes from a random input: the values of all outputs, one after
    /// the other. Inputs are standard normal, or random rows of tables; which they are depends on `seed` alone.
    /// About 2 multiplications per weight of a convolution, 4 to 5 per weight of a dense layer on tokens.
    ///
    /// # Errors
    /// [`WiringError::Missing`] when an array is not there, [`WiringError::Shape`] when it is not of the size
    /// that the program was made for.
    pub fn outputs(&self, params: &Params, seed: u64) -> Result<Vec<f64>, WiringError> {
        let arrays: BTreeMap<&str, &Array> = params.iter().collect();
        let mut run = Run { arrays, seed, values: Vec::with_capacity(self.len()) };
        // A value is let go after its last use.
        let mut last_use = vec![0; self.len()];
        for (i, op) in self.ops.iter().enumerate() {
            op.values().iter().for_each(|value| last_use[value.0] = i);
        }
        self.outputs.iter().for_each(|value| last_use[value.0] = usize::MAX);
        for (i, (op, &width)) in self.ops.iter().zip(&self.widths).enumerate() {
            let signal = run.apply(i, op, width)?;
            run.values.push(Some(signal));
            for value in op.values() {
                if last_use[value.0] == i {
                    run.values[value.0] = None;
                }
            }
        }
        let signals = self.outputs.iter().filter_map(|value| run.values[value.0].as_ref());
        Ok(signals.flat_map(|signal| signal.data.iter().copied()).collect())
    }
}

impl Op {
    /// The values that the operation reads.
    pub(super) fn values(&self) -> Vec<Value> {
        match self {
            Self::Input | Self::Embed { .. } => Vec::new(),
            Self::Conv { x, .. }
            | Self::Dense { x, .. }
            | Self::Norm { x, .. }
            | Self::Activation { x }
            | Self::Pad { x, .. }
            | Self::Slice { x, .. }
            | Self::Flatten { x, .. }
            | Self::Pool { x }
            | Self::Scale { x, .. }
            | Self::Shift { x, .. }
            | Self::Prepend { x, .. }
            | Self::Recurrent { x, .. } => vec![*x],
            Self::Add { a, b } | Self::Multiply { a, b } => vec![*a, *b],
            Self::Concat { parts } => parts.clone(),
            Self::Attention { q, k, v, .. } => vec![*q, *k, *v],
        }
    }
}

/// The state of the interpreter.
struct Run<'a> {
    arrays: BTreeMap<&'a str, &'a Array>,
    seed: u64,
    values: Vec<Option<Signal>>,
}

impl Run<'_> {
    fn array(&self, name: &str) -> Result<&Array, WiringError> {
        self.arrays.get(name).copied().ok_or_else(|| WiringError::Missing { parameter: name.to_owned() })
    }

    /// The values of an array of that size.
    fn sized(&self, name: &str, len: usize) -> Result<&[f32], WiringError> {
        let array = self.array(name)?;
        if array.data().len() == len {
            return Ok(array.data());
        }
        let (shape, expected) = (array.shape().to_vec(), format!("{len} values"));
        Err(WiringError::Shape { parameter: name.to_owned(), shape, expected })
    }

    fn bias(&self, name: Option<&String>, len: usize) -> Result<Option<&[f32]>, WiringError> {
        name.map(|name| self.sized(name, len)).transpose()
    }

    /// The value, which [`super::Wiring`] made before its readers.
    fn value(&self, value: &Value) -> Signal {
        self.values[value.0].clone().unwrap_or(Signal { positions: 0, data: Vec::new() })
    }

    fn apply(&self, index: usize, op: &Op, width: usize) -> Result<Signal, WiringError> {
        let normal = |count: usize| -> Vec<f64> {
            let mut rng = SeedTree::root(self.seed).child("input").index(index as u64).rng();
            (0..count).map(|_| rng.normal()).collect()
        };
        Ok(match op {
            Op::Input => Signal { positions: POSITIONS, data: normal(width * POSITIONS) },
            Op::Embed { weight } => {
                let table = self.array(weight)?;
                let entries = table.shape().first().copied().unwrap_or(0);
                let table = self.sized(weight, entries * width)?;
                let row = |x: f64| ((x.abs() * 1e6) as usize) % entries.max(1);
                let rows: Vec<usize> = normal(POSITIONS).into_iter().map(row).collect();
                let entry = |channel: usize| rows.iter().map(move |row| (channel, *row));
                let entries = (0..width).flat_map(entry);
                let data = entries.map(|(c, row)| table.get(row * width + c).map_or(0.0, |&x| f64::from(x)));
                Signal { positions: POSITIONS, data: data.collect() }
            }
            Op::Conv { weight, bias, x, groups } => {
                let x = self.value(x);
                let shape = self.array(weight)?.shape();
                let part = x.data.len() / x.positions.max(1) / groups;
                let taps = Taps::of(shape, x.positions);
                let weight = self.sized(weight, width * part * taps.kernel)?;
                products(weight, self.bias(bias.as_ref(), width)?, &x, width, *groups, &taps)
            }
            Op::Dense { weight, bias, x } => {
                let x = self.value(x);
                let taps = Taps::single(x.positions);
                let weight = self.sized(weight, width * x.data.len() / x.positions.max(1))?;
                products(weight, self.bias(bias.as_ref(), width)?, &x, width, 1, &taps)
            }
            Op::Norm { scale, shift, statistics, x, kind } => {
                let x = self.value(x);
                let x = match statistics {
                    Some([mean, variance]) => {
                        let (mean, variance) = (self.sized(mean, width)?, self.sized(variance, width)?);
                        x.map(|c, row| {
                            let deviation = (f64::from(variance[c]).abs() + EPSILON).sqrt();
                            row.iter_mut().for_each(|x| *x = (*x - f64::from(mean[c])) / deviation);
                        })
                    }
                    None => normalised(x, width, *kind),
                };
                let x = affine(x, self.bias(scale.as_ref(), width)?, |x, w| x * w);
                affine(x, self.bias(shift.as_ref(), width)?, |x, b| x + b)
            }
            Op::Activation { x } => self
                .value(x)
                .map(|_, row| row.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.1 * *x } else { *x })),
            Op::Add { a, b } => self.value(a).joined(&self.value(b), |a, b| a + b),
            Op::Multiply { a, b } => self.value(a).joined(&self.value(b), |a, b| a * b),
            Op::Pad { x, low, high } => {
                let x = self.value(x);
                let zeros = |channels: &usize| vec![0.0; channels * x.positions];
                Signal { positions: x.positions, data: [zeros(low), x.data.clone(), zeros(high)].concat() }
            }
            Op::Concat { parts } => {
                let parts: Vec<Signal> = parts.iter().map(|part| self.value(part)).collect();
                let positions = parts.iter().map(|part| part.positions).max().unwrap_or(1);
                // A value of fewer positions stands at all of them.
                let spread = |part: &Signal| {
                    let row = |row: &[f64]| row.iter().copied().cycle().take(positions).collect::<Vec<f64>>();
                    part.data.chunks(part.positions.max(1)).flat_map(row).collect::<Vec<f64>>()
                };
                Signal { positions, data: parts.iter().flat_map(spread).collect() }
            }
            Op::Slice { x, start, len } => {
                let x = self.value(x);
                let data = x.data[start * x.positions..][..len * x.positions].to_vec();
                Signal { positions: x.positions, data }
            }
            Op::Flatten { x, pixels } => {
                let x = self.value(x);
                // The few pixels there are stand for all, told apart by a factor.
                let pixel = |row: &[f64], j: usize| row[j % row.len()] * (1.0 + (j / row.len()) as f64 / 8.0);
                let data = x
                    .data
                    .chunks(x.positions.max(1))
                    .flat_map(|row| (0..*pixels).map(move |j| pixel(row, j)));
                Signal { positions: 1, data: data.collect() }
            }
            Op::Pool { x } => {
                let x = self.value(x);
                let means =
                    x.data.chunks(x.positions.max(1)).map(|row| row.iter().sum::<f64>() / row.len() as f64);
                Signal { positions: 1, data: means.collect() }
            }
            Op::Scale { parameter, axis, x } => {
                self.along(parameter, *axis, self.value(x), width, |x, w| x * w)?
            }
            Op::Shift { parameter, axis, x } => {
                self.along(parameter, *axis, self.value(x), width, |x, b| x + b)?
            }
            Op::Prepend { parameter, axis, x } => {
                let x = self.value(x);
                let tokens = self.rows(parameter, *axis, width)?;
                let positions = tokens.len() + x.positions;
                let channel = |c: usize| {
                    let own = tokens.iter().map(|row| row[c]).collect::<Vec<f64>>();
                    [own, x.channel(c).to_vec()].concat()
                };
                Signal { positions, data: (0..width).flat_map(channel).collect() }
            }
            Op::Attention { q, k, v, heads, .. } => {
                attention(&self.value(q), &self.value(k), &self.value(v), *heads, width)
            }
            Op::Recurrent { input, state, biases, x, gates } => {
                let x = self.value(x);
                let rows = gates * width;
                let biases =
                    biases.iter().map(|bias| self.sized(bias, rows)).collect::<Result<Vec<_>, _>>()?;
                let input = self.sized(input, rows * x.data.len() / x.positions.max(1))?;
                let state = self.sized(state, rows * width)?;
                let seen = products(input, None, &x, rows, 1, &Taps::single(x.positions));
                recur(&seen, state, &biases, width)
            }
        })
    }

    /// The rows of an array along the other axes than that of the channels.
    fn rows(&self, parameter: &str, axis: usize, width: usize) -> Result<Vec<Vec<f64>>, WiringError> {
        let array = self.array(parameter)?;
        let inner: usize = array.shape()[axis + 1..].iter().product();
        let outer: usize = array.shape()[..axis].iter().product();
        let data = self.sized(parameter, outer * width * inner)?;
        let row = |place: usize| {
            let (i, j) = (place / inner, place % inner);
            (0..width).map(|c| f64::from(data[(i * width + c) * inner + j])).collect()
        };
        Ok((0..outer * inner).map(row).collect())
    }

    fn along(
        &self,
        parameter: &str,
        axis: usize,
        x: Signal,
        width: usize,
        f: impl Fn(f64, f64) -> f64,
    ) -> Result<Signal, WiringError> {
        let rows = self.rows(parameter, axis, width)?;
        Ok(x.map(|c, row| {
            for (x, values) in row.iter_mut().zip(rows.iter().cycle()) {
                *x = f(*x, values[c]);
            }
        }))
    }
}

fn affine(x: Signal, by: Option<&[f32]>, f: impl Fn(f64, f64) -> f64) -> Signal {
    match by {
        None => x,
        Some(by) => x.map(|c, row| row.iter_mut().for_each(|x| *x = f(*x, f64::from(by[c])))),
    }
}

/// Which weight of a kernel joins which two positions.
struct Taps {
    /// Values of a kernel.
    kernel: usize,
    /// Place in the kernel, position written, position read.
    joins: Vec<(usize, usize, usize)>,
}

impl Taps {
    /// A kernel of one value.
    fn single(positions: usize) -> Self {
        Self { kernel: 1, joins: (0..positions).map(|p| (0, p, p)).collect() }
    }

    /// The kernel of a convolution `[out, in, …, kh, kw]`, in the middle of any further axes.
    fn of(shape: &[usize], positions: usize) -> Self {
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
}

/// out[o, p] = bias[o] + Σ w[o, i, t] x[i, q] over the inputs of o's group and the joins (t, p, q).
fn products(
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
    let rows = data.par_chunks_mut(positions.max(1)).enumerate();
    rows.with_min_len(64).for_each(|(o, sums)| {
        sums.fill(bias.map_or(0.0, |bias| f64::from(bias[o])));
        let first = o / (out / groups) * part;
        for (i, kernel) in
            weight[o * part * taps.kernel..][..part * taps.kernel].chunks(taps.kernel).enumerate()
        {
            let row = x.channel(first + i);
            for &(tap, written, read) in &taps.joins {
                sums[written] += f64::from(kernel[tap]) * row[read];
            }
        }
    });
    Signal { positions, data }
}

/// Zero mean, unit variance over the channels of a group: at each position, or at all where groups may be of
/// one channel.
fn normalised(x: Signal, width: usize, kind: Norm) -> Signal {
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
fn attention(q: &Signal, k: &Signal, v: &Signal, heads: Option<usize>, width: usize) -> Signal {
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
fn recur(seen: &Signal, weight: &[f32], biases: &[&[f32]], units: usize) -> Signal {
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
