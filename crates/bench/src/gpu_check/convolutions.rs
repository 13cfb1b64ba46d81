//! How long every convolution of a ResNet20 and a dense layer of a ViT take on the device, who computes them, and how
//! long the project's own kernels take.
//!
//! As in training, the calls are captured once and replayed: launching them one by one takes longer than the small ones
//! compute.

use super::networks::Measured;
use crate::suites::conv::shapes;
use crate::suites::spread::Spread;
use anyhow::Result;
use basin_gpu::convolution as own;
use basin_gpu::{Convolution, GpuError, Operands, Pass, Pool, Precision, Queue};
use basin_kernels::conv::{ConvShape, Padding};
use serde::Serialize;
use std::rc::Rc;
use std::time::Instant;

/// Tokens of the ViT, for its dense layer as images of one pixel.
const TOKENS: usize = 65;

/// Calls of one replay: enough that waiting for the device at the end is not part of it.
const CALLS: usize = 20;

/// Replays, of which the median counts.
const REPLAYS: usize = 3;

/// One pass of one convolution.
#[derive(Debug, Serialize)]
pub(super) struct Timed {
    shape: String,
    pass: &'static str,
    precision: &'static str,
    computed_by: &'static str,
    microseconds: f64,
    tflop_per_second: f64,
    /// Of the project's own kernels, which may be the ones above.
    own_microseconds: Option<f64>,
}

/// Every different convolution of the first ResNet20 among the networks, and a dense layer of the perceptron of the first
/// ViT, in three passes. Each is handed to `keep` with its name as soon as it is measured, and so is what failed.
///
/// # Errors
/// Those of `keep`.
pub(super) fn measure(
    queue: &Rc<dyn Queue>,
    networks: &[Measured],
    precision: Precision,
    batch: usize,
    keep: &mut dyn FnMut(String, Result<Timed, GpuError>) -> Result<()>,
) -> Result<()> {
    let passes = [
        (Pass::Forward, "forward"),
        (Pass::InputGradient, "input-gradient"),
        (Pass::WeightGradient, "weight-gradient"),
    ];
    let width = |model: &str| networks.iter().find(|n| n.model == model).map(|n| n.width);
    let convolutions = width("resnet20").map(|width| shapes((16.0 * width) as usize));
    let convolutions = convolutions.into_iter().flatten().map(|(shape, side)| (shape, side, batch));
    let dense = width("vit").map(|width| {
        let dim = (256.0 * width) as usize;
        (ConvShape::dense(dim, 2 * dim), 1, batch * TOKENS)
    });
    for (shape, side, images) in convolutions.chain(dense) {
        for (pass, name) in passes {
            let convolution = Convolution {
                shape,
                padding: Padding::Same,
                images,
                height: side,
                width: side,
                pass,
                precision,
                add: false,
            };
            let flop = 2.0 * (shape.macs(side, side) * images) as f64;
            let shape = format!("{}->{} k{} s{} @{side}", shape.cin, shape.cout, shape.kernel, shape.stride);
            let called = |by: &str| format!("convolution {shape} {name} {} by {by}", precision.name());
            let by_own = time(queue, &convolution, By::OwnKernels);
            let own_microseconds = by_own.as_ref().ok().map(|seconds| seconds * 1e6);
            if let Err(error) = by_own {
                keep(called("own kernels"), Err(error))?;
            }
            let timed = || {
                let seconds = time(queue, &convolution, By::Queue)?;
                Ok(Timed {
                    shape: shape.clone(),
                    pass: name,
                    precision: precision.name(),
                    computed_by: queue.computed_by(&convolution)?,
                    microseconds: seconds * 1e6,
                    tflop_per_second: flop / seconds / 1e12,
                    own_microseconds,
                })
            };
            keep(called("the queue's choice"), timed())?;
        }
    }
    Ok(())
}

/// Who computes.
#[derive(Clone, Copy, PartialEq)]
enum By {
    /// Whoever the queue chooses, as in training.
    Queue,
    /// The project's own kernels.
    OwnKernels,
}

/// Seconds of one call among many.
fn time(queue: &Rc<dyn Queue>, convolution: &Convolution, by: By) -> Result<f64, GpuError> {
    let Convolution { shape, pass, precision, .. } = *convolution;
    let storage = precision.storage().bytes();
    let weight = if pass == Pass::WeightGradient { 4 } else { storage };
    let pool = Pool::new(queue.clone());
    // Zeros take as long as other numbers, but for the power that they save: the clock may be a little higher.
    let input = pool.zeroed(convolution.input_rows() * shape.cin * storage)?;
    let output = pool.zeroed(convolution.output_rows() * shape.cout * storage)?;
    let weights = pool.zeroed(shape.weights() * weight)?;
    let scratch = pool.zeroed(match by {
        By::Queue => queue.convolution_scratch(convolution)?,
        By::OwnKernels => own::scratch(convolution),
    })?;
    let operands = Operands { input: input.span(), weights: weights.span(), output: output.span() };
    let call = || match by {
        By::Queue => queue.convolve(convolution, operands, scratch.span()),
        By::OwnKernels => own::launch(&**queue, convolution, operands, scratch.span()),
    };
    let calls = |count: usize| (0..count).try_for_each(|_| call());
    // The first call chooses an algorithm and compiles, which cannot be captured.
    calls(1)?;
    let captured = pool.capture(&mut || calls(CALLS))?;
    let replay = || {
        let start = Instant::now();
        captured.replay()?;
        queue.finish()?;
        Ok::<_, GpuError>(start.elapsed().as_secs_f64() / CALLS as f64)
    };
    queue.finish()?;
    replay()?;
    let seconds = (0..REPLAYS).map(|_| replay()).collect::<Result<Vec<_>, _>>()?;
    Ok(Spread::of(&seconds).map_or(f64::NAN, |spread| spread.median))
}
