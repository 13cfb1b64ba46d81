//! Attention layers: the symmetries of heads, and the names that libraries give to their projections.

use crate::builder::whole;
use crate::{Segment, SpecBuilder};

/// Names of four separate projections of an attention layer, as in Hugging Face's
/// `["q_proj", "k_proj", "v_proj", "out_proj"]`: queries, keys, values, output.
pub type Projections<'a> = [&'a str; 4];

impl SpecBuilder {
    /// Self-attention with PyTorch's packed projection (`nn.MultiheadAttention`), d units in `heads` heads:
    /// `{name}.in_proj_weight` `[3d, stream]` with rows q, k, v, `{name}.in_proj_bias` `[3d]`,
    /// `{name}.out_proj.weight` `[stream, d]` and `{name}.out_proj.bias` `[stream]`.
    ///
    /// Its permutations are `{name}.qk` and `{name}.vo`, tied by [`SpecBuilder::heads`].
    #[must_use]
    pub fn attention(self, name: &str, stream: Option<&str>, heads: usize) -> Self {
        let [weight, bias] = ["in_proj_weight", "in_proj_bias"].map(|layer| format!("{name}.{layer}"));
        self.packed(name, weight, bias, "out_proj", stream, heads)
    }

    /// The same with timm's names: `{name}.qkv.{weight,bias}` and `{name}.proj.{weight,bias}`.
    #[must_use]
    pub fn timm_attention(self, name: &str, stream: Option<&str>, heads: usize) -> Self {
        let [weight, bias] = ["weight", "bias"].map(|kind| format!("{name}.qkv.{kind}"));
        self.packed(name, weight, bias, "proj", stream, heads)
    }

    /// The same with projections of their own, each a dense layer `{name}.{projection}.{weight,bias}`.
    #[must_use]
    pub fn separate_attention(
        self,
        name: &str,
        projections: Projections<'_>,
        stream: Option<&str>,
        heads: usize,
    ) -> Self {
        let [query, key, value, output] = projections.map(|projection| format!("{name}.{projection}"));
        let (qk, vo) = (format!("{name}.qk"), format!("{name}.vo"));
        self.dense(&query, stream, Some(&qk))
            .dense(&key, stream, Some(&qk))
            .dense(&value, stream, Some(&vo))
            .dense(&output, Some(&vo), stream)
            .heads(qk, vo, heads)
    }

    fn packed(
        self,
        name: &str,
        weight: String,
        bias: String,
        output: &str,
        stream: Option<&str>,
        heads: usize,
    ) -> Self {
        let (qk, vo) = (format!("{name}.qk"), format!("{name}.vo"));
        let rows = [&qk, &qk, &vo].map(Segment::units).to_vec();
        self.concatenated(weight, &[rows.clone(), whole(stream)])
            .concatenated(bias, &[rows])
            .dense(&format!("{name}.{output}"), Some(&vo), stream)
            .heads(qk, vo, heads)
    }
}
