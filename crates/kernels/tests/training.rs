//! Losses and SGD against PyTorch's float64 values (fixtures/training).

use basin_kernels::loss::{Labels, Target, loss};
use basin_kernels::ops::{cross_entropy, distillation, edit};
use basin_kernels::{Adam, Sgd, floats, tensor};
use candle_core::Var;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn rows(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().flat_map(numbers).map(|x| x as f32).collect()
}

#[track_caller]
fn close(what: &str, got: f64, expected: f64, scale: f64) {
    assert!((got - expected).abs() <= 2e-6 * scale.max(1.0), "{what}: {got} against {expected}");
}

#[test]
fn losses_and_their_gradients_agree_with_pytorch() {
    let golden: Value = serde_json::from_str(include_str!("../../../fixtures/training/losses.json")).unwrap();
    let labels: Vec<u32> = numbers(&golden["labels"]).iter().map(|y| *y as u32).collect();
    let (student, teacher) = (rows(&golden["student_logits"]), rows(&golden["teacher_logits"]));
    let classes = student.len() / labels.len();
    let check = |name: String, case: &Value, target: Target<'_>| {
        let sum = loss(&student, &labels, target, 1.0 / labels.len() as f32);
        let expected = case["loss"].as_f64().unwrap();
        close(&name, sum.loss / labels.len() as f64, expected, expected);
        let gradient: Vec<f64> =
            case["student_gradient"].as_array().unwrap().iter().flat_map(numbers).collect();
        let largest = gradient.iter().fold(0.0f64, |m, g| m.max(g.abs()));
        assert_eq!(sum.gradient.len(), gradient.len(), "{name}");
        for (g, e) in sum.gradient.iter().zip(gradient) {
            close(&name, f64::from(*g), e, largest);
        }

        // The same through candle's autograd.
        let z = Var::from_tensor(&tensor(student.clone(), &[labels.len(), classes]).unwrap()).unwrap();
        let mean = match target {
            Target::Labels => cross_entropy(&z, &labels).unwrap(),
            Target::Teacher { logits, label_weight, temperature } => {
                let t = tensor(logits.to_vec(), &[labels.len(), classes]).unwrap();
                distillation(&z, &labels, &t, label_weight, temperature).unwrap()
            }
        };
        let grads = mean.backward().unwrap();
        assert_eq!(*floats(grads.get(&z).unwrap()).unwrap(), sum.gradient[..], "{name}");
    };
    check("cross-entropy".into(), &golden["cross_entropy"], Target::Labels);
    for case in golden["distillation"].as_array().unwrap() {
        let number = |key: &str| case[key].as_f64().unwrap() as f32;
        let (temperature, label_weight) = (number("temperature"), number("label_weight"));
        let target = Target::Teacher { logits: &teacher, label_weight, temperature };
        check(format!("τ = {temperature}, β = {label_weight}"), case, target);
    }
}

/// The gradient is a formula (see the fixture's README); parameters stay in f32, as in training.
#[test]
fn losses_of_mixed_and_smoothed_labels_agree_with_pytorch() {
    let text = include_str!("../../../fixtures/regularisation/losses.json");
    let golden: Value = serde_json::from_str(text).unwrap();
    let classes = |key: &str| numbers(&golden[key]).iter().map(|y| *y as u32).collect::<Vec<_>>();
    let (first, second) = (classes("labels"), classes("second"));
    let (logits, teacher) = (rows(&golden["logits"]), rows(&golden["teacher"]));
    let number = |case: &Value, key: &str| case[key].as_f64().unwrap() as f32;
    let (label_weight, temperature) = (number(&golden, "label_weight"), number(&golden, "temperature"));
    let distilled = Target::Teacher { logits: &teacher, label_weight, temperature };
    for (kind, target) in [("labels_alone", Target::Labels), ("distillation", distilled)] {
        for case in golden[kind].as_array().unwrap() {
            let (weight, smoothing) = (number(case, "weight"), number(case, "smoothing"));
            let labels = Labels { first: &first, mixed: Some((&second, weight)), smoothing };
            let name = format!("{kind}, w = {weight}, ε = {smoothing}");
            let sum = loss(&logits, labels, target, 1.0 / first.len() as f32);
            let expected = case["loss"].as_f64().unwrap();
            close(&name, sum.loss / first.len() as f64, expected, expected);
            let gradient: Vec<f64> = case["gradient"].as_array().unwrap().iter().flat_map(numbers).collect();
            assert_eq!(sum.gradient.len(), gradient.len(), "{name}");
            let largest = gradient.iter().fold(0.0f64, |m, g| m.max(g.abs()));
            for (g, e) in sum.gradient.iter().zip(gradient) {
                close(&name, f64::from(*g), e, largest);
            }
            if weight == 1.0 {
                let alone = Labels { first: &first, mixed: None, smoothing };
                assert_eq!(loss(&logits, alone, target, 1.0 / first.len() as f32), sum, "{name}");
            }
        }
    }
}

#[test]
fn a_hundred_steps_of_sgd_agree_with_pytorch() {
    let golden: Value = serde_json::from_str(include_str!("../../../fixtures/training/sgd.json")).unwrap();
    let start: Vec<f32> = numbers(&golden["start"]).iter().map(|x| *x as f32).collect();
    let n = start.len();
    let (mut param, mut velocity) = (start, vec![0.0; n]);
    let (steps, warmup) = (golden["steps"].as_u64().unwrap(), golden["warmup_steps"].as_u64().unwrap());
    let (peak, momentum) = (golden["peak"].as_f64().unwrap(), golden["momentum"].as_f64().unwrap());
    let l2 = golden["l2"].as_f64().unwrap();
    let mut compared = Vec::new();
    for step in 0..steps {
        let rate = rate(step, steps, warmup, peak);
        let values: Vec<f64> = param.iter().map(|p| f64::from(*p)).collect();
        assert!(Sgd { rate, momentum, l2 }.update(&mut param, &mut velocity, &gradient(&values, step)));
        compared.extend(compare(&golden["states"], step + 1, &param));
    }
    assert_eq!(compared, COMPARED);
}

#[test]
fn a_hundred_steps_of_adam_agree_with_pytorch() {
    let golden: Value = serde_json::from_str(include_str!("../../../fixtures/training/adam.json")).unwrap();
    let (steps, warmup) = (golden["steps"].as_u64().unwrap(), golden["warmup_steps"].as_u64().unwrap());
    let setting = |key: &str| golden[key].as_f64().unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let mut param: Vec<f32> = numbers(&golden["start"]).iter().map(|x| *x as f32).collect();
        let (mut first, mut second) = (vec![0.0; param.len()], vec![0.0; param.len()]);
        let mut compared = Vec::new();
        for step in 0..steps {
            let adam = Adam {
                rate: rate(step, steps, warmup, setting("peak")),
                beta1: setting("beta1"),
                beta2: setting("beta2"),
                epsilon: setting("epsilon"),
                l2: case["l2"].as_f64().unwrap(),
                weight_decay: case["weight_decay"].as_f64().unwrap(),
            };
            let values: Vec<f64> = param.iter().map(|p| f64::from(*p)).collect();
            let gradient = gradient(&values, step);
            assert!(adam.update(step + 1, &mut param, &mut first, &mut second, &gradient));
            compared.extend(compare(&case["states"], step + 1, &param));
        }
        assert_eq!(compared, COMPARED);
    }
}

#[test]
fn an_optimiser_updates_a_variable_of_candles_in_place() {
    let var = Var::from_tensor(&tensor(vec![1.0, 2.0, 3.0], &[3]).unwrap()).unwrap();
    let (mut velocity, sgd) = (vec![0.0; 3], Sgd { rate: 0.5, momentum: 0.0, l2: 0.0 });
    let finite = edit(&var, |values| sgd.update(values, &mut velocity, &[2.0, 0.0, -2.0])).unwrap();
    assert!(finite);
    assert_eq!(*floats(&var).unwrap(), [0.0, 2.0, 4.0]);
    assert!(edit(&var.broadcast_as((2, 3)).unwrap(), |_| ()).is_err());
}

#[test]
fn an_update_that_overflows_is_noticed() {
    let sgd = Sgd { rate: 1.0, momentum: 0.0, l2: 0.0 };
    assert!(!sgd.update(&mut [0.0, f32::MAX], &mut [0.0; 2], &[0.0, -f32::MAX]));
    let adam = Adam { rate: 0.1, beta1: 0.9, beta2: 0.9, epsilon: 1e-8, l2: 0.0, weight_decay: 0.0 };
    // The square of the gradient overflows; the update itself would be zero.
    assert!(!adam.update(1, &mut [0.0; 2], &mut [0.0; 2], &mut [0.0; 2], &[0.0, 1e30]));
}

/// Linear warm-up, then cosine.
fn rate(step: u64, steps: u64, warmup: u64, peak: f64) -> f64 {
    if step < warmup {
        return peak * (step + 1) as f64 / warmup as f64;
    }
    let progress = (step - warmup) as f64 / (steps - warmup) as f64;
    peak * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

/// Steps whose states the fixtures have.
const COMPARED: [u64; 4] = [1, 2, 10, 100];

/// Compares parameters after some steps, where the fixture has them (they were rounded to f32 at each step); which.
#[track_caller]
fn compare(states: &Value, after: u64, param: &[f32]) -> Option<u64> {
    let states = states.as_array().unwrap();
    let state = states.iter().find(|s| s["after_steps"].as_u64() == Some(after))?;
    let expected = numbers(&state["parameters"]);
    assert_eq!(param.len(), expected.len(), "after {after}");
    for (got, expected) in param.iter().zip(expected) {
        let error = (f64::from(*got) - expected).abs();
        assert!(error <= 5e-6 * expected.abs().max(0.1), "after {after}: {got} against {expected}");
    }
    Some(after)
}

/// gᵢ = Σⱼ Aᵢⱼ pⱼ + 0.5 sin(1.3 pᵢ + 0.7 s + i), Aᵢⱼ = 0.2 cos(0.9 i − 1.1 j) + (1 + 0.3 i if i = j).
fn gradient(p: &[f64], step: u64) -> Vec<f32> {
    let entry = |i: usize, j: usize| {
        let diagonal = if i == j { 1.0 + 0.3 * i as f64 } else { 0.0 };
        0.2 * (0.9 * i as f64 - 1.1 * j as f64).cos() + diagonal
    };
    let row = |i: usize| {
        let linear: f64 = p.iter().enumerate().map(|(j, p)| entry(i, j) * p).sum();
        (linear + 0.5 * (1.3 * p[i] + 0.7 * step as f64 + i as f64).sin()) as f32
    };
    (0..p.len()).map(row).collect()
}
