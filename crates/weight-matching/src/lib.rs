#![doc = include_str!("../README.md")]

mod apply;
mod assignment;
mod blocks;
mod citation;
mod descent;
mod layout;
mod matching;
mod permutation;
mod product;
mod resnet;
mod shortest_path;
mod spec;

pub use apply::{ApplyError, apply};
pub use assignment::{Assignment, AssignmentError, Objective, linear_sum_assignment};
pub use citation::CITATION;
pub use matching::{Matching, MatchingError, MatchingOptions, Network, weight_matching};
pub use permutation::{Permutation, PermutationError, Permutations};
pub use spec::{PermutationSpec, SpecBuilder, SpecError};
