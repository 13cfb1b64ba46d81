//! Momentum, L2 and decoupled decay, Nesterov: beside PyTorch's SGD.

use basin_candle::{SgdConfig, SgdMomentum};
use candle_core::{Device, Result, Var};
use candle_nn::Optimizer;

/// Three steps on Σ (θ − 1)² from θ = (0.5, −2): what is left.
fn three_steps(config: SgdConfig) -> Result<Vec<f64>> {
    let theta = Var::new(&[0.5f64, -2.0], &Device::Cpu)?;
    let mut sgd = SgdMomentum::new(vec![theta.clone()], config)?;
    for _ in 0..3 {
        let loss = (theta.as_tensor() - 1.0)?.sqr()?.sum_all()?;
        sgd.backward_step(&loss)?;
    }
    theta.to_vec1()
}

#[test]
fn steps_are_those_of_pytorch() {
    let plain = SgdConfig { learning_rate: 0.1, momentum: 0.9, weight_decay: 0.01, ..SgdConfig::default() };
    // torch.optim.SGD([θ], lr=0.1, momentum=0.9, weight_decay=0.01[, nesterov=True]) in float64.
    let cases = [
        (plain, [0.966_217_299_5, 0.820_731_802]),
        (SgdConfig { nesterov: true, ..plain }, [1.050_294_944_670_5, 1.329_422_680_318]),
    ];
    for (config, expected) in cases {
        let found = three_steps(config).unwrap();
        found.iter().zip(expected).for_each(|(f, e)| assert!((f - e).abs() < 1e-12, "{config:?} {found:?}"));
    }
}

#[test]
fn decoupled_decay_shrinks_the_weights_alone() {
    let config = SgdConfig { learning_rate: 0.1, weight_decay: 0.5, decoupled: true, ..SgdConfig::default() };
    let theta = Var::new(&[2.0f64], &Device::Cpu).unwrap();
    let mut sgd = SgdMomentum::new(vec![theta.clone()], config).unwrap();
    // A gradient of 1, then one whose momentum would show a decay that had become a part of it.
    for expected in [2.0 * 0.95 - 0.1, 1.8 * 0.95 - 0.19] {
        sgd.backward_step(&theta.as_tensor().sum_all().unwrap()).unwrap();
        let found = theta.to_vec1::<f64>().unwrap()[0];
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}

#[test]
fn a_variable_without_a_gradient_stays() {
    let (used, unused) =
        (Var::new(&[1.0f64], &Device::Cpu).unwrap(), Var::new(&[3.0f64], &Device::Cpu).unwrap());
    let mut sgd = SgdMomentum::new(vec![used.clone(), unused.clone()], SgdConfig::default()).unwrap();
    sgd.backward_step(&used.as_tensor().sqr().unwrap().sum_all().unwrap()).unwrap();
    assert_eq!(unused.to_vec1::<f64>().unwrap(), [3.0]);
    assert!(used.to_vec1::<f64>().unwrap()[0] < 1.0);
}
