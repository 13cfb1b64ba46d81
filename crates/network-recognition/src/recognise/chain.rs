//! The order in which the modules of one run.

use super::attention::is_core;
use super::tree::{Leaf, Module};
use super::walk::{Facts, Walked, stuck};
use super::{Told, block, sorted};
use std::collections::{BTreeMap, BTreeSet};

/// A module on its turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'m, 'a> {
    pub(super) module: &'m Module<'a>,
    /// A normalisation that may come before or behind the last layer.
    pub(super) both: bool,
}

/// The modules of one, in their order.
#[derive(Debug)]
pub(super) struct Chain<'m, 'a> {
    pub(super) steps: Vec<Step<'m, 'a>>,
    /// Whether nothing but the order connects them: no skip connections, no gates among its layers.
    pub(super) certain: bool,
    /// Whether it is the whole network.
    pub(super) root: bool,
    /// Whether it has several layers, so that they may be connected in several ways.
    pub(super) several: bool,
}

impl<'m, 'a> Chain<'m, 'a> {
    pub(super) fn of(module: &'m Module<'a>, told: &Told, facts: &Facts) -> Walked<Self> {
        let root = module.path == facts.root;
        let all: Vec<&Module<'a>> = module.children.iter().collect();
        if let Some(order) = told.order.as_deref().filter(|_| root) {
            let (all, ordered) = if module.is_list() { (by_number(all), true) } else { (all, told.ordered) };
            let steps = in_order(&all, order, ordered)?.into_iter().map(Step::from).collect();
            return Ok(Self { steps, certain: true, root, several: true });
        }
        let (ordered, certain) = match module.is_list() {
            true => (by_number(all), is_certain_list(module)),
            false if told.ordered && !sorted::breaks(&all) => (all, block::is_block(module)),
            false => (sorted::in_flow(all)?, block::is_block(module)),
        };
        let core = module.children.iter().any(is_core);
        let certain =
            certain || core && module.children.iter().all(|child| is_core(child) || child.weights() <= 1);
        let (late, early): (Vec<_>, Vec<_>) = ordered.into_iter().partition(|child| is_pooler(child));
        let steps = with_norms([early, late].concat(), told.ordered || module.is_list(), facts);
        let several = steps.iter().filter(|step| step.module.is_step()).count() > 1;
        Ok(Self { steps, certain, root, several })
    }
}

impl<'m, 'a> From<&'m Module<'a>> for Step<'m, 'a> {
    fn from(module: &'m Module<'a>) -> Self {
        Self { module, both: false }
    }
}

/// What reads the first token behind everything else, wherever the code defines it.
pub(super) fn is_pooler(module: &Module<'_>) -> bool {
    module.key == "pooler"
}

fn by_number<'m, 'a>(mut all: Vec<&'m Module<'a>>) -> Vec<&'m Module<'a>> {
    all.sort_by_key(|child| child.key.parse::<usize>().unwrap_or(usize::MAX));
    all
}

/// Whether a numbered list is a sequence: numbers left out for activations, or normalisations between its layers.
/// Layers numbered one by one may also be a list that the code reads as it likes.
pub(super) fn is_certain_list(module: &Module<'_>) -> bool {
    let numbers: Vec<usize> = module.children.iter().filter_map(|child| child.key.parse().ok()).collect();
    let gaps = numbers.iter().max().is_some_and(|most| most + 1 > numbers.len());
    let norms = module.children.iter().any(|child| child.leaf() == Some(Leaf::Norm));
    let layers = module.children.iter().any(|child| child.sizes().is_some());
    !layers || gaps || norms
}

/// The layers in the order that was told, each with the normalisations defined behind it, or of its number.
fn in_order<'m, 'a>(all: &[&'m Module<'a>], order: &[String], ordered: bool) -> Walked<Vec<&'m Module<'a>>> {
    let is = |child: &Module<'_>, name: &String| child.key == name || child.path == *name;
    let names = || all.iter().filter(|c| c.is_step()).map(|c| c.key).collect::<Vec<_>>().join(",");
    if let Some(unknown) = order.iter().find(|name| !all.iter().any(|child| is(child, name))) {
        return Err(stuck(unknown, &format!("no such layer; the order is made of {}", names())));
    }
    let mut groups: Vec<Vec<&'m Module<'a>>> = Vec::new();
    let (steps, others): (Vec<_>, Vec<_>) = match ordered {
        true => (all.to_vec(), Vec::new()),
        false => all.iter().copied().partition(|child| child.is_step()),
    };
    for child in steps {
        match groups.last_mut() {
            Some(group) if !child.is_step() => group.push(child),
            _ => groups.push(vec![child]),
        }
    }
    for other in others {
        let own = |group: &Vec<&Module<'_>>| {
            let wrote = group[0].sizes().map(|(_, out)| out);
            other.number().is_some() && group[0].number() == other.number() && wrote == other.norm_width()
        };
        let at = groups.iter().position(own);
        let at = at.ok_or_else(|| stuck(&other.path, "the file does not keep its place among the layers"))?;
        groups[at].push(other);
    }
    let place = |group: &Vec<&Module<'_>>| order.iter().position(|name| group.iter().any(|c| is(c, name)));
    if let Some(missing) = groups.iter().find(|group| place(group).is_none()) {
        return Err(stuck(&missing[0].path, &format!("the order leaves it out; it is made of {}", names())));
    }
    groups.sort_by_key(|group| place(group));
    Ok(groups.concat())
}

/// Puts normalisations with a number before or behind the layer of that number, where widths somewhere in the
/// network tell which; else as they stand in an order that means something; else both.
fn with_norms<'m, 'a>(all: Vec<&'m Module<'a>>, ordered: bool, facts: &Facts) -> Vec<Step<'m, 'a>> {
    let layer_of = |norm: &Module<'_>| {
        let number = norm.number()?;
        all.iter().position(|child| child.sizes().is_some() && child.number() == Some(number))
    };
    let norms: Vec<(usize, usize)> = (0..all.len())
        .filter(|&at| all[at].leaf() == Some(Leaf::Norm) && all[at].key.parse::<usize>().is_err())
        .filter_map(|at| Some((at, layer_of(all[at])?)))
        .collect();
    let between = norms.iter().all(|&(norm, layer)| norm.abs_diff(layer) == 1);
    if ordered && between && facts.norm_first.is_none() {
        return all.into_iter().map(Step::from).collect();
    }
    let mut own: BTreeMap<usize, Vec<&Module<'a>>> = BTreeMap::new();
    norms.iter().for_each(|&(norm, layer)| own.entry(layer).or_default().push(all[norm]));
    let moved: BTreeSet<usize> = norms.iter().map(|&(norm, _)| norm).collect();
    let mut steps = Vec::new();
    for (at, &child) in all.iter().enumerate().filter(|(at, _)| !moved.contains(at)) {
        let (read, wrote) = child.sizes().unwrap_or_default();
        let reads = |norm: &Module<'a>| norm.norm_width() == Some(read);
        let before = |norm: &&Module<'a>| {
            norm.norm_width() != Some(wrote) || facts.norm_first == Some(true) && reads(norm)
        };
        let (first, behind): (Vec<_>, Vec<_>) =
            own.remove(&at).unwrap_or_default().into_iter().partition(before);
        steps.extend(first.into_iter().map(Step::from));
        steps.push(Step::from(child));
        let both = |norm: &Module<'a>| facts.norm_first.is_none() && reads(norm);
        steps.extend(behind.into_iter().map(|module| Step { module, both: both(module) }));
    }
    steps
}

impl Facts {
    /// What the arrays of a whole network tell.
    pub(super) fn of(root: &Module<'_>) -> Self {
        let modules = root.all();
        let mut first = [false; 2];
        for module in &modules {
            for norm in &module.children {
                let Some((width, number)) = norm.norm_width().zip(norm.number()) else { continue };
                if norm.key.parse::<usize>().is_ok() {
                    continue;
                }
                let mut layers = module.children.iter().filter(|child| child.number() == Some(number));
                if let Some((read, wrote)) = layers.find_map(|child| child.sizes())
                    && read != wrote
                    && read > 1
                {
                    first[usize::from(width == read)] |= width == read || width == wrote;
                }
            }
        }
        let norm_first = match first {
            [false, true] => Some(true),
            [true, false] => Some(false),
            _ => None,
        };
        let named = |word: &str| {
            modules.iter().any(|module| {
                module.key.contains(word) || module.arrays.iter().any(|(key, _)| key.contains(word))
            })
        };
        let mut grouped = BTreeSet::new();
        for module in &modules {
            let layers = module.layers();
            grouped.extend(
                layers.windows(3).filter(|three| block::is_grouped(three)).map(|three| three[1].path.clone()),
            );
        }
        let table =
            |module: &&&Module<'_>| module.leaf() == Some(Leaf::Embedding) && module.key.starts_with("pos");
        let tables = modules.iter().any(|module| table(&module));
        let positions = ["pos_emb", "position_emb", "positional_emb", "pos_encod", "wpe"];
        Self {
            modules: modules.len(),
            root: root.path.clone(),
            norm_first,
            positions: tables || positions.iter().any(|word| named(word)),
            shared_heads: ["relative_", "rel_pos", "alibi", "bias_table"].iter().any(|word| named(word)),
            images: !modules.iter().any(|module| module.leaf() == Some(Leaf::Dense)),
            grouped,
        }
    }
}
