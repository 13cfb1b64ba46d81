#![doc = include_str!("../README.md")]

mod backend;
pub mod check;
mod derivative;
mod error;
mod evaluator;
mod graph;
pub mod layers;
mod module;
pub mod networks;
pub mod ops;
mod sgd;
mod statistics;
mod stepper;
mod trainer;
mod var_map;
mod variables;

pub use backend::Candle;
pub use error::ModuleError;
pub use module::{Build, Featured, Module, run_by_candle};
pub use sgd::{SgdConfig, SgdMomentum};
pub use statistics::reestimated;
pub use stepper::Stepper;
pub use var_map::{from_var_map, params_of, to_var_map};
pub use variables::Variables;
