//! Which axes of which parameters must be permuted together for the network's function to stay the same.

use crate::{AttentionGroup, Segment, SpecBuilder};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// A table from parameter to the permutation of each of its axes, in the order in which it was built.
///
/// ```
/// use permutation_spec::PermutationSpec;
/// let mlp = PermutationSpec::builder()
///     .dense("fc1", None, Some("hidden"))
///     .norm("norm", "hidden")
///     .dense("fc2", Some("hidden"), None)
///     .build()?;
/// assert_eq!(mlp.axes("fc2.weight"), Some(&[None, Some("hidden".to_owned())][..]));
/// assert_eq!(mlp.uses("hidden").next(), Some(("fc1.weight", 0)));
/// # Ok::<(), permutation_spec::SpecError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermutationSpec {
    pub(crate) parameters: Vec<(String, Vec<Option<String>>)>,
    /// Axes that are neither fixed as a whole nor the units of one permutation.
    pub(crate) concatenations: BTreeMap<Use, Vec<Segment>>,
    pub(crate) permutations: Vec<(String, Vec<Use>)>,
    pub(crate) groups: Vec<AttentionGroup>,
    /// Permutations declared to be of one size.
    pub(crate) equal: Vec<(String, String)>,
    /// Units of permutations that no axis of their own shows.
    pub(crate) declared: BTreeMap<String, usize>,
    /// Parameters that follow the permutations without being matched.
    pub(crate) carried: BTreeSet<usize>,
    /// Parameters on which a permutation may act twice.
    pub(crate) tied: BTreeSet<usize>,
}

/// Parameter (position in the spec) and axis where a permutation acts.
pub type Use = (usize, usize);

/// Why a spec cannot be made or does not fit a network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A parameter was added twice.
    #[error("parameter {parameter} is described twice, expected each parameter once")]
    DuplicateParameter {
        /// The parameter.
        parameter: String,
    },
    /// A permutation acts on two axes of one array, which is not linear in the permutation and therefore
    /// outside of what weight matching can solve.
    #[error(
        "permutation {permutation} acts on axes {first} and {second} of {parameter}, \
         expected at most one axis; give the axes permutations of their own, or describe the array as tied, \
         which can be applied but not matched"
    )]
    RepeatedPermutation {
        /// The parameter.
        parameter: String,
        /// The permutation.
        permutation: String,
        /// Its first axis (for an attention group: the axis of its other permutation).
        first: usize,
        /// Its second axis.
        second: usize,
    },
    /// A segment gives its units no entries.
    #[error("axis {axis} of {parameter} has 0 entries per unit of {permutation}, expected at least 1")]
    EmptyUnits {
        /// The parameter.
        parameter: String,
        /// Its axis.
        axis: usize,
        /// The permutation of the segment.
        permutation: String,
    },
    /// The two permutations of an attention layer cannot be tied as asked.
    #[error("{qk} and {vo} cannot be permuted by {heads} heads: {reason}")]
    Group {
        /// Permutation of queries and keys.
        qk: String,
        /// Permutation of values and output.
        vo: String,
        /// Number of heads.
        heads: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// Units of a skip connection cannot share the order of what they are added to.
    #[error("units {units} cannot be part of a sum: {reason}")]
    Residual {
        /// The permutation.
        units: String,
        /// What is wrong.
        reason: String,
    },
    /// A size is declared for a permutation that no parameter has.
    #[error(
        "{left} and {right} are declared to be of one size, but parameters do not use both; correct the names or leave the declaration out"
    )]
    UnusedSize {
        /// The first permutation.
        left: String,
        /// The second.
        right: String,
    },
    /// A number of units is declared for a permutation that no parameter has.
    #[error(
        "the number of units of {permutation} is declared, but no parameter uses it; correct the name or leave the declaration out"
    )]
    UnusedUnits {
        /// The permutation.
        permutation: String,
    },
    /// A family has no member of that kind.
    #[error("no {family} with {what} {found}, expected {expected}")]
    Family {
        /// The family of networks.
        family: &'static str,
        /// What was asked for.
        what: &'static str,
        /// Its value.
        found: usize,
        /// What there is.
        expected: String,
    },
    /// No CIFAR ResNet of that depth is known.
    #[error("no CIFAR ResNet of depth {depth}, expected one of {supported:?}")]
    Depth {
        /// What was asked for.
        depth: usize,
        /// The known depths.
        supported: &'static [usize],
    },
    /// Names, numbers of axes or sizes disagree with the network: all of them, one per line. The same as
    /// values: [`PermutationSpec::misfits`].
    #[error("the spec does not fit the network:\n{}", .problems.join("\n"))]
    Layout {
        /// One line per parameter or permutation.
        problems: Vec<String>,
    },
}

impl PermutationSpec {
    /// Starts an empty spec.
    pub fn builder() -> SpecBuilder {
        SpecBuilder::default()
    }

    /// Parameters with the one permutation of each axis. `None`: the axis keeps its order or is a
    /// concatenation, which [`PermutationSpec::segments`] tells apart.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[Option<String>])> + Clone {
        self.parameters.iter().map(|(name, axes)| (name.as_str(), axes.as_slice()))
    }

    /// The permutation of each axis of a parameter, as in [`PermutationSpec::iter`].
    pub fn axes(&self, parameter: &str) -> Option<&[Option<String>]> {
        self.iter().find(|(name, _)| *name == parameter).map(|(_, axes)| axes)
    }

    /// What an axis consists of: nothing when all of it keeps its order. `None` for an unknown parameter or
    /// axis.
    pub fn segments(&self, parameter: &str, axis: usize) -> Option<Vec<Segment>> {
        let index = self.parameters.iter().position(|(name, _)| name == parameter)?;
        (axis < self.parameters[index].1.len()).then(|| self.segments_at((index, axis)))
    }

    /// [`PermutationSpec::segments`] by the parameter's position in the spec.
    ///
    /// # Panics
    /// When there is no such parameter or axis.
    pub fn segments_at(&self, (index, axis): Use) -> Vec<Segment> {
        match (&self.parameters[index].1[axis], self.concatenations.get(&(index, axis))) {
            (Some(name), _) => vec![Segment::units(name)],
            (None, Some(segments)) => segments.clone(),
            (None, None) => Vec::new(),
        }
    }

    /// The attention layers whose heads move as wholes.
    pub fn groups(&self) -> &[AttentionGroup] {
        &self.groups
    }

    /// Whether the parameter's values count when networks are compared. Others, such as running statistics,
    /// only follow the permutations. `false` for an unknown parameter.
    pub fn is_matched(&self, parameter: &str) -> bool {
        let index = self.parameters.iter().position(|(name, _)| name == parameter);
        index.is_some_and(|index| !self.carried.contains(&index))
    }

    /// The first parameter on which a permutation acts twice on purpose ([`SpecBuilder::tied`]).
    pub fn first_tied(&self) -> Option<&str> {
        self.tied.first().map(|&index| self.parameters[index].0.as_str())
    }

    /// Names of the permutations, in order of first use.
    pub fn permutations(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.permutations.iter().map(|(name, _)| name.as_str())
    }

    /// The inverse table: every (parameter, axis) on which a permutation acts, in the order of the spec;
    /// nothing for an unknown name.
    pub fn uses(&self, permutation: &str) -> impl Iterator<Item = (&str, usize)> {
        let found = self.permutations.iter().find(|(name, _)| name == permutation);
        let uses = found.map_or(&[][..], |(_, uses)| uses);
        uses.iter().map(|&(parameter, axis)| (self.parameters[parameter].0.as_str(), axis))
    }

    /// Position of each permutation in the order of first use.
    pub fn ids(&self) -> BTreeMap<&str, usize> {
        self.permutations().enumerate().map(|(id, name)| (name, id)).collect()
    }

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether no parameter is described.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }
}

#[cfg(test)]
mod tests;
