//! torchvision's residual networks, whose state dicts load by name.

use super::channels_last;
use crate::Featured;
use crate::layers::{BatchNorm, Conv, Dense, DropPath};
use crate::ops::{Fusion, Padding, Window, max_pool2d, mean_pool};
use candle_core::{Module, Result, Tensor};
use candle_nn::init::FanInOut;
use candle_nn::{ModuleT, VarBuilder};

const RELU: Fusion<'static> = Fusion { shortcut: None, relu: true };

/// What the images meet first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stem {
    /// torchvision's: 7×7 at stride 2, then the largest of 3×3 pixels at stride 2.
    ImageNet,
    /// For small images: 3×3 at stride 1, no pooling.
    Cifar,
}

/// torchvision's `resnet18`, `34` or `50` (He et al., arXiv 1512.03385; stride in the 3×3 convolution of bottlenecks).
#[derive(Clone, Debug)]
pub struct TorchvisionResNet {
    stem: ConvNorm,
    pooled: bool,
    blocks: Vec<Block>,
    fc: Dense,
}

#[derive(Clone, Debug)]
struct ConvNorm {
    conv: Conv,
    norm: BatchNorm,
}

/// All but the last are followed by a ReLU.
#[derive(Clone, Debug)]
struct Block {
    layers: Vec<ConvNorm>,
    downsample: Option<ConvNorm>,
    drop_path: DropPath,
}

impl TorchvisionResNet {
    /// Blocks of each of the four layers, and whether they are bottlenecks.
    pub fn blocks(depth: usize) -> Option<([usize; 4], bool)> {
        match depth {
            18 => Some(([2, 2, 2, 2], false)),
            34 => Some(([3, 4, 6, 3], false)),
            50 => Some(([3, 4, 6, 3], true)),
            _ => None,
        }
    }

    /// A network for images of `channels`, of so many blocks, whose first layer has `base` channels (64 in the paper). Weights are first drawn as
    /// torchvision does.
    ///
    /// # Errors
    /// The `VarBuilder`'s.
    pub fn new(
        channels: usize,
        (layers, bottleneck): ([usize; 4], bool),
        base: usize,
        stem: Stem,
        classes: usize,
        vb: VarBuilder<'_>,
    ) -> Result<Self> {
        let layer = |names: [String; 2], [input, output, kernel]: [usize; 3], stride| {
            let [conv, norm] = names.map(|name| vb.pp(name));
            let padding = Padding::Each(kernel / 2);
            let conv = Conv::new([input, output, kernel], stride, padding, FanInOut::FanOut, conv)?;
            Result::Ok(ConvNorm { conv, norm: BatchNorm::new(output, norm)? })
        };
        let (kernel, stride) = if stem == Stem::ImageNet { (7, 2) } else { (3, 1) };
        let first = layer(["conv1".into(), "bn1".into()], [channels, base, kernel], stride)?;
        let (mut blocks, mut input) = (Vec::new(), base);
        for (place, count) in layers.into_iter().enumerate() {
            let width = base << place;
            let output = if bottleneck { 4 * width } else { width };
            for block in 0..count {
                let stride = if place > 0 && block == 0 { 2 } else { 1 };
                let name = |part: &str| format!("layer{}.{block}.{part}", place + 1);
                let names = |i: usize| [name(&format!("conv{i}")), name(&format!("bn{i}"))];
                let layers = match bottleneck {
                    false => vec![
                        layer(names(1), [input, output, 3], stride)?,
                        layer(names(2), [output, output, 3], 1)?,
                    ],
                    true => vec![
                        layer(names(1), [input, width, 1], 1)?,
                        layer(names(2), [width, width, 3], stride)?,
                        layer(names(3), [width, output, 1], 1)?,
                    ],
                };
                let downsample = match stride == 1 && input == output {
                    true => None,
                    false => {
                        let names = [name("downsample.0"), name("downsample.1")];
                        Some(layer(names, [input, output, 1], stride)?)
                    }
                };
                blocks.push(Block { layers, downsample, drop_path: DropPath::default() });
                input = output;
            }
        }
        let fc = Dense::head(input, classes, vb.pp("fc"))?;
        Ok(Self { stem: first, pooled: stem == Stem::ImageNet, blocks, fc })
    }
}

impl ConvNorm {
    fn forward(&self, x: &Tensor, then: Fusion<'_>, train: bool) -> Result<Tensor> {
        self.norm.forward_then(&self.conv.forward(x)?, then, train)
    }
}

impl Block {
    fn forward(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let shortcut = match &self.downsample {
            Some(layer) => layer.forward(x, Fusion::default(), train)?,
            None => x.clone(),
        };
        let Some((last, before)) = self.layers.split_last() else { return Ok(shortcut) };
        let mut y = x.clone();
        for layer in before {
            y = layer.forward(&y, RELU, train)?;
        }
        self.drop_path.residual(&shortcut, train, |then| last.forward(&y, then, train))
    }
}

impl TorchvisionResNet {
    fn hidden(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = self.stem.forward(&channels_last(images)?, RELU, train)?;
        if self.pooled {
            x = max_pool2d(&x, Window { kernel: 3, stride: 2, padding: 1 })?;
        }
        for block in &self.blocks {
            x = block.forward(&x, train)?;
        }
        mean_pool(&x)
    }
}

impl TorchvisionResNet {
    /// The same with stochastic depth: in training the residual branches of an image are dropped with a probability that grows
    /// linearly from 0 in the first block to this one in the last. Where it is not 0, training wants seeds.
    #[must_use]
    pub fn with_drop_path(mut self, largest: f32) -> Self {
        let all = DropPath::by_depth(largest, self.blocks.len());
        self.blocks.iter_mut().zip(all).for_each(|(block, own)| block.drop_path = own);
        self
    }
}

impl ModuleT for TorchvisionResNet {
    fn forward_t(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        self.fc.forward(&self.hidden(images, train)?)
    }
}

impl Featured for TorchvisionResNet {
    fn features(&self, images: &Tensor) -> Result<Tensor> {
        self.hidden(images, false)
    }
}
