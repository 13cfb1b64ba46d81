//! Specs as TOML files, for networks that no ready spec describes.

use crate::{AttentionGroup, PermutationSpec, Segment, SpecBuilder, SpecError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// Version of the form.
const FORMAT: u32 = 1;

/// Why a text is not a spec.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TomlError {
    /// Not TOML, or not of this form; the message names line and key.
    #[error("the text is not a spec: {0}")]
    Syntax(String),
    /// Another version of the form.
    #[error(
        "the spec has format {found}, expected {FORMAT}; write it in that format, or read it with the build that wrote it"
    )]
    Format {
        /// The version of the text.
        found: u32,
    },
    /// A well-formed description that breaks the rules of specs.
    #[error(transparent)]
    Spec(#[from] SpecError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    equal_sizes: Vec<[String; 2]>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    units: BTreeMap<String, usize>,
    #[serde(default)]
    parameter: Vec<Parameter>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attention: Vec<Group>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameter {
    name: String,
    axes: Vec<Axis>,
    #[serde(default, skip_serializing_if = "is_false")]
    carried: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    tied: bool,
}

/// `"stream"`, or a list of segments; the empty list keeps its order.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Axis {
    Units(String),
    Segments(Vec<Piece>),
}

/// `"qk"`, `12` (entries that keep their order) or `{ units = "conv", each = 49 }`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Piece {
    Fixed(usize),
    Units(String),
    Blocks { units: String, each: usize },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    qk: String,
    vo: String,
    heads: usize,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl PermutationSpec {
    /// The spec as TOML: `format = 1`, a `[[parameter]]` with `name` and `axes` for each array, and
    /// `[[attention]]` with `qk`, `vo`, `heads` for each attention layer. An axis is the name of its
    /// permutation, `[]` when it keeps its order, or a list of segments.
    ///
    /// ```
    /// use permutation_spec::PermutationSpec;
    /// let spec = PermutationSpec::mlp(&["fc1", "fc2"])?;
    /// let text = spec.to_toml()?;
    /// assert!(text.contains("axes = [\"fc1.out\", []]"), "{text}");
    /// assert_eq!(PermutationSpec::from_toml(&text)?, spec);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TomlError::Syntax`] when a size does not fit TOML's integers.
    pub fn to_toml(&self) -> Result<String, TomlError> {
        let piece = |segment: Segment| match segment {
            Segment::Fixed(len) => Piece::Fixed(len),
            Segment::Units { name, each: 1 } => Piece::Units(name),
            Segment::Units { name: units, each } => Piece::Blocks { units, each },
        };
        let parameter = |(index, (name, axes)): (usize, (&str, &[Option<String>]))| Parameter {
            name: name.to_owned(),
            axes: (axes.iter().enumerate())
                .map(|(axis, permutation)| match permutation {
                    Some(name) => Axis::Units(name.clone()),
                    None => Axis::Segments(self.segments_at((index, axis)).into_iter().map(piece).collect()),
                })
                .collect(),
            carried: self.carried.contains(&index),
            tied: self.tied.contains(&index),
        };
        let group = |AttentionGroup { qk, vo, heads }: &AttentionGroup| Group {
            qk: qk.clone(),
            vo: vo.clone(),
            heads: *heads,
        };
        let file = File {
            format: FORMAT,
            equal_sizes: self.equal.iter().map(|(left, right)| [left.clone(), right.clone()]).collect(),
            units: self.declared.clone(),
            parameter: self.iter().enumerate().map(parameter).collect(),
            attention: self.groups.iter().map(group).collect(),
        };
        toml::to_string(&file).map_err(|error| TomlError::Syntax(error.to_string()))
    }

    /// Reads what [`PermutationSpec::to_toml`] writes, or a person wrote by hand.
    ///
    /// # Errors
    /// [`TomlError`] for text of another form or version, and for a description that breaks the rules.
    pub fn from_toml(text: &str) -> Result<Self, TomlError> {
        let file: File = toml::from_str(text).map_err(|error| TomlError::Syntax(error.to_string()))?;
        if file.format != FORMAT {
            return Err(TomlError::Format { found: file.format });
        }
        let piece = |piece: Piece| match piece {
            Piece::Fixed(len) => Segment::Fixed(len),
            Piece::Units(name) => Segment::units(name),
            Piece::Blocks { units, each } => Segment::blocks(units, each),
        };
        let axis = |axis: Axis| match axis {
            Axis::Units(name) => vec![Segment::units(name)],
            Axis::Segments(pieces) => pieces.into_iter().map(piece).collect(),
        };
        let mut spec = SpecBuilder::default();
        for Parameter { name, axes, carried, tied } in file.parameter {
            let axes: Vec<Vec<Segment>> = axes.into_iter().map(axis).collect();
            spec = spec.described(name, &axes, carried, tied);
        }
        for [left, right] in file.equal_sizes {
            spec = spec.equal_sizes(left, right);
        }
        for (name, units) in file.units {
            spec = spec.sized(name, units);
        }
        let groups = file.attention.into_iter();
        Ok(groups.fold(spec, |spec, Group { qk, vo, heads }| spec.heads(qk, vo, heads)).build()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &TomlError) -> usize {
        match error {
            TomlError::Syntax(_) => 0,
            TomlError::Format { .. } => 1,
            TomlError::Spec(_) => 2,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (
                TomlError::Syntax("missing field `format`".into()),
                "the text is not a spec: missing field `format`",
            ),
            (
                TomlError::Format { found: 2 },
                "the spec has format 2, expected 1; write it in that format, or read it with the build that wrote it",
            ),
            (
                TomlError::Spec(SpecError::UnusedUnits { permutation: "a".into() }),
                "the number of units of a is declared, but no parameter uses it; correct the name or leave the declaration out",
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
