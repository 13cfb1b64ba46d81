//! The [`Queue`](basin_gpu::Queue) of NVIDIA's devices. Without the feature `cuda` the crate is empty.
//!
//! One real stream per queue; memory from the driver's pool; the project's kernels compiled by NVRTC when they are first
//! needed and kept as machine code; dense layers by cuBLAS, convolutions by cuDNN; captured work as CUDA graphs. Nothing
//! here computes: it carries out what [`basin_gpu`] describes. candle's own device takes no part in it, and shares the
//! driver's context with it where a program opens both.
//!
//! How far this is known to work: everything that needs no device is tested without one, and all sources compile and
//! assemble for compute capability 8.0 and 9.0. **It has not run on a GPU.**

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
mod plan;
mod programs;
mod queue;
mod scratch;
mod turn;

pub use compile::{compiler_version, program, target};
pub use device::{CAPABILITY, Device, devices, driver_version};
pub use libraries::{FOLDERS, Found, check_libraries, libraries, search_also};
pub use queue::CudaQueue;
