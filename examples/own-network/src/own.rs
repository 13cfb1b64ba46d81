//! Two convolutions with BatchNorm and a dense layer, in plain candle.

use basin_candle::Module;
use basin_core::Extent;
use basin_models::Network;
use basin_reproduce::config::Model;
use candle_core::{Module as _, Result, Tensor};
use candle_nn::{
    BatchNorm, Conv2d, Conv2dConfig, Linear, ModuleT, VarBuilder, batch_norm, conv2d_no_bias, linear,
};
use weight_matching::PermutationSpec;

struct Own {
    convs: [Conv2d; 2],
    norms: [BatchNorm; 2],
    head: Linear,
}

impl Own {
    fn new(vb: VarBuilder<'_>, inputs: usize, channels: usize, classes: usize) -> Result<Self> {
        let config = Conv2dConfig { padding: 1, stride: 2, ..Conv2dConfig::default() };
        let conv = |name: &str, from| conv2d_no_bias(from, channels, 3, config, vb.pp(name));
        let norm = |name: &str| batch_norm(channels, 1e-5, vb.pp(name));
        let head = linear(channels, classes, vb.pp("head"))?;
        Ok(Self {
            convs: [conv("conv1", inputs)?, conv("conv2", channels)?],
            norms: [norm("norm1")?, norm("norm2")?],
            head,
        })
    }
}

impl ModuleT for Own {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = x.clone();
        for (conv, norm) in self.convs.iter().zip(&self.norms) {
            x = norm.forward_t(&conv.forward(&x)?, train)?.relu()?;
        }
        self.head.forward(&x.mean((2, 3))?)
    }
}

/// 16 channels at width 1.
pub fn build(model: &Model, extent: Extent, classes: usize) -> anyhow::Result<Network> {
    let channels = (16.0 * model.width).round() as usize;
    let inputs = extent.channels;
    let module =
        Module::new("own", move |vb, classes| Ok(Box::new(Own::new(vb, inputs, channels, classes)?)));
    Ok(module.network(extent, classes)?)
}

/// The channels behind each convolution can be put into any order.
pub fn spec(_: &Model, _: Extent) -> anyhow::Result<PermutationSpec> {
    let spec = PermutationSpec::builder()
        .conv("conv1", None, Some("first"))
        .batch_norm("norm1", "first")
        .conv("conv2", Some("first"), Some("second"))
        .batch_norm("norm2", "second")
        .dense("head", Some("second"), None);
    Ok(spec.build()?)
}
