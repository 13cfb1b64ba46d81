//! Decoders: rotary positions, gated perceptrons, heads that share keys, told or not.

use crate::forward::{Rows, add, gelu};
use crate::layers::{Function, Net, attention, each, with};
use crate::recognised::{check, check_if_any, is_found_again, untold};
use network_recognition::recognise::Told;

const TOKENS: usize = 5;
const WORDS: usize = 13;

#[derive(Clone, Copy, Debug)]
struct Llama {
    heads: usize,
    keys: usize,
    size: usize,
    depth: usize,
    dim: usize,
    hidden: usize,
    qkv_bias: bool,
    qk_norm: bool,
    rotary: bool,
    tied: bool,
}

impl Llama {
    fn of(heads: usize, keys: usize, size: usize, depth: usize) -> Self {
        let dim = heads * size;
        let (qkv_bias, qk_norm, rotary, tied) = (false, false, true, false);
        Self { heads, keys, size, depth, dim, hidden: dim + 5, qkv_bias, qk_norm, rotary, tied }
    }

    /// Units u and u + s/2 of a head turn by an angle of the place and of u.
    fn turned(&self, x: &Rows, size: usize) -> Rows {
        let half = size / 2;
        let row = |(place, x): (usize, &Vec<f64>)| -> Vec<f64> {
            let head = |head: &[f64]| -> Vec<f64> {
                let unit = |u: usize| {
                    let angle = place as f64 / 10f64.powf((u % half) as f64 / half as f64);
                    let other = if u < half { -head[u + half] } else { head[u - half] };
                    head[u] * angle.cos() + other * angle.sin()
                };
                (0..size).map(unit).collect()
            };
            x.chunks(size).flat_map(head).collect()
        };
        x.iter().enumerate().map(row).collect()
    }

    fn run(&self, net: &Net<'_>, heads: usize) -> Rows {
        let size = self.heads * self.size / heads;
        let mut x = net.embedded("model.embed_tokens", [WORDS, self.dim], TOKENS);
        // A head that reads the table of words is declared once.
        for i in 0..self.depth {
            let name = |part: &str| format!("model.layers.{i}.{part}");
            let normed = net.rms_norm(&name("input_layernorm"), &x);
            let project = |part: &str, out: usize| {
                net.dense(&name(&format!("self_attn.{part}")), &normed, out, self.qkv_bias)
            };
            let (wide, narrow) = (self.heads * self.size, self.keys * self.size);
            let (q, k, v) = (project("q_proj", wide), project("k_proj", narrow), project("v_proj", narrow));
            let by_head = |part: &str, x: Rows| match self.qk_norm {
                true => {
                    let rows: Rows =
                        x.iter().flat_map(|x| x.chunks(self.size).map(<[f64]>::to_vec)).collect();
                    let rows = net.rms_norm(&name(&format!("self_attn.{part}")), &rows);
                    rows.chunks(x[0].len() / self.size).map(<[_]>::concat).collect()
                }
                false => x,
            };
            let (q, k) = (by_head("q_norm", q), by_head("k_norm", k));
            let (q, k) = match self.rotary && size.is_multiple_of(2) {
                true => (self.turned(&q, size), self.turned(&k, size)),
                false => (q, k),
            };
            let y = attention(&q, &k, &v, heads);
            x = add(&x, &net.dense(&name("self_attn.o_proj"), &y, self.dim, false));
            let normed = net.rms_norm(&name("post_attention_layernorm"), &x);
            let layer = |part: &str, x: &Rows, out| net.dense(&name(&format!("mlp.{part}")), x, out, false);
            let hidden = with(
                &gelu(&layer("gate_proj", &normed, self.hidden)),
                &layer("up_proj", &normed, self.hidden),
                |g, u| g * u,
            );
            x = add(&x, &layer("down_proj", &hidden, self.dim));
        }
        let x = net.rms_norm("model.norm", &x);
        if self.tied { x } else { net.dense("lm_head", &x, WORDS, false) }
    }

    fn told(&self) -> Told {
        Told { heads: Some(self.heads), ..untold() }
    }

    fn check(&self, seed: u64) {
        let (wide, narrow) = (self.heads * self.size, self.keys * self.size);
        let possible = |heads: &usize| wide.is_multiple_of(*heads) && narrow.is_multiple_of(wide / heads);
        let all: Vec<usize> = (1..=wide).filter(|heads| !self.qk_norm && possible(heads)).collect();
        let all: Vec<_> = all.into_iter().map(|heads| move |net: &Net<'_>| self.run(net, heads)).collect();
        let truly = |net: &Net<'_>| self.run(net, self.heads);
        let mut functions: Vec<Function<'_>> = vec![&truly];
        functions.extend(all.iter().map(|function| function as Function<'_>));
        let untold = check(&format!("{self:?}"), &functions, &untold(), seed);
        let told = check(&format!("{self:?}"), &functions[..1], &self.told(), seed);
        for (untold, told) in untold.iter().zip(&told) {
            // Heads change places as wholes where there are several of keys.
            let more = if self.qk_norm || self.keys == 1 { 0 } else { self.depth };
            assert_eq!(told.permutations().len(), untold.permutations().len() + more, "{self:?}");
        }
    }
}

#[test]
fn decoders_with_rotary_positions_keep_their_function_with_every_number_of_heads() {
    for heads in 1..=16 {
        for keys in (1..=heads).filter(|keys| heads % keys == 0) {
            let size = [2, 4][(heads + keys) % 2];
            Llama::of(heads, keys, size, 1 + heads % 3).check((heads * 17 + keys) as u64);
        }
    }
}

#[test]
fn decoders_vary_in_biases_norms_positions_and_heads() {
    for variant in 0..16 {
        let bit = |i: usize| variant >> i & 1 == 1;
        let llama = Llama {
            qkv_bias: bit(0),
            qk_norm: bit(1),
            rotary: bit(2),
            tied: bit(3),
            ..Llama::of(4, [1, 2, 4][variant % 3], 4, 2)
        };
        llama.check(variant as u64);
    }
    // Heads that together are wider or narrower than the stream, and hidden layers of its width.
    for (dim, hidden) in [(8, 8), (16, 16), (24, 16), (12, 24), (6, 3)] {
        Llama { dim, hidden, ..Llama::of(4, 2, 4, 2) }.check(dim as u64);
    }
}

#[test]
fn planted_permutations_of_decoders_are_found_again() {
    let llama = Llama::of(6, 3, 4, 2);
    let function: Function<'_> = &|net| llama.run(net, 6);
    for told in [llama.told(), untold()] {
        for spec in check("planted", &[function], &told, 3) {
            assert!(is_found_again(&spec, function, 3));
        }
    }
}

/// GPT-2 with matrices `[out, in]`, or `[in, out]` as Hugging Face keeps them.
fn gpt2(net: &Net<'_>, heads: usize, transposed: bool, bias: bool) -> Rows {
    const DIM: usize = 12;
    let layer = |name: &str, x: &Rows, out: usize| -> Rows {
        if !transposed {
            return net.dense(name, x, out, bias);
        }
        let weight = net.array(&format!("{name}.weight"), &[x[0].len(), out]);
        let shift = if bias { net.array(&format!("{name}.bias"), &[out]) } else { vec![0.0; out] };
        each(x, |x| {
            let unit =
                |o: usize| x.iter().enumerate().map(|(i, x)| x * weight[i * out + o]).sum::<f64>() + shift[o];
            (0..out).map(unit).collect()
        })
    };
    let x = net.embedded("transformer.wte", [WORDS, DIM], TOKENS);
    let mut x = add(&x, &net.embedded("transformer.wpe", [8, DIM], TOKENS));
    for i in 0..2 {
        let name = |part: &str| format!("transformer.h.{i}.{part}");
        let rows = layer(&name("attn.c_attn"), &net.layer_norm(&name("ln_1"), &x), 3 * DIM);
        let [q, k, v] = [0, 1, 2].map(|part| each(&rows, |row| row[part * DIM..][..DIM].to_vec()));
        x = add(&x, &layer(&name("attn.c_proj"), &attention(&q, &k, &v, heads), DIM));
        let hidden = gelu(&layer(&name("mlp.c_fc"), &net.layer_norm(&name("ln_2"), &x), 4 * DIM));
        x = add(&x, &layer(&name("mlp.c_proj"), &hidden, DIM));
    }
    let x = net.layer_norm("transformer.ln_f", &x);
    net.dense("lm_head", &x, WORDS, false)
}

#[test]
fn gpt2_is_recognised_and_its_transposed_form_never_wrong() {
    for heads in [1, 2, 3, 4, 6] {
        for bias in [true, false] {
            let plain: Function<'_> = &|net| gpt2(net, heads, false, bias);
            let told = Told { heads: Some(heads), ..untold() };
            for told in [untold(), told] {
                check("GPT-2", &[plain], &told, heads as u64);
                let transposed: Function<'_> = &|net| gpt2(net, heads, true, bias);
                // Nobody saves them without biases.
                if bias {
                    let _ = check_if_any("GPT-2, transposed", &[transposed], &told, heads as u64);
                }
            }
        }
    }
}
