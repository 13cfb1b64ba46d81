//! Which way a convolution takes, and what becomes of a library that cannot go it.

use crate::fake::{Fake, open};
use basin_cuda::CudaQueue;
use basin_gpu::{Convolution, GpuError, Operands, Pass, Precision, Queue, Span, convolution};
use basin_kernels::conv::{ConvShape, Padding};

const SHAPE: ConvShape = ConvShape { cin: 4, cout: 8, kernel: 3, stride: 2 };

/// Padded unevenly in both directions, or in one.
const SIZES: [(usize, usize); 3] = [(6, 4), (5, 4), (6, 7)];

const PASSES: [Pass; 3] = [Pass::Forward, Pass::InputGradient, Pass::WeightGradient];

fn convolution(pass: Pass, precision: Precision) -> Convolution {
    Convolution {
        shape: SHAPE,
        padding: Padding::Same,
        images: 2,
        height: 6,
        width: 4,
        pass,
        precision,
        add: false,
    }
}

fn close(a: &[f32], b: &[f32], tolerance: f32, offset: f32) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b - offset).abs() < tolerance * (1.0 + b.abs()))
}

#[test]
fn unevenly_padded_and_added_convolutions_are_those_of_our_kernels() {
    let fake = Fake::new();
    let queue = open();
    let plans = fake.counted("cudnnGetAlgorithm");
    let mut kinds = 0;
    for (precision, tolerance) in [(Precision::F32, 1e-5), (Precision::Bf16, 2e-2)] {
        for (pass, (height, width)) in PASSES.into_iter().flat_map(|p| SIZES.map(|size| (p, size))) {
            let plain = Convolution { height, width, ..convolution(pass, precision) };
            let once = result(&queue, &plain);
            assert_eq!(queue.computed_by(&plain).map(|by| by.starts_with("cuDNN")), Ok(true));
            let own = result_of(&queue, &plain, &|operands, scratch| {
                convolution::launch(&queue, &plain, operands, scratch)
            });
            assert!(close(&once, &own, tolerance, 0.0), "{plain:?}: {once:?}, {own:?}");
            kinds += 1;
            if pass != Pass::Forward {
                let added = result(&queue, &Convolution { add: true, ..plain });
                assert!(close(&added, &once, tolerance, 0.5), "{plain:?}: {once:?}, {added:?}");
                kinds += 1;
            }
        }
    }
    assert_eq!(fake.counted("cudnnGetAlgorithm") - plans, kinds, "one plan per convolution");
}

#[test]
fn f32_is_computed_exactly_whatever_the_answer_names() {
    let fake = Fake::new();
    let queue = open();
    for (precision, exact) in [(Precision::F32, true), (Precision::Tf32, false), (Precision::Bf16, false)] {
        let count = || fake.counted("cudnn exact");
        let before = count();
        result(&queue, &convolution(Pass::Forward, precision));
        assert_eq!(count() > before, exact, "{precision:?}");
    }
}

#[test]
fn an_algorithm_that_does_not_work_gives_way_to_the_next_and_the_last_to_our_kernels() {
    const NOT_SUPPORTED: i32 = 3000;
    let fake = Fake::new();
    for pass in PASSES {
        let call = match pass {
            Pass::Forward => "cudnnConvolutionForward",
            Pass::InputGradient => "cudnnConvolutionBackwardData",
            Pass::WeightGradient => "cudnnConvolutionBackwardFilter",
        };
        // At f32 the next one, a transform, would be none.
        let convolution = convolution(pass, Precision::Tf32);
        let expected = result(&open(), &convolution);
        let count = |algorithm| fake.counted(&format!("cudnn algorithm {algorithm}"));
        // It may say so when it is asked for its scratch memory, or only when it runs.
        for call in ["cudnnGetWorkspaceSize", call] {
            let queue = open();
            fake.fail(call, 0, NOT_SUPPORTED);
            let (one, four) = (count(1), count(4));
            assert_eq!(result(&queue, &convolution), expected, "{pass:?} without the first");
            assert_eq!(result(&queue, &convolution), expected, "{pass:?} again");
            // Tried once, then run twice.
            assert_eq!((count(1) - one, count(4) - four), (0, 3), "{pass:?}");
        }
        let queue = open();
        fake.fail_always(call, NOT_SUPPORTED);
        let own = result(&queue, &convolution);
        assert!(close(&own, &expected, 2e-3, 0.0), "{pass:?} by our kernels");
        assert_eq!(queue.computed_by(&convolution), Ok("own kernels"));
        fake.fail_always(call, 0);
        // What cannot be asked still has one algorithm to try.
        let queue = open();
        fake.fail("cudnnGetAlgorithm", 0, NOT_SUPPORTED);
        assert_eq!(result(&queue, &convolution), expected);
        assert_ne!(queue.computed_by(&convolution), Ok("own kernels"));
    }
}

#[test]
fn a_fault_while_an_algorithm_is_tried_is_no_answer() {
    const EXECUTION_FAILED: i32 = 5000;
    let fake = Fake::new();
    let queue = open();
    let convolution = convolution(Pass::Forward, Precision::F32);
    fake.fail("cudnnConvolutionForward", 0, EXECUTION_FAILED);
    let failed = queue.convolution_scratch(&convolution).unwrap_err();
    assert!(matches!(&failed, GpuError::Library { library, .. } if library == "cuDNN"), "{failed}");
    fake.fail("cudnnConvolutionForward", 0, EXECUTION_FAILED);
    fake.fail("cuStreamSynchronize", 0, 716);
    let lost = queue.convolution_scratch(&convolution).unwrap_err();
    assert!(matches!(&lost, GpuError::Lost { found, .. } if found.contains("(716)")), "{lost}");
    // Without memory for the trial the first algorithm is taken at its word.
    fake.fail("cuMemAllocAsync", 0, 2);
    let tried = fake.counted("cudnnConvolutionForward");
    queue.convolution_scratch(&convolution).unwrap();
    assert_eq!(fake.counted("cudnnConvolutionForward"), tried);
    assert_eq!(queue.computed_by(&convolution), Ok("cuDNN (implicit precomputed gemm)"));
    // The first call of another one is nothing that can be captured.
    let other = Convolution { images: 3, ..convolution };
    let refused = queue.capture(&mut || queue.convolution_scratch(&other).map(drop)).err().unwrap();
    assert!(matches!(&refused, GpuError::Captured { what } if what.contains("first call")), "{refused}");
}

/// What a convolution writes into an array of 0.5, from operands of small numbers.
fn result(queue: &CudaQueue, convolution: &Convolution) -> Vec<f32> {
    result_of(queue, convolution, &|operands, scratch| queue.convolve(convolution, operands, scratch))
}

type Run<'a> = dyn Fn(Operands<'_>, Span<'_>) -> Result<(), GpuError> + 'a;

fn result_of(queue: &CudaQueue, convolution: &Convolution, run: &Run<'_>) -> Vec<f32> {
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
    let wanted = queue.convolution_scratch(convolution).unwrap().max(convolution::scratch(convolution));
    let scratch = queue.allocate(wanted).unwrap();
    let operands = Operands { input: input.span(), weights: weights.span(), output: output.span() };
    run(operands, scratch.span()).unwrap();
    let written = match pass {
        Pass::Forward => &output,
        Pass::InputGradient => &input,
        Pass::WeightGradient => &weights,
    };
    let mut bytes = vec![0; written.bytes()];
    queue.read(written.span(), &mut bytes).unwrap();
    let wide = |half: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*half)) << 16);
    match bf16 && !gradient {
        true => bytes.as_chunks::<2>().0.iter().map(wide).collect(),
        false => bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect(),
    }
}
