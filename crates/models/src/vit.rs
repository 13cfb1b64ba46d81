//! Vision Transformer for small images after Lippe's UvA deep-learning tutorial 15: pre-norm blocks, a learned
//! class token, learned positions.

use crate::drop_path::rate_at;
use crate::init::Init;
use crate::network::Layout;
use basin_core::Extent;
use basin_graph::{Dense, Graph, Norm, ParamId, Role};
use basin_kernels::conv::ConvShape;
use candle_core::Result;

/// ε of every LayerNorm, PyTorch's default.
const EPSILON: f32 = 1e-5;

/// Sizes of a Vision Transformer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VitConfig {
    /// Side of a square patch, in pixels; divides the side of the images.
    pub patch: usize,
    /// Channels d of a token; a multiple of `heads`.
    pub dim: usize,
    /// Hidden units of the two-layer perceptron of a block.
    pub hidden: usize,
    /// Attention heads.
    pub heads: usize,
    /// Blocks.
    pub layers: usize,
    /// Probability in `[0, 1)` with which training drops a value: after the positions, the attention's output
    /// projection, the GELU and the perceptron.
    pub dropout: f32,
}

/// x ← x + proj(attention(LN(x))); x ← x + W₂ gelu(W₁ LN(x)), repeated; then LN and a dense layer on the class
/// token.
#[derive(Clone, Debug)]
pub struct Vit {
    config: VitConfig,
    embedding: Dense,
    class: ParamId,
    positions: ParamId,
    blocks: Vec<Block>,
    norm: Norm,
    head: Dense,
    layout: Layout,
    macs: usize,
}

#[derive(Clone, Debug)]
struct Block {
    norm_1: Norm,
    qkv: Dense,
    projection: Dense,
    norm_2: Norm,
    expand: Dense,
    contract: Dense,
}

impl Vit {
    /// The network for images of this extent.
    pub fn new(config: VitConfig, extent: Extent, classes: usize) -> Self {
        let Extent { side, channels } = extent;
        let VitConfig { patch, dim, hidden, heads: _, layers, dropout } = config;
        let patches = (side / patch) * (side / patch);
        let tokens = patches + 1;
        let mut layout = Layout::default();
        let token = |layout: &mut Layout, name: &str, rows: usize| {
            layout.push(name, vec![1, rows, dim], Role::Plain, Init::Normal)
        };
        let class = token(&mut layout, "cls_token", 1);
        let positions = token(&mut layout, "pos_embedding", tokens);
        // The embedding reads patches of the images, to which no gradient flows.
        let embedding = dense(&mut layout, "input_layer.", channels * patch * patch, dim, false);
        let blocks = (0..layers).map(|i| {
            let name = |layer: &str| format!("transformer.{i}.{layer}");
            let norm_1 = norm(&mut layout, &name("layer_norm_1"), dim);
            let qkv = dense(&mut layout, &name("attn.in_proj_"), dim, 3 * dim, true);
            let projection = dense(&mut layout, &name("attn.out_proj."), dim, dim, true);
            let norm_2 = norm(&mut layout, &name("layer_norm_2"), dim);
            let expand = dense(&mut layout, &name("linear.0."), dim, hidden, true);
            let contract = dense(&mut layout, &name("linear.3."), hidden, dim, true);
            Block {
                norm_1,
                qkv,
                projection: Dense { dropout, ..projection },
                norm_2,
                expand: Dense { gelu: true, dropout, ..expand },
                contract: Dense { dropout, ..contract },
            }
        });
        let blocks = blocks.collect();
        let norm = norm(&mut layout, "mlp_head.0", dim);
        let head = dense(&mut layout, "mlp_head.1.", dim, classes, true);
        let attention = 2 * tokens * tokens * dim;
        let block = tokens * (4 * dim * dim + 2 * dim * hidden) + attention;
        // By the definition, as others count; the last block computes less.
        let macs = patches * channels * patch * patch * dim + layers * block + dim * classes;
        Self { config, embedding, class, positions, blocks, norm, head, layout, macs }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn forward<G: Graph>(&self, g: &mut G, x: &G::Value) -> Result<G::Value> {
        let patches = g.patches(x, self.config.patch)?;
        let tokens = g.dense(&patches, self.embedding, None)?;
        let mut x = g.prepend(&tokens, self.class, self.positions, self.config.dropout)?;
        for (i, block) in self.blocks.iter().enumerate() {
            let y = g.norm(&x, block.norm_1)?;
            let qkv = g.dense(&y, block.qkv, None)?;
            let mut mixed = g.attention(&qkv, self.config.heads)?;
            if i + 1 == self.blocks.len() {
                // Only the class token is read, and after the last attention tokens no longer meet.
                (x, mixed) = (g.first_token(&x)?, g.first_token(&mixed)?);
            }
            x = g.dense(&mixed, block.projection, Some(&x))?;
            let y = g.norm(&x, block.norm_2)?;
            let hidden = g.dense(&y, block.expand, None)?;
            x = g.dense(&hidden, block.contract, Some(&x))?;
        }
        let class = match self.blocks.is_empty() {
            true => g.first_token(&x)?,
            false => x,
        };
        let class = g.norm(&class, self.norm)?;
        g.dense(&class, self.head, None)
    }

    /// Training drops the residual branches of images, both of a block with its probability, up to this one in the last.
    pub(crate) fn set_drop_path(&mut self, largest: f32) {
        let depth = self.blocks.len();
        for (i, block) in self.blocks.iter_mut().enumerate() {
            let rate = rate_at(largest, i, depth);
            (block.projection.drop_path, block.contract.drop_path) = (rate, rate);
        }
    }

    pub(crate) fn drop_path(&self) -> f32 {
        self.blocks.last().map_or(0.0, |block| block.contract.drop_path)
    }

    /// Multiply-adds of one image.
    pub(crate) fn macs(&self) -> u64 {
        self.macs as u64
    }

    pub(crate) fn dropout(&self) -> f32 {
        self.config.dropout
    }
}

fn norm(layout: &mut Layout, name: &str, dim: usize) -> Norm {
    let scale = layout.push(format!("{name}.weight"), vec![dim], Role::Plain, Init::Constant(1.0));
    let shift = layout.push(format!("{name}.bias"), vec![dim], Role::Plain, Init::Constant(0.0));
    Norm { scale, shift, epsilon: EPSILON, relu: false }
}

/// `prefix` ends where `weight` and `bias` begin: PyTorch's attention joins them with an underscore.
fn dense(layout: &mut Layout, prefix: &str, inputs: usize, outputs: usize, input_gradient: bool) -> Dense {
    let role = Role::Conv { shape: ConvShape::dense(inputs, outputs), input_gradient };
    let weight = layout.push(format!("{prefix}weight"), vec![outputs, inputs], role, Init::LecunNormal);
    let bias = layout.push(format!("{prefix}bias"), vec![outputs], Role::Plain, Init::Constant(0.0));
    Dense::new(weight, bias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_transformer_has_its_parameters_and_multiply_adds() {
        let config = VitConfig { patch: 4, dim: 256, hidden: 512, heads: 8, layers: 6, dropout: 0.0 };
        let net = Vit::new(config, Extent::colour(32), 10);
        let scalars: usize = net.layout.params.iter().map(|p| p.shape.iter().product::<usize>()).sum();
        // PyTorch's count for the same modules.
        assert_eq!(scalars, 3_195_146);
        assert_eq!(net.macs / 1_000_000, 218);
    }
}
