//! VGG without dense hidden layers.

use super::channels_last;
use crate::Featured;
use crate::layers::{Conv, Dense, Norm, NormLayer};
use crate::ops::{Fusion, Padding, Window, add_bias, flattened, max_pool2d};
use candle_core::{Module, Result, Tensor};
use candle_nn::init::{FanInOut, Init};
use candle_nn::{ModuleT, VarBuilder};

/// Convolutions of the five stages of VGG-11, each in units of the first stage's channels (Simonyan & Zisserman, arXiv
/// 1409.1556, Table 1, column A).
const STAGES: [&[usize]; 5] = [&[1], &[2], &[4, 4], &[8, 8], &[8, 8]];

/// VGG-11 as it is used for CIFAR: torchvision's `features`, then one dense layer `classifier`. Convolutions have biases,
/// with a normalisation, too, as torchvision's have.
#[derive(Clone, Debug)]
pub struct Vgg {
    stages: Vec<Vec<Layer>>,
    classifier: Dense,
}

#[derive(Clone, Debug)]
struct Layer {
    conv: Conv,
    bias: Tensor,
    norm: NormLayer,
}

impl Vgg {
    /// Halvings of the image's side.
    pub const HALVINGS: u32 = STAGES.len() as u32;

    /// Images have `channels`, the first stage `base` channels (64 in the paper); the last image has `pixels`.
    ///
    /// # Errors
    /// The `VarBuilder`'s.
    pub fn eleven(
        channels: usize,
        base: usize,
        pixels: usize,
        classes: usize,
        norm: Norm,
        vb: VarBuilder<'_>,
    ) -> Result<Self> {
        let (mut stages, mut input, mut index) = (Vec::new(), channels, 0);
        let name = |index: usize| vb.pp(format!("features.{index}"));
        for widths in STAGES {
            let mut stage = Vec::new();
            for width in widths {
                let output = width * base;
                let sizes = [input, output, 3];
                let conv = Conv::new(sizes, 1, Padding::Each(1), FanInOut::FanIn, name(index))?;
                let bias = name(index).get_with_hints(output, "bias", Init::Const(0.0))?;
                stage.push(Layer { conv, bias, norm: NormLayer::new(norm, output, name(index + 1))? });
                // The activation has a number of its own, and so has the norm.
                index += if norm == Norm::None { 2 } else { 3 };
                input = output;
            }
            // So has the pooling.
            index += 1;
            stages.push(stage);
        }
        Ok(Self { stages, classifier: Dense::head(input * pixels, classes, vb.pp("classifier"))? })
    }
}

impl Layer {
    fn forward(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let x = self.conv.forward(x)?;
        if let NormLayer::None = self.norm {
            return add_bias(&x, &self.bias, true);
        }
        let x = add_bias(&x, &self.bias, false)?;
        self.norm.forward(&x, Fusion { shortcut: None, relu: true }, train)
    }
}

impl Vgg {
    fn hidden(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = channels_last(images)?;
        for stage in &self.stages {
            for layer in stage {
                x = layer.forward(&x, train)?;
            }
            x = max_pool2d(&x, Window::tiles(2))?;
        }
        // PyTorch flattens channel by channel.
        flattened(&x)
    }
}

impl ModuleT for Vgg {
    fn forward_t(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        self.classifier.forward(&self.hidden(images, train)?)
    }
}

impl Featured for Vgg {
    fn features(&self, images: &Tensor) -> Result<Tensor> {
        self.hidden(images, false)
    }
}
