//! The device to compute on: opened, or refused with what was found and what to do.

mod programs;

pub use programs::ProgramFolder;

use crate::config::{Config, DeviceName};
use crate::exit::{NoDevice, Usage};
use anyhow::Result;
use basin_candle::Candle;
use basin_core::Extent;
use basin_gpu::{Precision, Queue};
use basin_models::Network;
use basin_train::{Backend, Cpu};
use std::rc::Rc;

/// The name of the device that needs the feature `cuda`.
pub const CUDA: &str = "cuda";

/// A device and the arithmetic to use on it.
pub use basin_train::Gpu as OnDevice;

/// What opens the same device for another thread: a queue belongs to the thread that opened it.
pub fn another(device: &OnDevice) -> impl Fn() -> Result<OnDevice> + Copy + Send + Sync + use<> {
    let precision = device.precision;
    move || Ok(OnDevice { queue: open_cuda()?, precision })
}

/// What trains and evaluates a network: for modules of candle's candle itself, else the device where there is one, else the
/// CPU.
///
/// # Errors
/// [`Usage`] for a module of candle's on another device than the CPU, and as [`takes`].
pub(crate) fn backend(network: &Network, device: Option<&OnDevice>) -> Result<Box<dyn Backend>> {
    match (network.program().is_some(), device) {
        (true, None) => Ok(Box::new(Candle::new(candle_core::Device::Cpu))),
        (true, Some(_)) => Err(Usage(
            "a network that candle runs is trained on the CPU alone so far; leave --device cuda out".into(),
        )
        .into()),
        (false, Some(device)) => {
            takes(network.extent())?;
            Ok(Box::new(device.clone()))
        }
        (false, None) => Ok(Box::new(Cpu)),
    }
}

/// Whether a GPU trains and evaluates networks for such images: its kernels for images are written for three channels.
///
/// # Errors
/// [`Usage`] for another number of channels.
pub(crate) fn takes(extent: Extent) -> Result<(), Usage> {
    match extent.channels {
        3 => Ok(()),
        found => Err(Usage(format!(
            "run.device is cuda: images of {found} channel, a GPU takes images of 3 so far; set run.device=cpu"
        ))),
    }
}

/// The device that a configuration asks for, opened; none for the CPU.
///
/// # Errors
/// [`Usage`] for a precision that only devices have; those of [`open_cuda`].
pub fn asked(config: &Config) -> Result<Option<OnDevice>> {
    let (device, precision) = (config.run().device, config.run().precision);
    match (device, precision) {
        (DeviceName::Cuda, _) => Ok(Some(OnDevice { queue: open_cuda()?, precision })),
        (DeviceName::Cpu, Precision::F32) => Ok(None),
        (DeviceName::Cpu, _) => {
            let name = precision.name();
            Err(Usage(format!("run.precision is {name}, which the CPU does not have; add --device cuda"))
                .into())
        }
    }
}

/// Opens the CUDA device, with compiled kernels kept in the user's cache.
///
/// # Errors
/// [`NoDevice`] in a build without CUDA, else [`basin_gpu::GpuError`].
#[cfg(feature = "cuda")]
pub fn open_cuda() -> Result<Rc<dyn Queue>> {
    let programs = Box::new(ProgramFolder::of_user());
    Ok(Rc::new(basin_cuda::CudaQueue::open(0, programs)?))
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
