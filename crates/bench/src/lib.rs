#![doc = include_str!("../README.md")]

mod command;
pub mod doctor;
pub mod gpu_check;
mod suites;

pub use command::run;
pub use suites::{Options, Suite};
