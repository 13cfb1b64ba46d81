//! Fusions against the primitives that they are made of: the same logits, gradients, dropout and refusals.

use basin_core::SeedTree;
use basin_graph::{
    Accumulators, Autograd, CpuLayers, Graph, Inference, Nonlinearity, Operation, ParamId, Tape,
};
use basin_kernels::loss::{Target, loss};
use basin_kernels::{Buffer, tensor};
use basin_models::{Architecture, Network};
use candle_core::{Device, Result, Tensor};
use std::rc::Rc;

/// Does every fusion by its parts.
struct Unfused<G>(G);

impl<G: Graph> Graph for Unfused<G> {
    type Value = G::Value;

    fn apply(&mut self, operation: Operation, x: &G::Value, other: Option<&G::Value>) -> Result<G::Value> {
        match operation {
            Operation::ConvNorm { .. } | Operation::Dense(_) => self.unfused(operation, x, other),
            _ => self.0.apply(operation, x, other),
        }
    }
}

fn networks() -> [Network; 4] {
    let vit = Architecture::from_name("vit", 0.125).unwrap().with_dropout(0.3).unwrap();
    let resnet = Architecture::from_name("resnet20", 0.5).unwrap();
    let dropping = [resnet, vit].map(|net| net.with_drop_path(0.5).unwrap());
    [resnet, vit, dropping[0], dropping[1]].map(|net| net.build(16, 10).unwrap())
}

fn images(n: usize) -> Vec<f32> {
    let mut rng = SeedTree::root(5).rng();
    (0..n * 16 * 16 * 3).map(|_| rng.normal() as f32).collect()
}

#[track_caller]
fn close(what: &str, a: &[f32], b: &[f32], limit: f32) {
    assert_eq!(a.len(), b.len(), "{what}");
    let largest = a.iter().fold(f32::MIN_POSITIVE, |m, x| m.max(x.abs()));
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= limit * largest, "{what}: {a} and {b}, largest {largest}");
    }
}

#[test]
fn fused_and_unfused_networks_compute_and_learn_the_same() {
    for net in networks() {
        let params = net.init(&SeedTree::root(1));
        let weights = net.weights(&params, true).unwrap();
        let (x, labels, seeds) = (images(3), [1, 2, 9], vec![7, 8, 9]);
        let train = |fused: bool| {
            let mut tape = Tape::new(CpuLayers::with_dropout(&weights, seeds.clone()));
            let input = tape.input(net.input(&x).unwrap());
            let mut unfused = Unfused(tape);
            let output = match fused {
                true => net.forward(&mut unfused.0, &input).unwrap(),
                false => net.forward(&mut unfused, &input).unwrap(),
            };
            let tape = unfused.0;
            let logits = tape.value(output).unwrap().data.to_vec();
            let sum = loss(&logits, &labels, Target::Labels, 1.0 / 3.0);
            let mut gradients = Accumulators::new(&weights);
            tape.backward(output, Buffer::copied(&sum.gradient), &mut gradients).unwrap();
            (logits, gradients.unpack(&weights))
        };
        let (fused, unfused) = (train(true), train(false));
        close("logits in training", &fused.0, &unfused.0, 1e-5);
        assert_eq!(fused.1.len(), unfused.1.len());
        for (spec, (a, b)) in net.layout().params.iter().zip(fused.1.iter().zip(&unfused.1)) {
            // The bias of the keys moves all scores of a query alike: a third of this gradient is rounding.
            let limit = if spec.name.ends_with("in_proj_bias") { 2e-4 } else { 2e-5 };
            close(&spec.name, a, b, limit);
        }
        let mut inference = Unfused(Inference::new(CpuLayers::new(&weights)));
        let logits = net.forward(&mut inference, &Rc::new(net.input(&x).unwrap())).unwrap();
        close("logits", net.logits(&params, &x).unwrap().values(), &logits.data, 1e-5);

        let tensors: Vec<Tensor> = params
            .iter()
            .map(|(_, array)| Tensor::from_slice(array.data(), array.shape(), &Device::Cpu).unwrap())
            .collect();
        let mut candle = Unfused(Autograd::new(&tensors, &net.layout().roles()));
        let theirs = net.forward(&mut candle, &tensor(x.clone(), &[3, 16, 16, 3]).unwrap()).unwrap();
        let theirs = theirs.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        close("candle's logits", &logits.data, &theirs, 1e-4);
    }
}

#[test]
fn inputs_that_do_not_fit_are_refused_and_nothing_panics() {
    let [net, ..] = networks();
    let weights = net.weights(&net.init(&SeedTree::root(1)), true).unwrap();
    let mut tape = Tape::new(CpuLayers::new(&weights));
    let x = tape.input(net.input(&images(2)).unwrap());
    let y = tape.conv(&x, ParamId(0), None).unwrap();
    let refusal = |result: Result<_>| result.map(|_: basin_graph::VarId| ()).unwrap_err().to_string();
    assert!(refusal(tape.add(&x, &y)).contains("a sum of"));
    assert!(refusal(tape.apply(Operation::Add, &x, None)).contains("one value"));
    assert!(refusal(tape.conv(&y, ParamId(0), None)).contains("was given"));
    assert!(refusal(tape.conv(&x, ParamId(1), None)).contains("not a convolution"));
    assert!(refusal(tape.patches(&y, 4)).contains("no gradient flows"));
    assert!(refusal(tape.apply(Operation::Dropout(0.5), &y, None)).contains("0 seeds"));
    assert!(refusal(tape.apply(Operation::DropPath(0.5), &y, None)).contains("0 seeds"));
    assert!(refusal(tape.unfused(Operation::MeanPool, &y, None)).contains("not made of other operations"));
    let z = tape.nonlinearity(&y, Nonlinearity::Relu).unwrap();
    let mut gradients = Accumulators::new(&weights);
    assert!(
        tape.backward(z, Buffer::zeroed(1), &mut gradients)
            .unwrap_err()
            .to_string()
            .contains("gradients for")
    );
}
