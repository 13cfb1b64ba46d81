#![doc = include_str!("../README.md")]

mod activations;
mod assignment;
mod averages;
mod best_permutations;
mod blocks;
#[cfg(feature = "candle")]
pub mod candle;
mod citation;
mod climb;
mod descent;
mod dot;
mod first_arrangement;
mod frank_wolfe;
mod heads;
mod joint_ascent;
mod line_polynomial;
mod matching;
mod moves;
mod multi_matching;
mod multi_pcd;
mod objective;
mod pair;
mod product;
mod relaxed;
mod repair;
mod restarts;
mod scan;
mod searches;
mod shortest_path;
mod stack;
mod step;
mod visiting_order;

pub use activations::{ActivationError, ActivationPair, activation_matching};
pub use assignment::{Assignment, AssignmentError, Objective, linear_sum_assignment};
pub use averages::{AverageError, interpolate, mean, slerp};
pub use citation::{CITATION, REPAIR_CITATION};
pub use frank_wolfe::{FrankWolfeOptions, RelaxedMatching, frank_wolfe};
pub use matching::{Matching, MatchingError, MatchingOptions, Network};
pub use multi_matching::{MultiMatching, MultiMatchingError};
pub use multi_pcd::{MergedMany, merge_many, multi_pcd};
pub use repair::{ChannelCorrection, ChannelStatistics, RepairError, repair};
pub use restarts::weight_matching;
pub use visiting_order::VisitingOrder;

// The words of the interface, so that this crate is the only one a user has to name.
pub use basin_core::{
    Array, Citation, Difference, Digest, Params, ParamsError, Rng, SeedTree, Simplex, SimplexError,
};
/// Networks, permutations and activations in files.
///
/// ```no_run
/// use weight_matching::files::Checkpoint;
/// use weight_matching::{MatchingOptions, PermutationSpec, SeedTree, apply, weight_matching};
///
/// let [a, b] = ["a.pt", "b.safetensors"].map(|file| Checkpoint::read(file.as_ref()));
/// let (a, b) = (a?, b?);
/// let spec = PermutationSpec::resnet(20)?;
/// let matching = weight_matching(&spec, &a.params, &b.params, &MatchingOptions::new(SeedTree::root(0)))?;
/// let aligned = apply(&spec, &b.params, &matching.permutations)?;
/// std::fs::write("aligned.safetensors", Checkpoint::encode(&aligned, &b.kept)?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "files")]
pub use checkpoint_files as files;
pub use network_recognition::{network, recognise};
#[cfg(feature = "toml")]
pub use permutation_spec::TomlError;
pub use permutation_spec::{
    ApplyError, AttentionGroup, Misfit, Norm, Permutation, PermutationError, PermutationSpec, Permutations,
    Projections, Segment, Shortcut, Skip, SpecBuilder, SpecError, apply, apply_into,
};
