//! Networks by their fusions and by the fusions' parts, on the emulated device.

use crate::{SIDE, emulator, resnet, vit};
use basin_core::{Params, SeedTree};
use basin_gpu::{Activation, GpuLayers, Gradients, Placement, Pool, Precision, Weights};
use basin_graph::{Graph, Layers, Operation, Tape};
use basin_kernels::Dims;
use basin_models::Network;
use std::rc::Rc;

/// Does every fusion by its parts.
struct Unfused<G>(G);

impl<G: Graph> Graph for Unfused<G> {
    type Value = G::Value;

    fn apply(
        &mut self,
        operation: Operation,
        x: &G::Value,
        other: Option<&G::Value>,
    ) -> candle_core::Result<G::Value> {
        match operation {
            Operation::ConvNorm { .. } | Operation::Dense(_) => self.unfused(operation, x, other),
            _ => self.0.apply(operation, x, other),
        }
    }
}

/// Logits and gradients of Σ logits of a few images, on the device.
fn differentiated(net: &Network, params: &Params, fused: bool) -> (Vec<f32>, Vec<Vec<f32>>) {
    let (n, precision) = (3, Precision::F32);
    let pool = Pool::new(emulator(false));
    let slices = net.slices(params).unwrap();
    let sizes = net.layout().params.iter().zip(&slices).map(|(spec, values)| (spec.role, values.len()));
    let placement = Rc::new(Placement::new(sizes).unwrap());
    let weights = Weights::new(&pool, placement.clone(), &slices, precision).unwrap();
    let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let mut rng = SeedTree::root(5).rng();
    let dims = Dims::new(n, SIDE, SIDE, 3);
    let x: Vec<f32> = (0..dims.len()).map(|_| rng.normal() as f32).collect();
    let seeds = pool.holding(&[7u64, 8, 9].map(u64::to_le_bytes).concat()).unwrap();
    let layers = GpuLayers::with_dropout(&pool, &weights, Some(seeds.span()));
    let mut tape = Unfused(Tape::new(layers));
    let input = tape.0.input(Activation { dims, block: pool.holding(&bytes(&x)).unwrap() });
    let output = match fused {
        true => net.forward(&mut tape.0, &input).unwrap(),
        false => net.forward(&mut tape, &input).unwrap(),
    };
    let logits = layers.read(tape.0.value(output).unwrap()).unwrap().into_owned();
    let mut gradients = Gradients::new(&pool, placement).unwrap();
    let gradient = pool.holding(&bytes(&vec![1.0; logits.len()])).unwrap();
    tape.0.backward(output, gradient, &mut gradients).unwrap();
    (logits, gradients.read(&pool).unwrap())
}

#[test]
fn fused_and_unfused_networks_compute_and_learn_the_same_on_a_device() {
    for net in [resnet(), vit(0.3)] {
        let params = net.init(&SeedTree::root(1));
        let (fused, unfused) = (differentiated(&net, &params, true), differentiated(&net, &params, false));
        let close = |what: &str, a: &[f32], b: &[f32], limit: f32| {
            assert_eq!(a.len(), b.len(), "{what}");
            let largest = a.iter().fold(f32::MIN_POSITIVE, |m, x| m.max(x.abs()));
            let near = a.iter().zip(b).all(|(a, b)| (a - b).abs() <= limit * largest);
            assert!(near, "{what}: {a:?} and {b:?}");
        };
        close("logits", &fused.0, &unfused.0, 1e-5);
        assert_eq!(fused.1.len(), unfused.1.len());
        for (spec, (a, b)) in net.layout().params.iter().zip(fused.1.iter().zip(&unfused.1)) {
            let limit = if spec.name.ends_with("in_proj_bias") { 2e-3 } else { 1e-4 };
            close(&spec.name, a, b, limit);
        }
    }
}
