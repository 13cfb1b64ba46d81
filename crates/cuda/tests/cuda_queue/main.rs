//! The CUDA queue on a CUDA that is the host (`fake_cuda`): the same calls through the same bindings, with kernels run
//! by the emulator and products by loops. What it cannot show is what only a device knows: speed, and whether NVIDIA's
//! libraries behave as their documentation says.
#![cfg(all(feature = "cuda", target_os = "linux"))]

mod convolutions;
mod fake;
#[path = "../fake_cuda/mod.rs"]
mod fake_cuda;
mod operands;
mod threads;

use basin_cuda::CudaQueue;
use basin_gpu::check::checks;
use basin_gpu::{
    Convolution, GpuError, Kernel, Launch, NoStore, Operands, Pass, Precision, ProgramStore, Queue, sources,
};
use basin_kernels::conv::{ConvShape, Padding};
use fake::{Fake, add, filled, open, values};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

#[test]
fn every_kernel_and_every_product_agrees_with_the_cpu() {
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
fn captured_work_runs_when_it_is_replayed_and_memory_dropped_meanwhile_is_freed_after_it() {
    let fake = Fake::new();
    let queue = open();
    let (sum, one) = (filled(&queue, &[1.0; 70]), filled(&queue, &[1.0; 70]));
    // Not loaded yet: loading is not work that can be captured.
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
    // For which no other test compiles anything.
    fake.device(1, 8, 0);
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
    fake.fail("nvrtcCompileProgram", 0, 6);
    let kernel = Kernel { source: sources::OPTIM, entry: "sgd" };
    // SAFETY: nothing is launched: the source is refused.
    let wrong = unsafe { queue.launch(kernel, Launch { grid: [1, 1, 1], threads: 32 }, &[]) }.unwrap_err();
    let GpuError::Compile { target, log, .. } = &wrong else { panic!("{wrong}") };
    assert_eq!((target.as_str(), log.as_str()), ("sm_80", "error: no such thing as x"));
    fake.fail("cuModuleLoadData", 0, 222);
    // SAFETY: as above.
    let old = unsafe { queue.launch(kernel, Launch { grid: [1, 1, 1], threads: 32 }, &[]) }.unwrap_err();
    assert!(matches!(&old, GpuError::Compile { log, .. } if log.contains("580")), "{old}");
    fake.device(1, 9, 0);
}

#[test]
fn devices_that_cannot_be_used_are_refused_before_anything_is_allocated() {
    let fake = Fake::new();
    let open = |ordinal| CudaQueue::open(ordinal, Box::new(NoStore)).err().unwrap();
    assert_eq!(open(1), GpuError::NoDevice { wanted: 1, found: 1 });
    fake.device(1, 7, 5);
    assert_eq!(
        open(0),
        GpuError::Capability { device: "Fake H200".into(), found: (7, 5), needed: basin_cuda::CAPABILITY }
    );
    fake.device(0, 9, 0);
    assert_eq!(open(0), GpuError::NoDevice { wanted: 0, found: 0 });
    fake.device(1, 9, 0);
    fake.fail("cuInit", 0, 803);
    assert!(matches!(open(0), GpuError::NoDriver { found } if found.contains("(803)")));
    let before = fake.allocations();
    // Of candle's device, and of the queue on it.
    for (call, status, named) in [
        ("cublasCreate", 1, "cuBLAS"),
        ("curandCreateGenerator", 203, "cuRAND"),
        ("cudnnCreate", 1001, "cuDNN"),
    ] {
        fake.fail(call, 0, status);
        let refused = open(0);
        assert!(matches!(&refused, GpuError::Library { library, .. } if library == named), "{refused}");
    }
    assert_eq!(fake.allocations(), before);
    let described = basin_cuda::devices().unwrap();
    assert_eq!((described[0].name.as_str(), described[0].multiprocessors), ("Fake H200", 132));
    assert_eq!(basin_cuda::driver_version(), Ok((13, 0)));
}

#[test]
fn a_source_is_compiled_once_for_all_queues_and_for_a_newer_device_the_driver_compiles_on() {
    #[derive(Clone, Default)]
    struct Kept(Rc<RefCell<BTreeMap<String, Vec<u8>>>>);
    impl ProgramStore for Kept {
        fn load(&self, key: &str) -> Option<Vec<u8>> {
            self.0.borrow().get(key).cloned()
        }

        fn keep(&self, key: &str, program: &[u8]) {
            self.0.borrow_mut().insert(key.to_owned(), program.to_owned());
        }
    }
    let fake = Fake::new();
    let kept = Kept::default();
    let counts = || ["nvrtcCompileProgram", "PTX loaded", "machine code loaded"].map(|c| fake.counted(c));
    let run = || {
        let before = counts();
        let queue = CudaQueue::open(0, Box::new(kept.clone())).unwrap();
        let (sum, one) = (filled(&queue, &[1.0; 4]), filled(&queue, &[1.0; 4]));
        add(&queue, &sum, &one).unwrap();
        assert_eq!(values(&queue, &sum), [2.0; 4]);
        let after = counts();
        [0, 1, 2].map(|i| after[i] - before[i])
    };
    // An architecture between those that the compiler knows, for which no other test compiles anything.
    fake.device(1, 11, 0);
    assert_eq!((run(), run()), ([1, 1, 0], [0, 1, 0]));
    let keys: Vec<String> = kept.0.borrow().keys().cloned().collect();
    assert!(keys.len() == 1 && keys[0].starts_with("elementwise-compute_100-"), "{keys:?}");
    fake.device(1, 9, 0);
    assert_eq!(run()[1..], [0, 1]);
    assert_eq!(run(), [0, 0, 1]);
}

#[test]
fn a_queue_gives_back_what_it_took() {
    let fake = Fake::new();
    let (allocations, events) = (fake.allocations(), fake.counted("cuEventCreate"));
    for _ in 0..2 {
        let queue = open();
        let (sum, one) = (filled(&queue, &[1.0; 4]), filled(&queue, &[1.0; 4]));
        add(&queue, &sum, &one).unwrap();
        let shape = ConvShape { cin: 4, cout: 4, kernel: 3, stride: 1 };
        let (pass, precision) = (Pass::Forward, Precision::F32);
        let convolution = Convolution {
            shape,
            padding: Padding::Same,
            images: 1,
            height: 4,
            width: 4,
            pass,
            precision,
            add: false,
        };
        queue.convolution_scratch(&convolution).unwrap();
        // Memory may outlive its queue, and go on another thread.
        drop(queue);
        drop(sum);
        std::thread::spawn(move || drop(one)).join().unwrap();
    }
    assert_eq!(fake.allocations(), allocations, "memory of the device was not freed");
    assert_eq!(fake.counted("cuEventCreate"), events, "an event per allocation");
    assert_eq!(fake.counted("made"), fake.counted("destroyed"), "descriptors of cuDNN");
    assert!(fake.counted("pool keeps all") > 0);
}

#[test]
fn what_a_library_does_not_say_is_asked_of_the_device() {
    let fake = Fake::new();
    let queue = open();
    let dense = Convolution {
        shape: ConvShape::dense(4, 4),
        padding: Padding::Same,
        images: 2,
        height: 1,
        width: 1,
        pass: Pass::Forward,
        precision: Precision::F32,
        add: false,
    };
    let (x, w, y) = (filled(&queue, &[1.0; 8]), filled(&queue, &[1.0; 16]), filled(&queue, &[0.0; 8]));
    let operands = Operands { input: x.span(), weights: w.span(), output: y.span() };
    let multiply = || queue.convolve(&dense, operands, y.span());
    let fails = |status: i32, fault: Option<i32>| {
        fake.fail("cublasGemmEx", 0, status);
        if let Some(fault) = fault {
            fake.fail("cuStreamSynchronize", 0, fault);
        }
    };
    // CUBLAS_STATUS_EXECUTION_FAILED, with nothing wrong with the device, and after a fault of it.
    fails(13, None);
    let alone = multiply().unwrap_err();
    assert!(matches!(&alone, GpuError::Library { found, .. } if found.contains("(13)")), "{alone}");
    fails(13, Some(700));
    let lost = multiply().unwrap_err();
    assert!(
        matches!(&lost, GpuError::Lost { during, found } if during.contains("cuBLAS") && found.contains("(700)")),
        "{lost}"
    );
    // CUBLAS_STATUS_ALLOC_FAILED
    fails(3, None);
    assert!(matches!(multiply(), Err(GpuError::OutOfMemory { .. })));
    // Inside a capture the device cannot be asked; when it has ended, it is.
    fails(13, Some(719));
    let lost = queue.capture(&mut || multiply()).err().unwrap();
    assert!(matches!(&lost, GpuError::Lost { found, .. } if found.contains("(719)")), "{lost}");
    multiply().unwrap();
    assert_eq!(values(&queue, &y), [4.0; 8]);
    // A device that is lost lets no handle be destroyed: no reason to die of it.
    fake.fail("cublasDestroy", 0, 14);
    fake.fail("cudnnDestroy", 0, 4000);
    drop(queue);
}
