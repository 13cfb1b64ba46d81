#![doc = include_str!("../README.md")]

#[cfg(feature = "conformance")]
pub mod conformance;
mod context;
mod keys;
mod objective;
mod param_op;
mod probe;
mod recipe;
mod schedule;
mod triangular;
mod work;

pub use context::{AfterSplit, EnsembleMethod, PlanContext};
pub use keys::{Keys, Setting, keys, probe_key};
pub use objective::{LogitObjective, Objective};
pub use param_op::{Acceptance, ParamOp, ParamOpError};
pub use probe::{Lab, LabError, Mixing, Probe, ProbeError, StatisticsOn};
pub use recipe::{Origin, Recipe, RecipeError};
pub use schedule::{Constant, Halving, Schedule, Starting, WarmupCosine, WarmupFrom};
pub use triangular::Triangular;
pub use work::{AtStart, NodeId, Trajectory, Work};
