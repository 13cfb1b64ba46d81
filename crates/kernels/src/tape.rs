//! Forward passes that remember, and the reverse pass over them.
//!
//! A tape runs on one thread over a few images. Gradients of activations are moved, not zero-filled and
//! added; activations are freed as the reverse pass walks; parameter gradients are added to accumulators
//! that outlive the tape, image by image, so their bits do not depend on how images are grouped.

use crate::graph::{Graph, Norm, ParamId, Weights};
use crate::inference::{conv_forward, dense_forward, norm_forward, pool_forward};
use crate::norm::NormShape;
use crate::tensor::floats;
use crate::{conv, head, norm};
use candle_core::{Result, Tensor};

/// A value on a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VarId(usize);

enum Op {
    Leaf,
    Conv { x: VarId, weight: ParamId },
    Norm { x: VarId, shortcut: Option<VarId>, norm: Norm, statistics: Vec<f32> },
    MeanPool { x: VarId },
    Dense { x: VarId, weight: ParamId, bias: ParamId },
}

/// Parameter gradients under construction: convolutions in packed order, everything else in PyTorch's.
#[derive(Clone, Debug)]
pub struct Accumulators {
    arrays: Vec<Vec<f32>>,
}

impl Accumulators {
    /// Zeros for every parameter.
    pub fn new(weights: &Weights) -> Self {
        let len = |id: usize| match weights.conv(ParamId(id)) {
            Ok(packed) => packed.gradient_len(),
            Err(_) => weights.tensor(ParamId(id)).elem_count(),
        };
        Self { arrays: (0..weights.len()).map(|id| vec![0.0; len(id)]).collect() }
    }

    /// Sets every element to zero.
    pub fn clear(&mut self) {
        self.arrays.iter_mut().for_each(|a| a.fill(0.0));
    }

    /// Adds another set, element by element.
    pub fn add(&mut self, other: &Accumulators) {
        for (mine, theirs) in self.arrays.iter_mut().zip(&other.arrays) {
            mine.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        }
    }

    /// The gradients in PyTorch's shapes, flattened, in the order of the parameters.
    pub fn unpack(&self, weights: &Weights) -> Vec<Vec<f32>> {
        let array = |(id, values): (usize, &Vec<f32>)| match weights.conv(ParamId(id)) {
            Ok(packed) => packed.unpack_gradient(values),
            Err(_) => values.clone(),
        };
        self.arrays.iter().enumerate().map(array).collect()
    }
}

/// Records a forward pass; [`Tape::backward`] consumes it.
pub struct Tape<'w> {
    weights: &'w Weights,
    values: Vec<Option<Tensor>>,
    ops: Vec<Op>,
}

impl std::fmt::Debug for Tape<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tape").field("operations", &self.ops.len()).finish()
    }
}

impl<'w> Tape<'w> {
    /// An empty tape.
    pub fn new(weights: &'w Weights) -> Self {
        Self { weights, values: Vec::new(), ops: Vec::new() }
    }

    /// Puts an input on the tape; no gradient flows to it.
    pub fn input(&mut self, x: Tensor) -> VarId {
        self.push(x, Op::Leaf)
    }

    /// A value computed earlier.
    ///
    /// # Errors
    /// Never before [`Tape::backward`], which consumes the tape.
    pub fn value(&self, id: VarId) -> Result<&Tensor> {
        match &self.values[id.0] {
            Some(value) => Ok(value),
            None => candle_core::bail!("value {} was freed", id.0),
        }
    }

    fn push(&mut self, value: Tensor, op: Op) -> VarId {
        self.values.push(Some(value));
        self.ops.push(op);
        VarId(self.values.len() - 1)
    }

    /// Walks back from `output` with d loss / d output, adding parameter gradients to `gradients`.
    ///
    /// # Errors
    /// When the gradient's length is not the output's.
    pub fn backward(mut self, output: VarId, gradient: Vec<f32>, gradients: &mut Accumulators) -> Result<()> {
        let mut grads: Vec<Option<Vec<f32>>> = self.values.iter().map(|_| None).collect();
        grads[output.0] = Some(gradient);
        while let Some(op) = self.ops.pop() {
            let here = self.ops.len();
            let Some(dy) = grads[here].take() else {
                self.values[here] = None;
                continue;
            };
            self.step(here, op, dy, &mut grads, gradients)?;
            self.values[here] = None;
        }
        Ok(())
    }

    fn step(
        &self,
        here: usize,
        op: Op,
        dy: Vec<f32>,
        grads: &mut [Option<Vec<f32>>],
        acc: &mut Accumulators,
    ) -> Result<()> {
        match op {
            Op::Leaf => {}
            Op::Conv { x, weight } => {
                let (packed, input) = (self.weights.conv(weight)?, self.value(x)?);
                let (_, h, w, _) = input.dims4()?;
                let values = floats(input)?;
                conv::weight_gradient(packed, &values, &dy, h, w, &mut acc.arrays[weight.0]);
                if !matches!(self.ops[x.0], Op::Leaf) {
                    let mut dx = vec![0.0; values.len()];
                    conv::input_gradient(packed, &dy, h, w, &mut dx);
                    add_to(&mut grads[x.0], dx);
                }
            }
            Op::Norm { x, shortcut, norm: n, statistics } => {
                let (input, output) = (self.value(x)?, self.value(VarId(here))?);
                let channels = *input.dims().last().unwrap_or(&0);
                let shape = NormShape { channels, epsilon: n.epsilon, relu: n.relu };
                let (values, y) = (floats(input)?, floats(output)?);
                let mut dx = vec![0.0; values.len()];
                let mut dshortcut = shortcut.map(|_| vec![0.0; values.len()]);
                let rows_per_image = values.len() / channels / input.dims()[0];
                let (dgamma, dbeta) = pair(&mut acc.arrays, n.scale.0, n.shift.0);
                norm::backward(
                    shape,
                    &values,
                    &y,
                    &statistics,
                    &floats(self.weights.tensor(n.scale))?,
                    &dy,
                    &mut dx,
                    dshortcut.as_deref_mut(),
                    dgamma,
                    dbeta,
                    rows_per_image,
                    self.weights.isa(),
                );
                add_to(&mut grads[x.0], dx);
                if let (Some(shortcut), Some(gradient)) = (shortcut, dshortcut) {
                    add_to(&mut grads[shortcut.0], gradient);
                }
            }
            Op::MeanPool { x } => {
                let (_, h, w, c) = self.value(x)?.dims4()?;
                add_to(&mut grads[x.0], head::mean_pool_gradient(&dy, h * w, c));
            }
            Op::Dense { x, weight, bias } => {
                let (w, input) = (floats(self.weights.tensor(weight))?, floats(self.value(x)?)?);
                let (dweight, dbias) = pair(&mut acc.arrays, weight.0, bias.0);
                add_to(&mut grads[x.0], head::dense_gradient(&input, &w, &dy, dweight, dbias));
            }
        }
        Ok(())
    }
}

/// The first gradient to arrive is kept as it is, later ones are added.
fn add_to(slot: &mut Option<Vec<f32>>, gradient: Vec<f32>) {
    match slot {
        Some(sum) => sum.iter_mut().zip(&gradient).for_each(|(s, g)| *s += g),
        None => *slot = Some(gradient),
    }
}

/// Two different arrays, both mutable.
fn pair(arrays: &mut [Vec<f32>], a: usize, b: usize) -> (&mut [f32], &mut [f32]) {
    let [first, second] = arrays.get_disjoint_mut([a, b]).expect("a layer's two parameters are different");
    (first, second)
}

impl Graph for Tape<'_> {
    type Value = VarId;

    fn conv(&mut self, x: &VarId, weight: ParamId) -> Result<VarId> {
        let y = conv_forward(self.weights, self.value(*x)?, weight)?;
        Ok(self.push(y, Op::Conv { x: *x, weight }))
    }

    fn norm(&mut self, x: &VarId, shortcut: Option<&VarId>, norm: Norm) -> Result<VarId> {
        let residual = shortcut.map(|s| self.value(*s)).transpose()?;
        let (y, statistics) = norm_forward(self.weights, self.value(*x)?, residual, norm)?;
        Ok(self.push(y, Op::Norm { x: *x, shortcut: shortcut.copied(), norm, statistics }))
    }

    fn mean_pool(&mut self, x: &VarId) -> Result<VarId> {
        let y = pool_forward(self.value(*x)?)?;
        Ok(self.push(y, Op::MeanPool { x: *x }))
    }

    fn dense(&mut self, x: &VarId, weight: ParamId, bias: ParamId) -> Result<VarId> {
        let y = dense_forward(self.weights, self.value(*x)?, weight, bias)?;
        Ok(self.push(y, Op::Dense { x: *x, weight, bias }))
    }
}
