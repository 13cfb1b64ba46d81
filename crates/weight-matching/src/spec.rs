//! Which axes of which parameters must be permuted together for the network's function to stay the same.

use std::collections::BTreeMap;
use thiserror::Error;

/// A table from parameter to the permutation of each of its axes, in the order in which it was built.
///
/// ```
/// use weight_matching::PermutationSpec;
/// let mlp = PermutationSpec::builder()
///     .dense("fc1", None, Some("hidden"))
///     .norm("norm", "hidden")
///     .dense("fc2", Some("hidden"), None)
///     .build()?;
/// assert_eq!(mlp.axes("fc2.weight"), Some(&[None, Some("hidden".to_owned())][..]));
/// assert_eq!(mlp.uses("hidden").next(), Some(("fc1.weight", 0)));
/// # Ok::<(), weight_matching::SpecError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermutationSpec {
    parameters: Vec<(String, Vec<Option<String>>)>,
    permutations: Vec<(String, Vec<Use>)>,
}

/// Parameter (position in the spec) and axis where a permutation acts.
type Use = (usize, usize);

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
         expected at most one axis; give the axes permutations of their own"
    )]
    RepeatedPermutation {
        /// The parameter.
        parameter: String,
        /// The permutation.
        permutation: String,
        /// Its first axis.
        first: usize,
        /// Its second axis.
        second: usize,
    },
    /// No CIFAR ResNet of that depth is known.
    #[error("no CIFAR ResNet of depth {depth}, expected one of {supported:?}")]
    Depth {
        /// What was asked for.
        depth: usize,
        /// The known depths.
        supported: &'static [usize],
    },
    /// Names, numbers of axes or sizes disagree with the network: all of them, one per line.
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

    /// Parameters with the permutation of each axis (`None`: the axis keeps its order).
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[Option<String>])> + Clone {
        self.parameters.iter().map(|(name, axes)| (name.as_str(), axes.as_slice()))
    }

    /// The permutation of each axis of a parameter.
    pub fn axes(&self, parameter: &str) -> Option<&[Option<String>]> {
        self.iter().find(|(name, _)| *name == parameter).map(|(_, axes)| axes)
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

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether no parameter is described.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }
}

/// Describes a network layer by layer. `input` and `output` name the permutation of the units that a layer
/// reads and writes; `None` is an order that must stay, such as pixels, colours or classes.
#[derive(Clone, Debug, Default)]
pub struct SpecBuilder {
    parameters: Vec<(String, Vec<Option<String>>)>,
}

impl SpecBuilder {
    /// One array with the permutation of each axis.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, axes: &[Option<&str>]) -> Self {
        let axes = axes.iter().map(|axis| axis.map(str::to_owned)).collect();
        self.parameters.push((name.into(), axes));
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

    /// A dense layer: `{name}.weight` `[out, in]` and `{name}.bias` `[out]`.
    #[must_use]
    pub fn dense(self, name: &str, input: Option<&str>, output: Option<&str>) -> Self {
        self.parameter(format!("{name}.weight"), &[output, input])
            .parameter(format!("{name}.bias"), &[output])
    }

    /// The finished spec.
    ///
    /// # Errors
    /// [`SpecError::DuplicateParameter`] or [`SpecError::RepeatedPermutation`] at the first parameter that
    /// breaks the rules.
    pub fn build(self) -> Result<PermutationSpec, SpecError> {
        let mut positions: BTreeMap<&str, usize> = BTreeMap::new();
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let mut permutations: Vec<(String, Vec<Use>)> = Vec::new();
        for (index, (parameter, axes)) in self.parameters.iter().enumerate() {
            if seen.insert(parameter, index).is_some() {
                return Err(SpecError::DuplicateParameter { parameter: parameter.clone() });
            }
            for (axis, name) in axes.iter().enumerate() {
                let Some(name) = name else { continue };
                if let Some(first) = axes[..axis].iter().position(|other| other.as_ref() == Some(name)) {
                    let (parameter, permutation) = (parameter.clone(), name.clone());
                    return Err(SpecError::RepeatedPermutation {
                        parameter,
                        permutation,
                        first,
                        second: axis,
                    });
                }
                let position = *positions.entry(name).or_insert_with(|| {
                    permutations.push((name.clone(), Vec::new()));
                    permutations.len() - 1
                });
                permutations[position].1.push((index, axis));
            }
        }
        Ok(PermutationSpec { parameters: self.parameters, permutations })
    }
}
