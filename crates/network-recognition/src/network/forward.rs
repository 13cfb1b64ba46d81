//! What a network computes: a plain interpreter of its operations in f64, written for clarity.
//!
//! Values are channels at a few positions. An image has 2×2 of them, which a 3×3 kernel sees with all of its
//! taps; a convolution with another number of positions takes them for a line.

use super::program::{Op, Program, Value};
use super::signal::{Signal, Taps, affine, attention, normalised, products, recur, standardised};
use super::wiring::WiringError;
use basin_core::{Array, Params, SeedTree};
use std::collections::BTreeMap;

/// Pixels of an image, tokens of a text.
const POSITIONS: usize = 4;

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
                        standardised(x, mean, variance)
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
