//! The device to compute on: opened, or refused with what was found and what to do.

pub mod doctor;
mod programs;

pub use programs::ProgramFolder;

use crate::exit::NoDevice;
use anyhow::Result;
use basin_kernels::gpu::Queue;
use std::rc::Rc;

/// The name of the device that needs the feature `cuda`.
pub const CUDA: &str = "cuda";

/// Opens the CUDA device, with compiled kernels kept in the user's cache.
///
/// # Errors
/// [`NoDevice`] in a build without CUDA, else [`basin_kernels::gpu::GpuError`].
#[cfg(feature = "cuda")]
pub fn open_cuda() -> Result<Rc<dyn Queue>> {
    let programs = Box::new(ProgramFolder::of_user());
    Ok(Rc::new(basin_kernels::cuda::CudaQueue::open(0, programs)?))
}

/// Refuses: this build has no CUDA.
///
/// # Errors
/// [`NoDevice`].
#[cfg(not(feature = "cuda"))]
pub fn open_cuda() -> Result<Rc<dyn Queue>> {
    Err(without_cuda().into())
}

/// The refusal of a build without CUDA.
#[cfg_attr(feature = "cuda", expect(dead_code, reason = "only the other build says it"))]
fn without_cuda() -> NoDevice {
    NoDevice {
        asked: CUDA.into(),
        reason: "this program was built without CUDA. `cargo xtask cuda-toolkit` makes what a build with it takes, \
                 without a GPU; `cargo xtask reproduce --device cuda` then builds and runs it. Or use --device cpu"
            .into(),
    }
}
