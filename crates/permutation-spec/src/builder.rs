//! Describing a network layer by layer, and the rules that a description must keep.

use crate::residual::Sum;
use crate::spec::Use;
use crate::{AttentionGroup, PermutationSpec, Segment, SpecError};
use std::collections::{BTreeMap, BTreeSet};

/// Describes a network layer by layer. `input` and `output` name the permutation of the units that a layer
/// reads and writes; `None` is an order that must stay, such as pixels, colours or classes.
#[derive(Clone, Debug, Default)]
pub struct SpecBuilder {
    pub(crate) parameters: Vec<(String, Vec<Vec<Segment>>)>,
    pub(crate) groups: Vec<AttentionGroup>,
    pub(crate) equal: Vec<(String, String)>,
    pub(crate) sums: Vec<Sum>,
    declared: BTreeMap<String, usize>,
    carried: BTreeSet<usize>,
    tied: BTreeSet<usize>,
}

/// The axis of one permutation, or one that keeps its order.
pub(crate) fn whole(permutation: Option<&str>) -> Vec<Segment> {
    permutation.map(Segment::units).into_iter().collect()
}

impl SpecBuilder {
    /// One array with the permutation of each axis.
    #[must_use]
    pub fn parameter(self, name: impl Into<String>, axes: &[Option<&str>]) -> Self {
        let axes: Vec<Vec<Segment>> = axes.iter().map(|&axis| whole(axis)).collect();
        self.concatenated(name, &axes)
    }

    /// One array whose axes are concatenations; no segment at all is an axis that keeps its order.
    #[must_use]
    pub fn concatenated(mut self, name: impl Into<String>, axes: &[Vec<Segment>]) -> Self {
        self.parameters.push((name.into(), axes.to_vec()));
        self
    }

    /// One array that follows the permutations but does not count when networks are compared: statistics,
    /// whose size says nothing about how alike two units are.
    #[must_use]
    pub fn carried(mut self, name: impl Into<String>, axes: &[Vec<Segment>]) -> Self {
        self.carried.insert(self.parameters.len());
        self.concatenated(name, axes)
    }

    /// One array with a permutation on several axes on purpose, such as the weights `[h, h]` of a recurrent
    /// layer. [`crate::apply`] takes it; weight matching, which is linear in each permutation, refuses it.
    #[must_use]
    pub fn tied(mut self, name: impl Into<String>, axes: &[Option<&str>]) -> Self {
        self.tied.insert(self.parameters.len());
        self.parameter(name, axes)
    }

    /// One array with all that can be said of it: whether it is only carried along ([`SpecBuilder::carried`]), and
    /// whether a permutation may act on several of its axes ([`SpecBuilder::tied`]).
    #[must_use]
    pub fn described(mut self, name: String, axes: &[Vec<Segment>], carried: bool, tied: bool) -> Self {
        let index = self.parameters.len();
        self.carried.extend(carried.then_some(index));
        self.tied.extend(tied.then_some(index));
        self.concatenated(name, axes)
    }

    /// Declares two permutations to be of one size, where the shapes alone leave it open: the axis
    /// `[low, x, high]` of a stream padded by as many channels on both sides.
    #[must_use]
    pub fn equal_sizes(mut self, left: impl Into<String>, right: impl Into<String>) -> Self {
        self.equal.push((left.into(), right.into()));
        self
    }

    /// Declares the number of units of a permutation, where no axis of its own shows it: each stretch of an axis
    /// `[first, second]`.
    #[must_use]
    pub fn sized(mut self, permutation: impl Into<String>, units: usize) -> Self {
        self.declared.insert(permutation.into(), units);
        self
    }

    /// Makes two permutations move whole heads together; see [`AttentionGroup`].
    #[must_use]
    pub fn heads(mut self, qk: impl Into<String>, vo: impl Into<String>, heads: usize) -> Self {
        self.groups.push(AttentionGroup { qk: qk.into(), vo: vo.into(), heads });
        self
    }

    /// A convolution without bias: `{name}.weight` `[out, in, kh, kw]`.
    #[must_use]
    pub fn conv(self, name: &str, input: Option<&str>, output: Option<&str>) -> Self {
        self.parameter(format!("{name}.weight"), &[output, input, None, None])
    }

    /// A normalisation with scale and shift: `{name}.weight` and `{name}.bias`, both `[units]`.
    #[must_use]
    pub fn norm(self, name: &str, units: &str) -> Self {
        self.parameter(format!("{name}.weight"), &[Some(units)])
            .parameter(format!("{name}.bias"), &[Some(units)])
    }

    /// Batch normalisation: [`SpecBuilder::norm`] with `{name}.running_mean` and `{name}.running_var`
    /// `[units]`, which are carried along, and the count `{name}.num_batches_tracked` `[]`.
    #[must_use]
    pub fn batch_norm(self, name: &str, units: &str) -> Self {
        self.norm(name, units).statistics(name, &[Segment::units(units)])
    }

    pub(crate) fn statistics(self, name: &str, units: &[Segment]) -> Self {
        self.carried(format!("{name}.running_mean"), &[units.to_vec()])
            .carried(format!("{name}.running_var"), &[units.to_vec()])
            .carried(format!("{name}.num_batches_tracked"), &[])
    }

    /// A dense layer: `{name}.weight` `[out, in]` and `{name}.bias` `[out]`.
    #[must_use]
    pub fn dense(self, name: &str, input: Option<&str>, output: Option<&str>) -> Self {
        self.parameter(format!("{name}.weight"), &[output, input])
            .parameter(format!("{name}.bias"), &[output])
    }

    /// The finished spec.
    ///
    /// # Errors
    /// [`SpecError`] at the first parameter or group that breaks the rules: a parameter described twice, a
    /// permutation (or both of an attention group) on two axes of one array, units without entries, a group
    /// without heads, of unused permutations or of such that are already in another, a sum
    /// ([`SpecBuilder::residual`]) of units that cannot share an order.
    pub fn build(self) -> Result<PermutationSpec, SpecError> {
        self.with_sums_merged()?.build_merged()
    }

    fn build_merged(self) -> Result<PermutationSpec, SpecError> {
        let group_of = self.group_of()?;
        let mut permutations: Vec<(String, Vec<Use>)> = Vec::new();
        let mut positions: BTreeMap<String, usize> = BTreeMap::new();
        let mut concatenations = BTreeMap::new();
        let mut parameters: Vec<(String, Vec<Option<String>>)> = Vec::with_capacity(self.parameters.len());
        let mut seen = BTreeSet::new();
        for (index, (parameter, axes)) in self.parameters.into_iter().enumerate() {
            if !seen.insert(parameter.clone()) {
                return Err(SpecError::DuplicateParameter { parameter });
            }
            // Axis on which a permutation, or either of a group, was met first.
            let mut first_axis: BTreeMap<&str, usize> = BTreeMap::new();
            for (axis, segment) in axes.iter().enumerate().flat_map(|(i, s)| s.iter().map(move |s| (i, s))) {
                let Segment::Units { name, each } = segment else { continue };
                let (parameter, permutation) = (parameter.clone(), name.clone());
                if *each == 0 {
                    return Err(SpecError::EmptyUnits { parameter, axis, permutation });
                }
                let solved_as = group_of.get(name).map_or(name.as_str(), String::as_str);
                let first = *first_axis.entry(solved_as).or_insert(axis);
                if first != axis && !self.tied.contains(&index) {
                    return Err(SpecError::RepeatedPermutation {
                        parameter,
                        permutation,
                        first,
                        second: axis,
                    });
                }
                let position = *positions.entry(permutation).or_insert_with_key(|name| {
                    permutations.push((name.clone(), Vec::new()));
                    permutations.len() - 1
                });
                let uses = &mut permutations[position].1;
                if uses.last() != Some(&(index, axis)) {
                    uses.push((index, axis));
                }
            }
            let simple = axes.into_iter().enumerate().map(|(axis, segments)| match &segments[..] {
                [] => None,
                [Segment::Units { name, each: 1 }] => Some(name.clone()),
                _ => {
                    concatenations.insert((index, axis), segments);
                    None
                }
            });
            let simple = simple.collect();
            parameters.push((parameter, simple));
        }
        for AttentionGroup { qk, vo, heads } in &self.groups {
            if !positions.contains_key(qk) || !positions.contains_key(vo) {
                let (qk, vo, reason) = (qk.clone(), vo.clone(), "a parameter must use each of them");
                return Err(SpecError::Group { qk, vo, heads: *heads, reason });
            }
        }
        for (left, right) in &self.equal {
            if !positions.contains_key(left) || !positions.contains_key(right) {
                return Err(SpecError::UnusedSize { left: left.clone(), right: right.clone() });
            }
        }
        if let Some(permutation) = self.declared.keys().find(|name| !positions.contains_key(*name)) {
            return Err(SpecError::UnusedUnits { permutation: permutation.clone() });
        }
        let Self { groups, equal, declared, carried, tied, .. } = self;
        Ok(PermutationSpec {
            parameters,
            concatenations,
            permutations,
            groups,
            equal,
            declared,
            carried,
            tied,
        })
    }

    /// The `qk` of the group of each grouped permutation.
    fn group_of(&self) -> Result<BTreeMap<String, String>, SpecError> {
        let mut group_of = BTreeMap::new();
        for AttentionGroup { qk, vo, heads } in &self.groups {
            let fresh = [qk, vo].map(|name| group_of.insert(name.clone(), qk.clone()).is_none());
            let reason = match (heads, fresh) {
                (0, _) => "expected at least one head",
                (_, [true, true]) => continue,
                _ => "a permutation belongs to one group and one side of it",
            };
            return Err(SpecError::Group { qk: qk.clone(), vo: vo.clone(), heads: *heads, reason });
        }
        Ok(group_of)
    }
}
