//! Networks whose parts are known while what connects them is not: units inside the parts move, all others stay.

use super::attention::Attention;
use super::block::{is_around, is_block};
use super::chain::{Chain, is_certain_list};
use super::gated::{Gated, PAIRS};
use super::tree::{Leaf, Module};
use super::walk::{Walk, Walked, stuck};
use std::collections::BTreeSet;

/// Longest sequence whose inner values nobody else is thought to read.
const LONGEST: usize = 3;

impl Walk<'_> {
    /// Wires the known parts of a module, each with an input and an output whose orders stay, keeps everything else
    /// as it is, and answers with the number of parts. Blocks of `strange` names are not known.
    pub(super) fn islands(&mut self, module: &Module<'_>, strange: &BTreeSet<Vec<String>>) -> Walked<usize> {
        let strange_itself = is_block(module) && strange.contains(&keys(module));
        if module.leaf().is_none()
            && is_part(module)
            && !strange_itself
            && self.attempt(|walk| walk.island(module)).is_ok()
        {
            return Ok(1);
        }
        for (key, _) in &module.arrays {
            self.keep(&module.name(key))?;
        }
        let pair = self.pair(module);
        let others = module.children.iter().filter(|child| !pair.contains(&child.key));
        let found = usize::from(!pair.is_empty());
        others.map(|child| self.islands(child, strange)).try_fold(found, |found, more| Ok(found + more?))
    }

    /// Wires the two layers behind attention in a layer of a transformer, and answers with their names.
    fn pair(&mut self, module: &Module<'_>) -> Vec<&'static str> {
        let attends = module.children.iter().any(|child| Attention::of(child).is_some());
        for keys in PAIRS.iter().filter(|_| attends && !module.is_list()) {
            let [first, second] = keys.map(|key| module.child(key).filter(|c| c.leaf() == Some(Leaf::Dense)));
            let Some((first, second)) = first.zip(second) else { continue };
            let Some(((read, wrote), (again, _))) = first.sizes().zip(second.sizes()) else { continue };
            if wrote != again || wrote == read {
                continue;
            }
            let made = self.attempt(|walk| {
                let x = walk.net.input(read);
                let hidden = walk.module(first, Some(x))?;
                let y = walk.module(second, Some(hidden))?;
                walk.outputs.push(y);
                Ok(())
            });
            if made.is_ok() {
                return keys.to_vec();
            }
        }
        Vec::new()
    }

    fn island(&mut self, module: &Module<'_>) -> Walked<()> {
        let chain = Chain::of(module, self.told, self.facts)?;
        let first = chain.steps.first().map(|step| step.module);
        let width = first.and_then(|first| first.norm_width().or_else(|| self.reads(module, first)));
        let width = width.ok_or_else(|| stuck(&module.path, "how many channels it reads does not show"))?;
        let x = self.net.input(width);
        let tokens = self.tokens;
        let y = self.module(module, Some(x))?;
        self.tokens = tokens;
        self.outputs.push(y);
        Ok(())
    }

    /// Channels that a module reads by its first layer. A convolution may read part of them in groups, unless it is
    /// depthwise, or what the module writes, or a shortcut, has as many.
    fn reads(&self, module: &Module<'_>, first: &Module<'_>) -> Option<usize> {
        let layers = first.layers();
        let (read, out) = layers.first()?.sizes()?;
        if layers[0].is_depthwise() {
            return Some(out);
        }
        let dense = layers[0].leaf() == Some(Leaf::Dense);
        let wrote = module.layers().last().and_then(|last| last.sizes()).map(|(_, out)| out);
        let same = wrote == Some(read) || super::block::shortcut(module).is_some();
        (dense || same).then_some(read)
    }
}

/// Names of the modules in a block, without its shortcut.
pub(super) fn keys(module: &Module<'_>) -> Vec<String> {
    let own = module.children.iter().filter(|child| !is_around(child));
    own.map(|child| child.key.to_owned()).collect()
}

/// Whether the inside of a module is known whatever surrounds it.
fn is_part(module: &Module<'_>) -> bool {
    let leaves = module.children.iter().all(|child| child.leaf().is_some());
    let layers = module.layers();
    let pair = PAIRS.iter().any(|keys| {
        let [first, second] = keys.map(|key| module.child(key).and_then(Module::sizes));
        first.zip(second).is_some_and(|((_, wrote), (read, _))| wrote == read)
    });
    let single = |child: &Module<'_>| child.weights() <= 1;
    let sequence = module.is_list() && is_certain_list(module) && (2..=LONGEST).contains(&layers.len());
    Attention::of(module).is_some()
        || Gated::of(module).is_some()
        || is_block(module)
        || leaves && pair && layers.len() == 2
        || sequence && module.children.iter().all(single)
}
