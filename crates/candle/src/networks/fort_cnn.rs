//! The convolutional networks of "Deep Ensembles: A Loss Landscape Perspective".

use super::channels_last;
use crate::Featured;
use crate::layers::{Conv, Dense, Dropout, xavier};
use crate::ops::{Padding, Window, add_bias, flattened, max_pool2d, relu};
use candle_core::{Module, Result, Tensor};
use candle_nn::{ModuleT, VarBuilder};

/// The CNN of Fort, Hu and Lakshminarayanan (arXiv 1912.02757), as their published notebook builds it: blocks of a 3×3
/// convolution with SAME padding and bias, dropout, max-pooling in tiles of 2 and a ReLU, which the last block leaves out;
/// then one dense layer on the flattened image, channel by channel as PyTorch does.
///
/// MediumCNN has 64, 128, 256 and 256 channels, 971 146 parameters on images of 32 × 32 × 3 with ten classes. Of SmallCNN no
/// code of the authors is public; it is the same with 16, 32 and 32 channels.
///
/// Where a side is odd, its last pixel is left out of the pooling; the notebook's SAME padding would keep it.
#[derive(Clone, Debug)]
pub struct FortCnn {
    blocks: Vec<(Conv, Tensor)>,
    dropout: Dropout,
    head: Dense,
}

impl FortCnn {
    /// Name of the last layer.
    pub const HEAD: &str = "fc1";

    /// Name of the convolution of a block, counted from 1.
    pub fn conv_name(place: usize) -> String {
        format!("conv{place}")
    }

    /// For images of `inputs` channels: blocks of so many channels each; the last image, of a side halved as often as there are
    /// blocks, has `pixels`. What convolutions give is dropped with probability `dropout`.
    ///
    /// Every array is first drawn by the notebook's `xavier_initializer` of TensorFlow 1, biases, too ([`xavier`]).
    ///
    /// # Errors
    /// The `VarBuilder`'s.
    pub fn new(
        inputs: usize,
        channels: &[usize],
        pixels: usize,
        dropout: f32,
        classes: usize,
        vb: VarBuilder<'_>,
    ) -> Result<Self> {
        let (mut blocks, mut input) = (Vec::new(), inputs);
        for (place, &output) in (1..).zip(channels) {
            let vb = vb.pp(Self::conv_name(place));
            let conv = Conv::xavier([input, output, 3], 1, Padding::Same, vb.clone())?;
            blocks.push((conv, vb.get_with_hints(output, "bias", xavier(1, output))?));
            input = output;
        }
        let head = Dense::xavier(input * pixels, classes, vb.pp(Self::HEAD))?;
        Ok(Self { blocks, dropout: Dropout::new(dropout), head })
    }

    fn hidden(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = channels_last(images)?;
        for (place, (conv, bias)) in self.blocks.iter().enumerate() {
            x = conv.forward(&x)?;
            let (tiles, active) = (Window::tiles(2), place + 1 < self.blocks.len());
            if train && self.dropout.drops() {
                x = self.dropout.forward_t(&add_bias(&x, bias, false)?, train)?;
                x = max_pool2d(&x, tiles)?;
                x = if active { relu(&x)? } else { x };
            } else {
                // A bias changes no order within its channel, so it can wait for a quarter of the values.
                x = add_bias(&max_pool2d(&x, tiles)?, bias, active)?;
            }
        }
        flattened(&x)
    }
}

impl ModuleT for FortCnn {
    fn forward_t(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        self.head.forward(&self.hidden(images, train)?)
    }
}

impl Featured for FortCnn {
    fn features(&self, images: &Tensor) -> Result<Tensor> {
        self.hidden(images, false)
    }
}
