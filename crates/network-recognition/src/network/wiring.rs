//! Putting a network together layer by layer, with every size checked against the file.

use super::program::{Norm, Op, Program, Value};
use basin_core::Params;
use std::collections::BTreeMap;
use thiserror::Error;

/// Why layers cannot be wired as asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WiringError {
    /// There is no such array.
    #[error("there is no {parameter}")]
    Missing {
        /// Its name.
        parameter: String,
    },
    /// An array has another shape than its place demands.
    #[error("{parameter} has shape {shape:?}, expected {expected}")]
    Shape {
        /// Its name.
        parameter: String,
        /// Its shape.
        shape: Vec<usize>,
        /// What was expected.
        expected: String,
    },
    /// Two values are added, or multiplied, that differ in width; or heads do not divide one.
    #[error(
        "widths {left} and {right} do not fit, expected equal widths of what is added, multiplied or split, and heads that \
         divide the width"
    )]
    Widths {
        /// Channels of the first.
        left: usize,
        /// Channels of the second.
        right: usize,
    },
    /// Arrays that no operation reads.
    #[error("no layer reads {} of the arrays: {}", .parameters.len(), listed(.parameters))]
    Unexplained {
        /// Their names.
        parameters: Vec<String>,
    },
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(6).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > 6 { format!("{shown}, …") } else { shown }
}

/// A program in the making. Each method checks the arrays it names and answers with the value computed.
#[derive(Clone, Debug)]
pub struct Wiring<'a> {
    params: &'a Params,
    shapes: BTreeMap<&'a str, &'a [usize]>,
    program: Program,
}

type Wired = Result<Value, WiringError>;

impl<'a> Wiring<'a> {
    /// No layers yet.
    pub fn new(params: &'a Params) -> Self {
        let shapes = params.iter().map(|(name, array)| (name, array.shape())).collect();
        let ranks = params.iter().map(|(name, array)| (name.to_owned(), array.shape().len())).collect();
        let program =
            Program { ops: Vec::new(), widths: Vec::new(), outputs: Vec::new(), kept: Vec::new(), ranks };
        Self { params, shapes, program }
    }

    /// How far it is, for [`Wiring::rewind`].
    pub(crate) fn mark(&self) -> [usize; 2] {
        [self.program.ops.len(), self.program.kept.len()]
    }

    /// Forgets everything since a mark.
    pub(crate) fn rewind(&mut self, [ops, kept]: [usize; 2]) {
        self.program.ops.truncate(ops);
        self.program.widths.truncate(ops);
        self.program.kept.truncate(kept);
    }

    /// Channels of a value.
    pub fn width(&self, value: Value) -> usize {
        self.program.widths[value.0]
    }

    /// Shape of an array of the network, if it is there.
    pub fn shape(&self, parameter: &str) -> Option<&'a [usize]> {
        self.shapes.get(parameter).copied()
    }

    fn push(&mut self, op: Op, width: usize) -> Value {
        self.program.ops.push(op);
        self.program.widths.push(width);
        Value(self.program.ops.len() - 1)
    }

    fn need(&self, parameter: &str) -> Result<&'a [usize], WiringError> {
        self.shape(parameter).ok_or_else(|| WiringError::Missing { parameter: parameter.to_owned() })
    }

    fn refuse<T>(&self, parameter: &str, expected: String) -> Result<T, WiringError> {
        let shape = self.shape(parameter).unwrap_or_default().to_vec();
        Err(WiringError::Shape { parameter: parameter.to_owned(), shape, expected })
    }

    /// An array of one axis of that length, if it is there.
    fn vector(&self, parameter: String, len: usize) -> Result<Option<String>, WiringError> {
        match self.shape(&parameter) {
            None => Ok(None),
            Some(&[found]) if found == len => Ok(Some(parameter)),
            Some(_) => self.refuse(&parameter, format!("[{len}]")),
        }
    }

    /// What the network reads, `channels` wide: their order stays.
    pub fn input(&mut self, channels: usize) -> Value {
        self.push(Op::Input, channels)
    }

    /// A convolution: `{name}.weight` `[out, in / groups, k, …]` with one to three axes of the kernel, and
    /// `{name}.bias` `[out]` if there is one. The number of groups follows from the width of `x`.
    ///
    /// # Errors
    /// [`WiringError`] when the weight is missing or its channels do not fit `x`.
    pub fn conv(&mut self, name: &str, x: Value) -> Wired {
        let weight = format!("{name}.weight");
        let width = self.width(x);
        let &[out, part, _, ..] = self.need(&weight)? else {
            return self.refuse(&weight, "a convolution [out, in, k, …]".into());
        };
        if part == 0 || !width.is_multiple_of(part) || !out.is_multiple_of(width / part) || out == 0 {
            return self.refuse(&weight, format!("a convolution that reads {width} channels"));
        }
        let bias = self.vector(format!("{name}.bias"), out)?;
        Ok(self.push(Op::Conv { weight, bias, x, groups: width / part }, out))
    }

    /// A dense layer on the channels of every position: `{name}.weight` `[out, in]`, or `[out, in, 1, 1]`, and
    /// `{name}.bias` `[out]` if there is one.
    ///
    /// # Errors
    /// [`WiringError`] when the weight is missing or reads another width than that of `x`.
    pub fn dense(&mut self, name: &str, x: Value) -> Wired {
        self.dense_of(&format!("{name}.weight"), &format!("{name}.bias"), x)
    }

    /// [`Wiring::dense`] with the names of its arrays in full.
    ///
    /// # Errors
    /// As [`Wiring::dense`].
    pub fn dense_of(&mut self, weight: &str, bias: &str, x: Value) -> Wired {
        let width = self.width(x);
        let out = match *self.need(weight)? {
            [out, read] | [out, read, 1] | [out, read, 1, 1] if read == width => out,
            _ => return self.refuse(weight, format!("a dense layer that reads {width} units")),
        };
        let bias = self.vector(bias.to_owned(), out)?;
        Ok(self.push(Op::Dense { weight: weight.to_owned(), bias, x }, out))
    }

    /// A normalisation of the channels of `x`: `{name}.weight`, `{name}.bias` and, for [`Norm::Batch`],
    /// `{name}.running_mean` and `{name}.running_var`, each `[channels]`, those that there are.
    /// `{name}.num_batches_tracked` is carried along.
    ///
    /// # Errors
    /// [`WiringError::Shape`] when one has another size, or the groups do not divide the channels;
    /// [`WiringError::Missing`] when none is there.
    pub fn norm(&mut self, name: &str, x: Value, kind: Norm) -> Wired {
        let width = self.width(x);
        let [scale, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"]
            .map(|part| self.vector(format!("{name}.{part}"), width));
        let (scale, shift) = (scale?, shift?);
        let statistics = mean?.zip(variance?).map(|(mean, variance)| [mean, variance]);
        if scale.is_none() && shift.is_none() && statistics.is_none() {
            return Err(WiringError::Missing { parameter: format!("{name}.weight") });
        }
        if let Norm::Groups(groups) = kind
            && (groups == 0 || !width.is_multiple_of(groups))
        {
            return self.refuse(&format!("{name}.weight"), format!("a multiple of {groups} groups"));
        }
        let counter = format!("{name}.num_batches_tracked");
        if self.shape(&counter).is_some() {
            self.keep(&counter)?;
        }
        Ok(self.push(Op::Norm { scale, shift, statistics, x, kind }, width))
    }

    /// A function of each unit alone.
    pub fn activation(&mut self, x: Value) -> Value {
        let width = self.width(x);
        self.push(Op::Activation { x }, width)
    }

    /// a + b: unit i is added to unit i, so both have one order.
    ///
    /// # Errors
    /// [`WiringError::Widths`] when they differ in width.
    pub fn add(&mut self, a: Value, b: Value) -> Wired {
        let width = self.same_width(a, b)?;
        Ok(self.push(Op::Add { a, b }, width))
    }

    /// a · b, unit by unit: a gate.
    ///
    /// # Errors
    /// [`WiringError::Widths`] when they differ in width.
    pub fn multiply(&mut self, a: Value, b: Value) -> Wired {
        let width = self.same_width(a, b)?;
        Ok(self.push(Op::Multiply { a, b }, width))
    }

    fn same_width(&self, a: Value, b: Value) -> Result<usize, WiringError> {
        let (left, right) = (self.width(a), self.width(b));
        if left == right { Ok(left) } else { Err(WiringError::Widths { left, right }) }
    }

    /// `x` between channels that are zero.
    pub fn pad(&mut self, x: Value, low: usize, high: usize) -> Value {
        let width = low + self.width(x) + high;
        self.push(Op::Pad { x, low, high }, width)
    }

    /// The channels of one value behind those of the other.
    pub fn concat(&mut self, parts: &[Value]) -> Value {
        let width = parts.iter().map(|&part| self.width(part)).sum();
        self.push(Op::Concat { parts: parts.to_vec() }, width)
    }

    /// Adjacent stretches of the channels of `x`.
    ///
    /// # Errors
    /// [`WiringError::Widths`] when they do not add up to the width of `x`.
    pub fn split(&mut self, x: Value, lens: &[usize]) -> Result<Vec<Value>, WiringError> {
        let (left, right) = (self.width(x), lens.iter().sum());
        if left != right {
            return Err(WiringError::Widths { left, right });
        }
        let starts = lens.iter().scan(0, |start, len| Some(std::mem::replace(start, *start + len)));
        let starts: Vec<usize> = starts.collect();
        Ok(starts
            .into_iter()
            .zip(lens)
            .map(|(start, &len)| self.push(Op::Slice { x, start, len }, len))
            .collect())
    }

    /// The channels of an image written out pixel by pixel, `[channels · pixels]`.
    pub fn flatten(&mut self, x: Value, pixels: usize) -> Value {
        let width = self.width(x) * pixels;
        self.push(Op::Flatten { x, pixels }, width)
    }

    /// The mean over all positions.
    pub fn pool(&mut self, x: Value) -> Value {
        let width = self.width(x);
        self.push(Op::Pool { x }, width)
    }

    /// An array with one entry per channel on one axis (`[d]`, `[1, d]`, `[d, 1, 1]`), multiplied to `x`.
    ///
    /// # Errors
    /// [`WiringError`] when it is missing or no axis has that length; the last that has is taken.
    pub fn scale(&mut self, parameter: &str, x: Value) -> Wired {
        let (width, axis) = (self.width(x), self.axis(parameter, self.width(x))?);
        Ok(self.push(Op::Scale { parameter: parameter.to_owned(), axis, x }, width))
    }

    /// The same, added: a bias, or an embedding of positions `[1, positions, d]`.
    ///
    /// # Errors
    /// As [`Wiring::scale`].
    pub fn shift(&mut self, parameter: &str, x: Value) -> Wired {
        let (width, axis) = (self.width(x), self.axis(parameter, self.width(x))?);
        Ok(self.push(Op::Shift { parameter: parameter.to_owned(), axis, x }, width))
    }

    /// Tokens `[…, n, d]` before those of `x`.
    ///
    /// # Errors
    /// As [`Wiring::scale`].
    pub fn prepend(&mut self, parameter: &str, x: Value) -> Wired {
        let (width, axis) = (self.width(x), self.axis(parameter, self.width(x))?);
        Ok(self.push(Op::Prepend { parameter: parameter.to_owned(), axis, x }, width))
    }

    /// The axis of the channels: the last of that length, or the first if only that fits.
    fn axis(&self, parameter: &str, width: usize) -> Result<usize, WiringError> {
        let shape = self.need(parameter)?;
        match shape.iter().rposition(|&len| len == width) {
            Some(axis) => Ok(axis),
            None => self.refuse(parameter, format!("an axis of {width} channels")),
        }
    }

    /// Rows of a table `[entries, width]`, whose order stays: words, positions.
    ///
    /// # Errors
    /// [`WiringError`] when it is missing or has not two axes.
    pub fn embed(&mut self, weight: &str) -> Wired {
        let &[_, width] = self.need(weight)? else {
            return self.refuse(weight, "a table [entries, width]".into());
        };
        Ok(self.push(Op::Embed { weight: weight.to_owned() }, width))
    }

    /// Attention over the positions, in that many heads; `name` is that of the layer. Keys may be narrower than
    /// queries (several query heads to one of keys and values). Without a number of heads the units inside keep
    /// their order; `rigid` units keep it in their head, and only heads change places, as those of rotary positions
    /// and of keys that several heads of queries share do in any case.
    ///
    /// # Errors
    /// [`WiringError::Widths`] when the heads do not divide the widths.
    pub fn attention(
        &mut self,
        name: &str,
        [q, k, v]: [Value; 3],
        heads: Option<usize>,
        rigid: bool,
    ) -> Wired {
        let [wide, keys, values] = [q, k, v].map(|value| self.width(value));
        let heads_fit = |heads: usize| {
            heads > 0 && wide.is_multiple_of(heads) && keys > 0 && keys.is_multiple_of(wide / heads)
        };
        if !heads.is_none_or(heads_fit) {
            return Err(WiringError::Widths { left: wide, right: heads.unwrap_or(0) });
        }
        if keys == 0 || !wide.is_multiple_of(keys) || values == 0 {
            return Err(WiringError::Widths { left: wide, right: keys });
        }
        let width = values * (wide / keys);
        Ok(self.push(
            Op::Attention { q, k, v, heads, rigid: rigid || keys != wide, name: name.to_owned() },
            width,
        ))
    }

    /// A recurrent layer of PyTorch with that suffix, such as `_l0` or `_l0_reverse`: `{name}.weight_ih{suffix}`
    /// `[g·h, in]` for g gates (4 in an LSTM, 3 in a GRU), `{name}.weight_hh{suffix}` `[g·h, h]`, and
    /// `bias_ih`, `bias_hh` if there.
    ///
    /// # Errors
    /// [`WiringError`] when an array is missing or does not fit.
    pub fn recurrent(&mut self, name: &str, suffix: &str, x: Value) -> Wired {
        let [input, state] = ["weight_ih", "weight_hh"].map(|part| format!("{name}.{part}{suffix}"));
        let width = self.width(x);
        let &[rows, units] = self.need(&state)? else {
            return self.refuse(&state, "[gates · units, units]".into());
        };
        if units == 0 || !rows.is_multiple_of(units) {
            return self.refuse(&state, "[gates · units, units]".into());
        }
        if *self.need(&input)? != [rows, width] {
            return self.refuse(&input, format!("[{rows}, {width}]"));
        }
        let mut biases = Vec::new();
        for part in ["bias_ih", "bias_hh"] {
            biases.extend(self.vector(format!("{name}.{part}{suffix}"), rows)?);
        }
        Ok(self.push(Op::Recurrent { input, state, biases, x, gates: rows / units }, units))
    }

    /// An array that no layer reads and that keeps its order: a counter, a table that the program does not need.
    ///
    /// # Errors
    /// [`WiringError::Missing`].
    pub fn keep(&mut self, parameter: &str) -> Result<(), WiringError> {
        self.need(parameter)?;
        if !self.program.kept.iter().any(|name| name == parameter) {
            self.program.kept.push(parameter.to_owned());
        }
        Ok(())
    }

    /// The program, with these outputs, whose order stays.
    ///
    /// # Errors
    /// [`WiringError::Unexplained`] when arrays are left over.
    pub fn finish(mut self, outputs: &[Value]) -> Result<Program, WiringError> {
        let left = self.program.unexplained(self.params);
        if !left.is_empty() {
            let parameters = left.into_iter().map(str::to_owned).collect();
            return Err(WiringError::Unexplained { parameters });
        }
        self.program.outputs = outputs.to_vec();
        Ok(self.program)
    }
}

#[cfg(test)]
mod tests;
