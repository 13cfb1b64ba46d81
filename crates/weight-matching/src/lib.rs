#![doc = include_str!("../README.md")]

mod activations;
mod apply;
mod assignment;
mod attention;
mod averages;
mod axis;
mod blocks;
mod builder;
#[cfg(feature = "candle")]
pub mod candle;
mod citation;
mod descent;
#[cfg(feature = "files")]
pub mod files;
mod frank_wolfe;
mod heads;
mod joint;
mod layout;
mod line;
mod many;
mod matching;
mod multi_pcd;
pub mod network;
mod order;
mod permutation;
mod product;
pub mod recognise;
mod relaxed;
mod repair;
mod residual;
mod restarts;
mod scan;
mod searches;
mod shortest_path;
mod solve;
mod spec;
mod specs;
mod stack;
mod starts;
#[cfg(feature = "toml")]
mod toml_form;

pub use activations::{ActivationError, ActivationPair, activation_matching};
pub use apply::{ApplyError, apply};
pub use assignment::{Assignment, AssignmentError, Objective, linear_sum_assignment};
pub use attention::Projections;
pub use averages::{AverageError, interpolate, mean, slerp};
pub use axis::{AttentionGroup, Segment};
// The words of the interface, so that this crate is the only one a user has to name.
pub use basin_core::{Array, Citation, Digest, Params, ParamsError, Rng, SeedTree, Simplex, SimplexError};
pub use builder::SpecBuilder;
pub use citation::{CITATION, REPAIR_CITATION};
pub use frank_wolfe::{FrankWolfeOptions, RelaxedMatching, frank_wolfe};
pub use layout::Misfit;
pub use many::{MultiMatching, MultiMatchingError};
pub use matching::{Matching, MatchingError, MatchingOptions, Network, weight_matching};
pub use multi_pcd::{MergedMany, merge_many, multi_pcd};
pub use order::VisitingOrder;
pub use permutation::{Permutation, PermutationError, Permutations};
pub use repair::{ChannelCorrection, ChannelStatistics, RepairError, repair};
pub use residual::Skip;
pub use spec::{PermutationSpec, SpecError};
pub use specs::{Norm, Shortcut};
#[cfg(feature = "toml")]
pub use toml_form::TomlError;
