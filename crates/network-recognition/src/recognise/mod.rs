//! What network is in a file: how its layers are connected, and so which of its units may change places.
//!
//! Names and shapes show the layers: convolutions, dense layers, normalisations, attention, tables of embeddings.
//! [`recognise`] walks through the modules in the order of the file and wires each layer to the one before it, which
//! gives a [`Program`]: the permutation spec follows from it, and a forward pass to check by.
//!
//! Nothing is guessed that a file does not show. How many heads attention has, over how many groups a normalisation
//! goes, whether there are skip connections between layers of equal width: the spec is right for every answer,
//! because units are tied together, or stay, wherever one answer demands it. Each such question is in the notes with
//! what it takes to answer it ([`Told`]), and where no unit is left to move, it is asked for.
//!
//! ```
//! use network_recognition::recognise::{Told, recognise};
//! use basin_core::{Array, Params};
//! let zeros = |shape: &[usize]| Array::full(shape.to_vec(), 0.0);
//! let params: Params = [
//!     ("0.weight", zeros(&[16, 20])),
//!     ("0.bias", zeros(&[16])),
//!     ("2.weight", zeros(&[5, 16])),
//!     ("2.bias", zeros(&[5])),
//! ]
//! .map(|(name, array)| (name.to_owned(), array))
//! .into_iter()
//! .collect();
//! let found = recognise(&params, &Told::default())?;
//! assert_eq!(found.spec.axes("2.weight"), Some(&[None, Some("0.out".to_owned())][..]));
//! # Ok::<(), network_recognition::recognise::Unrecognised>(())
//! ```

mod attention;
mod block;
mod chain;
mod gated;
mod islands;
mod questions;
mod residual_mlp;
mod sequence;
mod sorted;
mod tree;
mod walk;

use crate::network::{Program, Wiring};
use basin_core::Params;
use permutation_spec::{PermutationSpec, SpecError};
use questions::{Open, summary};
pub use residual_mlp::residual_mlp_of;
use std::collections::BTreeSet;
use thiserror::Error;
use tree::{Leaf, Module};
use walk::{Facts, Stuck, Used, Walk};

/// What is known of a network besides its arrays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Whether the arrays come in the order in which the network's code made its modules, as in a state dict.
    /// Safetensors files are sorted by name.
    pub ordered: bool,
    /// Number of heads of every attention layer.
    pub heads: Option<usize>,
    /// Number of groups of every normalisation without running statistics; 1 for LayerNorm.
    pub groups: Option<usize>,
    /// Names of the outermost layers in the order in which they run, none of them added to another.
    pub order: Option<Vec<String>>,
    /// What shortcuts without layers do where a block writes more channels than it reads.
    pub padding: Option<Padding>,
}

/// What a shortcut without layers adds to a block that writes more channels than it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Nothing: there is no shortcut.
    None,
    /// The input between zeros, as many on both sides.
    Both,
    /// The input before zeros.
    Behind,
}

/// A network whose layers were recognised.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Recognised {
    /// Which units may change places. At least one permutation.
    pub spec: PermutationSpec,
    /// The network, or parts of it: some network with these symmetries.
    pub program: Program,
    /// Whether it is the whole network, from its input to its output.
    pub whole: bool,
    /// Whether anything is left open, so that units may stay that could move.
    pub open: bool,
    /// The layers, in words.
    pub summary: String,
    /// What is left open, and what was done about it, one sentence each.
    pub notes: Vec<String>,
}

/// Why no spec follows from names and shapes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unrecognised {
    /// The layers are known, but no unit may move before something is told.
    #[error("{summary}; no unit may move before more is known:\n{}", .questions.iter().map(|q| format!("  {q}")).collect::<Vec<_>>().join("\n"))]
    Open {
        /// The layers, in words.
        summary: String,
        /// What is left open, one sentence each.
        questions: Vec<String>,
    },
    /// How the layers are connected does not show.
    #[error("{summary}; how they are connected does not show: at {at}, {reason}")]
    Unknown {
        /// The layers, in words.
        summary: String,
        /// The module or array at which it ended.
        at: String,
        /// What does not fit there.
        reason: String,
    },
    /// What was told does not fit.
    #[error("{summary}; what is told does not fit: at {at}, {reason}")]
    Told {
        /// The layers, in words.
        summary: String,
        /// The module at which it does not.
        at: String,
        /// Why.
        reason: String,
    },
    /// All units are fixed by how they are used.
    #[error("{summary}; {reason}")]
    Rigid {
        /// The layers, in words.
        summary: String,
        /// By what.
        reason: String,
    },
}

/// Recognises the network of these arrays.
///
/// # Errors
/// [`Unrecognised`] says what was recognised, what is in the way, and what to tell.
pub fn recognise(params: &Params, told: &Told) -> Result<Recognised, Unrecognised> {
    let root = Module::of(params);
    let facts = Facts::of(&root);
    let summary = summary(&root);
    let refused = |Stuck { told: told_wrong, at, reason }: Stuck| {
        let summary = summary.clone();
        match told_wrong || told.order.is_some() {
            true => Unrecognised::Told { summary, at, reason },
            false => Unrecognised::Unknown { summary, at, reason },
        }
    };
    let (found, unconnected) = match whole(params, &root, told, &facts) {
        Ok(found) => (found, None),
        Err(stuck) if stuck.told || told.order.is_some() => return Err(refused(stuck)),
        Err(stuck) => match parts(params, &root, told, &facts, &stuck) {
            Ok(found) => (found, Some(stuck)),
            Err(_) => return Err(refused(stuck)),
        },
    };
    let Found { program, open, used, count } = found;
    let spec = program.matchable_spec().map_err(|error: SpecError| Unrecognised::Rigid {
        summary: summary.clone(),
        reason: error.to_string(),
    })?;
    let questions: Vec<String> = open.iter().map(|open| open.question(&root)).collect();
    if spec.permutations().len() == 0 {
        let recurrent = root.all().iter().any(|module| module.leaf() == Some(Leaf::Recurrent));
        let rigid = |reason: &str| Unrecognised::Rigid { summary: summary.clone(), reason: reason.into() };
        return Err(match unconnected {
            Some(stuck) => refused(stuck),
            None if recurrent => rigid(
                "the units of recurrent layers act on two axes of one array, which matching cannot solve",
            ),
            None if !questions.is_empty() => Unrecognised::Open { summary, questions },
            None => rigid("every unit is an input or an output, or added to one, and keeps its order"),
        });
    }
    let (whole, open) = (unconnected.is_none(), !questions.is_empty());
    let parts = unconnected.map(|Stuck { at, reason, .. }| {
        format!(
            "how the parts are connected does not show (at {at}, {reason}): units move inside {count} known parts, all \
             others stay"
        )
    });
    let notes = parts.into_iter().chain(questions).chain(idle(told, used)).collect();
    Ok(Recognised { spec, program, whole, open, summary, notes })
}

/// What was told and had no say.
fn idle(told: &Told, used: Used) -> impl Iterator<Item = String> {
    let all = [
        ("heads", told.heads.is_some() && !used.heads, "no attention layer takes a number of heads"),
        ("groups", told.groups.is_some() && !used.groups, "no normalisation takes a number of groups"),
        ("padding", told.padding.is_some() && !used.padding, "no shortcut pads"),
    ];
    all.into_iter()
        .filter(|(_, idle, _)| *idle)
        .map(|(flag, _, why)| format!("--{flag} plays no part: {why} in this network"))
}

/// What a walk brought together.
struct Found {
    program: Program,
    open: BTreeSet<Open>,
    used: Used,
    /// Number of parts.
    count: usize,
}

/// The whole network, from its input to its output.
fn whole(params: &Params, root: &Module<'_>, told: &Told, facts: &Facts) -> Result<Found, Stuck> {
    let mut walk = Walk::new(Wiring::new(params), told, facts);
    let output = walk.module(root, None)?;
    walk.outputs.push(output);
    finish(walk, root, 1)
}

/// The parts that are known.
fn parts(
    params: &Params,
    root: &Module<'_>,
    told: &Told,
    facts: &Facts,
    stuck: &Stuck,
) -> Result<Found, Stuck> {
    let mut walk = Walk::new(Wiring::new(params), told, facts);
    // Blocks like the one inside which the walk ended are not what their names say.
    let inside = |module: &&Module<'_>| {
        let first = module.layers().first().is_some_and(|layer| layer.path.starts_with(&stuck.at));
        stuck.at.starts_with(&format!("{}.", module.path)) && !first && block::is_block(module)
    };
    let strange = root.all().into_iter().filter(inside).map(islands::keys).collect();
    let count = walk.islands(root, &strange)?;
    if count == 0 { Err(stuck.clone()) } else { finish(walk, root, count) }
}

fn finish(walk: Walk<'_>, root: &Module<'_>, count: usize) -> Result<Found, Stuck> {
    let Walk { net, outputs, open, used, .. } = walk;
    let program = net.finish(&outputs).map_err(|error| walk::wiring(&root.path, &error))?;
    Ok(Found { program, open, used, count })
}

#[cfg(test)]
mod tests;
