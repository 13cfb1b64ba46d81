//! Transformers of images and words by the names of four libraries.

use crate::forward::{Rows, add, gelu, random_rows};
use crate::layers::{Net, attention, each, mean};

const TOKENS: usize = 5;
const CLASSES: usize = 3;

/// Whose names a transformer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Timm,
    Lippe,
    Torchvision,
    /// Of torchvision before its perceptrons were lists.
    OldTorchvision,
    HuggingFace,
    /// Hugging Face's, with normalisations behind the additions and a pooler.
    Bert,
}

pub(crate) const ALL: [Names; 6] =
    [Names::Timm, Names::Lippe, Names::Torchvision, Names::OldTorchvision, Names::HuggingFace, Names::Bert];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Vit {
    pub(crate) names: Names,
    pub(crate) heads: usize,
    pub(crate) size: usize,
    pub(crate) depth: usize,
    pub(crate) hidden: usize,
    pub(crate) bias: bool,
    pub(crate) layer_scale: bool,
    pub(crate) qk_norm: bool,
    pub(crate) class: bool,
    pub(crate) head: bool,
}

impl Vit {
    pub(crate) fn of(names: Names, heads: usize, size: usize, depth: usize) -> Self {
        let (hidden, bias, class, head) = (heads * size + 3, true, true, true);
        Self { names, heads, size, depth, hidden, bias, layer_scale: false, qk_norm: false, class, head }
    }

    pub(crate) fn dim(&self) -> usize {
        self.heads * self.size
    }

    /// The tokens before the blocks.
    fn embedded(&self, net: &Net<'_>) -> Rows {
        let dim = self.dim();
        let patches = random_rows(TOKENS - usize::from(self.class), 12, 7);
        let prefix = if self.names == Names::HuggingFace { "vit." } else { "bert." };
        let [class, positions, patch] = match self.names {
            Names::Timm => ["cls_token", "pos_embed", "patch_embed.proj"],
            Names::Lippe => ["cls_token", "pos_embedding", "input_layer"],
            Names::Torchvision | Names::OldTorchvision => {
                ["class_token", "encoder.pos_embedding", "conv_proj"]
            }
            Names::HuggingFace => [
                "vit.embeddings.cls_token",
                "vit.embeddings.position_embeddings",
                "vit.embeddings.patch_embeddings.projection",
            ],
            Names::Bert => {
                let table = |kind: &str, entries| {
                    net.embedded(&format!("{prefix}embeddings.{kind}_embeddings"), [entries, dim], TOKENS)
                };
                let x = table("word", 11);
                let x = add(&x, &table("position", 7));
                let x = add(&x, &table("token_type", 2));
                return net.layer_norm("bert.embeddings.LayerNorm", &x);
            }
        };
        let class = self.class.then(|| net.array(class, &[1, 1, dim]));
        // torchvision makes its encoder behind the patches.
        let early = !matches!(self.names, Names::Torchvision | Names::OldTorchvision);
        let table = || net.array(positions, &[1, TOKENS, dim]).chunks(dim).map(<[f64]>::to_vec).collect();
        let before: Option<Rows> = early.then(table);
        let tokens = match self.names {
            Names::Lippe => net.dense(patch, &patches, dim, true),
            _ => self.patches(net, patch, &patches),
        };
        let tokens: Rows = class.into_iter().chain(tokens).collect();
        add(&tokens, &before.unwrap_or_else(table))
    }

    /// A convolution of 2×2 pixels with stride 2.
    fn patches(&self, net: &Net<'_>, name: &str, patches: &Rows) -> Rows {
        let weight = net.array(&format!("{name}.weight"), &[self.dim(), 3, 2, 2]);
        let bias = net.array(&format!("{name}.bias"), &[self.dim()]);
        each(patches, |x| {
            let unit = |(row, b): (&[f64], &f64)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + b;
            weight.chunks(12).zip(&bias).map(unit).collect()
        })
    }

    fn attend(&self, net: &Net<'_>, block: &str, heads: usize, x: &Rows) -> Rows {
        let (dim, bias) = (self.dim(), self.bias);
        let name = |part: &str| format!("{block}.{part}");
        let packed = |weight: &str, shift: &str| {
            let shift = name(shift);
            let rows = net.linear(&name(weight), bias.then_some(shift.as_str()), x, 3 * dim);
            [0, 1, 2].map(|part| each(&rows, |row| row[part * dim..][..dim].to_vec()))
        };
        let ([mut q, mut k, v], output) = match self.names {
            Names::Timm => (packed("attn.qkv.weight", "attn.qkv.bias"), "attn.proj"),
            Names::Lippe => (packed("attn.in_proj_weight", "attn.in_proj_bias"), "attn.out_proj"),
            Names::Torchvision | Names::OldTorchvision => (
                packed("self_attention.in_proj_weight", "self_attention.in_proj_bias"),
                "self_attention.out_proj",
            ),
            Names::HuggingFace | Names::Bert => {
                let inner = if self.names == Names::Bert { "self" } else { "attention" };
                let separate = ["query", "key", "value"]
                    .map(|part| net.dense(&name(&format!("attention.{inner}.{part}")), x, dim, bias));
                (separate, "attention.output.dense")
            }
        };
        if self.qk_norm {
            // One scale for all heads, each of which is normalised by itself.
            let normed = |part: &str, x: &Rows| {
                let by_head: Rows = x.iter().flat_map(|x| x.chunks(self.size).map(<[f64]>::to_vec)).collect();
                let by_head = net.layer_norm(&name(part), &by_head);
                by_head.chunks(self.heads).map(<[_]>::concat).collect()
            };
            q = normed("attn.q_norm", &q);
            k = normed("attn.k_norm", &k);
        }
        net.dense(&name(output), &attention(&q, &k, &v, heads), dim, true)
    }

    fn block(&self, net: &Net<'_>, i: usize, heads: usize, x: &Rows) -> Rows {
        let (block, [norm_1, norm_2, up, down]) = match self.names {
            Names::Timm => (format!("blocks.{i}"), ["norm1", "norm2", "mlp.fc1", "mlp.fc2"]),
            Names::Lippe => {
                (format!("transformer.{i}"), ["layer_norm_1", "layer_norm_2", "linear.0", "linear.3"])
            }
            Names::Torchvision => {
                (format!("encoder.layers.encoder_layer_{i}"), ["ln_1", "ln_2", "mlp.0", "mlp.3"])
            }
            Names::OldTorchvision => {
                let parts = ["ln_1", "ln_2", "mlp.linear_1", "mlp.linear_2"];
                (format!("encoder.layers.encoder_layer_{i}"), parts)
            }
            Names::HuggingFace => {
                let parts = ["layernorm_before", "layernorm_after", "intermediate.dense", "output.dense"];
                (format!("vit.encoder.layer.{i}"), parts)
            }
            Names::Bert => {
                let parts =
                    ["attention.output.LayerNorm", "output.LayerNorm", "intermediate.dense", "output.dense"];
                (format!("bert.encoder.layer.{i}"), parts)
            }
        };
        let name = |part: &str| format!("{block}.{part}");
        let scaled = |part: &str, y: Rows| match self.layer_scale {
            true => {
                let scale = net.array(&name(part), &[self.dim()]);
                each(&y, |y| y.iter().zip(&scale).map(|(y, s)| y * s).collect())
            }
            false => y,
        };
        let perceptron = |x: &Rows| {
            let hidden = gelu(&net.dense(&name(up), x, self.hidden, true));
            net.dense(&name(down), &hidden, self.dim(), true)
        };
        if self.names == Names::Bert {
            let x = net.layer_norm(&name(norm_1), &add(x, &self.attend(net, &block, heads, x)));
            return net.layer_norm(&name(norm_2), &add(&x, &perceptron(&x)));
        }
        let y = self.attend(net, &block, heads, &net.layer_norm(&name(norm_1), x));
        let x = add(x, &scaled("ls1.gamma", y));
        let y = perceptron(&net.layer_norm(&name(norm_2), &x));
        add(&x, &scaled("ls2.gamma", y))
    }

    /// What it computes with that many heads.
    pub(crate) fn run(&self, net: &Net<'_>, heads: usize) -> Rows {
        let x = self.embedded(net);
        let x = (0..self.depth).fold(x, |x, i| self.block(net, i, heads, &x));
        let [norm, head] = match self.names {
            Names::Timm => ["norm", "head"],
            Names::Lippe => ["mlp_head.0", "mlp_head.1"],
            Names::Torchvision | Names::OldTorchvision => ["encoder.ln", "heads.head"],
            Names::HuggingFace => ["vit.layernorm", "classifier"],
            Names::Bert => {
                let pooled = net.dense("bert.pooler.dense", &vec![x[0].clone()], self.dim(), true);
                let pooled = each(&pooled, |x| x.iter().map(|x| x.tanh()).collect());
                return if self.head {
                    net.dense("classifier", &pooled, CLASSES, true)
                } else {
                    [x, pooled].concat()
                };
            }
        };
        let x = net.layer_norm(norm, &x);
        let read = if self.class { vec![x[0].clone()] } else { mean(&x) };
        if self.head { net.dense(head, &read, CLASSES, true) } else { x }
    }
}
