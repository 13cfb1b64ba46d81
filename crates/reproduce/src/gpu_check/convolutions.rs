//! How long every convolution of the paper's network takes on the device, and who computes it.

use crate::bench::conv::shapes;
use anyhow::Result;
use basin_kernels::conv::ConvShape;
use basin_kernels::gpu::{Convolution, GpuError, Operands, Pass, Precision, Queue};
use serde::Serialize;
use std::time::Instant;

/// Channels of the first group of ResNet20 ×4.
const CHANNELS: usize = 64;

/// Inputs and outputs of a dense layer of the ViT's perceptron, and its tokens as images of one pixel.
const DENSE: (usize, usize, usize) = (256, 512, 65);

/// Calls of one measurement: enough that waiting for the device at the end is no part of it.
const CALLS: usize = 20;

/// One pass of one convolution.
#[derive(Debug, Serialize)]
pub(super) struct Timed {
    shape: String,
    pass: &'static str,
    precision: &'static str,
    computed_by: &'static str,
    microseconds: f64,
    tflop_per_second: f64,
}

/// Every different convolution of ResNet20 ×4 and a dense layer of the ViT, in three passes.
pub(super) fn measure(queue: &dyn Queue, precision: Precision, batch: usize) -> Result<Vec<Timed>> {
    let passes = [
        (Pass::Forward, "forward"),
        (Pass::InputGradient, "input-gradient"),
        (Pass::WeightGradient, "weight-gradient"),
    ];
    let (inputs, outputs, tokens) = DENSE;
    let dense = (ConvShape::dense(inputs, outputs), 1, batch * tokens);
    let layers = shapes(CHANNELS).into_iter().map(|(shape, side)| (shape, side, batch)).chain([dense]);
    let mut all = Vec::new();
    for (shape, side, images) in layers {
        for (pass, name) in passes {
            let convolution =
                Convolution { shape, images, height: side, width: side, pass, precision, add: false };
            let seconds = time(queue, &convolution)?;
            let flop = 2.0 * (shape.macs(side, side) * images) as f64;
            all.push(Timed {
                shape: format!("{}->{} k{} s{} @{side}", shape.cin, shape.cout, shape.kernel, shape.stride),
                pass: name,
                precision: precision.name(),
                computed_by: queue.computed_by(&convolution)?,
                microseconds: seconds * 1e6,
                tflop_per_second: flop / seconds / 1e12,
            });
        }
    }
    Ok(all)
}

/// Seconds of one call, after one that is not measured.
fn time(queue: &dyn Queue, convolution: &Convolution) -> Result<f64, GpuError> {
    let Convolution { shape, pass, precision, .. } = *convolution;
    let storage = precision.storage().bytes();
    let weight = if pass == Pass::WeightGradient { 4 } else { storage };
    // Zeros take as long as other numbers, but for the power that they save: the clock may be a little higher.
    let zeros = |bytes: usize| {
        let memory = queue.allocate(bytes)?;
        queue.zero(memory.span())?;
        Ok::<_, GpuError>(memory)
    };
    let input = zeros(convolution.input_rows() * shape.cin * storage)?;
    let output = zeros(convolution.output_rows() * shape.cout * storage)?;
    let weights = zeros(shape.weights() * weight)?;
    let scratch = zeros(queue.convolution_scratch(convolution)?)?;
    let operands = Operands { input: input.span(), weights: weights.span(), output: output.span() };
    queue.convolve(convolution, operands, scratch.span())?;
    queue.finish()?;
    let start = Instant::now();
    for _ in 0..CALLS {
        queue.convolve(convolution, operands, scratch.span())?;
    }
    queue.finish()?;
    Ok(start.elapsed().as_secs_f64() / CALLS as f64)
}
