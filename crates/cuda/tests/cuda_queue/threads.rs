//! Several queues of one process on one device, each on a thread of its own.

use crate::fake::{Fake, add, filled, open, values};
use basin_gpu::{Convolution, GpuError, Memory, Operands, Pass, Precision, Queue};
use basin_kernels::conv::{ConvShape, Padding};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, mpsc};
use std::time::Duration;

const THREADS: u32 = 4;

/// Parameters after some steps of a made-up training: a convolution by cuDNN, a dense layer by cuBLAS, their gradients,
/// and sums by a kernel; the first step is launched, the others are replays of a capture.
fn train(seed: u32) -> Vec<u32> {
    const STEPS: usize = 3;
    let queue = open();
    let numbers = |n: u32, salt: u32| -> Vec<f32> {
        let number = |i: u32| ((i * 7 + seed * 5 + salt) % 13) as f32 / 64.0 - 0.09;
        (0..n).map(number).collect()
    };
    let (precision, images, side) = (Precision::F32, 2, 4);
    let call = |shape, pass| Convolution {
        shape,
        padding: Padding::Same,
        images,
        height: side,
        width: side,
        pass,
        precision,
        add: false,
    };
    let (conv, dense) = (ConvShape { cin: 4, cout: 4, kernel: 3, stride: 1 }, ConvShape::dense(4, 4));
    let pixels = images as u32 * 16;
    let x = filled(&queue, &numbers(pixels * 4, 1));
    let (y, z) = (filled(&queue, &numbers(pixels * 4, 0)), filled(&queue, &numbers(pixels * 4, 0)));
    let w = [filled(&queue, &numbers(144, 2)), filled(&queue, &numbers(16, 3))];
    let dw = [filled(&queue, &numbers(144, 0)), filled(&queue, &numbers(16, 0))];
    let convolve = |shape, pass, input: &Memory, weights: &Memory, output: &Memory, scratch: &Memory| {
        let operands = Operands { input: input.span(), weights: weights.span(), output: output.span() };
        queue.convolve(&call(shape, pass), operands, scratch.span())
    };
    let wanted = |pass| queue.convolution_scratch(&call(conv, pass)).unwrap();
    let most = wanted(Pass::Forward).max(wanted(Pass::WeightGradient));
    let scratch = queue.allocate(most).unwrap();
    let step = || {
        convolve(conv, Pass::Forward, &x, &w[0], &y, &scratch)?;
        convolve(dense, Pass::Forward, &y, &w[1], &z, &scratch)?;
        convolve(dense, Pass::WeightGradient, &y, &dw[1], &z, &scratch)?;
        convolve(conv, Pass::WeightGradient, &x, &dw[0], &y, &scratch)?;
        add(&queue, &w[0], &dw[0])?;
        add(&queue, &w[1], &dw[1])
    };
    step().unwrap();
    let graph = queue.capture(&mut || step()).unwrap();
    for _ in 1..STEPS {
        // What training does between two steps.
        drop(filled(&queue, &numbers(100, 4)));
        // SAFETY: all arrays are alive.
        unsafe { graph.replay() }.unwrap();
    }
    let bits = |memory| values(&queue, memory).into_iter().map(f32::to_bits).collect::<Vec<u32>>();
    let all: Vec<u32> = w.iter().chain([&y, &z]).flat_map(bits).collect();
    assert!(all.iter().all(|bits| f32::from_bits(*bits).is_finite()));
    all
}

#[test]
fn queues_side_by_side_compute_what_each_computes_alone() {
    const ROUNDS: usize = 5;
    let fake = Fake::new();
    let alone: Vec<Vec<u32>> = (0..THREADS).map(train).collect();
    assert!(alone.windows(2).all(|pair| pair[0] != pair[1]), "the seed does nothing");
    let compiled = fake.counted("nvrtcCompileProgram");
    let allocations = fake.allocations();
    let together = Barrier::new(THREADS as usize);
    // Queues open and go while others capture.
    let rounds = &|seed| {
        let round = |_| {
            together.wait();
            std::panic::catch_unwind(|| train(seed))
        };
        (0..ROUNDS).map(round).collect::<Vec<_>>()
    };
    let found: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|seed| scope.spawn(move || rounds(seed))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (alone, rounds) in alone.iter().zip(found) {
        for found in rounds {
            assert_eq!(&found.expect("a thread panicked"), alone);
        }
    }
    assert_eq!(fake.counted("nvrtcCompileProgram"), compiled, "further queues compile nothing");
    assert_eq!(fake.allocations(), allocations);
}

#[test]
fn what_waits_for_the_whole_device_lets_a_capture_end_first() {
    let _fake = Fake::new();
    let (begun, wait) = mpsc::channel();
    let gone = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let gone = &gone;
        scope.spawn(move || {
            let queue = open();
            wait.recv().unwrap();
            // Destroys handles, makes new ones, loads a module, tries an algorithm out.
            drop(queue);
            train(0);
            gone.store(true, Ordering::SeqCst);
        });
        let queue = open();
        let (sum, one) = (filled(&queue, &[1.0; 4]), filled(&queue, &[1.0; 4]));
        add(&queue, &sum, &one).unwrap();
        let graph = queue
            .capture(&mut || {
                add(&queue, &sum, &one)?;
                begun.send(()).unwrap();
                // Long enough for the other thread to do harm, if it did not wait.
                std::thread::sleep(Duration::from_millis(300));
                assert!(!gone.load(Ordering::SeqCst));
                add(&queue, &sum, &one)
            })
            .unwrap_or_else(|error: GpuError| panic!("the capture was broken: {error}"));
        // SAFETY: both arrays are alive.
        unsafe { graph.replay() }.unwrap();
        assert_eq!(values(&queue, &sum), [4.0; 4]);
    });
    assert!(gone.load(Ordering::SeqCst));
}
