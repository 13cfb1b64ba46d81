//! What an axis of a parameter consists of, and the order in which permutations put its entries.

use std::collections::BTreeMap;

/// A stretch of an axis. An axis is a list of these: none means that the whole axis keeps its order.
///
/// PyTorch's packed `in_proj_weight` `[3d, d]` has the first axis `[qk, qk, vo]`; a dense layer behind the
/// flattened `[c, h, w]` of a convolution has the input axis `[blocks of h·w entries per channel]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// That many entries, which keep their order.
    Fixed(usize),
    /// All units of a permutation, each with `each` adjacent entries.
    Units {
        /// The permutation.
        name: String,
        /// Entries per unit, at least 1.
        each: usize,
    },
}

impl Segment {
    /// The units of a permutation, one entry each.
    pub fn units(name: impl Into<String>) -> Self {
        Self::blocks(name, 1)
    }

    /// The units of a permutation, `each` adjacent entries per unit.
    pub fn blocks(name: impl Into<String>, each: usize) -> Self {
        Self::Units { name: name.into(), each }
    }

    /// The permutation, if any.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Fixed(_) => None,
            Self::Units { name, .. } => Some(name),
        }
    }
}

/// Two permutations of one attention layer that move together: both take whole heads, in one common order of
/// the heads, and are free inside each head. Softmax(QKᵀ)V is unchanged by them: the units of a head are
/// summed over in QKᵀ, so Q and K share `qk`; those of V meet only the input axis of the output projection,
/// so these share `vo`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttentionGroup {
    /// Permutation of the units of queries and keys.
    pub qk: String,
    /// Permutation of the units of values and of the output projection's input.
    pub vo: String,
    /// Number of heads; divides the number of units, head h owns the h-th stretch of them.
    pub heads: usize,
}

/// A segment of a network's axis: with its size, and its permutation by position in the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Number of units.
    pub units: usize,
    /// Adjacent entries of each unit.
    pub each: usize,
    /// Position of the permutation in [`PermutationSpec::permutations`](crate::PermutationSpec::permutations); `None`
    /// where the units keep their order.
    pub permutation: Option<usize>,
}

impl Run {
    /// That many entries, which keep their order.
    pub fn fixed(len: usize) -> Self {
        Self { units: len, each: 1, permutation: None }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.units * self.each
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The runs of an axis of `len` entries, given its segments. `sizes` are those of a network
/// ([`PermutationSpec::validate`](crate::PermutationSpec::validate)), `ids` the positions of the permutations
/// ([`PermutationSpec::ids`](crate::PermutationSpec::ids)).
///
/// # Panics
/// When a segment names a permutation that `sizes` or `ids` lack: they are of another spec.
pub fn runs(
    segments: &[Segment],
    len: usize,
    sizes: &BTreeMap<String, usize>,
    ids: &BTreeMap<&str, usize>,
) -> Vec<Run> {
    if segments.is_empty() {
        return vec![Run::fixed(len)];
    }
    let run = |segment: &Segment| match segment {
        Segment::Fixed(len) => Run::fixed(*len),
        Segment::Units { name, each } => {
            Run { units: sizes[name], each: *each, permutation: Some(ids[name.as_str()]) }
        }
    };
    segments.iter().map(run).collect()
}

/// Entry of the old axis that stands at each place of the new one, given the list of each permutation: of as many
/// indices as the run has units, by position of the permutation.
///
/// # Panics
/// When a list is shorter than its run.
pub fn order<'a>(runs: &[Run], list: impl Fn(usize) -> &'a [usize]) -> Vec<usize> {
    let mut order = Vec::with_capacity(runs.iter().map(Run::len).sum());
    for run in runs {
        let start = order.len();
        let list = run.permutation.map(&list);
        for unit in 0..run.units {
            let from = start + list.map_or(unit, |list| list[unit]) * run.each;
            order.extend(from..from + run.each);
        }
    }
    order
}
