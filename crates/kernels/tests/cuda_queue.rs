//! The CUDA queue on a CUDA that is the host (`fake_cuda`): the same calls through the same bindings, with kernels run
//! by the emulator and products by loops. What it cannot show is what only a device knows: speed, and whether NVIDIA's
//! libraries behave as their documentation says.
#![cfg(all(feature = "cuda", target_os = "linux"))]

mod fake_cuda;

use basin_kernels::conv::ConvShape;
use basin_kernels::cuda::{self, CudaQueue};
use basin_kernels::gpu::check::checks;
use basin_kernels::gpu::{
    Arg, Convolution, GpuError, Kernel, Launch, Memory, NoStore, Operands, Pass, Precision, ProgramStore,
    Queue, sources,
};
use libloading::Library;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The fake driver's own functions, for one test at a time.
struct Fake {
    library: &'static Library,
    _turn: MutexGuard<'static, ()>,
}

impl Fake {
    fn new() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        static LIBRARY: OnceLock<Library> = OnceLock::new();
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self { library: LIBRARY.get_or_init(build), _turn: turn }
    }

    /// Lets the call numbered `after` from now, counted from 0, fail.
    fn fail(&self, call: &str, after: i32, code: i32) {
        let call = CString::new(call).unwrap();
        // SAFETY: declared so in driver.cc.
        unsafe {
            let fail = self.library.get::<unsafe extern "C" fn(*const i8, i32, i32)>("fake_fail").unwrap();
            fail(call.as_ptr().cast(), after, code);
        }
    }

    fn counted(&self, what: &str) -> i32 {
        let what = CString::new(what).unwrap();
        // SAFETY: declared so in driver.cc.
        unsafe {
            let counted = self.library.get::<unsafe extern "C" fn(*const i8) -> i32>("fake_counted").unwrap();
            counted(what.as_ptr().cast())
        }
    }

    fn allocations(&self) -> usize {
        // SAFETY: declared so in driver.cc.
        unsafe { self.library.get::<unsafe extern "C" fn() -> usize>("fake_allocations").unwrap()() }
    }

    fn device(&self, number: i32, major: i32, minor: i32) {
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
    // SAFETY: every test waits for its turn, and this runs in the first one's; no other thread reads variables.
    unsafe { std::env::set_var(cuda::FOLDERS, &folder) };
    cuda::check_libraries().unwrap();
    // SAFETY: the library that `check_libraries` loaded.
    unsafe { Library::new(folder.join("libcuda.so.1")) }.unwrap()
}

fn open() -> CudaQueue {
    CudaQueue::open(0, Box::new(NoStore)).unwrap()
}

fn filled(queue: &CudaQueue, values: &[f32]) -> Memory {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let memory = queue.allocate(bytes.len()).unwrap();
    queue.write(memory.span(), &bytes).unwrap();
    memory
}

fn values(queue: &CudaQueue, memory: &Memory) -> Vec<f32> {
    let mut bytes = vec![0; memory.bytes()];
    queue.read(memory.span(), &mut bytes).unwrap();
    bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

/// to ← to + from, by the kernel of that name.
fn add(queue: &CudaQueue, to: &Memory, from: &Memory) -> Result<(), GpuError> {
    let kernel = Kernel { source: sources::ELEMENTWISE, entry: "add_f32" };
    let n = to.bytes() as u32 / 4;
    let args = [Arg::Memory(to.span()), Arg::Memory(from.span()), Arg::U32(n)];
    // SAFETY: the kernel's parameters; both hold n values.
    unsafe { queue.launch(kernel, Launch { grid: [2, 1, 1], threads: 32 }, &args) }
}

#[test]
fn every_kernel_and_every_product_agrees_with_the_processor() {
    let fake = Fake::new();
    let queue: Rc<dyn Queue> = Rc::new(open());
    let mut wrong = Vec::new();
    for check in checks() {
        let what = format!("{} {}", check.kernel, check.precision.name());
        let found = check.run(&queue).unwrap_or_else(|e| panic!("{what}: {e}"));
        if !found.ok() {
            wrong.push(format!("{what}: {:.2e} of {:.0e}", found.max_rel_error, found.limit));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // All three ways were taken.
    let calls = ["cublasGemmEx", "cudnnConvolutionForward", "cudnnConvolutionBackwardData"];
    for call in calls.into_iter().chain(["cudnnConvolutionBackwardFilter", "cuLaunchKernel"]) {
        assert!(fake.counted(call) > 0, "{call}");
    }
}

#[test]
fn strided_and_added_convolutions_go_through_larger_images() {
    let fake = Fake::new();
    let queue = open();
    let plans = fake.counted("cudnnGetAlgorithm");
    for (precision, tolerance) in [(Precision::F32, 1e-5), (Precision::Bf16, 2e-2)] {
        for pass in [Pass::InputGradient, Pass::WeightGradient] {
            let shape = ConvShape { cin: 4, cout: 8, kernel: 3, stride: 2 };
            let plain = Convolution { shape, images: 2, height: 6, width: 4, pass, precision, add: false };
            let once = result(&queue, &plain);
            let added = result(&queue, &Convolution { add: true, ..plain });
            for (once, added) in once.iter().zip(&added) {
                assert!(
                    (added - once - 0.5).abs() < tolerance * (1.0 + once.abs()),
                    "{plain:?}: {once} and {added}"
                );
            }
        }
    }
    assert_eq!(fake.counted("cudnnGetAlgorithm") - plans, 8, "one plan per convolution");
}

/// What a convolution writes into an array of 0.5, from operands of small numbers; asked for twice.
fn result(queue: &CudaQueue, convolution: &Convolution) -> Vec<f32> {
    let Convolution { shape, pass, precision, .. } = *convolution;
    let bf16 = precision == Precision::Bf16;
    let array = |n: usize, written: bool, narrow: bool| {
        let number = |i: usize| if written { 0.5 } else { ((i * 7) % 13) as f32 / 8.0 - 0.75 };
        let numbers = (0..n).map(number);
        // Exact in bf16: seven bits of fraction are enough for eighths.
        let bytes: Vec<u8> = match narrow {
            true => numbers.flat_map(|v| ((v.to_bits() >> 16) as u16).to_le_bytes()).collect(),
            false => numbers.flat_map(f32::to_le_bytes).collect(),
        };
        let memory = queue.allocate(bytes.len()).unwrap();
        queue.write(memory.span(), &bytes).unwrap();
        memory
    };
    let gradient = pass == Pass::WeightGradient;
    let input = array(convolution.input_rows() * shape.cin, pass == Pass::InputGradient, bf16);
    let weights = array(shape.weights(), gradient, bf16 && !gradient);
    let output = array(convolution.output_rows() * shape.cout, pass == Pass::Forward, bf16);
    let scratch = queue.allocate(queue.convolution_scratch(convolution).unwrap()).unwrap();
    let operands = Operands { input: input.span(), weights: weights.span(), output: output.span() };
    assert_eq!(queue.computed_by(convolution), Ok("cuDNN"));
    queue.convolve(convolution, operands, scratch.span()).unwrap();
    let written = if gradient { &weights } else { &input };
    let mut bytes = vec![0; written.bytes()];
    queue.read(written.span(), &mut bytes).unwrap();
    let wide = |half: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*half)) << 16);
    match bf16 && !gradient {
        true => bytes.as_chunks::<2>().0.iter().map(wide).collect(),
        false => bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect(),
    }
}

#[test]
fn captured_work_runs_when_it_is_replayed_and_memory_dropped_meanwhile_is_freed_after_it() {
    let fake = Fake::new();
    let queue = open();
    let (sum, one) = (filled(&queue, &[1.0; 70]), filled(&queue, &[1.0; 70]));
    // Not loaded yet: loading is no work that can be captured.
    let refused = queue.capture(&mut || add(&queue, &sum, &one)).err().unwrap();
    assert_eq!(refused, GpuError::Captured { what: "the first launch of add_f32".into() });
    add(&queue, &sum, &one).unwrap();
    let mut dropped = Some(queue.allocate(64).unwrap());
    let before = fake.allocations();
    let graph = queue
        .capture(&mut || {
            add(&queue, &sum, &one)?;
            drop(dropped.take());
            assert_eq!(fake.allocations(), before, "freed inside the capture");
            add(&queue, &sum, &one)
        })
        .unwrap();
    assert_eq!(fake.allocations(), before - 1);
    assert_eq!(values(&queue, &sum), [2.0; 70], "captured work ran at once");
    for round in 1..=3 {
        // SAFETY: both arrays are alive.
        unsafe { graph.replay() }.unwrap();
        assert_eq!(values(&queue, &sum), [2.0 + 2.0 * round as f32; 70]);
    }
    for work in [
        &|| queue.allocate(4).map(drop),
        &|| queue.write(one.span(), &[0; 280]),
        &|| queue.read(one.span(), &mut [0; 280]),
        &|| queue.finish(),
    ] as [&dyn Fn() -> Result<(), GpuError>; 4]
    {
        assert!(matches!(queue.capture(&mut || work()), Err(GpuError::Captured { .. })));
    }
    // The stream is of use afterwards.
    add(&queue, &sum, &one).unwrap();
    assert_eq!(values(&queue, &sum), [9.0; 70]);
}

#[test]
fn failures_of_the_device_have_their_own_errors() {
    let fake = Fake::new();
    let queue = open();
    fake.fail("cuMemAllocAsync", 0, 2);
    let full = queue.allocate(4_096).unwrap_err();
    assert_eq!(full, GpuError::OutOfMemory { wanted: 4_096, found: "1000 of 2000 are free".into() });
    let (sum, one) = (filled(&queue, &[1.0; 4]), filled(&queue, &[1.0; 4]));
    add(&queue, &sum, &one).unwrap();
    fake.fail("cuStreamSynchronize", 0, 700);
    let lost = queue.read(sum.span(), &mut [0; 16]).unwrap_err();
    assert!(
        matches!(&lost, GpuError::Lost { found, .. } if found == "CUDA_ERROR_ILLEGAL_ADDRESS (700)"),
        "{lost}"
    );
    fake.fail("cuLaunchKernel", 0, 701);
    let refused = add(&queue, &sum, &one).unwrap_err();
    assert!(matches!(&refused, GpuError::Launch { kernel, .. } if kernel == "add_f32"), "{refused}");
    fake.fail("cuModuleLoadData", 0, 222);
    let kernel = Kernel { source: sources::OPTIM, entry: "sgd" };
    // SAFETY: nothing is launched: the module is refused.
    let old = unsafe { queue.launch(kernel, Launch { grid: [1, 1, 1], threads: 32 }, &[]) }.unwrap_err();
    assert!(matches!(&old, GpuError::Compile { log, .. } if log.contains("580")), "{old}");
    fake.fail("nvrtcCompileProgram", 0, 6);
    // SAFETY: as above.
    let wrong = unsafe { queue.launch(kernel, Launch { grid: [1, 1, 1], threads: 32 }, &[]) }.unwrap_err();
    let GpuError::Compile { target, log, .. } = &wrong else { panic!("{wrong}") };
    assert_eq!((target.as_str(), log.as_str()), ("compute_90", "error: no such thing as x"));
}

#[test]
fn devices_that_cannot_be_used_are_refused_before_anything_is_allocated() {
    let fake = Fake::new();
    let open = |ordinal| CudaQueue::open(ordinal, Box::new(NoStore)).err().unwrap();
    assert_eq!(open(1), GpuError::NoDevice { wanted: 1, found: 1 });
    fake.device(1, 7, 5);
    assert_eq!(
        open(0),
        GpuError::Capability { device: "Fake H200".into(), found: (7, 5), needed: cuda::CAPABILITY }
    );
    fake.device(0, 9, 0);
    assert_eq!(open(0), GpuError::NoDevice { wanted: 0, found: 0 });
    fake.device(1, 9, 0);
    fake.fail("cuInit", 0, 803);
    assert!(matches!(open(0), GpuError::NoDriver { found } if found.contains("(803)")));
    let before = fake.allocations();
    fake.fail("cudnnCreate", 0, 1001);
    let refused = open(0);
    assert!(matches!(&refused, GpuError::Library { library, .. } if library == "cuDNN"), "{refused}");
    assert_eq!(fake.allocations(), before);
    let described = cuda::devices().unwrap();
    assert_eq!((described[0].name.as_str(), described[0].multiprocessors), ("Fake H200", 132));
    assert_eq!(cuda::driver_version(), Ok((13, 0)));
}

#[test]
fn a_queue_gives_back_what_it_took_and_compiles_what_is_kept_only_once() {
    #[derive(Clone, Default)]
    struct Kept(Rc<RefCell<BTreeMap<String, String>>>);
    impl ProgramStore for Kept {
        fn load(&self, key: &str) -> Option<String> {
            self.0.borrow().get(key).cloned()
        }

        fn keep(&self, key: &str, text: &str) {
            self.0.borrow_mut().insert(key.to_owned(), text.to_owned());
        }
    }
    let fake = Fake::new();
    let kept = Kept::default();
    let (allocations, events) = (fake.allocations(), fake.counted("cuEventCreate"));
    let compiled = fake.counted("nvrtcCompileProgram");
    for _ in 0..2 {
        let queue = CudaQueue::open(0, Box::new(kept.clone())).unwrap();
        let (sum, one) = (filled(&queue, &[1.0; 4]), filled(&queue, &[1.0; 4]));
        add(&queue, &sum, &one).unwrap();
        assert_eq!(values(&queue, &sum), [2.0; 4]);
        let shape = ConvShape { cin: 4, cout: 4, kernel: 3, stride: 1 };
        let (pass, precision) = (Pass::Forward, Precision::F32);
        let convolution = Convolution { shape, images: 1, height: 4, width: 4, pass, precision, add: false };
        queue.convolution_scratch(&convolution).unwrap();
        // Memory may outlive its queue.
        drop(queue);
        drop((sum, one));
    }
    assert_eq!(fake.counted("nvrtcCompileProgram") - compiled, 1);
    assert_eq!(fake.allocations(), allocations, "memory of the device was not freed");
    assert_eq!(fake.counted("cuEventCreate"), events, "an event per allocation");
    assert_eq!(fake.counted("made"), fake.counted("destroyed"), "descriptors of cuDNN");
    assert!(fake.counted("pool keeps all") > 0);
    let (first, second) = (open(), open());
    let (a, b) = (filled(&first, &[3.0; 4]), filled(&second, &[4.0; 4]));
    assert_eq!((values(&first, &a), values(&second, &b)), (vec![3.0; 4], vec![4.0; 4]));
}
