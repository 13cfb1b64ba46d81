//! The device to compute on: opened, or refused with what was found and what to do.

mod programs;

pub use programs::ProgramFolder;

use crate::config::{Config, DeviceName};
use crate::exit::{NoDevice, Usage};
use anyhow::Result;
use basin_candle::Candle;
use basin_gpu::{Precision, Queue};
use basin_models::Network;
use basin_train::{Backend, Cpu};
use std::rc::Rc;

/// The name of the device that needs the feature `cuda`.
pub const CUDA: &str = "cuda";

/// A device and the arithmetic to use on it.
pub use basin_train::Gpu as OnDevice;

/// What opens a device for another thread, by its ordinal: a queue belongs to the thread that opened it.
pub fn another(device: &OnDevice) -> impl Fn(usize) -> Result<OnDevice> + Copy + Send + Sync + use<> {
    let precision = device.precision;
    move |ordinal| Ok(OnDevice { queue: open_cuda(ordinal)?, precision })
}

/// The ordinals of the devices that a configuration asks for: those of `run.devices`, else all that `CUDA_VISIBLE_DEVICES`
/// shows to this process, else the first.
///
/// # Errors
/// [`Usage`] for what is not a list of ordinals, or names one twice.
pub fn ordinals(config: &Config) -> Result<Vec<usize>, Usage> {
    let asked = config.run().devices.as_str();
    if asked.is_empty() {
        return Ok((0..visible(std::env::var("CUDA_VISIBLE_DEVICES").ok().as_deref())).collect());
    }
    let mut ordinals = Vec::new();
    for word in asked.split(',').map(str::trim) {
        let ordinal = word.parse().ok().filter(|ordinal| !ordinals.contains(ordinal));
        ordinals.push(ordinal.ok_or_else(|| {
            Usage(format!(
                "run.devices is {asked}, expected ordinals with commas, each once, for example 0,1"
            ))
        })?);
    }
    Ok(ordinals)
}

/// How many devices the variable shows; 1 where it is not set, and where it shows none, so that the driver says so.
fn visible(variable: Option<&str>) -> usize {
    let shown = variable.unwrap_or("0").split(',').map(str::trim);
    // What follows an entry that is not a device is not seen, either.
    shown.take_while(|word| !word.is_empty() && *word != "-1").count().max(1)
}

/// What trains and evaluates a network: for modules of candle's candle itself, on candle's device that is behind this one or on
/// the CPU, else the device where there is one, else the CPU.
///
/// # Errors
/// [`Usage`] for a module of candle's on a device that is none of candle's, and as [`basin_plan::feasible::takes`].
pub(crate) fn backend(network: &Network, device: Option<&OnDevice>) -> Result<Box<dyn Backend>> {
    match (network.program().is_some(), device) {
        (true, None) => Ok(Box::new(Candle::new(candle_core::Device::Cpu))),
        (true, Some(device)) => Ok(Box::new(Candle::new(candles_device(device)?))),
        (false, Some(device)) => {
            basin_plan::feasible::takes(network.extent())?;
            Ok(Box::new(device.clone()))
        }
        (false, None) => Ok(Box::new(Cpu)),
    }
}

/// Candle's device on whose stream the queue is: what its tensors are on, and where operations on them launch our kernels.
///
/// # Errors
/// [`Usage`] where there is none.
pub fn candles_device(device: &OnDevice) -> Result<candle_core::Device> {
    #[cfg(feature = "cuda")]
    if let Some(queue) = device.queue.as_any().and_then(|queue| queue.downcast_ref::<basin_cuda::CudaQueue>())
    {
        return Ok(candle_core::Device::Cuda(queue.candle().clone()));
    }
    let name = device.queue.device();
    Err(Usage(format!("{name} is not a device of candle's, which is to run the network; leave --device out"))
        .into())
}

/// The device that a configuration asks for, opened; none for the CPU.
///
/// # Errors
/// [`Usage`] for a precision that only devices have; those of [`open_cuda`].
pub fn asked(config: &Config) -> Result<Option<OnDevice>> {
    let (device, precision) = (config.run().device, config.run().precision);
    match (device, precision) {
        (DeviceName::Cuda, _) => {
            let first = ordinals(config)?[0];
            Ok(Some(OnDevice { queue: open_cuda(first)?, precision }))
        }
        (DeviceName::Cpu, Precision::F32) => Ok(None),
        (DeviceName::Cpu, _) => {
            let name = precision.name();
            Err(Usage(format!("run.precision is {name}, which the CPU does not have; add --device cuda"))
                .into())
        }
    }
}

/// Opens a CUDA device, with compiled kernels kept in the user's cache: candle's, whose tensors' operations on this thread go
/// through the same queue.
///
/// # Errors
/// [`NoDevice`] in a build without CUDA, else [`basin_gpu::GpuError`].
#[cfg(feature = "cuda")]
pub fn open_cuda(ordinal: usize) -> Result<Rc<dyn Queue>> {
    let programs = Box::new(ProgramFolder::of_user());
    Ok(Rc::new(basin_cuda::CudaQueue::open(ordinal, programs)?).share())
}

/// Refuses: this build has no CUDA.
///
/// # Errors
/// [`NoDevice`].
#[cfg(not(feature = "cuda"))]
pub fn open_cuda(_ordinal: usize) -> Result<Rc<dyn Queue>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Keys;

    #[test]
    fn devices_are_those_asked_for_or_those_that_are_shown() {
        let asked = |devices: &str| {
            let settings = [("run.devices".to_owned(), devices.to_owned())];
            ordinals(&Config::plain(&Keys::default(), &settings).unwrap())
        };
        assert_eq!(asked("2, 0"), Ok(vec![2, 0]));
        for wrong in ["a", "0,0", "0,", "-1"] {
            assert!(asked(wrong).unwrap_err().0.contains("each once"), "{wrong}");
        }
        let shown = [None, Some("0,1,3"), Some("GPU-1f,MIG-2"), Some("1,-1,2"), Some(""), Some("-1")];
        assert_eq!(shown.map(visible), [1, 3, 2, 1, 1, 1]);
    }
}
