//! What is not training: logits, statistics, refusals, speed.

use crate::{SIDE, adam, difference, gpu, images, resnet, vit};
use basin_core::{Params, SeedTree, Simplex};
use basin_data::{Extent, ImageSet, Normalisation, SYNTHETIC};
use basin_gpu::{GpuError, Precision};
use basin_models::Architecture;
use basin_train::{Backend, Cpu, EvaluateError};

#[test]
fn logits_are_those_of_the_cpu() {
    let set = images();
    let normalisation = SYNTHETIC.normalisation;
    for net in [resnet(), vit(0.1)] {
        let [a, b] = [1, 2].map(|seed| net.init(&SeedTree::root(seed)));
        let lambda = Simplex::new(vec![0.3, 0.7]).unwrap();
        let mut cpu = Cpu.evaluator(&net, &set, &normalisation).unwrap();
        let expected = cpu.logits_between(&[&a, &b], &lambda).unwrap();
        for (precision, limit) in [(Precision::F32, 1e-5), (Precision::Bf16, 4e-2)] {
            let mut device = gpu(precision).evaluator(&net, &set, &normalisation).unwrap();
            device.logits(&a).unwrap();
            let found = device.logits_between(&[&a, &b], &lambda).unwrap();
            let largest = expected.values().iter().fold(0.0f32, |m, x| m.max(x.abs()));
            assert_eq!(found.values().len(), expected.values().len());
            assert!(found.values().iter().all(|x| x.is_finite()), "{precision:?}");
            let worst = found.values().iter().zip(expected.values()).map(|(x, y)| (x - y).abs());
            let worst = worst.fold(0.0, f32::max) / largest;
            assert!(worst < limit, "{precision:?}: {worst:.1e}");
        }
    }
}

/// The kernels for images are written for three channels, and say so.
#[test]
fn images_of_one_channel_are_refused() {
    let set = ImageSet::new(Extent::grey(SIDE), 10, vec![0; SIDE * SIDE], vec![0]).unwrap();
    let net = Architecture::from_name("resnet20", 0.25).unwrap().build(set.extent(), 10).unwrap();
    assert!(Cpu.evaluator(&net, &set, &Normalisation::HALF_GREY).is_ok());
    let refused = gpu(Precision::F32).evaluator(&net, &set, &Normalisation::HALF_GREY).err();
    let Some(EvaluateError::Device(error @ GpuError::Size { .. })) = refused else { panic!("{refused:?}") };
    assert_eq!(error.to_string(), "channels of images on a GPU: expected 3, found 1, normalised as 1");
}

#[test]
fn features_are_those_of_the_cpu() {
    let (set, normalisation) = (images(), SYNTHETIC.normalisation);
    for net in [resnet(), vit(0.1)] {
        let params = net.init(&SeedTree::root(1));
        let features = |backend: &dyn Backend| {
            let mut evaluator = backend.evaluator(&net, &set, &normalisation).unwrap();
            let logits = evaluator.logits(&params).unwrap();
            let features = evaluator.features(&params).unwrap().unwrap();
            assert_eq!(evaluator.logits(&params).unwrap(), logits);
            features
        };
        let expected = features(&Cpu);
        for (precision, limit) in [(Precision::F32, 1e-5), (Precision::Bf16, 4e-2)] {
            let found = features(&gpu(precision));
            assert_eq!(found.shape(), expected.shape());
            let largest = expected.data().iter().fold(0.0f32, |m, x| m.max(x.abs()));
            let worst = found.data().iter().zip(expected.data()).map(|(x, y)| (x - y).abs());
            let worst = worst.fold(0.0, f32::max) / largest;
            assert!(worst < limit, "{precision:?}: {worst:.1e}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_alike_everywhere() {
    let (set, net) = (images(), resnet());
    let wide = Architecture::from_name("resnet20", 0.25).unwrap().build(2 * SIDE, 10).unwrap();
    let normalisation = SYNTHETIC.normalisation;
    for backend in [&Cpu as &dyn Backend, &gpu(Precision::F32)] {
        let refused = backend.evaluator(&wide, &set, &normalisation).err();
        assert!(
            matches!(refused, Some(EvaluateError::Extent { images, network }) if (images.side, network.side) == (8, 16)),
            "{refused:?}"
        );
        let mut evaluator = backend.evaluator(&net, &set, &normalisation).unwrap();
        let params = net.init(&SeedTree::root(1));
        let refused = evaluator.logits_between(&[&params], &Simplex::vertex(2, 0)).err();
        assert!(matches!(refused, Some(EvaluateError::Weights { weights: 2, networks: 1 })), "{refused:?}");
        let refused = evaluator.logits(&Params::new()).err();
        assert!(matches!(refused, Some(EvaluateError::Model(_))), "{refused:?}");
    }
}

#[test]
fn a_speed_is_measured_everywhere_and_leaves_nothing_behind() {
    let (net, recipe) = (vit(0.1), adam());
    for backend in [&Cpu as &dyn Backend, &gpu(Precision::F32)] {
        let seconds = basin_train::seconds_per_image(backend, &net, &recipe).unwrap();
        assert!(seconds > 0.0 && seconds < 60.0, "{seconds} s per image on {}", backend.name());
    }
}

#[test]
fn statistics_and_repair_are_those_of_the_cpu() {
    let set = images();
    let normalisation = SYNTHETIC.normalisation;
    for net in [resnet(), vit(0.1)] {
        let [a, b] = [1, 2].map(|seed| net.init(&SeedTree::root(seed)));
        let lambda = Simplex::new(vec![0.3, 0.7]).unwrap();
        let merged = Params::convex_combination(&[&a, &b], &lambda).unwrap();
        let on = |backend: &dyn Backend| {
            let mut evaluator = backend.evaluator(&net, &set, &normalisation).unwrap();
            let ends = [&a, &b].map(|params| evaluator.statistics(params).unwrap());
            let repaired = evaluator.repaired(&merged, &[&ends[0], &ends[1]], &lambda).unwrap();
            let logits = evaluator.logits(&repaired).unwrap();
            (ends, repaired, logits)
        };
        let ((ends, repaired, logits), (theirs, device, on_device)) = (on(&Cpu), on(&gpu(Precision::F32)));
        for (ours, theirs) in ends.iter().zip(&theirs) {
            assert_eq!(ours.sites().len(), theirs.sites().len());
            for (ours, theirs) in ours.sites().iter().zip(theirs.sites()) {
                assert_eq!(ours.channels(), theirs.channels());
                for c in 0..ours.channels() {
                    let deviation = ours.deviation()[c].max(1e-3);
                    assert!((ours.mean()[c] - theirs.mean()[c]).abs() < 1e-4 * deviation);
                    assert!((ours.deviation()[c] - theirs.deviation()[c]).abs() < 1e-4 * deviation);
                }
            }
        }
        assert!(difference(&repaired, &device) < 1e-3);
        assert!(difference(&repaired, &merged) > 1e-2, "nothing was repaired");
        assert_eq!(logits.len(), on_device.len());
        let largest = logits.values().iter().fold(0.0f32, |m, x| m.max(x.abs()));
        for (a, b) in logits.values().iter().zip(on_device.values()) {
            assert!((a - b).abs() < 1e-3 * largest, "{a} and {b}");
        }
    }
}
