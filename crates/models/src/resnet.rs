//! ResNet for small images with LayerNorm (He et al. 2015, §4.2; LayerNorm form of Ainsworth et al. 2022).

use crate::drop_path::rate_at;
use crate::init::Init;
use crate::network::Layout;
use basin_graph::{Dense, Graph, Norm, ParamId, Role};
use basin_kernels::conv::ConvShape;
use candle_core::Result;

/// ε of every normalisation, flax's default.
const EPSILON: f32 = 1e-6;

/// A CIFAR ResNet of 6n + 2 layers: a stem and three groups of n blocks with b, 2b and 4b channels at
/// strides 1, 2, 2; then mean pool and a dense layer.
#[derive(Clone, Debug)]
pub struct ResNet {
    stem: ConvNorm,
    blocks: Vec<Block>,
    dense: Dense,
    head: (usize, usize),
    layout: Layout,
}

/// Convolution 3×3 without bias, then LayerNorm over channels.
#[derive(Clone, Debug)]
struct ConvNorm {
    shape: ConvShape,
    weight: ParamId,
    scale: ParamId,
    shift: ParamId,
}

/// conv(s) → LN → ReLU → conv(1) → LN → + shortcut → ReLU. The shortcut is the identity at stride 1 and a
/// 3×3 convolution with LN at stride 2.
#[derive(Clone, Debug)]
struct Block {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Option<ConvNorm>,
    /// Probability with which training drops the branch of an image.
    drop_path: f32,
}

impl ResNet {
    /// The network of `depth` layers (8, 14, 20, 32, 44, 56 or 110) whose first group has `base` channels, for images of
    /// `channels`.
    pub fn new(depth: usize, base: usize, channels: usize, classes: usize) -> Self {
        let mut layout = Layout::default();
        let stem = ConvNorm::new(&mut layout, "conv1", "norm1", channels, base, 1);
        let mut blocks = Vec::new();
        let mut cin = base;
        for group in 0..3 {
            for block in 0..(depth - 2) / 6 {
                let (cout, stride) = (base << group, if group > 0 && block == 0 { 2 } else { 1 });
                let name = |layer: &str| format!("blockgroups.{group}.blocks.{block}.{layer}");
                let first = ConvNorm::new(&mut layout, &name("conv1"), &name("norm1"), cin, cout, stride);
                let second = ConvNorm::new(&mut layout, &name("conv2"), &name("norm2"), cout, cout, 1);
                let (conv, norm) = (name("shortcut.conv"), name("shortcut.norm"));
                let shortcut =
                    (stride > 1).then(|| ConvNorm::new(&mut layout, &conv, &norm, cin, cout, stride));
                blocks.push(Block { first, second, shortcut, drop_path: 0.0 });
                cin = cout;
            }
        }
        let role = Role::Conv { shape: ConvShape::dense(cin, classes), input_gradient: true };
        let weight = layout.push("dense.weight", vec![classes, cin], role, Init::LecunNormal);
        let bias = layout.push("dense.bias", vec![classes], Role::Plain, Init::Constant(0.0));
        Self { stem, blocks, dense: Dense::new(weight, bias), head: (cin, classes), layout }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Fresh networks get this scale in the last normalisation of every residual branch, instead of 1, and, where
    /// asked for, centred kernels in all convolutions but the stem.
    pub(crate) fn set_initialisation(&mut self, residual_scale: f32, centred: bool) {
        for block in &self.blocks {
            self.layout.params[block.second.scale.0].init = Init::Constant(residual_scale);
            for conv in [&block.first, &block.second].into_iter().chain(&block.shortcut).filter(|_| centred) {
                self.layout.params[conv.weight.0].init = Init::CentredLecunNormal;
            }
        }
    }

    /// Training drops residual branches of images, up to this probability in the last block.
    pub(crate) fn set_drop_path(&mut self, largest: f32) {
        let depth = self.blocks.len();
        self.blocks
            .iter_mut()
            .enumerate()
            .for_each(|(i, block)| block.drop_path = rate_at(largest, i, depth));
    }

    pub(crate) fn drop_path(&self) -> f32 {
        self.blocks.last().map_or(0.0, |block| block.drop_path)
    }

    /// Channels of the first group.
    pub(crate) fn base(&self) -> usize {
        self.stem.shape.cout
    }

    pub(crate) fn forward<G: Graph>(&self, g: &mut G, x: &G::Value) -> Result<G::Value> {
        let mut x = self.stem.forward(g, x, None, true, 0.0)?;
        for block in &self.blocks {
            let y = block.first.forward(g, &x, None, true, 0.0)?;
            let shortcut = match &block.shortcut {
                Some(conv) => conv.forward(g, &x, None, false, 0.0)?,
                None => x,
            };
            x = block.second.forward(g, &y, Some(&shortcut), true, block.drop_path)?;
        }
        let pooled = g.mean_pool(&x)?;
        g.dense(&pooled, self.dense, None)
    }

    /// Multiply-adds of one image of `side × side` pixels.
    pub(crate) fn macs(&self, mut side: usize) -> u64 {
        let mut total = self.stem.shape.macs(side, side) + self.head.0 * self.head.1;
        for block in &self.blocks {
            total += block.first.shape.macs(side, side);
            total += block.shortcut.as_ref().map_or(0, |s| s.shape.macs(side, side));
            side = block.first.shape.output(side);
            total += block.second.shape.macs(side, side);
        }
        total as u64
    }
}

impl ConvNorm {
    fn new(layout: &mut Layout, conv: &str, norm: &str, cin: usize, cout: usize, stride: usize) -> Self {
        let shape = ConvShape { cin, cout, kernel: 3, stride };
        // The stem reads the images, to which no gradient flows.
        let role = Role::Conv { shape, input_gradient: !layout.params.is_empty() };
        let weight = layout.push(format!("{conv}.weight"), vec![cout, cin, 3, 3], role, Init::LecunNormal);
        let scale = layout.push(format!("{norm}.weight"), vec![cout], Role::Plain, Init::Constant(1.0));
        let shift = layout.push(format!("{norm}.bias"), vec![cout], Role::Plain, Init::Constant(0.0));
        Self { shape, weight, scale, shift }
    }

    fn forward<G: Graph>(
        &self,
        g: &mut G,
        x: &G::Value,
        shortcut: Option<&G::Value>,
        relu: bool,
        drop_path: f32,
    ) -> Result<G::Value> {
        let norm = Norm { scale: self.scale, shift: self.shift, epsilon: EPSILON, relu };
        g.conv_norm(x, self.weight, shortcut, norm, drop_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_residual_scale_of_zero_leaves_the_shortcuts_alone() {
        use crate::Architecture;
        use basin_core::SeedTree;
        let build = |scale| {
            let resnet = Architecture::from_name("resnet8", 0.25).unwrap();
            resnet.with_residual_scale(scale).unwrap().build(8, 10).unwrap()
        };
        let (usual, zero) = (build(1.0), build(0.0));
        let (a, b) = (usual.init(&SeedTree::root(0)), zero.init(&SeedTree::root(0)));
        let changed = |(name, _): &(&str, _)| a.get(name) != b.get(name);
        let names: Vec<&str> = a.iter().filter(changed).map(|(name, _)| name).collect();
        let last = |group: usize| format!("blockgroups.{group}.blocks.0.norm2.weight");
        assert_eq!(names, [last(0), last(1), last(2)]);
        // What the branches compute does not matter any more.
        let images: Vec<f32> = (0..8 * 8 * 3).map(|i| (i as f32).sin()).collect();
        let mut other = b.clone();
        for (name, array) in zero.init(&SeedTree::root(1)).iter() {
            if name.contains(".blocks.") && name.ends_with("conv2.weight") {
                other.insert(name, array.clone());
            }
        }
        let logits = |params| zero.logits(params, &images).unwrap();
        assert_eq!(logits(&b), logits(&other));
        assert_ne!(usual.logits(&a, &images).unwrap(), logits(&b));
        for (name, scale) in [("vit", 0.0), ("resnet20", f64::NAN), ("resnet20", 1e300)] {
            assert!(
                Architecture::from_name(name, 1.0).unwrap().with_residual_scale(scale).is_err(),
                "{name}"
            );
        }
        assert!(Architecture::from_name("vit", 1.0).unwrap().with_residual_scale(1.0).is_ok());
    }

    #[test]
    fn centred_kernels_sum_to_zero_behind_the_stem_and_change_nothing_else() {
        use crate::Architecture;
        use basin_core::SeedTree;
        let build = |centred| {
            let resnet = Architecture::from_name("resnet8", 0.5).unwrap();
            resnet.with_centred_kernels(centred).unwrap().build(8, 10).unwrap()
        };
        let (usual, centred) = (build(false), build(true));
        let (a, b) = (usual.init(&SeedTree::root(0)), centred.init(&SeedTree::root(0)));
        let mut kernels = 0;
        for ((name, plain), (_, other)) in a.iter().zip(b.iter()) {
            if name == "conv1.weight" || plain.shape().len() != 4 {
                assert_eq!(plain, other, "{name}");
                continue;
            }
            kernels += 1;
            let fan_in: usize = plain.shape()[1..].iter().product();
            for (plain, other) in plain.data().chunks(fan_in).zip(other.data().chunks(fan_in)) {
                let sum: f32 = other.iter().sum();
                assert!(sum.abs() < 1e-5, "{name}: {sum}");
                let mean = plain.iter().sum::<f32>() / fan_in as f32;
                assert!(plain.iter().zip(other).all(|(x, y)| (x - mean - y).abs() < 1e-6), "{name}");
            }
        }
        assert_eq!(kernels, 8);
        assert!(Architecture::from_name("vit", 1.0).unwrap().with_centred_kernels(true).is_err());
    }

    #[test]
    fn parameters_and_multiply_adds_are_those_of_the_paper() {
        let scalars = |net: &ResNet| -> usize {
            net.layout.params.iter().map(|p| p.shape.iter().product::<usize>()).sum()
        };
        let (narrow, paper) = (ResNet::new(20, 16, 3, 10), ResNet::new(20, 64, 3, 10));
        assert_eq!((scalars(&narrow), scalars(&paper)), (292_954, 4_655_434));
        assert_eq!(scalars(&ResNet::new(20, 64, 3, 100)), 4_678_564);
        assert_eq!((narrow.macs(32) / 100_000, paper.macs(32) / 1_000_000), (429, 681));
    }
}
