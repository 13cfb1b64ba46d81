//! REPAIR on a network small enough to follow.

use crate::networks::random_network;
use basin_core::{Array, Params, SeedTree, Simplex};
use weight_matching::{ChannelStatistics, RepairError, interpolate, repair};

const SAMPLES: usize = 500;

fn inputs() -> Vec<f32> {
    let mut rng = SeedTree::root(9).rng();
    (0..SAMPLES * 4).map(|_| rng.normal() as f32).collect()
}

/// Outputs of layer `layer` before its activation function, `[samples, channels]`.
fn preactivations(net: &Params, layer: usize) -> Array {
    let mut x: Vec<f32> = inputs();
    for i in 0..=layer {
        let weight = net.get(&format!("{i}.weight")).unwrap();
        let bias = net.get(&format!("{i}.bias")).unwrap().data();
        let [out, input]: [usize; 2] = weight.shape().try_into().unwrap();
        let mut y = Vec::with_capacity(SAMPLES * out);
        for sample in x.chunks_exact(input) {
            let sample = sample.iter().map(|&x| if i > 0 { x.max(0.0) } else { x });
            let sample: Vec<f32> = sample.collect();
            for (row, &bias) in weight.data().chunks_exact(input).zip(bias) {
                let sum: f64 = row.iter().zip(&sample).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
                y.push((sum + f64::from(bias)) as f32);
            }
        }
        x = y;
    }
    let channels = x.len() / SAMPLES;
    Array::new(vec![SAMPLES, channels], x).unwrap()
}

fn statistics(net: &Params, layer: usize) -> ChannelStatistics {
    ChannelStatistics::of(&preactivations(net, layer)).unwrap()
}

#[test]
fn a_repaired_network_has_the_statistics_between_its_parents() {
    let (a, b) = (random_network(&[4, 16, 12, 3], 0), random_network(&[4, 16, 12, 3], 1));
    for t in [0.5, 0.2] {
        let weights = Simplex::segment(t).unwrap();
        let mut merged = interpolate(&a, &b, t).unwrap();
        let shrunk = statistics(&merged, 1).deviation().iter().sum::<f64>();
        let mut goal_of_all = 0.0;
        for layer in 0..3 {
            let (of_a, of_b) = (statistics(&a, layer), statistics(&b, layer));
            let correction = repair(&[&of_a, &of_b], &weights, &statistics(&merged, layer)).unwrap();
            let (weight, bias) = (format!("{layer}.weight"), format!("{layer}.bias"));
            let fused = correction.absorb(merged.get(&weight).unwrap(), merged.get(&bias)).unwrap();
            merged.insert(weight, fused.0);
            merged.insert(bias, fused.1);
            let repaired = statistics(&merged, layer);
            for c in 0..repaired.channels() {
                let goal = |of: fn(&ChannelStatistics) -> &[f64]| (1.0 - t) * of(&of_a)[c] + t * of(&of_b)[c];
                let deviation = goal(ChannelStatistics::deviation);
                assert!((repaired.mean()[c] - goal(ChannelStatistics::mean)).abs() < 1e-5, "{layer} {c}");
                assert!((repaired.deviation()[c] - deviation).abs() < 1e-5, "{layer} {c}");
                goal_of_all += if layer == 1 { deviation } else { 0.0 };
            }
        }
        // What REPAIR is for: the plain average had lost variance.
        assert!(shrunk < 0.95 * goal_of_all, "{shrunk} {goal_of_all}");
    }
}

#[test]
fn a_normalisation_absorbs_the_correction_like_a_dense_layer() {
    let statistics =
        |mean: &[f64], deviation: &[f64]| ChannelStatistics::new(mean.to_vec(), deviation.to_vec()).unwrap();
    let (a, b) = (statistics(&[1.0, 0.0], &[2.0, 1.0]), statistics(&[3.0, 4.0], &[4.0, 3.0]));
    let merged = statistics(&[1.0, 5.0], &[1.5, 0.0]);
    let correction = repair(&[&a, &b], &Simplex::segment(0.5).unwrap(), &merged).unwrap();
    // The second channel is constant: it is moved only.
    assert_eq!((&correction.scale[..], &correction.shift[..]), (&[2.0, 1.0][..], &[0.0, -3.0][..]));
    let (gamma, beta) = (Array::full(vec![2], 0.5), Array::full(vec![2], 1.0));
    let (gamma, beta) = correction.absorb(&gamma, Some(&beta)).unwrap();
    assert_eq!((gamma.data(), beta.data()), (&[1.0, 0.5][..], &[2.0, -2.0][..]));
    let kernel = Array::full(vec![2, 3, 3, 3], 1.0);
    let (kernel, bias) = correction.absorb(&kernel, None).unwrap();
    assert!(kernel.data()[..27].iter().all(|&x| x == 2.0) && kernel.data()[27..].iter().all(|&x| x == 1.0));
    assert_eq!(bias.data(), [0.0, -3.0]);
}

#[test]
fn equal_statistics_need_no_correction() {
    let of = statistics(&random_network(&[4, 8, 3], 0), 0);
    let correction = repair(&[&of, &of], &Simplex::uniform(2), &of).unwrap();
    assert!(correction.scale.iter().all(|s| (s - 1.0).abs() < 1e-12));
    assert!(correction.shift.iter().all(|s| s.abs() < 1e-12));
}

#[test]
fn statistics_that_do_not_fit_are_refused() {
    let two = ChannelStatistics::new(vec![0.0; 2], vec![1.0; 2]).unwrap();
    let three = ChannelStatistics::new(vec![0.0; 3], vec![1.0; 3]).unwrap();
    let uniform = Simplex::uniform(2);
    let channels = |what, expected, found| RepairError::Channels { what, expected, found };
    assert_eq!(repair(&[&two, &three], &uniform, &two), Err(channels("an endpoint", 2, 3)));
    assert_eq!(repair(&[&two], &uniform, &two), Err(RepairError::Count { weights: 2, endpoints: 1 }));
    let lists = ChannelStatistics::new(vec![0.0], vec![]);
    assert_eq!(lists, Err(channels("the list of deviations", 1, 0)));
    for (mean, deviation) in [(f64::NAN, 1.0), (0.0, -1.0), (0.0, f64::INFINITY)] {
        let refused = ChannelStatistics::new(vec![0.0, mean], vec![1.0, deviation]);
        assert!(matches!(refused, Err(RepairError::Channel { channel: 1, .. })));
    }
    for shape in [vec![4], vec![0, 3], vec![2, 2, 1]] {
        let activations = ChannelStatistics::of(&Array::full(shape.clone(), 0.0));
        assert_eq!(activations, Err(RepairError::Activations { shape }));
    }
    let correction = repair(&[&two, &two], &uniform, &two).unwrap();
    let refused = correction.absorb(&Array::full(vec![3, 4], 0.0), None);
    assert_eq!(refused, Err(channels("the weight", 2, 3)));
    let refused = correction.absorb(&Array::full(vec![2, 4], 0.0), Some(&Array::full(vec![1], 0.0)));
    assert_eq!(refused, Err(channels("the bias", 2, 1)));
}

#[test]
fn parts_are_samples_of_one_whole() {
    let values: Vec<f32> = (0..60).map(|i| (i as f32 * 0.37).sin() + i as f32 % 3.0).collect();
    let whole = ChannelStatistics::of(&Array::new(vec![20, 3], values.clone()).unwrap()).unwrap();
    let parts = ChannelStatistics::of_parts(3, &[&values[..9], &[], &values[9..36], &values[36..]]).unwrap();
    let pairs = |of: fn(&ChannelStatistics) -> &[f64]| of(&whole).iter().zip(of(&parts)).collect::<Vec<_>>();
    for (a, b) in [pairs(ChannelStatistics::mean), pairs(ChannelStatistics::deviation)].concat() {
        assert!((a - b).abs() < 1e-14 * a.abs().max(1.0), "{a} and {b}");
    }
    assert_eq!(ChannelStatistics::of_parts(3, &[&values]).unwrap(), whole);
    for (channels, parts) in [(3, vec![&values[..4], &values[4..6]]), (3, vec![]), (0, vec![&values[..]])] {
        let refused = ChannelStatistics::of_parts(channels, &parts);
        assert!(matches!(refused, Err(RepairError::Parts { .. })), "{refused:?}");
    }
}
