//! The ResNets of `basin-models` with BatchNorm or without any normalisation.

use super::channels_last;
use crate::Featured;
use crate::layers::{Conv, Dense, DropPath, Norm, NormLayer};
use crate::ops::{Fusion, Padding, mean_pool};
use candle_core::{Module, Result, Tensor};
use candle_nn::init::FanInOut;
use candle_nn::{ModuleT, VarBuilder};

const RELU: Fusion<'static> = Fusion { shortcut: None, relu: true };

/// A CIFAR ResNet of 6n + 2 layers: the wiring, names and SAME padding of `basin_models::ResNet`, with any normalisation.
/// Convolutions have no bias, so that without a normalisation the last dense layer's is the only one.
#[derive(Clone, Debug)]
pub struct CifarResNet {
    stem: ConvNorm,
    blocks: Vec<Block>,
    dense: Dense,
}

#[derive(Clone, Debug)]
struct ConvNorm {
    conv: Conv,
    norm: NormLayer,
}

#[derive(Clone, Debug)]
struct Block {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Option<ConvNorm>,
    drop_path: DropPath,
}

impl CifarResNet {
    /// For images of `channels`: three groups of `blocks` blocks with `base`, 2 `base` and 4 `base` channels.
    ///
    /// # Errors
    /// The `VarBuilder`'s.
    pub fn new(
        channels: usize,
        blocks: usize,
        base: usize,
        classes: usize,
        norm: Norm,
        vb: VarBuilder<'_>,
    ) -> Result<Self> {
        let layer = |vb: &VarBuilder<'_>, [conv_name, norm_name]: [&str; 2], sizes: [usize; 2], stride| {
            let conv =
                Conv::new([sizes[0], sizes[1], 3], stride, Padding::Same, FanInOut::FanIn, vb.pp(conv_name))?;
            Result::Ok(ConvNorm { conv, norm: NormLayer::new(norm, sizes[1], vb.pp(norm_name))? })
        };
        let stem = layer(&vb, ["conv1", "norm1"], [channels, base], 1)?;
        let (mut all, mut input) = (Vec::new(), base);
        for group in 0..3 {
            for block in 0..blocks {
                let (output, stride) = (base << group, if group > 0 && block == 0 { 2 } else { 1 });
                let vb = vb.pp(format!("blockgroups.{group}.blocks.{block}"));
                let first = layer(&vb, ["conv1", "norm1"], [input, output], stride)?;
                let second = layer(&vb, ["conv2", "norm2"], [output, output], 1)?;
                let shortcut = ["shortcut.conv", "shortcut.norm"];
                let shortcut = match stride {
                    1 => None,
                    _ => Some(layer(&vb, shortcut, [input, output], stride)?),
                };
                all.push(Block { first, second, shortcut, drop_path: DropPath::default() });
                input = output;
            }
        }
        Ok(Self { stem, blocks: all, dense: Dense::head(input, classes, vb.pp("dense"))? })
    }
}

impl ConvNorm {
    fn forward(&self, x: &Tensor, then: Fusion<'_>, train: bool) -> Result<Tensor> {
        self.norm.forward(&self.conv.forward(x)?, then, train)
    }
}

impl CifarResNet {
    fn hidden(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = self.stem.forward(&channels_last(images)?, RELU, train)?;
        for Block { first, second, shortcut, drop_path } in &self.blocks {
            let y = first.forward(&x, RELU, train)?;
            let shortcut = match shortcut {
                Some(layer) => layer.forward(&x, Fusion::default(), train)?,
                None => x,
            };
            x = drop_path.residual(&shortcut, train, |then| second.forward(&y, then, train))?;
        }
        mean_pool(&x)
    }
}

impl CifarResNet {
    /// The same with stochastic depth: in training the residual branches of an image are dropped with a probability that grows
    /// linearly from 0 in the first block to this one in the last. Where it is not 0, training wants seeds.
    #[must_use]
    pub fn with_drop_path(mut self, largest: f32) -> Self {
        let all = DropPath::by_depth(largest, self.blocks.len());
        self.blocks.iter_mut().zip(all).for_each(|(block, own)| block.drop_path = own);
        self
    }
}

impl ModuleT for CifarResNet {
    fn forward_t(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        self.dense.forward(&self.hidden(images, train)?)
    }
}

impl Featured for CifarResNet {
    fn features(&self, images: &Tensor) -> Result<Tensor> {
        self.hidden(images, false)
    }
}
