//! The same network trained with candle's own operations: the baseline for `basin bench train-step`.
//!
//! `cargo run --release -p basin-models --example stock_candle -- WIDTH BATCH STEPS` prints one JSON line.
//! Tensors are NCHW, as candle's conv2d wants them; LayerNorm over channels is made of differentiable basic
//! operations, because candle's fused one has no gradient.
#![allow(clippy::print_stdout)]

use basin_core::SeedTree;
use basin_graph::{Graph, Nonlinearity, Norm, Operation, ParamId, Role};
use basin_models::Architecture;
use candle_core::{D, Device, Result, Tensor, Var};
use std::time::Instant;

struct Stock {
    params: Vec<Tensor>,
    roles: Vec<Role>,
}

impl Graph for Stock {
    type Value = Tensor;

    fn apply(&mut self, operation: Operation, x: &Tensor, other: Option<&Tensor>) -> Result<Tensor> {
        match (operation, other) {
            (Operation::Conv { weight, bias: None }, _) => self.convolve(x, weight),
            (Operation::Conv { weight, bias: Some(bias) }, _) => {
                x.matmul(&self.params[weight.0].t()?)?.broadcast_add(&self.params[bias.0])
            }
            (Operation::Norm(norm), _) => {
                let last = x.permute((0, 2, 3, 1))?.contiguous()?;
                self.normalise(&last, norm)?.permute((0, 3, 1, 2))?.contiguous()
            }
            (Operation::Nonlinearity(Nonlinearity::Relu), _) => x.relu(),
            (Operation::Add, Some(other)) => x + other,
            (Operation::MeanPool, _) => x.mean((2, 3)),
            (Operation::ConvNorm { .. } | Operation::Dense(_), _) => self.unfused(operation, x, other),
            _ => candle_core::bail!("the baseline is of ResNets only"),
        }
    }
}

impl Stock {
    fn convolve(&self, x: &Tensor, weight: ParamId) -> Result<Tensor> {
        let Role::Conv { shape, .. } = self.roles[weight.0] else { candle_core::bail!("no convolution") };
        let (_, _, h, w) = x.dims4()?;
        let ((top, bottom), (left, right)) = (shape.padding(h), shape.padding(w));
        match top == bottom && left == right && top == left {
            true => x.conv2d(&self.params[weight.0], top, shape.stride, 1, 1),
            false => {
                let x = x.pad_with_zeros(2, top, bottom)?.pad_with_zeros(3, left, right)?;
                x.conv2d(&self.params[weight.0], 0, shape.stride, 1, 1)
            }
        }
    }

    /// Channels last, without the ReLU.
    fn normalise(&self, x: &Tensor, norm: Norm) -> Result<Tensor> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let normal = centred.broadcast_div(&(variance + f64::from(norm.epsilon))?.sqrt()?)?;
        let scaled = normal.broadcast_mul(&self.params[norm.scale.0])?;
        scaled.broadcast_add(&self.params[norm.shift.0])
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let width: f64 = arguments.next().as_deref().unwrap_or("1").parse()?;
    let batch: usize = arguments.next().as_deref().unwrap_or("128").parse()?;
    let steps: usize = arguments.next().as_deref().unwrap_or("3").parse()?;

    let net = Architecture::from_name("resnet20", width)?.build(32, 10)?;
    let params = net.init(&SeedTree::root(0));
    let var = |array: &basin_core::Array| Var::from_slice(array.data(), array.shape(), &Device::Cpu);
    let vars = params.iter().map(|(_, array)| var(array)).collect::<Result<Vec<_>>>()?;
    let mut momentum = vars.iter().map(|v| v.zeros_like()).collect::<Result<Vec<_>>>()?;
    let x = Tensor::randn(0f32, 1.0, (batch, 3, 32, 32), &Device::Cpu)?;
    let one_hot: Vec<f32> = (0..batch * 10).map(|i| f32::from(u8::from(i % 10 == i / 10 % 10))).collect();
    let one_hot = Tensor::from_vec(one_hot, (batch, 10), &Device::Cpu)?;

    let mut seconds = Vec::new();
    for step in 0..steps + 1 {
        let start = Instant::now();
        let tensors = vars.iter().map(|v| v.as_tensor().clone()).collect();
        let logits = net.forward(&mut Stock { params: tensors, roles: net.layout().roles() }, &x)?;
        let log_sum = logits.exp()?.sum_keepdim(D::Minus1)?.log()?;
        let loss =
            (logits.broadcast_sub(&log_sum)? * &one_hot)?.sum_all()?.affine(-1.0 / batch as f64, 0.0)?;
        let grads = loss.backward()?;
        for (var, v) in vars.iter().zip(&mut momentum) {
            let grad = grads.get(var).ok_or("a parameter has no gradient")?;
            *v = ((v.affine(0.9, 0.0)? + grad)? + var.affine(1e-4, 0.0)?)?.detach();
            var.set(&(var.as_tensor() - v.affine(0.01, 0.0)?)?)?;
        }
        if step > 0 {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    let rate = batch as f64 / seconds[seconds.len() / 2];
    println!(
        "{{\"model\":\"resnet20\",\"width\":{width},\"batch\":{batch},\"program\":\"stock candle\",\"images_per_second\":{rate:.2}}}"
    );
    Ok(())
}
