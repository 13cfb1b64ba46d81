//! Permutations that are known to be bijections, and named families of them.

use std::collections::BTreeMap;
use thiserror::Error;

/// A bijection π of `0..n`. Applied to an axis it takes element π(i) to place i: `new[i] = old[π(i)]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permutation(Vec<usize>);

/// Why a list of integers is not the permutation that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PermutationError {
    /// An entry lies outside `0..n`.
    #[error("entry {index} is {value}, expected an index below {len}")]
    OutOfRange {
        /// Position of the entry.
        index: usize,
        /// The entry.
        value: usize,
        /// Length of the list.
        len: usize,
    },
    /// A value occurs twice, so another is missing.
    #[error("{value} occurs at entries {first} and {second}, expected each index once")]
    Repeated {
        /// The value.
        value: usize,
        /// Where it occurs first.
        first: usize,
        /// Where it occurs again.
        second: usize,
    },
    /// Two permutations of different sizes cannot follow one another.
    #[error("a permutation of {left} units cannot be followed by one of {right}, expected two of one size")]
    Size {
        /// Size of the first.
        left: usize,
        /// Size of the next.
        right: usize,
    },
}

impl Permutation {
    /// Checks that the list holds each of `0..n` once.
    ///
    /// # Errors
    /// [`PermutationError::OutOfRange`] or [`PermutationError::Repeated`] at the first wrong entry.
    pub fn new(indices: Vec<usize>) -> Result<Self, PermutationError> {
        let len = indices.len();
        let mut seen = vec![None; len];
        for (index, &value) in indices.iter().enumerate() {
            match seen.get_mut(value) {
                None => return Err(PermutationError::OutOfRange { index, value, len }),
                Some(Some(first)) => {
                    return Err(PermutationError::Repeated { value, first: *first, second: index });
                }
                Some(slot) => *slot = Some(index),
            }
        }
        Ok(Self(indices))
    }

    /// The permutation of `0..n` that moves nothing.
    pub fn identity(n: usize) -> Self {
        Self((0..n).collect())
    }

    /// π⁻¹: undoes this permutation.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let mut inverse = vec![0; self.0.len()];
        self.0.iter().enumerate().for_each(|(i, &j)| inverse[j] = i);
        Self(inverse)
    }

    /// This permutation first, then `next`: the result maps i to `self[next[i]]`, so that
    /// applying it equals applying `self` and applying `next` to the outcome.
    ///
    /// # Errors
    /// [`PermutationError::Size`] when the sizes differ.
    pub fn compose(&self, next: &Self) -> Result<Self, PermutationError> {
        if self.len() != next.len() {
            return Err(PermutationError::Size { left: self.len(), right: next.len() });
        }
        Ok(Self(next.0.iter().map(|&i| self.0[i]).collect()))
    }

    /// Whether nothing moves.
    pub fn is_identity(&self) -> bool {
        self.moved() == 0
    }

    /// How many of the `n` elements do not stay in place.
    pub fn moved(&self) -> usize {
        self.iter().enumerate().filter(|(i, j)| i != j).count()
    }

    /// `n`.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing to permute.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// π(0), π(1), …: the plain list, accepted again by [`Permutation::new`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = usize> + Clone + '_ {
        self.0.iter().copied()
    }

    /// The list as a slice.
    pub fn as_slice(&self) -> &[usize] {
        &self.0
    }
}

/// Permutations by name, sorted by name: what weight matching finds and [`crate::apply`] uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permutations(BTreeMap<String, Permutation>);

impl Permutations {
    /// An empty family.
    pub fn new() -> Self {
        Self::default()
    }

    /// The identity for every name and size, as returned by [`crate::PermutationSpec::validate`].
    pub fn identity(sizes: &BTreeMap<String, usize>) -> Self {
        sizes.iter().map(|(name, &n)| (name.clone(), Permutation::identity(n))).collect()
    }

    /// Adds or replaces the permutation of that name.
    pub fn insert(&mut self, name: impl Into<String>, permutation: Permutation) {
        self.0.insert(name.into(), permutation);
    }

    /// The permutation of that name.
    pub fn get(&self, name: &str) -> Option<&Permutation> {
        self.0.get(name)
    }

    /// Names and permutations, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Permutation)> + Clone {
        self.0.iter().map(|(name, p)| (name.as_str(), p))
    }

    /// Number of permutations.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every permutation is the identity.
    pub fn is_identity(&self) -> bool {
        self.0.values().all(Permutation::is_identity)
    }

    /// The inverse of each permutation.
    #[must_use]
    pub fn inverse(&self) -> Self {
        self.iter().map(|(name, p)| (name.to_owned(), p.inverse())).collect()
    }

    /// This family first, then `next`, name by name as [`Permutation::compose`]. A name of one family
    /// only keeps its permutation, as if the other had the identity.
    ///
    /// # Errors
    /// [`PermutationError::Size`] when the sizes of a name differ.
    pub fn compose(&self, next: &Self) -> Result<Self, PermutationError> {
        let mut composed = next.clone();
        for (name, first) in self.iter() {
            let both = next.get(name).map_or(Ok(first.clone()), |next| first.compose(next))?;
            composed.insert(name, both);
        }
        Ok(composed)
    }
}

impl FromIterator<(String, Permutation)> for Permutations {
    fn from_iter<I: IntoIterator<Item = (String, Permutation)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &PermutationError) -> usize {
        match error {
            PermutationError::OutOfRange { .. } => 0,
            PermutationError::Repeated { .. } => 1,
            PermutationError::Size { .. } => 2,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (
                PermutationError::OutOfRange { index: 1, value: 3, len: 3 },
                "entry 1 is 3, expected an index below 3",
            ),
            (
                PermutationError::Repeated { value: 2, first: 0, second: 4 },
                "2 occurs at entries 0 and 4, expected each index once",
            ),
            (
                PermutationError::Size { left: 3, right: 4 },
                "a permutation of 3 units cannot be followed by one of 4, expected two of one size",
            ),
        ];
        let mut seen = [false; 3];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 3], "every variant is told");
    }
}
