//! Perceptrons.

use super::channels_last;
use crate::Featured;
use crate::layers::{Dense, Norm, NormLayer};
use crate::ops::{Fusion, flattened};
use candle_core::{Module, Result, Tensor};
use candle_nn::{ModuleT, VarBuilder};

/// Dense layers `fc1`, `fc2`, … on the pixels of an image, flattened as PyTorch does (channel, row, column), with a
/// normalisation `norm1`, … and a ReLU after each but the last.
#[derive(Clone, Debug)]
pub struct Mlp {
    hidden: Vec<(Dense, NormLayer)>,
    head: Dense,
}

impl Mlp {
    /// Hidden layers of these sizes on images of `inputs` values.
    ///
    /// # Errors
    /// The `VarBuilder`'s.
    pub fn new(
        inputs: usize,
        hidden: &[usize],
        classes: usize,
        norm: Norm,
        vb: VarBuilder<'_>,
    ) -> Result<Self> {
        let (mut layers, mut width) = (Vec::new(), inputs);
        for (place, &units) in (1..).zip(hidden) {
            let dense = Dense::hidden(width, units, vb.pp(format!("fc{place}")))?;
            layers.push((dense, NormLayer::new(norm, units, vb.pp(format!("norm{place}")))?));
            width = units;
        }
        let head = Dense::head(width, classes, vb.pp(format!("fc{}", hidden.len() + 1)))?;
        Ok(Self { hidden: layers, head })
    }
}

impl Mlp {
    fn hidden(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = match images.device().is_cpu() {
            true => images.flatten_from(1)?,
            false => flattened(&channels_last(images)?)?,
        };
        for (dense, norm) in &self.hidden {
            x = norm.forward(&dense.forward(&x)?, Fusion { shortcut: None, relu: true }, train)?;
        }
        Ok(x)
    }
}

impl ModuleT for Mlp {
    fn forward_t(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        self.head.forward(&self.hidden(images, train)?)
    }
}

impl Featured for Mlp {
    fn features(&self, images: &Tensor) -> Result<Tensor> {
        self.hidden(images, false)
    }
}
