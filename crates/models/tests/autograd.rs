//! The tape against candle's own autograd, and both against what every network must do.

use basin_core::{Extent, Params, SeedTree};
use basin_graph::{Accumulators, Autograd, CpuLayers, Tape};
use basin_kernels::loss::{Target, loss};
use basin_kernels::ops::cross_entropy;
use basin_kernels::{Buffer, floats, tensor};
use basin_models::{Architecture, Network};
use candle_core::{Tensor, Var};

fn images(n: usize, extent: impl Into<Extent>) -> Vec<f32> {
    let mut rng = SeedTree::root(5).rng();
    (0..n * extent.into().values()).map(|_| rng.normal() as f32).collect()
}

#[test]
fn the_tape_and_candles_autograd_give_the_same_logits_and_gradients() {
    for (name, width) in [("resnet20", 0.5), ("resnet20", 1.0), ("vit", 0.125)] {
        for extent in [Extent::colour(16), Extent::grey(16)] {
            compare(&Architecture::from_name(name, width).unwrap().build(extent, 10).unwrap());
        }
    }
}

/// All but the layer that reads the images is as for three channels.
#[test]
fn one_channel_changes_the_first_layer_alone() {
    for (name, first, of) in [("resnet20", "conv1.weight", [1, 3]), ("vit", "input_layer.weight", [16, 48])] {
        let architecture = Architecture::from_name(name, 0.125).unwrap();
        let [grey, colour] =
            [Extent::grey(28), Extent::colour(28)].map(|e| architecture.build(e, 10).unwrap());
        let (one, three) = (grey.init(&SeedTree::root(1)), colour.init(&SeedTree::root(1)));
        assert_eq!(one.len(), three.len());
        for ((name, one), (_, three)) in one.iter().zip(three.iter()) {
            match name == first {
                true => assert_eq!([one.shape()[1], three.shape()[1]], of),
                false => assert_eq!(one, three, "{name}"),
            }
        }
        assert!(grey.macs() < colour.macs());
    }
}

fn compare(net: &Network) {
    let params = net.init(&SeedTree::root(1));
    let (x, labels) = (images(4, net.extent()), [1, 2, 3, 9]);
    let weights = net.weights(&params, true).unwrap();
    let mut tape = Tape::new(CpuLayers::new(&weights));
    let input = tape.input(net.input(&x).unwrap());
    let output = net.forward(&mut tape, &input).unwrap();
    let ours = tape.value(output).unwrap().data.to_vec();
    let sum = loss(&ours, &labels, Target::Labels, 0.25);
    let mut gradients = Accumulators::new(&weights);
    tape.backward(output, Buffer::copied(&sum.gradient), &mut gradients).unwrap();

    let vars: Vec<Var> = params
        .iter()
        .map(|(_, a)| Var::from_slice(a.data(), a.shape(), &candle_core::Device::Cpu).unwrap())
        .collect();
    let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let mut graph = Autograd::new(&tensors, &net.layout().roles());
    let logits = net.forward(&mut graph, &tensor(x, &[4, 16, 16, net.extent().channels]).unwrap()).unwrap();
    let theirs = floats(&logits.flatten_all().unwrap()).unwrap().to_vec();
    let largest = theirs.iter().fold(0.0f32, |m, z| m.max(z.abs()));
    assert!(ours.len() == 40 && theirs.len() == 40 && largest > 0.1, "{largest}");
    for (a, b) in ours.iter().zip(&theirs) {
        assert!((a - b).abs() <= 2e-5 * largest, "logits: {a} against {b}, largest {largest}");
    }
    let store = cross_entropy(&logits.flatten_from(1).unwrap(), &labels).unwrap().backward().unwrap();

    let gradients = gradients.unpack(&weights);
    assert_eq!((vars.len(), gradients.len()), (params.len(), params.len()));
    for ((var, got), (name, _)) in vars.iter().zip(gradients).zip(params.iter()) {
        let expected =
            floats(store.get(var).unwrap_or_else(|| panic!("{name} has no gradient"))).unwrap().to_vec();
        assert_eq!(got.len(), expected.len(), "{name}");
        let largest = expected.iter().fold(0.0f32, |m, g| m.max(g.abs()));
        assert!(largest > 0.0, "{name} receives no gradient");
        // The bias of the keys moves all scores of a query alike, so a third of this gradient is rounding.
        let bound = if name.ends_with("in_proj_bias") { 1e-4 } else { 2e-5 };
        for (a, b) in got.iter().zip(&expected) {
            assert!((a - b).abs() <= bound * largest, "{name}: {a} against {b}, largest {largest}");
        }
    }
}

/// Convolutions by matrix products at width 0.5, also by Winograd's at 1.
#[test]
fn grouping_images_changes_no_logit_and_only_the_rounding_of_gradients() {
    for width in [0.5, 1.0] {
        let net = Architecture::from_name("resnet20", width).unwrap().build(16, 10).unwrap();
        let weights = net.weights(&net.init(&SeedTree::root(1)), true).unwrap();
        let (x, labels) = (images(6, 16), [1, 2, 3, 9, 0, 4]);
        let grouped = |sizes: &[usize]| {
            let (mut gradients, mut logits) = (Accumulators::new(&weights), Vec::new());
            let mut at = 0;
            for &n in sizes {
                let mut tape = Tape::new(CpuLayers::new(&weights));
                let input = tape.input(net.input(&x[at * 768..(at + n) * 768]).unwrap());
                let output = net.forward(&mut tape, &input).unwrap();
                let values = tape.value(output).unwrap().data.to_vec();
                let sum = loss(&values, &labels[at..at + n], Target::Labels, 1.0 / 6.0);
                tape.backward(output, Buffer::copied(&sum.gradient), &mut gradients).unwrap();
                logits.extend(values);
                at += n;
            }
            (logits, gradients.unpack(&weights))
        };
        let (together, apart) = (grouped(&[6]), grouped(&[1, 2, 3]));
        assert!(together.0 == apart.0, "logits at width {width}");
        assert_eq!((together.0.len(), together.1.len()), (60, net.layout().params.len()));
        assert_eq!(together.1.len(), apart.1.len());
        for (a, b) in together.1.iter().zip(&apart.1) {
            assert_eq!(a.len(), b.len(), "width {width}");
            let largest = a.iter().fold(0.0f32, |m, g| m.max(g.abs()));
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 2e-5 * largest), "width {width}");
        }
    }
}

/// Dropout everywhere the transformer has it, against the difference quotient of the loss with the same masks.
#[test]
fn dropout_is_part_of_the_gradient() {
    let vit = Architecture::from_name("vit", 0.125).unwrap();
    differentiated(&vit.with_dropout(0.4).unwrap().build(8, 10).unwrap());
    differentiated(&vit.with_dropout(0.2).unwrap().with_drop_path(0.6).unwrap().build(8, 10).unwrap());
}

/// Of the transformer, which has no kinks; `primitives` takes the ResNet's apart.
#[test]
fn drop_path_is_part_of_the_gradient() {
    let vit = Architecture::from_name("vit", 0.125).unwrap();
    differentiated(&vit.with_drop_path(0.6).unwrap().build(8, 10).unwrap());
}

#[test]
fn drop_path_leaves_evaluation_as_it_is_and_shortcuts_alone_where_all_is_dropped() {
    let resnet = Architecture::from_name("resnet8", 0.25).unwrap();
    let (plain, dropping) =
        (resnet.build(8, 10).unwrap(), resnet.with_drop_path(0.999_999).unwrap().build(8, 10).unwrap());
    let params = plain.init(&SeedTree::root(1));
    let x = images(3, 8);
    assert_eq!(plain.logits(&params, &x).unwrap(), dropping.logits(&params, &x).unwrap());
    assert!(dropping.drops() && !plain.drops());
    assert_eq!((plain.drop_path(), dropping.drop_path()), (0.0, 0.999_999));
    // Seeds for which the last block's branch, the second that can be dropped, is.
    let seeds: Vec<u64> =
        (0..).filter(|seed| !basin_kernels::dropout::keeps(*seed, 1, 0.999_999)).take(3).collect();
    let logits = |params: &Params| {
        let weights = dropping.weights(params, true).unwrap();
        let mut tape = Tape::new(CpuLayers::with_dropout(&weights, seeds.clone()));
        let input = tape.input(dropping.input(&x).unwrap());
        let output = dropping.forward(&mut tape, &input).unwrap();
        tape.value(output).unwrap().data.to_vec()
    };
    let before = logits(&params);
    let mut other = params.clone();
    for (name, array) in other.iter_mut() {
        if name.starts_with("blockgroups.2.blocks.0.conv2") {
            array.data_mut().iter_mut().for_each(|w| *w *= -3.0);
        }
    }
    assert_eq!(before, logits(&other), "a branch that is dropped has no say");
    assert_ne!(plain.logits(&params, &x).unwrap(), plain.logits(&other, &x).unwrap());
}

fn differentiated(net: &basin_models::Network) {
    let params = net.init(&SeedTree::root(1));
    let (x, labels, seeds) = (images(3, 8), [1, 2, 3], vec![7, 8, 9]);
    let run = |params: &Params, seeds: &[u64]| {
        let weights = net.weights(params, true).unwrap();
        let mut tape = Tape::new(CpuLayers::with_dropout(&weights, seeds.to_vec()));
        let input = tape.input(net.input(&x).unwrap());
        let output = net.forward(&mut tape, &input).unwrap();
        let sum = loss(&tape.value(output).unwrap().data, &labels, Target::Labels, 1.0 / 3.0);
        let mut gradients = Accumulators::new(&weights);
        tape.backward(output, Buffer::copied(&sum.gradient), &mut gradients).unwrap();
        (sum.loss / 3.0, gradients.unpack(&weights))
    };
    let (base, gradients) = run(&params, &seeds);
    assert_ne!(base, run(&params, &[7, 8, 10]).0, "masks depend on the seeds");
    assert_eq!(gradients.len(), params.len());
    for ((name, array), gradient) in params.iter().zip(&gradients) {
        assert_eq!(gradient.len(), array.data().len(), "{name}");
        let mut rng = SeedTree::root(3).child(name).rng();
        let direction: Vec<f32> = array.data().iter().map(|_| rng.normal() as f32).collect();
        let length = direction.iter().map(|d| d * d).sum::<f32>().sqrt();
        let along: f64 = gradient.iter().zip(&direction).map(|(g, d)| f64::from(g * d / length)).sum();
        let moved = |step: f32| {
            let mut moved = params.clone();
            let values = moved.iter_mut().find(|(n, _)| *n == name).unwrap().1.data_mut();
            values.iter_mut().zip(&direction).for_each(|(v, d)| *v += step * d / length);
            run(&moved, &seeds).0
        };
        let quotient = (moved(1e-2) - moved(-1e-2)) / 2e-2;
        let error = (along - quotient).abs();
        assert!(error <= 1e-2 * along.abs().max(0.02), "{name}: {along} against {quotient}");
    }
}

#[test]
fn a_fresh_network_is_a_function_of_its_seed() {
    for name in Architecture::NAMES {
        let net = Architecture::from_name(name, 0.25).unwrap().build(32, 10).unwrap();
        let logits = net.logits(&net.init(&SeedTree::root(0)), &images(4, 32)).unwrap();
        assert!(logits.values().iter().all(|z| z.is_finite()), "{name}");
        // Each block adds a normalised branch to the stream, so logits of fresh nets grow with depth.
        let mean = loss(logits.values(), &[0, 1, 2, 3], Target::Labels, 1.0).loss / 4.0;
        assert!(name != "resnet20" || (mean - 10f64.ln()).abs() < 2.0, "{name}: {mean}");
    }
    let net = Architecture::from_name("resnet20", 0.25).unwrap().build(32, 10).unwrap();
    let hash = |seed| net.init(&SeedTree::root(seed)).content_hash();
    assert_eq!(hash(0), hash(0));
    assert_ne!(hash(0), hash(1));
}
