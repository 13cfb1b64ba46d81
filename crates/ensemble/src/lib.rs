#![doc = include_str!("../README.md")]

#[cfg(feature = "conformance")]
pub mod conformance;
mod context;
mod objective;
mod param_op;
mod recipe;
mod schedule;

pub use context::{AfterSplit, EnsembleMethod, PlanContext};
pub use objective::{LogitObjective, Objective};
pub use param_op::{ParamOp, ParamOpError};
pub use recipe::{NodeId, Recipe, RecipeError, Trajectory, Work, keys, trajectory_keys};
pub use schedule::{Schedule, Starting, WarmupCosine};
