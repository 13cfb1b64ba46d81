//! The networks that a configuration can name: how each is built, and how its units may be permuted.

use crate::Model;
use anyhow::{Context, Result};
use basin_models::{Architecture, Family, Network};
use std::fmt;
use thiserror::Error;
use weight_matching::PermutationSpec;

/// A network under a name of `model.name`. The name stands for what it computes: files of a run are taken up again where
/// name and layout are the same, so a network that computes something else wants another name.
#[derive(Clone, Copy)]
pub struct NetworkEntry {
    /// The name.
    pub name: &'static str,
    /// Builds it for square images of so many pixels and so many classes; reads the keys `model.*` that it has a use for.
    pub build: fn(&Model, usize, usize) -> Result<Network>,
    /// Its permutation spec, for the methods that permute; they refuse a network without one.
    pub spec: Option<fn(&Model) -> Result<PermutationSpec>>,
}

impl fmt::Debug for NetworkEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkEntry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why something of a network cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// No entry has its name.
    #[error("no network {name} is registered; set model.name to one that is")]
    Unknown {
        /// The name.
        name: String,
    },
    /// Its entry has no permutation spec.
    #[error(
        "network {name} has no permutation spec, which methods that permute need; choose another method or network"
    )]
    NoSpec {
        /// The name.
        name: String,
    },
}

/// Two entries are one if their names are.
impl PartialEq for NetworkEntry {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The networks of `basin-models`.
pub fn built_in() -> Vec<NetworkEntry> {
    let entry = |name: &&'static str| NetworkEntry { name, build, spec: Some(spec) };
    Architecture::NAMES.iter().map(entry).collect()
}

fn architecture(model: &Model) -> Result<Architecture> {
    let Model { name, width, dropout, residual_scale, centred_kernels } = model;
    let architecture = Architecture::from_name(name, *width)?.with_dropout(*dropout)?;
    Ok(architecture.with_residual_scale(*residual_scale)?.with_centred_kernels(*centred_kernels)?)
}

fn build(model: &Model, side: usize, classes: usize) -> Result<Network> {
    Ok(architecture(model)?.build(side, classes)?)
}

fn spec(model: &Model) -> Result<PermutationSpec> {
    let spec = match architecture(model)?.family() {
        Family::ResNet { depth, .. } => PermutationSpec::resnet(depth),
        Family::Vit(vit) => PermutationSpec::vit(vit.layers, vit.heads),
    };
    spec.with_context(|| format!("permutation spec of {}", model.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &NetworkError) -> usize {
        match error {
            NetworkError::Unknown { .. } => 0,
            NetworkError::NoSpec { .. } => 1,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (
                NetworkError::Unknown { name: "lenet".into() },
                "no network lenet is registered; set model.name to one that is",
            ),
            (
                NetworkError::NoSpec { name: "lenet".into() },
                "network lenet has no permutation spec, which methods that permute need; choose another method or network",
            ),
        ];
        let mut seen = [false; 2];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 2], "every variant is told");
    }
}
