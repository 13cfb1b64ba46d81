//! The subspace samplers: moments against NumPy's values (`fixtures/subspace/generate.py` makes them), plans, refusals.

mod moments;
mod plans;
mod refusals;

use basin_core::{Array, Params};
use basin_ensemble::{Acceptance, PlanContext};
use basin_methods::{Spread, SubspaceRandom, Subspaces};

const ONE: Spread = Spread { scale: 1.0, varied: false };

fn golden(name: &str) -> serde_json::Value {
    let text = include_str!("../../../../fixtures/subspace/values.json");
    serde_json::from_str::<serde_json::Value>(text).unwrap()[name].clone()
}

fn list(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn rows(name: &str) -> Vec<Vec<f64>> {
    golden(name).as_array().unwrap().iter().map(list).collect()
}

/// Eleven weights in two arrays with running statistics between them, which nothing moves.
fn network(weights: &[f64], statistic: f32) -> Params {
    let array = |values: &[f64]| values.iter().map(|x| *x as f32).collect::<Vec<f32>>();
    Params::from_iter([
        ("conv.weight".to_owned(), Array::new(vec![2, 3], array(&weights[..6])).unwrap()),
        ("norm.running_var".to_owned(), Array::full(vec![2], statistic)),
        ("norm.num_batches_tracked".to_owned(), Array::full(vec![], 7.0)),
        ("fc.weight".to_owned(), Array::new(vec![5], array(&weights[6..])).unwrap()),
    ])
}

fn states() -> Vec<Params> {
    rows("states").iter().enumerate().map(|(i, row)| network(row, i as f32)).collect()
}

/// The weights of a result, whose running statistics must be those of the last input.
fn weights(params: &Params, statistic: f32) -> Vec<f64> {
    assert_eq!(params.get("norm.running_var").unwrap().data(), [statistic; 2]);
    assert_eq!(params.get("norm.num_batches_tracked").unwrap().data(), [7.0]);
    let of = |name: &str| params.get(name).unwrap().data().iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    [of("conv.weight"), of("fc.weight")].concat()
}

const ACCEPTED: Acceptance = Acceptance { images: 1000, share: 0.99, tries: 5 };

fn random(runs: usize, samples: usize) -> SubspaceRandom {
    let subspaces = Subspaces { runs, samples };
    SubspaceRandom { subspaces, scale: 10.0, acceptance: Some(ACCEPTED) }
}

fn cx() -> PlanContext {
    PlanContext::new(5, 110, 0.1)
}
