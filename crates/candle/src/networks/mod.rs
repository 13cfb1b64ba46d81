//! Networks on [`crate::layers`], each a `ModuleT` from a `VarBuilder` with PyTorch's names. Images come as candle's do,
//! `[n, channels, side, side]`; logits go as `[n, classes]`.

mod cifar_resnet;
mod fort_cnn;
mod mlp;
mod native;
mod torchvision;
mod vgg;

pub use cifar_resnet::CifarResNet;
pub use fort_cnn::FortCnn;
pub use mlp::Mlp;
pub use native::Native;
pub use torchvision::{Stem, TorchvisionResNet};
pub use vgg::Vgg;

use crate::Module;
use crate::layers::Norm;
use basin_core::Extent;
use candle_core::{Result, Tensor};

/// `[n, channels, h, w]` in the order of our operations, `[n, h, w, channels]`.
fn channels_last(images: &Tensor) -> Result<Tensor> {
    images.permute((0, 2, 3, 1))
}

/// A perceptron on images of this extent (a bare side: of colour images), see [`Mlp`].
pub fn mlp(extent: impl Into<Extent>, hidden: &[usize], norm: Norm) -> Module {
    let (name, hidden) = (format!("mlp{} ({norm})", hidden.len()), hidden.to_vec());
    let inputs = extent.into().values();
    Module::featured(name, move |vb, classes| Mlp::new(inputs, &hidden, classes, norm, vb)).counted()
}

/// VGG-11 on images of this extent, whose first stage has `base` channels, see [`Vgg`].
pub fn vgg11(extent: impl Into<Extent>, base: usize, norm: Norm) -> Module {
    let Extent { side, channels } = extent.into();
    let last = side >> Vgg::HALVINGS;
    Module::featured(format!("vgg11 ({norm})"), move |vb, classes| {
        Vgg::eleven(channels, base, last * last, classes, norm, vb)
    })
    .counted()
}

/// A CIFAR ResNet on images of `channels` with three groups of `blocks` blocks, the first of `base` channels, see
/// [`CifarResNet`].
pub fn cifar_resnet(channels: usize, blocks: usize, base: usize, norm: Norm) -> Module {
    cifar_resnet_dropping(channels, blocks, base, norm, 0.0)
}

/// As [`cifar_resnet`], with stochastic depth up to a probability in `[0, 1)`, see [`CifarResNet::with_drop_path`].
pub fn cifar_resnet_dropping(
    channels: usize,
    blocks: usize,
    base: usize,
    norm: Norm,
    drop_path: f32,
) -> Module {
    Module::featured(format!("resnet{} ({norm})", 6 * blocks + 2), move |vb, classes| {
        Ok(CifarResNet::new(channels, blocks, base, classes, norm, vb)?.with_drop_path(drop_path))
    })
    .counted()
}

/// A CNN of Fort et al. on images of this extent, with blocks of so many channels and a dropout in `[0, 1)`, see [`FortCnn`].
pub fn fort_cnn(
    name: impl Into<String>,
    extent: impl Into<Extent>,
    channels: &[usize],
    dropout: f32,
) -> Module {
    let (Extent { side, channels: inputs }, channels) = (extent.into(), channels.to_vec());
    let last = side >> channels.len();
    Module::featured(name, move |vb, classes| {
        FortCnn::new(inputs, &channels, last * last, dropout, classes, vb)
    })
    .counted()
}

/// torchvision's ResNet of depth 18, 34 or 50 on images of `channels`, whose first layer has `base` channels, see
/// [`TorchvisionResNet`]; none of another depth.
pub fn torchvision_resnet(channels: usize, depth: usize, base: usize, stem: Stem) -> Option<Module> {
    torchvision_resnet_dropping(channels, depth, base, stem, 0.0)
}

/// As [`torchvision_resnet`], with stochastic depth up to a probability in `[0, 1)`, see
/// [`TorchvisionResNet::with_drop_path`].
pub fn torchvision_resnet_dropping(
    channels: usize,
    depth: usize,
    base: usize,
    stem: Stem,
    drop_path: f32,
) -> Option<Module> {
    let blocks = TorchvisionResNet::blocks(depth)?;
    let module = Module::featured(format!("resnet{depth}"), move |vb, classes| {
        Ok(TorchvisionResNet::new(channels, blocks, base, stem, classes, vb)?.with_drop_path(drop_path))
    });
    Some(module.counted())
}
