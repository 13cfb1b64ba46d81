//! Attention layers, by the names of their projections and their shapes.

use super::Open;
use super::tree::{Leaf, Module};
use super::walk::{Stuck, Walk, Walked, stuck, wiring};
use crate::network::{Value, WiringError};

/// Names of queries, keys and values that are layers of their own.
const SEPARATE: &[[&str; 3]] = &[
    ["q_proj", "k_proj", "v_proj"],
    ["query", "key", "value"],
    ["q", "k", "v"],
    ["to_q", "to_k", "to_v"],
    ["wq", "wk", "wv"],
    ["q_lin", "k_lin", "v_lin"],
    ["query_proj", "key_proj", "value_proj"],
    ["linear_q", "linear_k", "linear_v"],
    ["w_q", "w_k", "w_v"],
    ["W_q", "W_k", "W_v"],
];
/// Names of one layer for all three, whose rows are queries, keys, values one behind the other.
const PACKED: &[&str] = &["qkv", "c_attn", "in_proj", "Wqkv", "to_qkv", "qkv_proj"];
/// Rows that go head by head.
const BY_HEAD: &[&str] = &["query_key_value"];
/// Names of the layer that reads what attention computes.
const OUTPUT: &[&str] = &[
    "out_proj",
    "proj",
    "o_proj",
    "to_out",
    "o",
    "out",
    "wo",
    "c_proj",
    "dense",
    "out_lin",
    "linear_out",
    "w_o",
    "W_o",
];

/// The parts of an attention layer.
#[derive(Debug)]
pub(super) struct Attention<'m, 'a> {
    input: Input<'m, 'a>,
    output: Option<&'m Module<'a>>,
    norms: Vec<&'m Module<'a>>,
    /// Whether a number of heads that is told can be used.
    by_rows: bool,
}

#[derive(Debug)]
enum Input<'m, 'a> {
    /// Weight and bias in full.
    Packed(String, String),
    Separate([&'m Module<'a>; 3]),
}

impl<'m, 'a> Attention<'m, 'a> {
    pub(super) fn of(module: &'m Module<'a>) -> Option<Self> {
        let dense = |key: &str| module.child(key).filter(|child| child.leaf() == Some(Leaf::Dense));
        let output = OUTPUT.iter().find_map(|key| module.child(key)).filter(|child| {
            let layers = child.layers();
            layers.len() == 1 && layers[0].leaf() == Some(Leaf::Dense)
        });
        let norms: Vec<&Module<'a>> =
            ["q_norm", "k_norm", "norm_q", "norm_k", "query_norm", "key_norm", "q_layernorm", "k_layernorm"]
                .iter()
                .filter_map(|key| module.child(key))
                .collect();
        if module.array("in_proj_weight").is_some() {
            let input = Input::Packed(module.name("in_proj_weight"), module.name("in_proj_bias"));
            return Some(Self { input, output, norms, by_rows: true });
        }
        if let Some(parts) = SEPARATE.iter().find_map(|keys| {
            let [q, k, v] = keys.map(dense);
            Some([q?, k?, v?])
        }) {
            return Some(Self { input: Input::Separate(parts), output, norms, by_rows: true });
        }
        let packed = PACKED.iter().chain(BY_HEAD).find_map(|key| dense(key))?;
        let (read, out) = packed.sizes()?;
        if !out.is_multiple_of(3)
            || PACKED.contains(&packed.key) && packed.key == "in_proj" && out != 3 * read
        {
            return None;
        }
        let input = Input::Packed(packed.name("weight"), packed.name("bias"));
        Some(Self { input, output, norms, by_rows: !BY_HEAD.contains(&packed.key) })
    }
}

impl Attention<'_, '_> {
    /// Whether a module is a normalisation of what the output layer writes.
    fn is_behind(&self, child: &Module<'_>, width: usize) -> bool {
        let own = self.norms.iter().any(|norm| norm.key == child.key);
        self.output.is_some() && !own && child.norm_width() == Some(width)
    }
}

/// Whether a module is attention whose output layer stands beside it.
pub(super) fn is_core(module: &Module<'_>) -> bool {
    Attention::of(module).is_some_and(|attention| attention.output.is_none())
}

/// Names of attention from one sequence to another.
fn is_cross(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["cross", "encoder_attn", "encdec", "multihead_attn", "encoder_decoder"]
        .iter()
        .any(|word| path.contains(word))
}

impl Walk<'_> {
    pub(super) fn attention(
        &mut self,
        module: &Module<'_>,
        parts: &Attention<'_, '_>,
        x: Option<Value>,
    ) -> Walked {
        let path = module.path.as_str();
        if is_cross(path) {
            return Err(stuck(path, "attention to another sequence, which names do not connect"));
        }
        self.tokens = true;
        let read = match &parts.input {
            Input::Packed(weight, _) => {
                self.net.shape(weight).and_then(|shape| shape.last().copied()).unwrap_or(0)
            }
            Input::Separate([q, ..]) => q.sizes().map_or(0, |(read, _)| read),
        };
        let x = self.begun(x, read);
        let told = |error: &WiringError| wiring(path, error);
        let [mut q, k, mut v] = match &parts.input {
            Input::Packed(weight, bias) => {
                let rows = self.net.dense_of(weight, bias, x).map_err(|error| told(&error))?;
                let third = self.width(rows) / 3;
                let parts = self.net.split(rows, &[third; 3]).map_err(|error| told(&error))?;
                [parts[0], parts[1], parts[2]]
            }
            Input::Separate(layers) => {
                let mut made = Vec::new();
                for layer in layers {
                    made.push(self.net.dense(&layer.path, x).map_err(|error| told(&error))?);
                }
                [made[0], made[1], made[2]]
            }
        };
        for (key, value) in [("q_bias", &mut q), ("v_bias", &mut v)] {
            if module.array(key).is_some() {
                *value = self.net.shift(&module.name(key), *value).map_err(|error| told(&error))?;
            }
        }
        let (heads, rigid) = self.heads(module, parts, [q, k])?;
        let name = if path.is_empty() { "attention" } else { path };
        let y = self
            .net
            .attention(name, [q, k, v], heads, rigid)
            .map_err(|error| self.heads_refused(path, heads, q, &error))?;
        let Some(output) = parts.output else { return Ok(y) };
        let layer = output.layers()[0];
        let mut y = self.net.dense(&layer.path, y).map_err(|error| told(&error))?;
        let width = self.width(y);
        for norm in module.children.iter().filter(|child| parts.is_behind(child, width)) {
            y = self.module(norm, Some(y))?;
        }
        self.around(module, x, y)
    }

    fn heads_refused(&self, path: &str, heads: Option<usize>, q: Value, error: &WiringError) -> Stuck {
        match heads {
            Some(heads) => {
                let reason = format!("{heads} heads do not divide its {} units", self.width(q));
                Stuck { told: true, ..stuck(path, &reason) }
            }
            None => wiring(path, error),
        }
    }

    /// The number of heads, if it is known, and whether units keep their place in a head.
    fn heads(
        &mut self,
        module: &Module<'_>,
        parts: &Attention<'_, '_>,
        [q, k]: [Value; 2],
    ) -> Walked<(Option<usize>, bool)> {
        let (wide, keys) = (self.width(q), self.width(k));
        let mut rigid = keys != wide || !self.facts.positions;
        let mut shown = None;
        for norm in &parts.norms {
            let size = norm.norm_width().unwrap_or(wide);
            for name in norm.names() {
                self.keep(&name)?;
            }
            // Its scale is one for all heads, or orders all units.
            rigid = true;
            shown = (size < wide && size > 0).then(|| wide / size);
            if size >= wide {
                self.outputs.extend([q, k]);
            }
        }
        let mut table = false;
        for (key, shape) in &module.arrays {
            let known = ["in_proj_weight", "in_proj_bias", "q_bias", "v_bias"].contains(key);
            if !known {
                // Tables with a column for each head, masks: the heads keep their order.
                table |= shape.iter().product::<usize>() > 1;
                self.keep(&module.name(key))?;
            }
        }
        let explained: Vec<&str> = match &parts.input {
            Input::Packed(..) => Vec::new(),
            Input::Separate(layers) => layers.iter().map(|layer| layer.key).collect(),
        };
        for child in &module.children {
            let own =
                explained.contains(&child.key) || PACKED.contains(&child.key) || BY_HEAD.contains(&child.key);
            let norm = parts.norms.iter().any(|norm| norm.key == child.key);
            let output = parts.output.is_some_and(|output| output.key == child.key);
            if !own && !norm && !output && !parts.is_behind(child, self.width(q)) {
                let buffers = ["rotary_emb", "rotary", "rope", "inv_freq"].contains(&child.key);
                if !buffers {
                    return Err(stuck(&child.path, "a layer of attention that is not known"));
                }
                rigid = true;
                for name in child.names() {
                    self.keep(&name)?;
                }
            }
        }
        if table || self.facts.shared_heads || !parts.by_rows {
            self.open.insert(Open::Tables);
            return Ok((None, true));
        }
        self.used.heads |= shown.is_none();
        let heads = shown.or(self.told.heads);
        if heads.is_none() {
            self.open.insert(Open::Heads { queries: wide, keys });
        }
        Ok((heads, rigid))
    }
}
