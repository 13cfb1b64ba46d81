//! What a file leaves open, in words, and what was seen in it.

use super::tree::{Leaf, Module};

/// Something that names and shapes do not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Open {
    /// The heads of attention, by its widths.
    Heads { queries: usize, keys: usize },
    /// Attention with tables of its own, or rows in another order than head by head.
    Tables,
    /// Over how many channels a normalisation goes.
    Groups,
    /// Whether layers of one width are added to one another, or run in another order.
    Order,
    /// What a shortcut without layers pads.
    Padding,
    /// Whether a convolution is a transposed one.
    Transposed,
    /// Whether a convolution has groups or reads part of the channels.
    Grouped,
}

impl Open {
    /// What was done about it, and how to answer it.
    pub(super) fn question(self, root: &Module<'_>) -> String {
        match self {
            Self::Heads { queries, keys } => {
                let fits = |heads: &usize| queries.is_multiple_of(*heads) && keys.is_multiple_of(queries / heads);
                let choices: Vec<String> = (1..=queries).filter(fits).map(|heads| heads.to_string()).collect();
                format!(
                    "the number of heads does not show, and units inside attention of {queries} units stay; to move \
                     them: --heads N, with N one of {}",
                    choices.join(", ")
                )
            }
            Self::Tables => {
                "attention that has tables for its heads, or rows that mix queries, keys and values: its units stay".into()
            }
            Self::Groups => "normalisations without running statistics may go over all channels or over groups, and \
                             channels stay within the smallest groups possible; if it is LayerNorm or GroupNorm with \
                             one group: --groups 1; else --groups N"
                .into(),
            Self::Order => {
                let layers: Vec<&str> =
                    root.children.iter().filter(|child| child.is_step()).map(|child| child.key).collect();
                format!(
                    "layers of one width may be added to one another, or run in another order, and their units keep \
                     together or stay; if each reads only the one before: --order {}",
                    layers.join(",")
                )
            }
            Self::Padding => "shortcuts without layers may pad the channels of blocks with zeros on both sides or \
                              behind, and channels move only as both allow; to move more: --padding both, \
                              --padding behind, or --padding none if there are no shortcuts"
                .into(),
            Self::Transposed => {
                "square convolutions may be transposed ones, whose axes change places, and their channels stay".into()
            }
            Self::Grouped => "convolutions that read part of the channels may have groups, and these channels stay".into(),
        }
    }
}

/// The layers of a network, in words.
pub(super) fn summary(root: &Module<'_>) -> String {
    let modules = root.all();
    let leaves = |kind: Leaf| modules.iter().filter(|module| module.leaf() == Some(kind)).count();
    let attention = modules.iter().filter(|module| super::attention::Attention::of(module).is_some()).count();
    let batch =
        modules.iter().filter(|m| m.leaf() == Some(Leaf::Norm) && m.array("running_mean").is_some()).count();
    let counted = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let all = [
        counted(leaves(Leaf::Conv), "convolution", "convolutions"),
        counted(leaves(Leaf::Dense), "dense layer", "dense layers"),
        counted(attention, "attention layer", "attention layers"),
        counted(leaves(Leaf::Recurrent), "recurrent layer", "recurrent layers"),
        counted(leaves(Leaf::Embedding), "table of embeddings", "tables of embeddings"),
        counted(batch, "batch normalisation", "batch normalisations"),
        counted(
            leaves(Leaf::Norm) - batch,
            "normalisation without statistics",
            "normalisations without statistics",
        ),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    if all.is_empty() { "no layer".into() } else { all.join(", ") }
}
