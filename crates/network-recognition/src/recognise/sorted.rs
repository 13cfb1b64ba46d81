//! Modules whose order a file does not keep: the order that names and widths tell.

use super::attention::is_core;
use super::gated::PAIRS;
use super::tree::{Leaf, Module};
use super::walk::{Walked, stuck};

/// Names of layers that run in this order.
const KNOWN: &[&[&str]] = &[
    &["conv_reduce", "conv_expand"],
    &["squeeze", "expand"],
    &["conv_pw", "conv_dw", "conv_pwl"],
    &["conv_dw", "conv_pw"],
    &["conv_exp", "conv_pwl"],
    &["dwconv", "pwconv1", "pwconv2"],
];

/// The modules of one in the order in which they run.
///
/// # Errors
/// When several orders are possible.
pub(super) fn in_flow<'m, 'a>(all: Vec<&'m Module<'a>>) -> Walked<Vec<&'m Module<'a>>> {
    let layers: Vec<&Module<'a>> = all.iter().copied().filter(|child| child.sizes().is_some()).collect();
    let others: Vec<&Module<'a>> =
        all.iter().copied().filter(|c| c.sizes().is_none() && c.norm_width().is_none()).collect();
    let plain = others.iter().all(|child| child.leaf().is_none() && is_gate(child));
    if !plain {
        return Ok(by_rank(all));
    }
    let ordered = order_of_layers(&layers)?;
    let norms: Vec<&Module<'a>> = all.iter().copied().filter(|c| c.norm_width().is_some()).collect();
    // Normalisations that share no number with a layer belong to the layers one by one.
    let shared = |norm: &Module<'_>| {
        layers.iter().any(|layer| norm.number().is_some() && layer.number() == norm.number())
    };
    let by_place = !norms.iter().any(|norm| shared(norm));
    let mut norms: std::collections::VecDeque<&Module<'a>> = norms.into();
    norms.make_contiguous().sort_by_key(|norm| (norm.number(), norm.key.len(), norm.key));
    let mut flow = Vec::new();
    for (at, layer) in ordered.iter().enumerate() {
        flow.push(*layer);
        let wrote = layer.sizes().map(|(_, out)| out);
        if by_place && !norms.is_empty() && norms[0].norm_width() == wrote {
            flow.extend(norms.pop_front());
        }
        let last = !ordered[at + 1..].iter().any(|later| later.sizes().map(|(_, out)| out) == wrote);
        flow.extend(others.iter().filter(|gate| last && gate_width(gate) == wrote));
    }
    flow.extend(norms);
    flow.extend(
        others.iter().filter(|gate| !flow.iter().any(|c| c.path == gate.path)).copied().collect::<Vec<_>>(),
    );
    Ok(flow)
}

/// Modules of several layers: beginnings, the numbered middle, ends. A gate comes behind the last of those that write
/// what it reads.
fn by_rank<'m, 'a>(all: Vec<&'m Module<'a>>) -> Vec<&'m Module<'a>> {
    let (gates, sorted): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|child| child.leaf().is_none() && is_gate(child));
    // A convolution that does not read what the one of the number before writes comes behind the blocks.
    let late = |child: &Module<'_>| {
        let before = child.number().and_then(|n| n.checked_sub(1)).filter(|n| *n > 0);
        let before = sorted
            .iter()
            .find(|other| before.is_some() && other.number() == before && other.leaf() == Some(Leaf::Conv));
        let apart = before.is_some_and(|before| !reads(child, before, true));
        if child.leaf() == Some(Leaf::Conv) && apart { 6 } else { rank(child) }
    };
    let ranks: Vec<usize> = sorted.iter().map(|child| late(child)).collect();
    let mut ranked: Vec<(usize, &Module<'a>)> = ranks.into_iter().zip(sorted).collect();
    ranked.sort_by_key(|(rank, child)| (*rank, child.natural()));
    let mut sorted: Vec<&Module<'a>> = ranked.into_iter().map(|(_, child)| child).collect();
    for gate in gates {
        let width = gate_width(gate);
        let wrote =
            |child: &&Module<'_>| child.layers().last().and_then(|last| last.sizes()).map(|(_, out)| out);
        let steps = sorted.len() - sorted.iter().rev().take_while(|child| wrote(child) != width).count();
        // The last layer of a block writes the stream, which a gate of the same width comes before.
        let layers = sorted[..steps].iter().filter(|child| child.weights() > 0).count();
        let all =
            sorted.iter().filter(|child| child.weights() > 0 && !super::block::is_around(child)).count();
        let at = if layers == all && layers > 2 { steps - 1 } else { steps };
        sorted.insert(at, gate);
    }
    sorted
}

/// Channels that a gate multiplies.
fn gate_width(gate: &Module<'_>) -> Option<usize> {
    gate.layers().into_iter().filter_map(|layer| layer.sizes().map(|(read, _)| read)).max()
}

/// Whether layers alone stand in an order in which they cannot follow one another, though in another one they can.
pub(super) fn breaks(all: &[&Module<'_>]) -> bool {
    let layers: Vec<&Module<'_>> = all.iter().copied().filter(|child| child.sizes().is_some()).collect();
    let others = all.iter().any(|child| child.sizes().is_none() && child.norm_width().is_none());
    let dense = layers.iter().all(|layer| layer.leaf() == Some(Leaf::Dense));
    !others && dense && !follows(&layers) && order_of_layers(&layers).is_ok_and(|ordered| follows(&ordered))
}

/// Squeeze-and-excitation: two layers that end at the width they begin with.
fn is_gate(module: &Module<'_>) -> bool {
    let layers = module.layers();
    let [first, second] = layers[..] else { return false };
    super::block::is_gate(first, second) || super::block::is_gate(second, first)
}

/// The layers by their numbers if their widths then follow one another, or in the only order in which they do.
fn order_of_layers<'m, 'a>(layers: &[&'m Module<'a>]) -> Walked<Vec<&'m Module<'a>>> {
    let kind = |layer: &Module<'_>| {
        usize::from(layer.leaf() == Some(Leaf::Dense)) + usize::from(layer.key.starts_with("fc"))
    };
    let mut numbered = layers.to_vec();
    numbered.sort_by_key(|layer| (kind(layer), layer.number(), layer.key.len(), layer.key));
    let pairs = PAIRS.iter().map(<[&str; 2]>::as_slice);
    for known in KNOWN.iter().copied().chain(pairs) {
        let own: Option<Vec<&Module<'a>>> =
            known.iter().map(|key| layers.iter().copied().find(|layer| layer.key == *key)).collect();
        if let Some(own) = own.filter(|own| own.len() == layers.len() && follows(own)) {
            return Ok(own);
        }
    }
    let all_numbered = layers.iter().all(|layer| layer.number().is_some());
    if all_numbered && follows(&numbered) || layers.len() < 2 {
        return Ok(numbered);
    }
    let mut found: Vec<Vec<&Module<'a>>> = Vec::new();
    if layers.len() <= 8 {
        extend(&mut Vec::new(), layers, &mut found);
    }
    match &mut found[..] {
        [only] => Ok(std::mem::take(only)),
        [] => Ok(numbered),
        several => {
            let names = |order: &Vec<&Module<'_>>| order.iter().map(|l| l.key).collect::<Vec<_>>().join(",");
            let shown: Vec<String> = several.iter().take(3).map(names).collect();
            let reason = format!(
                "the file does not keep the order of the layers, and their sizes allow several; say which: --order {}",
                shown.join(" or --order ")
            );
            Err(stuck(&layers[0].path, &reason))
        }
    }
}

/// Whether a layer can read what another one writes: directly, pixel by pixel, or channel by channel; and, where
/// `grouped`, group by group.
fn reads(layer: &Module<'_>, before: &Module<'_>, grouped: bool) -> bool {
    let Some(((read, out), (_, wrote))) = layer.sizes().zip(before.sizes()) else { return false };
    let pixels = layer.leaf() == Some(Leaf::Dense) && before.leaf() == Some(Leaf::Conv);
    let groups = layer.leaf() == Some(Leaf::Conv) && out == wrote && (read == 1 || grouped);
    let divides = |small: usize, large: usize| small > 0 && large.is_multiple_of(small);
    read == wrote || pixels && divides(wrote, read) || groups && divides(read, wrote)
}

fn follows(layers: &[&Module<'_>]) -> bool {
    layers.windows(2).all(|pair| reads(pair[1], pair[0], true))
}

/// All orders in which each layer reads what the one before writes; two are enough to know that there are several.
fn extend<'m, 'a>(
    order: &mut Vec<&'m Module<'a>>,
    layers: &[&'m Module<'a>],
    found: &mut Vec<Vec<&'m Module<'a>>>,
) {
    if order.len() == layers.len() {
        found.push(order.clone());
        return;
    }
    for layer in layers {
        let used = order.iter().any(|own| own.path == layer.path);
        if found.len() < 3 && !used && order.last().is_none_or(|last| reads(layer, last, false)) {
            order.push(layer);
            extend(order, layers, found);
            order.pop();
        }
    }
}

/// Beginnings first, ends last.
fn rank(module: &Module<'_>) -> usize {
    let key = module.key.to_ascii_lowercase();
    let starts = |words: &[&str]| words.iter().any(|word| key.starts_with(word));
    let ends =
        ["head", "classifier", "fc", "linear", "lm_head", "mlp_head", "dense", "output_layer", "logits"];
    match module.leaf() {
        None if is_core(module) => 2,
        _ if starts(&["patch_emb", "embed", "emb", "word_emb", "wte", "tok", "stem", "inp", "conv_proj"]) => {
            0
        }
        _ if starts(&["wpe", "pos", "token_type", "norm_pre", "ln_pre", "conv_stem"]) => 1,
        Some(Leaf::Norm) if starts(&["fc_norm", "norm", "ln_f", "ln_post", "post_layernorm", "final"]) => {
            if module.number().is_none() {
                6
            } else {
                2
            }
        }
        Some(Leaf::Dense) => 7,
        Some(Leaf::Conv) if starts(&["conv_head", "conv_last", "final", "head"]) => 6,
        Some(Leaf::Conv | Leaf::Norm | Leaf::Recurrent | Leaf::Embedding) => 2,
        None if starts(&["downsample", "conv", "enc", "backbone", "trunk", "base", "features"]) => 3,
        None if starts(&["avgpool", "pooler", "aux"]) => 5,
        None if starts(&ends) && module.number().is_none() => 7,
        None => 4,
    }
}
