#![doc = include_str!("../README.md")]
#![cfg(feature = "cuda")]

mod algorithm;
mod blas;
mod capture;
mod compile;
mod descriptors;
mod device;
mod dnn;
mod error;
mod execute;
mod libraries;
mod operands;
mod plan;
mod programs;
mod queue;
mod scratch;
mod shared;
mod turn;

pub use compile::{compiler_version, program, target};
pub use device::{CAPABILITY, Device, devices, driver_version};
pub use libraries::{FOLDERS, Found, check_libraries, libraries, search_also, search_first};
pub use operands::{ALIGNMENT, Operand, Room};
pub use queue::CudaQueue;
