//! The queue of one CUDA stream.

use super::blas::Blas;
use super::capture::{Capturing, Graph};
use super::device::{Device, Held, adopt, open};
use super::dnn::Dnn;
use super::error::{driver, reason};
use super::plan::Plan;
use super::programs::Programs;
use super::turn::Turn;
use basin_gpu::{
    Arg, Convolution, GpuError, Kernel, Launch, Memory, Operands, ProgramStore, Queue, Replay, Span,
};
use candle_core::CudaDevice;
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, DevicePtr, DriverError, result,
};
use std::any::Any;
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::Arc;

/// The stream of a device of candle's, with compiled kernels and handles of cuBLAS and cuDNN. A thread's own: threads
/// that work side by side open one each, and each computes the same bits as it would alone.
///
/// Candle's operations on the same device and ours go into one stream, in the order in which they are called, so that nothing
/// else orders them. Handles are our own, not candle's: theirs have scratch memory of the library's, which must not be shared
/// between captured work, and settings that others may change.
pub struct CudaQueue {
    // Fields drop in this order: what uses the stream goes before it.
    blas: Blas,
    dnn: Dnn,
    programs: Programs,
    capturing: Arc<Capturing>,
    stream: Arc<CudaStream>,
    described: Device,
    held: Held,
}

impl CudaQueue {
    /// Opens a device of candle's with a stream of its own, and a queue on it. Compiled kernels are kept in `programs`; queues of
    /// one process share them.
    ///
    /// # Errors
    /// [`GpuError::NoDriver`], [`GpuError::NoDevice`], [`GpuError::Capability`], [`GpuError::NoLibrary`], [`GpuError::Library`],
    /// [`GpuError::OutOfMemory`], [`GpuError::Lost`].
    pub fn open(ordinal: usize, programs: Box<dyn ProgramStore>) -> Result<Self, GpuError> {
        let _turn = Turn::wait();
        Self::made(open(ordinal)?, programs)
    }

    /// A queue on a device of candle's that is open: its context, its stream and its allocator. With one of
    /// `Device::new_cuda`, whose stream is each thread's own, tensors that another thread made must be waited for there first,
    /// as for candle's own operations. The driver keeps memory that was freed for the process from then on.
    ///
    /// # Errors
    /// As [`CudaQueue::open`].
    pub fn on(device: &CudaDevice, programs: Box<dyn ProgramStore>) -> Result<Self, GpuError> {
        let _turn = Turn::wait();
        Self::made(adopt(device)?, programs)
    }

    fn made((described, held): (Device, Held), programs: Box<dyn ProgramStore>) -> Result<Self, GpuError> {
        let stream = held.device().cuda_stream();
        let told = |error| reason(error, &stream);
        let blas = Blas::new(stream.clone()).map_err(told)?;
        let dnn = Dnn::new(stream.clone()).map_err(told)?;
        let programs = Programs::new(stream.context().clone(), described.capability, programs)?;
        Ok(Self { blas, dnn, programs, capturing: Arc::default(), stream, described, held })
    }

    /// Candle's device, whose tensors are operands here.
    pub fn candle(&self) -> &CudaDevice {
        self.held.device()
    }

    /// The device as the driver describes it.
    pub fn described(&self) -> &Device {
        &self.described
    }

    pub(super) fn stream(&self) -> &CudaStream {
        &self.stream
    }

    pub(super) fn outside_capture(&self, what: &str) -> Result<(), GpuError> {
        match self.capturing.now() {
            true => Err(GpuError::Captured { what: what.into() }),
            false => Ok(()),
        }
    }

    /// The device's handle of an entry point, compiled and loaded at the first call.
    fn function(&self, kernel: Kernel) -> Result<CudaFunction, GpuError> {
        match self.programs.loaded(kernel) {
            Some(function) => Ok(function),
            None => {
                self.outside_capture(&format!("the first launch of {}", kernel.entry))?;
                self.programs.load(kernel)
            }
        }
    }

    /// An error of a library with the device's reason for it; inside a capture, which the question would break, it is
    /// asked for at its end.
    fn told(&self, error: GpuError) -> GpuError {
        match self.capturing.now() {
            true => error,
            false => reason(error, &self.stream),
        }
    }

    /// An allocation failed: with what is left, where that was the reason.
    fn allocation_failed(&self, error: DriverError, bytes: usize) -> GpuError {
        match driver(error, "allocate") {
            GpuError::OutOfMemory { .. } => GpuError::OutOfMemory {
                wanted: bytes,
                found: match self.stream.context().mem_get_info() {
                    Ok((free, total)) => format!("{free} of {total} are free"),
                    Err(_) => "how many are free is not known".into(),
                },
            },
            other => other,
        }
    }
}

impl Queue for CudaQueue {
    fn device(&self) -> String {
        let Device { ordinal, name, .. } = &self.described;
        format!("{name} (cuda:{ordinal})")
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn model(&self) -> String {
        self.described.name.clone()
    }

    fn allocate(&self, bytes: usize) -> Result<Memory, GpuError> {
        self.outside_capture("an allocation")?;
        // SAFETY: memory with anything in it is what was asked for; every byte pattern is a u8.
        let slice = unsafe { self.stream.alloc::<u8>(bytes.max(1)) };
        let slice = slice.map_err(|error| self.allocation_failed(error, bytes))?;
        let address = slice.device_ptr(&self.stream).0;
        let owner = Owned { slice: Some(slice), capturing: self.capturing.clone() };
        Ok(Memory::new(address, bytes, Box::new(owner)))
    }

    fn write(&self, to: Span<'_>, bytes: &[u8]) -> Result<(), GpuError> {
        same_length(to, bytes.len())?;
        self.outside_capture("a copy to the device")?;
        // No place that the driver would look at.
        if bytes.is_empty() {
            return self.finish();
        }
        self.bind("copy to the device")?;
        // SAFETY: the span is alive and as long as the bytes, which stay borrowed until the stream is done: whether the
        // driver keeps a copy of pageable memory, as this is, depends on the platform.
        let copied = unsafe { result::memcpy_htod_async(to.address(), bytes, self.stream.cu_stream()) };
        copied.map_err(|error| driver(error, "copy to the device"))?;
        self.finish()
    }

    fn read(&self, from: Span<'_>, bytes: &mut [u8]) -> Result<(), GpuError> {
        same_length(from, bytes.len())?;
        self.outside_capture("a copy from the device")?;
        if bytes.is_empty() {
            return self.finish();
        }
        self.bind("copy from the device")?;
        // SAFETY: the span is alive and as long as the bytes, which stay borrowed until the stream is done.
        let copied = unsafe { result::memcpy_dtoh_async(bytes, from.address(), self.stream.cu_stream()) };
        copied.map_err(|error| driver(error, "copy from the device"))?;
        self.finish()
    }

    fn zero(&self, to: Span<'_>) -> Result<(), GpuError> {
        if to.bytes() == 0 {
            return Ok(());
        }
        self.bind("fill with zeros")?;
        // SAFETY: the span is alive, and its memory is freed in the order of the same stream.
        let filled = unsafe { result::memset_d8_async(to.address(), 0, to.bytes(), self.stream.cu_stream()) };
        filled.map_err(|error| driver(error, "fill with zeros"))
    }

    fn finish(&self) -> Result<(), GpuError> {
        self.outside_capture("waiting")?;
        self.stream.synchronize().map_err(|error| driver(error, "finish its work"))?;
        // Frees cannot report where they happen.
        self.stream.context().check_err().map_err(|error| driver(error, "free memory"))
    }

    unsafe fn launch(&self, kernel: Kernel, launch: Launch, args: &[Arg<'_>]) -> Result<(), GpuError> {
        let function = self.function(kernel)?;
        self.bind(kernel.entry)?;
        // One word per argument; the driver reads as many bytes of it as the kernel's parameter has.
        let mut words: Vec<u64> = args.iter().map(word).collect();
        let mut pointers: Vec<*mut c_void> = words.iter_mut().map(|word| (&raw mut *word).cast()).collect();
        let [x, y, z] = launch.grid;
        // SAFETY: the caller vouches for the arguments; there are as many pointers as the kernel has parameters, and
        // the driver copies what they lead to before it returns.
        let launched = unsafe {
            let stream = self.stream.cu_stream();
            result::launch_kernel(
                function.cu_function(),
                (x, y, z),
                (launch.threads, 1, 1),
                0,
                stream,
                &mut pointers,
            )
        };
        launched.map_err(|error| match driver(error, &format!("run {}", kernel.entry)) {
            GpuError::Launch { found, .. } => GpuError::Launch {
                kernel: kernel.entry.to_owned(),
                found: format!("{found} for {launch:?} with {} arguments", args.len()),
            },
            other => other,
        })
    }

    fn convolution_scratch(&self, convolution: &Convolution) -> Result<usize, GpuError> {
        if Blas::takes(convolution) {
            return Ok(0);
        }
        let plan = self.plan(convolution)?;
        Ok(plan.scratch(convolution))
    }

    fn convolve(
        &self,
        convolution: &Convolution,
        operands: Operands<'_>,
        scratch: Span<'_>,
    ) -> Result<(), GpuError> {
        convolution.check(&operands)?;
        self.bind("run a convolution")?;
        let done = match Blas::takes(convolution) {
            true => self.blas.product(convolution, operands),
            false => self.dnn.convolve(self, &*self.plan(convolution)?, convolution, operands, scratch),
        };
        done.map_err(|error| self.told(error))
    }

    fn computed_by(&self, convolution: &Convolution) -> Result<&'static str, GpuError> {
        match Blas::takes(convolution) {
            true => Ok("cuBLAS"),
            false => Ok(self.plan(convolution)?.computed_by()),
        }
    }

    fn capture(&self, work: &mut dyn FnMut() -> Result<(), GpuError>) -> Result<Box<dyn Replay>, GpuError> {
        self.outside_capture("a capture")?;
        let graph = Graph::capture(&self.stream, &self.capturing, work).map_err(|error| self.told(error))?;
        Ok(Box::new(graph))
    }
}

impl CudaQueue {
    /// How cuDNN or our kernels carry a convolution out: made, and tried out, when it is first asked for.
    fn plan(&self, convolution: &Convolution) -> Result<Rc<Plan>, GpuError> {
        if let Some(plan) = self.dnn.made(convolution) {
            return Ok(plan);
        }
        self.outside_capture(&format!("the first call of {convolution:?}"))?;
        self.bind("plan a convolution")?;
        self.dnn.make(convolution).map_err(|error| self.told(error))
    }

    /// Makes the device this thread's current one.
    fn bind(&self, during: &str) -> Result<(), GpuError> {
        self.stream.context().bind_to_thread().map_err(|error| driver(error, during))
    }
}

impl std::fmt::Debug for CudaQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CudaQueue({})", self.device())
    }
}

/// An argument's bytes, in the low end of a word. CUDA runs on little-endian machines only.
fn word(arg: &Arg<'_>) -> u64 {
    match arg {
        Arg::Memory(span) => span.address(),
        Arg::Absent => 0,
        Arg::I32(value) => u64::from(value.cast_unsigned()),
        Arg::U32(value) => u64::from(*value),
        Arg::F32(value) => u64::from(value.to_bits()),
    }
}

/// Whether a copy has as many bytes on both sides.
fn same_length(span: Span<'_>, host: usize) -> Result<(), GpuError> {
    match span.bytes() == host {
        true => Ok(()),
        false => Err(GpuError::size("copy between host and device", span.bytes(), host)),
    }
}

/// Frees its memory in the stream's order; during a capture only afterwards, since the freeing would be captured.
struct Owned {
    slice: Option<CudaSlice<u8>>,
    capturing: Arc<Capturing>,
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(slice) = self.slice.take() {
            // It may go on another thread than it came on, and freeing asks for the thread's current device. What
            // fails here fails again at the next call that can say so.
            let _ = slice.context().bind_to_thread();
            self.capturing.free(slice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_a_device_that_is_not_there_says_what_is_missing() {
        let opened = CudaQueue::open(1_000, Box::new(basin_gpu::NoStore));
        let driver = super::super::libraries()[0].file.is_ok();
        match opened.unwrap_err() {
            GpuError::NoDriver { found } => assert!(!driver || found.contains("CUDA_ERROR"), "{found}"),
            GpuError::NoDevice { wanted, found } => assert!(driver && wanted == 1_000 && found < 1_000),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn arguments_lie_in_the_low_bytes_of_their_words() {
        let memory = Memory::new(0x1_2345_6700, 64, Box::new(()));
        let args = [
            Arg::Memory(memory.span().part(8, 8).unwrap()),
            Arg::Absent,
            Arg::I32(-2),
            Arg::U32(7),
            Arg::F32(1.5),
        ];
        let words: Vec<u64> = args.iter().map(word).collect();
        assert_eq!(words[..2], [0x1_2345_6708, 0]);
        assert_eq!(words[2].to_le_bytes()[..4], (-2i32).to_le_bytes());
        assert_eq!(words[3].to_le_bytes()[..4], 7u32.to_le_bytes());
        assert_eq!(words[4].to_le_bytes()[..4], 1.5f32.to_le_bytes());
    }
}
