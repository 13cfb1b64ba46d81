//! Captured work: a CUDA graph, recorded once and launched as a whole.

use super::error::driver;
use super::turn::Turn;
use basin_gpu::{GpuError, Replay};
use candle_core::cuda_backend::cudarc::driver::{CudaGraph, CudaSlice, CudaStream, sys};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Whether a queue is capturing, and the memory that was dropped meanwhile.
#[derive(Default)]
pub(super) struct Capturing {
    now: AtomicBool,
    dropped: Mutex<Vec<CudaSlice<u8>>>,
}

impl Capturing {
    pub(super) fn now(&self) -> bool {
        self.now.load(Ordering::Relaxed)
    }

    /// Frees memory, now or when the capture has ended.
    pub(super) fn free(&self, slice: CudaSlice<u8>) {
        match self.now() {
            true => self.dropped.lock().unwrap_or_else(PoisonError::into_inner).push(slice),
            false => drop(slice),
        }
    }

    /// Marks a capture; the mark goes when the guard does.
    fn begin(&self) -> Ending<'_> {
        self.now.store(true, Ordering::Relaxed);
        Ending(self)
    }
}

struct Ending<'a>(&'a Capturing);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.now.store(false, Ordering::Relaxed);
        self.0.dropped.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A captured graph. It goes back into the stream that it was captured from.
pub(super) struct Graph(CudaGraph);

impl Graph {
    /// Captures what `work` puts into the stream. Other threads may launch and allocate meanwhile, on streams of their
    /// own: the mode forbids that to this thread alone.
    pub(super) fn capture(
        stream: &Arc<CudaStream>,
        capturing: &Capturing,
        work: &mut dyn FnMut() -> Result<(), GpuError>,
    ) -> Result<Self, GpuError> {
        let _turn = Turn::wait();
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        stream.begin_capture(mode).map_err(|error| driver(error, "begin a capture"))?;
        let ending = capturing.begin();
        let done = work();
        // Ended in any case: the stream is of no use before.
        let graph = stream.end_capture(sys::CUgraphInstantiate_flags(0));
        drop(ending);
        done?;
        let graph = graph.map_err(|error| driver(error, "end a capture"))?;
        let graph = graph.ok_or_else(|| GpuError::Captured { what: "nothing was launched".into() })?;
        // The first replay need not set anything up.
        graph.upload().map_err(|error| driver(error, "upload captured work"))?;
        Ok(Self(graph))
    }
}

impl Replay for Graph {
    unsafe fn replay(&self) -> Result<(), GpuError> {
        self.0.launch().map_err(|error| driver(error, "replay captured work"))
    }
}
