//! Vision Transformers: one stream for the whole network, heads, and the perceptron of each block.

use super::at_least_one;
use crate::{PermutationSpec, SpecBuilder, SpecError};

/// Name of the stream's permutation.
const STREAM: &str = "stream";

impl PermutationSpec {
    /// A pre-norm Vision Transformer with the names of Lippe's UvA deep-learning tutorial 15, of width d and
    /// `heads` heads.
    ///
    /// One permutation `stream` of d for every token (LayerNorm commutes with it, so skips need nothing of
    /// their own), and per block the pair `transformer.{i}.attn.{qk,vo}` of d, tied by the heads, and
    /// `transformer.{i}.mlp` of the hidden width. Parameters are `cls_token` `[1, 1, d]`, `pos_embedding`
    /// `[1, T, d]`, `input_layer` (dense), `transformer.{i}.{layer_norm_1, attn, layer_norm_2, linear.0,
    /// linear.3}` with PyTorch's packed attention ([`SpecBuilder::attention`]), `mlp_head.0` (norm) and
    /// `mlp_head.1` (dense).
    ///
    /// # Errors
    /// [`SpecError::Family`] without layers, [`SpecError::Group`] without heads.
    pub fn vit(layers: usize, heads: usize) -> Result<Self, SpecError> {
        vit(layers, Some(heads))
    }

    /// The same network with the names of timm's `vision_transformer`: `cls_token`, `pos_embed`,
    /// `patch_embed.proj` `[d, 3, p, p]` with bias, `blocks.{i}.{norm1, attn.qkv, attn.proj, norm2, mlp.fc1,
    /// mlp.fc2}`, `norm` and `head`. Permutations `stream`, `blocks.{i}.attn.{qk,vo}`, `blocks.{i}.mlp`.
    ///
    /// # Errors
    /// [`SpecError::Family`] without layers, [`SpecError::Group`] without heads.
    pub fn timm_vit(layers: usize, heads: usize) -> Result<Self, SpecError> {
        timm_vit(layers, Some(heads))
    }
}

/// Without a number of heads the units inside attention keep their order, which is right for any number.
pub(super) fn vit(layers: usize, heads: Option<usize>) -> Result<PermutationSpec, SpecError> {
    at_least_one("ViT", "layers", layers)?;
    let stream = Some(STREAM);
    let mut spec = PermutationSpec::builder()
        .parameter("cls_token", &[None, None, stream])
        .parameter("pos_embedding", &[None, None, stream])
        .dense("input_layer", None, stream);
    for i in 0..layers {
        let name = |layer: &str| format!("transformer.{i}.{layer}");
        let attn = name("attn");
        spec = spec.norm(&name("layer_norm_1"), STREAM);
        spec = match heads {
            Some(heads) => spec.attention(&attn, stream, heads),
            None => {
                let [weight, bias] = ["weight", "bias"].map(|kind| format!("{attn}.in_proj_{kind}"));
                fixed_attention(spec, weight, bias, &format!("{attn}.out_proj"))
            }
        };
        let hidden = name("mlp");
        spec = spec
            .norm(&name("layer_norm_2"), STREAM)
            .dense(&name("linear.0"), stream, Some(&hidden))
            .dense(&name("linear.3"), Some(&hidden), stream);
    }
    spec.norm("mlp_head.0", STREAM).dense("mlp_head.1", stream, None).build()
}

pub(super) fn timm_vit(layers: usize, heads: Option<usize>) -> Result<PermutationSpec, SpecError> {
    at_least_one("timm ViT", "layers", layers)?;
    let stream = Some(STREAM);
    let mut spec = PermutationSpec::builder()
        .parameter("cls_token", &[None, None, stream])
        .parameter("pos_embed", &[None, None, stream])
        .conv("patch_embed.proj", None, stream)
        .parameter("patch_embed.proj.bias", &[stream]);
    for i in 0..layers {
        let name = |layer: &str| format!("blocks.{i}.{layer}");
        let attn = name("attn");
        spec = spec.norm(&name("norm1"), STREAM);
        spec = match heads {
            Some(heads) => spec.timm_attention(&attn, stream, heads),
            None => {
                let [weight, bias] = ["weight", "bias"].map(|kind| format!("{attn}.qkv.{kind}"));
                fixed_attention(spec, weight, bias, &format!("{attn}.proj"))
            }
        };
        let hidden = name("mlp");
        spec = spec.norm(&name("norm2"), STREAM).dense(&name("mlp.fc1"), stream, Some(&hidden)).dense(
            &name("mlp.fc2"),
            Some(&hidden),
            stream,
        );
    }
    spec.norm("norm", STREAM).dense("head", stream, None).build()
}

fn fixed_attention(spec: SpecBuilder, weight: String, bias: String, output: &str) -> SpecBuilder {
    spec.parameter(weight, &[None, Some(STREAM)]).parameter(bias, &[None]).dense(output, None, Some(STREAM))
}
