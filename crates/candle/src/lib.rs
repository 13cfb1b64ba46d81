#![doc = include_str!("../README.md")]

mod backend;
mod error;
mod evaluator;
mod module;
mod sgd;
mod statistics;
mod trainer;
mod variables;

pub use backend::Candle;
pub use error::ModuleError;
pub use module::{Build, Module};
pub use sgd::{SgdConfig, SgdMomentum};
pub use statistics::reestimated;
pub use variables::Variables;
