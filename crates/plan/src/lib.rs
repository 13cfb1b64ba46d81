#![doc = include_str!("../README.md")]

mod case;
pub mod checkpoint;
pub mod cost;
pub mod facts;
pub mod feasible;
mod images;
pub mod import;
pub mod loading;
mod measuring;
mod merging;
pub mod others;
mod plan;
mod planned;
pub mod problem;
mod published;
pub mod refusals;
mod registry;
pub mod sizes;
pub mod source;
mod study;
mod subspaces;
mod transfer;

pub use case::Case;
pub use measuring::{Ensembles, Inputs, Measuring, ProbeEntry};
pub use plan::{Plan, PlannedEnsemble};
pub use planned::{Early, NodeIndex, PlannedNode, PlannedWork};
pub use registry::{Registry, division};
pub use study::{Asked, Study};
