#![doc = include_str!("../README.md")]

mod cluster;
mod compare;
pub mod device;
mod dry_run;
mod environment;
mod execute;
mod export;
mod findings;
mod gather;
mod held;
mod history;
mod interrupt;
mod laboratory;
mod plan_file;
mod predict;
mod progress;
mod reproduce;
mod request_file;
mod restart;
mod retell;
mod rows;
mod show;
mod speed;
mod status;
mod verify;
mod work;

pub use basin_config as config;
pub use basin_config::NetworkEntry;
pub use basin_exit as exit;
pub use basin_plan::{
    Asked, Case, Ensembles, Inputs, Measuring, NodeIndex, Plan, PlannedEnsemble, PlannedNode, PlannedWork,
    ProbeEntry, Registry, Study,
};
pub use cluster::commands;
pub use compare::{Compared, compare};
pub use execute::{EpochLine, Executor, FINAL};
pub use export::{Exported, Target, export};
pub use gather::{Gathered, gather};
pub use interrupt::Interrupt;
pub use predict::Prediction;
pub use progress::{Progress, Task};
pub use reproduce::{Finished, Request, cost, price, refused, reproduce};
pub use request_file::KeptRequest;
pub use retell::{Retold, retell};
pub use show::{Rows, Show, describe};
pub use status::{Standing, status};
pub use verify::{Verified, verify};
pub use work::{Wanted, Work};

pub use basin_store::{DamagedCopy, Fate, GatheredNode, NotGathered, survive_file_size_limit};
