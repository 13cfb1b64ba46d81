//! The networks that a configuration can name: how each is built, and how its units may be permuted.

mod built_in;

pub use built_in::built_in;

use crate::{Model, NormName};
use anyhow::Result;
use basin_core::Extent;
use basin_models::Network;
use std::fmt;
use thiserror::Error;
use weight_matching::PermutationSpec;

/// A network under a name of `model.name`. The name stands for what it computes: files of a run are taken up again where
/// name and layout are the same, so a network that computes something else wants another name.
#[derive(Clone, Copy)]
pub struct NetworkEntry {
    /// The name.
    pub name: &'static str,
    /// Builds it for images of this extent and so many classes; reads the keys `model.*` that it has a use for.
    pub build: fn(&Model, Extent, usize) -> Result<Network>,
    /// Its permutation spec for images of this extent, for the methods that permute; they refuse a network without one.
    pub spec: Option<fn(&Model, Extent) -> Result<PermutationSpec>>,
    /// The keys `model.*` that `build` reads, without `model.`; others must stay at their defaults.
    pub reads: &'static [&'static str],
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
    /// Keys are set that its entry does not read.
    #[error("{}, which {name} does not read; leave it out", .settings.join(" and "))]
    Unread {
        /// The name.
        name: String,
        /// The keys with their values.
        settings: Vec<String>,
    },
    /// It does not come with that normalisation.
    #[error("model.norm is {found} for {name}, expected {expected}")]
    Norm {
        /// The name.
        name: String,
        /// The normalisation asked for.
        found: &'static str,
        /// What there is.
        expected: &'static str,
    },
    /// The width gives no usable number of units.
    #[error(
        "model.width is {width}, which gives {units} units in the first layer of {name}, expected a whole number up to 65536"
    )]
    Width {
        /// The name.
        name: String,
        /// The width, as text.
        width: String,
        /// Units that it gives, as text.
        units: String,
    },
    /// The images are too small.
    #[error("images of side {side} for {name}, expected at least {least} pixels")]
    Side {
        /// The name.
        name: String,
        /// Their side.
        side: usize,
        /// The least that it takes.
        least: usize,
    },
}

/// Two entries are one if their names are.
impl PartialEq for NetworkEntry {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl NetworkEntry {
    /// Refuses settings that the network would not look at, all at once.
    pub(crate) fn check(&self, model: &Model) -> Result<(), NetworkError> {
        let Model { name: _, width: _, dropout, drop_path, residual_scale, centred_kernels, norm } = model;
        // The width's default is the paper's ResNet20's; it is not a statement on other networks.
        let set = [
            ("dropout", *dropout != 0.0, dropout.to_string()),
            ("drop_path", *drop_path != 0.0, drop_path.to_string()),
            ("residual_scale", *residual_scale != 1.0, residual_scale.to_string()),
            ("centred_kernels", *centred_kernels, "yes".into()),
            ("norm", *norm != NormName::Own, norm.word().into()),
        ];
        let unread = set.iter().filter(|(key, set, _)| *set && !self.reads.contains(key));
        let settings: Vec<String> = unread.map(|(key, _, value)| format!("model.{key} is {value}")).collect();
        match settings.is_empty() {
            true => Ok(()),
            false => Err(NetworkError::Unread { name: self.name.to_owned(), settings }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &NetworkError) -> usize {
        match error {
            NetworkError::Unknown { .. } => 0,
            NetworkError::NoSpec { .. } => 1,
            NetworkError::Unread { .. } => 2,
            NetworkError::Norm { .. } => 3,
            NetworkError::Width { .. } => 4,
            NetworkError::Side { .. } => 5,
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
            (
                NetworkError::Unread {
                    name: "mlp1".into(),
                    settings: vec!["model.dropout is 0.1".into(), "model.norm is layer".into()],
                },
                "model.dropout is 0.1 and model.norm is layer, which mlp1 does not read; leave it out",
            ),
            (
                NetworkError::Norm { name: "resnet18".into(), found: "layer", expected: "own or batch" },
                "model.norm is layer for resnet18, expected own or batch",
            ),
            (
                NetworkError::Width { name: "vgg11".into(), width: "0.01".into(), units: "0.64".into() },
                "model.width is 0.01, which gives 0.64 units in the first layer of vgg11, expected a whole number up to 65536",
            ),
            (
                NetworkError::Side { name: "vgg11".into(), side: 16, least: 32 },
                "images of side 16 for vgg11, expected at least 32 pixels",
            ),
        ];
        let mut seen = [false; 6];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 6], "every variant is told");
    }
}
