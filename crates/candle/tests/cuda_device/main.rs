//! Operations and the backend on a CUDA device, on a CUDA that is the host (`crates/cuda/tests/fake_cuda`): all that is ours, down
//! to the launches, with kernels run by the emulator. Candle's own kernels are machine code for a GPU: where they would be
//! needed, the tests say so, and prove nothing.
#![cfg(all(feature = "cuda", target_os = "linux"))]

#[path = "../../../cuda/tests/fake_cuda/mod.rs"]
mod fake_cuda;
mod ours;
mod training;

use candle_core::Device;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// The fake, for one test at a time.
struct Fake {
    _turn: MutexGuard<'static, ()>,
}

impl Fake {
    fn new() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        static FOUND: Once = Once::new();
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        FOUND.call_once(|| {
            basin_cuda::search_first(&fake_cuda::build(Path::new(env!("CARGO_TARGET_TMPDIR"))));
            // Candle looks for libraries where the loader does, and so finds what is loaded.
            basin_cuda::check_libraries().unwrap();
        });
        Self { _turn: turn }
    }

    /// Candle's device with a stream of its own.
    fn device(&self) -> Device {
        Device::new_cuda_with_stream(0).unwrap()
    }
}
