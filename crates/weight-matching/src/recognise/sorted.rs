//! Modules whose order a file does not keep: the order that names and widths tell.

use super::tree::{Leaf, Module};
use super::walk::{Walked, stuck};

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
        // Modules of several layers: beginnings, the numbered middle, ends.
        let mut sorted = all;
        sorted
            .sort_by_key(|child| (rank(child), child.number().filter(|_| rank(child) < 4), child.key.len()));
        return Ok(sorted);
    }
    let ordered = order_of_layers(&layers)?;
    let norms: Vec<&Module<'a>> = all.iter().copied().filter(|c| c.norm_width().is_some()).collect();
    // Normalisations that share no number with a layer belong to the layers one by one.
    let shared = |norm: &&Module<'_>| {
        layers.iter().any(|layer| norm.number().is_some() && layer.number() == norm.number())
    };
    let by_place = !norms.iter().any(|norm| shared(&norm));
    let mut norms: std::collections::VecDeque<&Module<'a>> = norms.into();
    norms.make_contiguous().sort_by_key(|norm| (norm.number(), norm.key.len(), norm.key));
    let mut flow = Vec::new();
    for (at, layer) in ordered.iter().enumerate() {
        flow.push(*layer);
        let wrote = layer.sizes().map(|(_, out)| out);
        if by_place && norms.front().and_then(|norm| norm.norm_width()) == wrote && norms.len() >= 1 {
            flow.extend(norms.pop_front());
        }
        let last = !ordered[at + 1..].iter().any(|later| later.sizes().map(|(_, out)| out) == wrote);
        flow.extend(
            others.iter().filter(|gate| last && gate.layers()[0].sizes().map(|(read, _)| read) == wrote),
        );
    }
    flow.extend(norms);
    flow.extend(
        others.iter().filter(|gate| !flow.iter().any(|c| c.path == gate.path)).copied().collect::<Vec<_>>(),
    );
    Ok(flow)
}

/// Squeeze-and-excitation: two layers that end at the width they begin with.
fn is_gate(module: &Module<'_>) -> bool {
    let layers = module.layers();
    let [first, second] = layers[..] else { return false };
    super::block::is_gate(first, second) || super::block::is_gate(second, first)
}

/// The layers by their numbers if their widths then follow one another, or in the only order in which they do.
fn order_of_layers<'m, 'a>(layers: &[&'m Module<'a>]) -> Walked<Vec<&'m Module<'a>>> {
    let kind = |layer: &Module<'_>| usize::from(layer.leaf() == Some(Leaf::Dense));
    let mut numbered = layers.to_vec();
    numbered.sort_by_key(|layer| (kind(layer), layer.number(), layer.key.len(), layer.key));
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

/// Whether a layer can read what another one writes, directly or pixel by pixel.
fn reads(layer: &Module<'_>, before: &Module<'_>) -> bool {
    let Some(((read, _), (_, wrote))) = layer.sizes().zip(before.sizes()) else { return false };
    let pixels = layer.leaf() == Some(Leaf::Dense) && before.leaf() == Some(Leaf::Conv);
    read == wrote
        || layer.is_depthwise() && layer.sizes().is_some_and(|(_, out)| out == wrote)
        || pixels && wrote > 0 && read.is_multiple_of(wrote)
}

fn follows(layers: &[&Module<'_>]) -> bool {
    layers.windows(2).all(|pair| reads(pair[1], pair[0]))
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
        if found.len() < 3 && !used && order.last().is_none_or(|last| reads(layer, last)) {
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
    let layer = module.sizes().is_some();
    match () {
        () if starts(&[
            "patch_emb",
            "embed",
            "word_emb",
            "wte",
            "tok",
            "stem",
            "input",
            "conv_stem",
            "conv_proj",
        ]) =>
        {
            0
        }
        () if starts(&["wpe", "pos", "token_type", "layernorm"]) && !starts(&["layernorm_after"]) => 1,
        () if starts(&["norm_pre", "ln_pre"]) => 1,
        () if starts(&["fc_norm", "norm", "ln_f", "ln_post", "post_layernorm", "final"])
            && module.number().is_none() =>
        {
            5
        }
        () if starts(&[
            "head",
            "classifier",
            "fc",
            "linear",
            "lm_head",
            "mlp_head",
            "dense",
            "output_layer",
            "logits",
        ]) && module.number().is_none() =>
        {
            6
        }
        () if starts(&["conv_head", "bn2"])
            && key.len() <= 9
            && module.children.is_empty()
            && starts(&["conv_head"]) =>
        {
            4
        }
        () if layer || module.norm_width().is_some() => 2,
        () if starts(&["attn", "attention", "self_attn"]) => 3,
        () if starts(&["avgpool", "pooler"]) => 5,
        () => 3,
    }
}
