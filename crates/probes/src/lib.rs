#![doc = include_str!("../README.md")]

mod calibration;
mod corruptions;
mod deep_equivalent;
mod detection;
mod diversity_plane;
mod inputs;
mod joint_connectivity;
mod logits;
mod out_of_distribution;
mod paired_difference;
mod pairwise_lines;
mod performance;
mod plane;
mod shift_line;
mod similarity;
mod sweep;
mod trajectories;

pub use calibration::Calibration;
pub use corruptions::{Corruptions, PUBLISHED};
pub use deep_equivalent::DeepEquivalent;
pub use diversity_plane::DiversityPlane;
pub use inputs::logits;
pub use joint_connectivity::JointConnectivity;
pub use logits::LogitsOf;
pub use out_of_distribution::OutOfDistribution;
pub use paired_difference::MinusReference;
pub use pairwise_lines::{Line, PairwiseLines};
pub use performance::Performance;
pub use plane::{Directions, PlaneOf};
pub use shift_line::ShiftLine;
pub use similarity::Similarity;
pub use trajectories::Trajectories;
