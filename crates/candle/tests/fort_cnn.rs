//! The CNNs of Fort et al. in training with dropout: what is dropped where, and that nothing else changes.

use basin_candle::Variables;
use basin_candle::layers::with_seeds;
use basin_candle::networks::fort_cnn;
use basin_candle::ops::{Padding, Window, add_bias, conv2d, cross_entropy, dense, dropout, max_pool2d, relu};
use basin_core::SeedTree;
use basin_models::Network;
use candle_core::{Device, Tensor};
use candle_nn::ModuleT;

const SIDE: usize = 12;
const IMAGES: usize = 5;
const CHANNELS: [usize; 2] = [6, 7];
const SEEDS: [u64; IMAGES] = [3, 1, 4, 1, 5];

fn at_rate(rate: f32) -> (Network, Box<dyn ModuleT>, Variables) {
    let module = fort_cnn("two blocks", SIDE, &CHANNELS, rate);
    let network = module.network(SIDE, 10).unwrap();
    let params = network.init(&SeedTree::root(2));
    let (built, variables) = module.build(&network, &params, &Device::Cpu).unwrap();
    (network, built, variables)
}

fn images() -> Tensor {
    let pixels = basin_fixtures::array(5, IMAGES * SIDE * SIDE * 3, 1.5, 0.0);
    let x = Tensor::from_vec(pixels, (IMAGES, SIDE, SIDE, 3), &Device::Cpu).unwrap();
    x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap()
}

fn flat(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn what_convolutions_give_is_dropped_before_the_pooling() {
    let (_, net, variables) = at_rate(0.3);
    let found = with_seeds(&SEEDS, || net.forward_t(&images(), true)).unwrap();
    let [conv1, bias1, conv2, bias2, head, head_bias] =
        <[_; 6]>::try_from(variables.vars().to_vec()).unwrap();
    let block = |x: &Tensor, weight: &Tensor, bias: &Tensor, site| {
        let x = add_bias(&conv2d(x, weight, 1, Padding::Same)?, bias, false)?;
        max_pool2d(&dropout(&x, 0.3, &SEEDS, site)?, Window::tiles(2))
    };
    let x = images().permute((0, 2, 3, 1)).unwrap();
    let x = relu(&block(&x, &conv1, &bias1, 0).unwrap()).unwrap();
    let x = block(&x, &conv2, &bias2, 1).unwrap();
    // The last block has no ReLU.
    assert!(flat(&x).iter().any(|v| *v < 0.0));
    let x = x.permute((0, 3, 1, 2)).unwrap().flatten_from(1).unwrap();
    assert_eq!(flat(&found), flat(&dense(&x, &head, Some(&head_bias)).unwrap()));
    assert_ne!(flat(&found), flat(&net.forward_t(&images(), false).unwrap()));
}

/// At a rate below the masks' resolution nothing is dropped, and the two orders of bias and pooling are compared.
#[test]
fn dropout_that_drops_nothing_changes_nothing() {
    let run = |rate| {
        let (_, net, variables) = at_rate(rate);
        let logits = with_seeds(&SEEDS, || net.forward_t(&images(), true)).unwrap();
        let store = cross_entropy(&logits, &[0, 3, 6, 9, 2]).unwrap().backward().unwrap();
        let gradients = variables.vars().iter().map(|var| flat(store.get(var).unwrap()));
        (flat(&logits), flat(&net.forward_t(&images(), false).unwrap()), gradients.collect::<Vec<_>>())
    };
    let (plain, dropping) = (run(0.0), run(1e-6));
    assert_eq!((&plain.0, &plain.0), (&plain.1, &dropping.1));
    let expected = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
    basin_fixtures::close("logits", &dropping.0, &expected(&plain.0), 1e-5);
    for (place, (dropping, plain)) in dropping.2.iter().zip(&plain.2).enumerate() {
        basin_fixtures::close(&format!("gradient {place}"), dropping, &expected(plain), 1e-5);
    }
}
