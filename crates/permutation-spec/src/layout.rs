//! Does a spec fit a network: every axis of every parameter covered once, all sizes equal.

use crate::{AttentionGroup, PermutationSpec, Segment, SpecError};
use basin_core::{Array, Params};
use std::collections::BTreeMap;
use thiserror::Error;

/// One way in which a network differs from what a spec expects.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what each field is")]
pub enum Misfit {
    /// A parameter of the spec is not in the network.
    #[error("missing {tensor}, expected {}", counted(*axes))]
    Missing { tensor: String, axes: usize },
    /// Another number of axes.
    #[error("{tensor} is {found:?}, expected {}", counted(*expected))]
    Axes { tensor: String, found: Vec<usize>, expected: usize },
    /// An axis of one permutation has another size than the axis that was met first.
    #[error(
        "{tensor} axis {axis} has {found} units, expected {expected} for permutation {permutation} as on axis \
         {at} of {by}"
    )]
    Units {
        tensor: String,
        axis: usize,
        found: usize,
        expected: usize,
        permutation: String,
        by: String,
        at: usize,
    },
    /// The segments do not fill their axis.
    #[error("{tensor} axis {axis} has {found} entries, expected {expected} from the segments {segments}")]
    Concatenation { tensor: String, axis: usize, found: usize, expected: String, segments: String },
    /// A permutation has another size than the spec declares.
    #[error("permutation {permutation} has {found} units, expected {declared} as declared")]
    Declared { permutation: String, found: usize, declared: usize },
    /// The shapes leave the size of a permutation open.
    #[error(
        "the size of permutation {permutation} does not follow from the shapes; give it an axis of its own, or declare \
         its number of units"
    )]
    Undetermined { permutation: String },
    /// Permutations that must be of one size are not.
    #[error("permutation {right} has {found} units, expected {expected} as in {left}")]
    Pair { left: String, right: String, expected: usize, found: usize },
    /// The heads of an attention layer are not of one size.
    #[error("{permutation} has {units} units, expected a multiple of its {heads} heads")]
    Heads { permutation: String, units: usize, heads: usize },
    /// A parameter of the network is not in the spec.
    #[error("unexpected {tensor} {shape:?}, which the spec does not describe")]
    Unexpected { tensor: String, shape: Vec<usize> },
}

fn counted(axes: usize) -> String {
    if axes == 1 { "1 axis".to_owned() } else { format!("{axes} axes") }
}

type Sizes = BTreeMap<String, usize>;

impl PermutationSpec {
    /// Checks the spec against a network and returns the size of each permutation.
    ///
    /// # Errors
    /// [`SpecError::Layout`] lists everything that [`PermutationSpec::misfits`] finds.
    pub fn validate(&self, params: &Params) -> Result<BTreeMap<String, usize>, SpecError> {
        let (sizes, misfits) = self.fit(params);
        if misfits.is_empty() {
            return Ok(sizes);
        }
        Err(SpecError::Layout { problems: misfits.iter().map(|misfit| format!("  {misfit}")).collect() })
    }

    /// Every parameter that is missing, unexpected or has another number of axes than the spec says, every
    /// axis whose size differs from the other axes of its permutation or the sum of its segments, and every
    /// attention layer whose heads do not divide its units. Empty when the spec fits.
    pub fn misfits(&self, params: &Params) -> Vec<Misfit> {
        self.fit(params).1
    }

    fn fit(&self, params: &Params) -> (Sizes, Vec<Misfit>) {
        let arrays: BTreeMap<&str, &Array> = params.iter().collect();
        let mut misfits = Vec::new();
        // Size of a permutation, with the place that set it.
        let mut set_by: BTreeMap<&str, (usize, &str, usize)> = BTreeMap::new();
        let mut concatenations = Vec::new();
        for (index, (name, axes)) in self.iter().enumerate() {
            let tensor = || name.to_owned();
            let Some(array) = arrays.get(name) else {
                // A count that is carried along has no units, and files may leave it out.
                if !(axes.is_empty() && self.carried.contains(&index)) {
                    misfits.push(Misfit::Missing { tensor: tensor(), axes: axes.len() });
                }
                continue;
            };
            let shape = array.shape();
            if shape.len() != axes.len() {
                misfits.push(Misfit::Axes { tensor: tensor(), found: shape.to_vec(), expected: axes.len() });
                continue;
            }
            for (axis, (permutation, &found)) in axes.iter().zip(shape).enumerate() {
                if let Some(segments) = self.concatenations.get(&(index, axis)) {
                    concatenations.push(Concatenation { tensor: name, axis, len: found, segments });
                }
                let Some(permutation) = permutation else { continue };
                let &mut (expected, by, at) = set_by.entry(permutation).or_insert((found, name, axis));
                if found != expected {
                    let (permutation, by) = (permutation.clone(), by.to_owned());
                    misfits.push(Misfit::Units {
                        tensor: tensor(),
                        axis,
                        found,
                        expected,
                        permutation,
                        by,
                        at,
                    });
                }
            }
        }
        let mut sizes: Sizes = set_by.into_iter().map(|(name, (size, ..))| (name.to_owned(), size)).collect();
        for (name, &declared) in &self.declared {
            let found = *sizes.entry(name.clone()).or_insert(declared);
            if found != declared {
                misfits.push(Misfit::Declared { permutation: name.clone(), found, declared });
            }
        }
        let sizes = self.resolve(sizes, &concatenations);
        // Sizes that hang on a missing parameter would only repeat that it is missing.
        if misfits.is_empty() {
            misfits = self.check_sizes(&sizes, &concatenations);
        }
        let described: BTreeMap<&str, ()> = self.iter().map(|(name, _)| (name, ())).collect();
        let unexpected = params.iter().filter(|(name, _)| !described.contains_key(name));
        misfits.extend(unexpected.map(|(name, array)| Misfit::Unexpected {
            tensor: name.to_owned(),
            shape: array.shape().to_vec(),
        }));
        (sizes, misfits)
    }

    /// Pairs of permutations of one size: those of attention layers and those declared by
    /// [`SpecBuilder::equal_sizes`](crate::SpecBuilder::equal_sizes).
    pub fn equal_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let groups = self.groups.iter().map(|AttentionGroup { qk, vo, .. }| (qk.as_str(), vo.as_str()));
        groups.chain(self.equal.iter().map(|(left, right)| (left.as_str(), right.as_str())))
    }

    /// Adds the sizes that follow from concatenations and declared equalities.
    fn resolve(&self, mut sizes: Sizes, concatenations: &[Concatenation<'_>]) -> Sizes {
        // Each unknown permutation stands for all those known to be of its size.
        let mut class: BTreeMap<&str, &str> = self.permutations().map(|name| (name, name)).collect();
        for (left, right) in self.equal_pairs() {
            let (keep, gone) = (class[left], class[right]);
            class.values_mut().filter(|c| **c == gone).for_each(|c| *c = keep);
        }
        loop {
            let before = sizes.len();
            let known: Vec<(&str, usize)> =
                sizes.iter().map(|(n, &size)| (class[n.as_str()], size)).collect();
            for (name, _) in
                self.permutations.iter().filter(|(name, _)| !sizes.contains_key(name)).collect::<Vec<_>>()
            {
                if let Some((_, size)) = known.iter().find(|(c, _)| *c == class[name.as_str()]) {
                    sizes.insert(name.clone(), *size);
                }
            }
            for axis in concatenations {
                let unknown = axis.units().filter(|(name, _)| !sizes.contains_key(*name));
                let unknown: Vec<(&str, usize)> = unknown.collect();
                let Some(&(first, _)) = unknown.first() else { continue };
                // Entries per unit come from the spec and may be of any size.
                let share = unknown.iter().map(|(_, each)| *each).fold(0, usize::saturating_add);
                let rest = axis.len.checked_sub(axis.known(&sizes));
                if let Some(rest) = rest.filter(|rest| rest % share == 0)
                    && unknown.iter().all(|(name, _)| class[name] == class[first])
                {
                    unknown.iter().for_each(|(name, _)| {
                        sizes.insert((*name).to_owned(), rest / share);
                    });
                }
            }
            if sizes.len() == before {
                return sizes;
            }
        }
    }

    fn check_sizes(&self, sizes: &Sizes, concatenations: &[Concatenation<'_>]) -> Vec<Misfit> {
        let mut misfits = Vec::new();
        for axis in concatenations {
            let unknown = axis.units().any(|(name, _)| !sizes.contains_key(name));
            let known = axis.known(sizes);
            // An axis with an unknown segment is only wrong when the others overfill it.
            if (!unknown && known != axis.len) || known > axis.len {
                let expected = if unknown { format!("more than {known}") } else { known.to_string() };
                let (tensor, segments) = (axis.tensor.to_owned(), format!("{:?}", axis.names()));
                misfits.push(Misfit::Concatenation {
                    tensor,
                    axis: axis.axis,
                    found: axis.len,
                    expected,
                    segments,
                });
            }
        }
        let undetermined = self.permutations().filter(|name| !sizes.contains_key(*name));
        misfits.extend(undetermined.map(|name| Misfit::Undetermined { permutation: name.to_owned() }));
        for (left, right) in self.equal_pairs() {
            let Some((&expected, &found)) = sizes.get(left).zip(sizes.get(right)) else { continue };
            if expected != found {
                let (left, right) = (left.to_owned(), right.to_owned());
                misfits.push(Misfit::Pair { left, right, expected, found });
            }
        }
        for AttentionGroup { qk, heads, .. } in &self.groups {
            if let Some(&units) = sizes.get(qk)
                && units % heads != 0
            {
                misfits.push(Misfit::Heads { permutation: qk.clone(), units, heads: *heads });
            }
        }
        misfits
    }
}

/// A concatenated axis of a network.
struct Concatenation<'a> {
    tensor: &'a str,
    axis: usize,
    len: usize,
    segments: &'a [Segment],
}

impl<'a> Concatenation<'a> {
    fn units(&self) -> impl Iterator<Item = (&'a str, usize)> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Fixed(_) => None,
            Segment::Units { name, each } => Some((name.as_str(), *each)),
        })
    }

    /// Entries of the segments whose size is known.
    fn known(&self, sizes: &Sizes) -> usize {
        let len = |segment: &Segment| match segment {
            Segment::Fixed(len) => *len,
            Segment::Units { name, each } => sizes.get(name).map_or(0, |size| size.saturating_mul(*each)),
        };
        self.segments.iter().map(len).fold(0, usize::saturating_add)
    }

    fn names(&self) -> Vec<String> {
        let name = |segment: &Segment| match segment {
            Segment::Fixed(len) => len.to_string(),
            Segment::Units { name, each: 1 } => name.clone(),
            Segment::Units { name, each } => format!("{name} x {each}"),
        };
        self.segments.iter().map(name).collect()
    }
}

#[cfg(test)]
mod tests;
