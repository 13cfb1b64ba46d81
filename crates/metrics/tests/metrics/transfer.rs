//! Numbers of transfer against scikit-learn; `fixtures/metrics/transfer.py` makes the values.

use crate::labels;
use basin_core::{Logits, Probs};
use basin_metrics::{class_accuracies, mean_class_accuracy};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn whole(value: &Value) -> Vec<u32> {
    numbers(value).into_iter().map(|x| x as u32).collect()
}

#[test]
fn accuracy_by_class_matches_scikit_learn() {
    let golden: Value =
        serde_json::from_str(include_str!("../../../../fixtures/metrics/transfer.json")).unwrap();
    let labels = labels(7, &whole(&golden["labels"]));
    let member = |z: &Value| Logits::new(7, numbers(z).into_iter().map(|z| z as f32).collect()).unwrap();
    let members = golden["logits"].as_array().unwrap().iter().map(|z| member(z).softmax(1.0));
    let mut predictions: Vec<Probs> = members.collect();
    predictions.push(Probs::mean(&predictions));
    let (scores, present) = (numbers(&golden["mean_class_accuracy"]), whole(&golden["present"]));
    assert_eq!((scores.len(), present.len()), (3, 6));
    for (i, (probs, score)) in predictions.iter().zip(scores).enumerate() {
        let found = mean_class_accuracy(probs, &labels).unwrap();
        assert!((found - score).abs() < 1e-15, "prediction {i}: {found} for {score}");
        let each = class_accuracies(probs, &labels).unwrap();
        let of_present: Vec<f64> = present.iter().map(|&class| each[class as usize].unwrap()).collect();
        assert_eq!(of_present, numbers(&golden["class_accuracies"][i]), "prediction {i}");
        assert_eq!(each.iter().filter(|accuracy| accuracy.is_none()).count(), 1, "prediction {i}");
    }
}
