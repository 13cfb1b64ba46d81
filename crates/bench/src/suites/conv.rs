//! The convolutions of ResNet20, one by one and pass by pass, on one thread.
//!
//! A step runs one pass over the batch a few images at a time, as a training shard does, with weights that are
//! packed beforehand: a step of training packs them once for all of its images.

use super::rounds::{Bench, Case};
use super::{Options, random_normal};
use anyhow::Result;
use basin_core::Isa;
use basin_kernels::conv::{Algorithm, ConvShape, PackedConv, forward, input_gradient, weight_gradient};
use basin_models::Architecture;
use serde_json::json;

/// From the narrowest common network to the paper's.
const WIDTHS: [f64; 3] = [1.0, 2.0, 4.0];

/// Images of one call of a kernel.
const IMAGES: usize = 16;

const PASSES: [&str; 3] = ["forward", "input-gradient", "weight-gradient"];

pub(super) fn run(options: &Options, bench: &mut Bench<'_>) -> Result<()> {
    let widths = options.width.map_or(WIDTHS.to_vec(), |width| vec![width]);
    for width in widths {
        // Refuses widths that give no whole number of channels.
        Architecture::from_name("resnet20", width)?;
        for (shape, side) in shapes((16.0 * width) as usize) {
            let mut tensors = Tensors::new(shape, side, options.batch);
            for pass in PASSES {
                let ConvShape { cin, cout, stride, .. } = shape;
                let labels = json!({
                    "shape": format!("{cin}->{cout} s{stride} @{side}"), "pass": pass, "width": width,
                    "side": side, "cin": cin, "cout": cout, "stride": stride,
                    "algorithm": format!("{:?}", Algorithm::fastest(shape, Isa::detect())),
                });
                let flop = 2.0 * shape.macs(side, side) as f64;
                let case = Case::new(labels, options.batch, Some(flop));
                bench.measure(&case, || {
                    tensors.run(pass)?;
                    Ok(())
                })?;
            }
        }
    }
    Ok(())
}

/// The different convolutions of ResNet20 with `base` channels in its first group, and the sides of their
/// inputs.
pub(crate) fn shapes(base: usize) -> [(ConvShape, usize); 6] {
    let shape = |cin, cout, stride| ConvShape { cin, cout, kernel: 3, stride };
    [
        (shape(3, base, 1), 32),
        (shape(base, base, 1), 32),
        (shape(base, 2 * base, 2), 32),
        (shape(2 * base, 2 * base, 1), 16),
        (shape(2 * base, 4 * base, 2), 16),
        (shape(4 * base, 4 * base, 1), 8),
    ]
}

/// A batch before and after one convolution.
struct Tensors {
    conv: PackedConv,
    side: usize,
    input: Vec<f32>,
    output: Vec<f32>,
    weight_sum: Vec<f32>,
}

impl Tensors {
    fn new(shape: ConvShape, side: usize, batch: usize) -> Self {
        let weights = random_normal(shape.cout * shape.cin * shape.kernel * shape.kernel);
        let conv = PackedConv::new(shape, &weights, true, Isa::detect());
        let (input, output) = (side * side * shape.cin, shape.output(side).pow(2) * shape.cout);
        let weight_sum = vec![0.0; conv.gradient_len()];
        Self {
            conv,
            side,
            input: random_normal(batch * input),
            output: random_normal(batch * output),
            weight_sum,
        }
    }

    fn run(&mut self, pass: &str) -> Result<()> {
        let (conv, side) = (&self.conv, self.side);
        let one_in = side * side * conv.shape().cin;
        let one_out = conv.shape().output(side).pow(2) * conv.shape().cout;
        self.weight_sum.fill(0.0);
        let outputs = self.output.chunks_mut(IMAGES * one_out);
        for (input, output) in self.input.chunks_mut(IMAGES * one_in).zip(outputs) {
            match pass {
                "forward" => forward(conv, input, side, side, output),
                "input-gradient" => input_gradient(conv, output, side, side, input, false),
                _ => weight_gradient(conv, input, output, side, side, &mut self.weight_sum, true),
            }?;
        }
        Ok(())
    }
}
