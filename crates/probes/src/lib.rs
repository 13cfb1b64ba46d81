#![doc = include_str!("../README.md")]

mod inputs;
mod joint_connectivity;
mod logits;
mod paired_difference;
mod pairwise_lines;
mod performance;
mod plane;
mod shift_line;
mod similarity;

pub use inputs::logits;
pub use joint_connectivity::JointConnectivity;
pub use logits::LogitsOf;
pub use paired_difference::MinusReference;
pub use pairwise_lines::{Line, PairwiseLines};
pub use performance::Performance;
pub use plane::{Directions, PlaneOf};
pub use shift_line::ShiftLine;
pub use similarity::Similarity;
