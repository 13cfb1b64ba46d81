#![doc = include_str!("../README.md")]

mod corruptions;
mod detection;
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

pub use corruptions::{Corruptions, PUBLISHED};
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
