#![doc = include_str!("../README.md")]

mod apply;
mod assignment;
mod attention;
mod axis;
mod blocks;
mod builder;
mod citation;
mod descent;
#[cfg(feature = "cli")]
pub mod files;
mod heads;
mod layout;
mod matching;
mod permutation;
mod product;
mod shortest_path;
mod spec;
mod specs;
mod stack;
#[cfg(feature = "toml")]
mod toml_form;

pub use apply::{ApplyError, apply};
pub use assignment::{Assignment, AssignmentError, Objective, linear_sum_assignment};
pub use attention::Projections;
pub use axis::{AttentionGroup, Segment};
pub use builder::SpecBuilder;
pub use citation::CITATION;
pub use layout::Misfit;
pub use matching::{Matching, MatchingError, MatchingOptions, Network, weight_matching};
pub use permutation::{Permutation, PermutationError, Permutations};
pub use spec::{PermutationSpec, SpecError};
pub use specs::{Family, InferError, Inferred, Norm, Shortcut, infer, infer_with_heads};
#[cfg(feature = "toml")]
pub use toml_form::TomlError;
