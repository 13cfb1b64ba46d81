//! The queue on NVIDIA's devices, with the feature `cuda`.
//!
//! One real stream per queue, shared with candle's device on it; memory from the driver's pool; the project's kernels
//! compiled by NVRTC when they are first needed and kept as PTX; dense layers by cuBLAS, convolutions by cuDNN; captured
//! work as CUDA graphs. Nothing here computes: it carries out what [`crate::gpu`] describes.
//!
//! How far this is known to work: everything that needs no device is tested without one, and all sources compile and
//! assemble for compute capability 8.0 and 9.0. **It has not run on a GPU.**

mod algorithm;
mod blas;
mod capture;
mod compile;
mod descriptors;
mod device;
mod dnn;
mod error;
mod libraries;
mod queue;
mod strided_copy;

pub use compile::{compiler_version, ptx, target};
pub use device::{CAPABILITY, Device, devices, driver_version};
pub use libraries::{FOLDERS, Found, check_libraries, libraries};
pub use queue::CudaQueue;
