//! Networks of `basin-models` as candle's modules, on candle's own variables.

use basin_candle::layers::{Dropout, NoSeeds, with_seeds};
use basin_candle::networks::Native;
use basin_candle::ops::cross_entropy;
use basin_candle::{SgdConfig, SgdMomentum, from_var_map, params_of, to_var_map};
use basin_core::{Array, SeedTree};
use basin_models::{Architecture, Network};
use candle_core::{DType, Device, Tensor};
use candle_nn::{ModuleT, Optimizer, VarBuilder, VarMap};

const SIDE: usize = 8;

fn networks() -> [Network; 2] {
    let [resnet, vit] =
        [("resnet8", 0.5), ("vit", 0.125)].map(|(name, width)| Architecture::from_name(name, width).unwrap());
    [resnet, vit.with_dropout(0.2).unwrap()].map(|architecture| architecture.build(SIDE, 7).unwrap())
}

fn images(n: usize) -> (Vec<f32>, Tensor) {
    let pixels = basin_fixtures::array(9, n * SIDE * SIDE * 3, 1.0, 0.0);
    let x = Tensor::from_slice(&pixels, (n, SIDE, SIDE, 3), &Device::Cpu).unwrap();
    (pixels, x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap())
}

fn on(map: &VarMap, network: &Network) -> Native {
    Native::new(network, &VarBuilder::from_varmap(map, DType::F32, &Device::Cpu)).unwrap()
}

#[test]
fn logits_are_those_of_the_engine() {
    for network in networks() {
        let params = network.init(&SeedTree::root(1));
        let map = to_var_map(&params, &Device::Cpu).unwrap();
        let (pixels, x) = images(3);
        let found = on(&map, &network).forward_t(&x, false).unwrap();
        let expected = network.logits(&params, &pixels).unwrap();
        let expected: Vec<f64> = expected.values().iter().map(|z| f64::from(*z)).collect();
        basin_fixtures::close("logits", &found.flatten_all().unwrap().to_vec1().unwrap(), &expected, 1e-5);
        assert_eq!(params_of(&map, &network).unwrap(), params);
    }
}

/// On fresh variables of candle's, in a loop of candle's: every parameter has a gradient, the loss falls, and what comes out is
/// a network of Basin's.
#[test]
fn fresh_variables_train_in_a_loop_of_candles() {
    for network in networks() {
        let map = VarMap::new();
        let net = on(&map, &network);
        let (pixels, x) = images(6);
        let (labels, seeds) = ([0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6]);
        // In the layout's order: a VarMap's own differs from process to process.
        let start = params_of(&map, &network).unwrap();
        let data = map.data().lock().unwrap();
        let vars = network.layout().params.iter().map(|spec| data[&spec.name].clone()).collect();
        drop(data);
        let config = SgdConfig { learning_rate: 0.02, ..SgdConfig::default() };
        let mut sgd = SgdMomentum::new(vars, config).unwrap();
        let mut losses = Vec::new();
        for _ in 0..12 {
            let logits = with_seeds(&seeds, || net.forward_t(&x, true)).unwrap();
            let loss = cross_entropy(&logits, &labels).unwrap();
            losses.push(loss.to_scalar::<f32>().unwrap());
            let store = loss.backward().unwrap();
            let data = map.data().lock().unwrap();
            for spec in &network.layout().params {
                assert!(store.get(&data[&spec.name]).is_some(), "{} has no gradient", spec.name);
            }
            drop(data);
            sgd.step(&store).unwrap();
        }
        assert!(losses[11] < 0.8 * losses[0], "{losses:?}");
        let trained = params_of(&map, &network).unwrap();
        assert_ne!(trained, start);
        assert!(network.logits(&trained, &pixels).unwrap().values().iter().all(|z| z.is_finite()));
    }
}

#[test]
fn variables_of_another_network_are_told_with_all_names() {
    let [network, _] = networks();
    let mut params = network.init(&SeedTree::root(1));
    params.insert("stray", Array::new(vec![1], vec![0.0]).unwrap());
    params.insert("dense.bias", Array::new(vec![3], vec![0.0; 3]).unwrap());
    let map = to_var_map(&params, &Device::Cpu).unwrap();
    assert_eq!(from_var_map(&map).unwrap().get("stray"), params.get("stray"));
    map.data().lock().unwrap().remove("norm1.weight");
    let error = params_of(&map, &network).unwrap_err().to_string();
    for told in ["stray", "dense.bias", "norm1.weight"] {
        assert!(error.contains(told), "{told}: {error}");
    }
}

#[test]
fn dropout_wants_seeds_in_training_and_none_in_evaluation() {
    let (_, x) = images(2);
    let dropout = Dropout::new(0.5);
    assert!(dropout.forward_t(&x, false).is_ok());
    let error = dropout.forward_t(&x, true).unwrap_err();
    assert!(error.to_string().starts_with(&NoSeeds.to_string()), "{error}");
    let pass = || {
        let twice = dropout.forward_t(&dropout.forward_t(&x, true)?, true)?;
        twice.flatten_all()?.to_vec1::<f32>()
    };
    let run = |seeds: &[u64]| with_seeds(seeds, || pass().unwrap());
    assert_eq!(run(&[3, 4]), run(&[3, 4]));
    assert_ne!(run(&[3, 4]), run(&[3, 5]));
    // Two layers have masks of their own: about a quarter is left, not a half.
    let left = run(&[3, 4]).iter().filter(|v| **v != 0.0).count();
    assert!((60..140).contains(&left), "{left} of 384");
    assert!(with_seeds(&[1], || dropout.forward_t(&x, true)).is_err(), "a seed for each image");
}
