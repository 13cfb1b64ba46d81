//! The fake CUDA, built and found by this process, and what every test does with a queue on it.

use crate::fake_cuda;
use basin_cuda::CudaQueue;
use basin_gpu::{Arg, GpuError, Kernel, Launch, Memory, NoStore, Queue, sources};
use libloading::Library;
use std::ffi::CString;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The fake driver's own functions, for one test at a time.
pub(crate) struct Fake {
    library: &'static Library,
    _turn: MutexGuard<'static, ()>,
}

impl Fake {
    pub(crate) fn new() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        static LIBRARY: OnceLock<Library> = OnceLock::new();
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self { library: LIBRARY.get_or_init(build), _turn: turn }
    }

    /// Lets the call numbered `after` from now, counted from 0, fail.
    pub(crate) fn fail(&self, call: &str, after: i32, code: i32) {
        let call = CString::new(call).unwrap();
        // SAFETY: declared so in driver.cc.
        unsafe {
            let fail = self.library.get::<unsafe extern "C" fn(*const i8, i32, i32)>("fake_fail").unwrap();
            fail(call.as_ptr().cast(), after, code);
        }
    }

    /// Lets every call fail from now on, or with code 0 none.
    pub(crate) fn fail_always(&self, call: &str, code: i32) {
        self.fail(call, -1, code);
    }

    pub(crate) fn counted(&self, what: &str) -> i32 {
        let what = CString::new(what).unwrap();
        // SAFETY: declared so in driver.cc.
        unsafe {
            let counted = self.library.get::<unsafe extern "C" fn(*const i8) -> i32>("fake_counted").unwrap();
            counted(what.as_ptr().cast())
        }
    }

    pub(crate) fn allocations(&self) -> usize {
        // SAFETY: declared so in driver.cc.
        unsafe { self.library.get::<unsafe extern "C" fn() -> usize>("fake_allocations").unwrap()() }
    }

    pub(crate) fn device(&self, number: i32, major: i32, minor: i32) {
        // SAFETY: declared so in driver.cc.
        unsafe {
            self.library.get::<unsafe extern "C" fn(i32, i32, i32)>("fake_device").unwrap()(
                number, major, minor,
            );
        }
    }
}

/// Compiles the fake libraries and makes this process find them first.
fn build() -> Library {
    let folder = fake_cuda::build(Path::new(env!("CARGO_TARGET_TMPDIR")));
    basin_cuda::search_first(&folder);
    basin_cuda::check_libraries().unwrap();
    // SAFETY: the library that `check_libraries` loaded.
    unsafe { Library::new(folder.join("libcuda.so.1")) }.unwrap()
}

pub(crate) fn open() -> CudaQueue {
    CudaQueue::open(0, Box::new(NoStore)).unwrap()
}

pub(crate) fn filled(queue: &CudaQueue, values: &[f32]) -> Memory {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let memory = queue.allocate(bytes.len()).unwrap();
    queue.write(memory.span(), &bytes).unwrap();
    memory
}

pub(crate) fn values(queue: &CudaQueue, memory: &Memory) -> Vec<f32> {
    let mut bytes = vec![0; memory.bytes()];
    queue.read(memory.span(), &mut bytes).unwrap();
    bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

/// to ← to + from, by the kernel of that name.
pub(crate) fn add(queue: &CudaQueue, to: &Memory, from: &Memory) -> Result<(), GpuError> {
    let kernel = Kernel { source: sources::ELEMENTWISE, entry: "add_f32" };
    let n = to.bytes() as u32 / 4;
    let args = [Arg::Memory(to.span()), Arg::Memory(from.span()), Arg::U32(n)];
    // SAFETY: the kernel's parameters; both hold n values.
    unsafe { queue.launch(kernel, Launch { grid: [2, 1, 1], threads: 32 }, &args) }
}
