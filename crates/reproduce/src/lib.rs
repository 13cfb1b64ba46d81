#![doc = include_str!("../README.md")]

mod checkpoint;
mod compare;
pub mod config;
mod cost;
pub mod device;
mod dry_run;
mod environment;
mod execute;
pub mod exit;
mod experiment;
mod export;
mod import;
mod interrupt;
mod laboratory;
mod measuring;
mod plan;
mod predict;
mod progress;
mod registry;
mod reproduce;
mod retell;
mod rows;
mod speed;
mod status;
mod study;
mod verify;

pub use compare::{Compared, compare};
pub use execute::{EpochLine, Executor, FINAL};
pub use experiment::Experiment;
pub use export::{Exported, Target, export};
pub use interrupt::Interrupt;
pub use plan::{NodeIndex, Plan, PlannedEnsemble, PlannedNode, PlannedWork};
pub use predict::Prediction;
pub use progress::{Progress, Task};
pub use registry::Registry;
pub use reproduce::{Finished, Request, cost, price, reproduce};
pub use retell::{Retold, retell};
pub use status::status;
pub use study::{Asked, Study};
pub use verify::{Verified, verify};

pub use basin_store::survive_file_size_limit;
