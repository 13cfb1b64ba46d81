//! Opening a device: every way in which it can be missing has its own error.

use super::error::{driver, of_candle};
use super::libraries::{check_libraries, libraries};
use super::turn::Turn;
use basin_gpu::GpuError;
use candle_core::CudaDevice;
use candle_core::cuda_backend::cudarc::driver::{CudaContext, DriverError, result, sys};
use std::mem::ManuallyDrop;

/// The oldest devices that have bf16 and asynchronous copies: Ampere.
pub const CAPABILITY: (u32, u32) = (8, 0);

/// A device as the driver describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub ordinal: usize,
    /// Its name.
    pub name: String,
    /// Compute capability, major and minor.
    pub capability: (u32, u32),
    /// Bytes of memory.
    pub memory: usize,
    /// Multiprocessors.
    pub multiprocessors: u32,
}

/// The driver's version of CUDA, e.g. (13, 0).
///
/// # Errors
/// [`GpuError::NoDriver`].
pub fn driver_version() -> Result<(u32, u32), GpuError> {
    start_driver()?;
    let mut version = 0;
    // SAFETY: the pointer leads to an integer of this frame.
    let answer = unsafe { sys::cuDriverGetVersion(&mut version) }.result();
    answer.map_err(|error| driver(error, "tell its version"))?;
    let version = version.max(0) as u32;
    Ok((version / 1000, version % 1000 / 10))
}

/// All devices that the driver shows.
///
/// # Errors
/// [`GpuError::NoDriver`], or what the driver says.
pub fn devices() -> Result<Vec<Device>, GpuError> {
    start_driver()?;
    let count = count().map_err(|error| driver(error, "count its devices"))?;
    (0..count).map(describe).collect()
}

fn count() -> Result<usize, DriverError> {
    let count = CudaContext::device_count();
    match count {
        // The driver's way to say none.
        Err(DriverError(sys::CUresult::CUDA_ERROR_NO_DEVICE)) => Ok(0),
        other => Ok(other?.max(0) as usize),
    }
}

/// Loads the driver and initialises it.
fn start_driver() -> Result<(), GpuError> {
    let missing = libraries().iter().find(|library| library.purpose == "the driver");
    if let Some(Err(reason)) = missing.map(|library| &library.file) {
        return Err(GpuError::NoDriver { found: reason.clone() });
    }
    match result::init() {
        // A driver without a device initialises with this: the number of devices tells it again.
        Err(DriverError(sys::CUresult::CUDA_ERROR_NO_DEVICE)) => Ok(()),
        other => other.map_err(|error| driver(error, "start")),
    }
}

fn describe(ordinal: usize) -> Result<Device, GpuError> {
    use sys::CUdevice_attribute::{
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
        CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,
    };
    let described = || {
        let device = result::device::get(ordinal as i32)?;
        // SAFETY: the handle is the driver's own.
        let attribute = |which| unsafe { result::device::get_attribute(device, which) };
        let number = |which| attribute(which).map(|value| value.max(0) as u32);
        Ok(Device {
            ordinal,
            name: result::device::get_name(device)?,
            capability: (
                number(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
                number(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
            ),
            // SAFETY: as above.
            memory: unsafe { result::device::total_mem(device)? },
            multiprocessors: number(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
        })
    };
    described().map_err(|error| driver(error, &format!("describe device {ordinal}")))
}

/// Opens a device of candle's with a stream of its own, ready for captured work. All queues of a process share the device's
/// primary context.
pub(super) fn open(ordinal: usize) -> Result<(Device, Held), GpuError> {
    let found = devices()?;
    let device = choose(&found, ordinal)?;
    // Only now: without a driver or a device, libraries are the smaller worry.
    check_libraries()?;
    // A real stream, that all threads with a copy of the device share, and that does not wait for the one the process has by
    // default. `Device::new_cuda` takes each thread's own instead, which nothing orders with another's.
    let candle = CudaDevice::new_with_stream(ordinal).map_err(|error| of_candle(&error, "open it"))?;
    // SAFETY: all memory of this context is allocated, used and freed on the one stream, in its order, so that the two
    // events which each allocation would have order nothing. What else opens the device has a context of its own with it.
    unsafe { candle.disable_event_tracking() };
    keep_freed_memory(&candle).map_err(|error| driver(error, "open it"))?;
    Ok((device.clone(), Held::new(candle)))
}

/// A device that somebody else opened, if it is new enough. Its stream and whether it tracks events stay as they are.
pub(super) fn adopt(candle: &CudaDevice) -> Result<(Device, Held), GpuError> {
    let found = devices()?;
    let device = choose(&found, candle.cuda_stream().context().ordinal())?;
    check_libraries()?;
    keep_freed_memory(candle).map_err(|error| driver(error, "open it"))?;
    Ok((device.clone(), Held::new(candle.clone())))
}

/// A copy of candle's handle of a device. With the last one its handles of libraries go, which waits for the whole device.
pub(super) struct Held(ManuallyDrop<CudaDevice>);

impl Held {
    fn new(device: CudaDevice) -> Self {
        Self(ManuallyDrop::new(device))
    }

    pub(super) fn device(&self) -> &CudaDevice {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _turn = Turn::wait();
        // On a device that was lost no handle can be destroyed, and the bindings die of it: it is left to the process's end.
        if self.0.cuda_stream().synchronize().is_ok() {
            // SAFETY: dropped here alone, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

/// The device of that number, if it is there and new enough.
fn choose(found: &[Device], ordinal: usize) -> Result<&Device, GpuError> {
    let missing = || GpuError::NoDevice { wanted: ordinal, found: found.len() };
    let device = found.get(ordinal).ok_or_else(missing)?;
    match device.capability >= CAPABILITY {
        true => Ok(device),
        false => Err(GpuError::Capability {
            device: device.name.clone(),
            found: device.capability,
            needed: CAPABILITY,
        }),
    }
}

/// The driver's pool hands freed memory back to the system at every wait, unless its threshold says otherwise.
fn keep_freed_memory(device: &CudaDevice) -> Result<(), DriverError> {
    let stream = device.cuda_stream();
    let context = stream.context();
    if !context.has_async_alloc() {
        return Ok(());
    }
    let mut threshold = u64::MAX;
    let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the pool is the device's own, and the attribute is a u64, which the driver reads before it returns.
    unsafe {
        let pool = result::device::get_default_mem_pool(context.cu_device())?;
        result::mem_pool::set_attribute(pool, attribute, (&raw mut threshold).cast())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_must_be_there_and_new_enough() {
        let device = |ordinal, name: &str, capability| Device {
            ordinal,
            name: name.into(),
            capability,
            memory: 1 << 34,
            multiprocessors: 40,
        };
        let found = [device(0, "H200", (9, 0)), device(1, "T4", (7, 5))];
        assert_eq!(choose(&found, 0).unwrap().name, "H200");
        let old = GpuError::Capability { device: "T4".into(), found: (7, 5), needed: (8, 0) };
        assert_eq!(choose(&found, 1), Err(old));
        assert_eq!(choose(&found, 2), Err(GpuError::NoDevice { wanted: 2, found: 2 }));
        assert_eq!(choose(&[], 0), Err(GpuError::NoDevice { wanted: 0, found: 0 }));
    }
}
