#![doc = include_str!("../README.md")]

pub mod accuracy;
pub mod brier;
mod citations;
mod combine;
mod connectivity;
pub mod disagreement;
pub mod ece;
mod error;
pub mod joint_connectivity;
pub mod jsd;
pub mod loss_barrier;
pub mod nll;
pub mod paired;
pub mod pairwise_connectivity;
mod shape;
pub mod stats;
mod table;
pub mod true_class_variance;

pub use accuracy::{accuracy, member_accuracies};
pub use brier::brier;
pub use citations::CITATIONS;
pub use combine::{Combine, combine};
pub use connectivity::ConnectivityError;
pub use disagreement::{disagreement, disagreement_matrix};
pub use ece::{ReliabilityBin, ece, reliability};
pub use error::MetricError;
pub use joint_connectivity::{Connectivity, ConnectivityDraw, joint_connectivity};
pub use jsd::{jsd_one_vs_all, jsd_uniform};
pub use loss_barrier::loss_barrier;
pub use nll::nll;
pub use paired::{PairedDifference, paired_difference};
pub use pairwise_connectivity::{PairwiseCurve, choose_pairs, pairwise_connectivity};
pub use table::{Direction, METRICS, Metric, Unit};
pub use true_class_variance::true_class_variance;
