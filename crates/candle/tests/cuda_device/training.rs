//! Networks of ours on the device, by the backend: logits, training, running statistics, beside the CPU's.

use crate::Fake;
use basin_candle::networks::{Stem, cifar_resnet, fort_cnn, mlp, torchvision_resnet, vgg11};
use basin_candle::ops::OpError;
use basin_candle::{Candle, layers::Norm, reestimated, run_by_candle};
use basin_core::{Params, SeedTree};
use basin_data::{ImageSet, SYNTHETIC, Source, Split};
use basin_models::{Architecture, Network};
use basin_train::{Backend, Batch, Optimiser, Teaching};
use candle_core::Device;

const SIDE: usize = 16;
const CLASSES: usize = 10;

fn images(n: usize) -> ImageSet {
    let images = Source { train_images: n, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    images.halved().unwrap()
}

/// The largest difference of any array, relative to its largest value; of what stays 0 but for rounding, as biases before a
/// BatchNorm, relative to this.
const SMALL: f32 = 1e-3;

fn apart(found: &Params, expected: &Params) -> f64 {
    expected.iter().fold(0.0, |worst, (name, expected)| {
        let (found, expected) = (found.get(name).unwrap().data(), expected.data());
        let largest = expected.iter().fold(SMALL, |m, x| m.max(x.abs()));
        let differences = found.iter().zip(expected).map(|(f, e)| f64::from((f - e).abs() / largest));
        differences.fold(worst, f64::max)
    })
}

/// A few small networks of every kind: BatchNorm and LayerNorm, shortcuts, max pooling, dropout, explicit padding. No BatchNorm is
/// over so few pixels that rounding grows in the steps.
fn networks() -> Vec<(&'static str, Network)> {
    vec![
        ("mlp", mlp(SIDE, &[24], Norm::Batch).network(SIDE, CLASSES).unwrap()),
        ("vgg11", vgg11(32, 4, Norm::Layer).network(32, CLASSES).unwrap()),
        ("resnet8 with BatchNorm", cifar_resnet(3, 1, 4, Norm::Batch).network(SIDE, CLASSES).unwrap()),
        ("resnet8 with LayerNorm", cifar_resnet(3, 1, 4, Norm::Layer).network(SIDE, CLASSES).unwrap()),
        ("a CNN with dropout", fort_cnn("cnn", SIDE, &[8, 8], 0.2).network(SIDE, CLASSES).unwrap()),
        ("resnet18", torchvision_resnet(3, 18, 4, Stem::ImageNet).unwrap().network(64, CLASSES).unwrap()),
    ]
}

#[test]
fn networks_of_ours_train_as_on_the_cpu() {
    let fake = Fake::new();
    for (name, network) in networks() {
        let extent = network.extent();
        let pixels: Vec<f32> =
            (0..6 * extent.values()).map(|i| (i * 7_919 % 2_003) as f32 / 1_001.5 - 1.0).collect();
        let labels: Vec<u32> = (0..6).map(|i| i * 3 % 10).collect();
        let seeds: Vec<u64> = (0..6).collect();
        let params = network.init(&SeedTree::root(1));
        let trained = |device: Device| {
            let candle = Candle::new(device);
            let mut stepper = candle.stepper(&network, &params, Optimiser::sgd(0.9, 1e-4)).unwrap();
            let mut losses = Vec::new();
            for _ in 0..3 {
                let batch = Batch { dropout_seeds: &seeds, ..Batch::new(&pixels, &labels) };
                let sum =
                    stepper.step(batch, &Teaching::Labels, 0.05).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert!(sum.finite && sum.usable, "{name}");
                losses.push(sum.loss);
            }
            (losses, stepper.tables().unwrap().0)
        };
        let ((losses, found), (expected_losses, expected)) = (trained(fake.device()), trained(Device::Cpu));
        for (found, expected) in losses.iter().zip(&expected_losses) {
            assert!(
                (found - expected).abs() < 1e-4 * expected.abs(),
                "{name}: {losses:?} {expected_losses:?}"
            );
        }
        let apart = apart(&found, &expected);
        assert!(apart < 1e-4, "{name}: {apart:.1e}");
        assert!(losses[2] < losses[0], "{name}: {losses:?}");
    }
}

/// Its patches and class token are operations of `basin-kernels`, which have no kernels for tensors of candle's.
#[test]
fn the_transformer_is_refused_with_its_operation_and_device() {
    let fake = Fake::new();
    let vit = Architecture::from_name("vit", 0.125).unwrap().build(SIDE, CLASSES).unwrap();
    let network = run_by_candle(&vit).unwrap();
    let params = network.init(&SeedTree::root(1));
    let candle = Candle::new(fake.device());
    let mut stepper = candle.stepper(&network, &params, Optimiser::sgd(0.9, 1e-4)).unwrap();
    let pixels = vec![0.5; 2 * network.extent().values()];
    let error = stepper.step(Batch::new(&pixels, &[0, 1]), &Teaching::Labels, 0.1).unwrap_err();
    let refused = OpError::within(&error).unwrap_or_else(|| panic!("untyped: {error}"));
    assert!(matches!(refused, OpError::Device { operation: "patches", .. }), "{refused}");
}

#[test]
fn logits_gradients_and_statistics_are_those_of_the_cpu() {
    let fake = Fake::new();
    let network = cifar_resnet(3, 1, 4, Norm::Batch).network(SIDE, CLASSES).unwrap();
    let (images, normalisation) = (images(20), &SYNTHETIC.normalisation);
    let params = network.init(&SeedTree::root(2));
    let of = |device: Device| {
        let measured = reestimated(&network, &params, &[(&images, normalisation)], &device).unwrap();
        let mut evaluator = Candle::new(device).evaluator(&network, &images, normalisation).unwrap();
        let logits = evaluator.logits(&measured).unwrap();
        let (loss, gradient) = evaluator.gradient(&params, &[0, 3, 1, 5]).unwrap();
        (measured, logits, loss, gradient)
    };
    let ((measured, logits, loss, gradient), expected) = (of(fake.device()), of(Device::Cpu));
    assert!(apart(&measured, &expected.0) < 1e-5);
    let largest = expected.1.values().iter().fold(0f32, |m, x| m.max(x.abs()));
    let differences = logits.values().iter().zip(expected.1.values()).map(|(f, e)| (f - e).abs());
    assert!(differences.fold(0f32, f32::max) < 1e-4 * largest);
    assert!((loss - expected.2).abs() < 1e-5 * expected.2.abs());
    assert!(apart(&gradient, &expected.3) < 1e-4, "{}", apart(&gradient, &expected.3));
}
