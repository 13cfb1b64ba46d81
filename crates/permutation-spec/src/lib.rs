#![doc = include_str!("../README.md")]

mod apply;
mod attention;
pub mod axis;
mod builder;
mod heads;
mod layout;
mod permutation;
mod residual;
mod spec;
mod specs;
#[cfg(feature = "toml")]
mod toml_form;

pub use apply::{ApplyError, apply, apply_into};
pub use attention::Projections;
pub use axis::{AttentionGroup, Segment};
pub use builder::SpecBuilder;
pub use layout::Misfit;
pub use permutation::{Permutation, PermutationError, Permutations};
pub use residual::Skip;
pub use spec::{PermutationSpec, SpecError, Use};
pub use specs::{Norm, Shortcut};
#[cfg(feature = "toml")]
pub use toml_form::TomlError;
