//! Accuracy by class, what is left of the source, and held-out images.

use crate::{Known, names, naming};
use basin_core::DataRef;
use basin_ensemble::conformance::{Given, assert_probe_conforms};
use basin_ensemble::{Probe, ProbeError};
use basin_metrics::Combine;
use basin_probes::{Forgetting, HeldOut, PerClass};

fn per_class() -> PerClass {
    PerClass { data: DataRef::test(), combine: Combine::MeanProbs }
}

fn source() -> Forgetting {
    Forgetting { data: DataRef { set: Some("cifar100".into()), ..DataRef::test() } }
}

fn held_out() -> HeldOut {
    HeldOut { data: DataRef::train().share(1, 4, 3), combine: Combine::MeanProbs }
}

#[test]
fn they_conform() {
    for members in 1..=3 {
        let given = Given { networks: 0, logits: members };
        assert_probe_conforms(&per_class(), given);
        assert_probe_conforms(&Forgetting { data: DataRef::test() }, Given { logits: 2 * members, ..given });
        assert_probe_conforms(&held_out(), Given { networks: members, logits: 0 });
    }
}

#[test]
fn every_class_counts_the_same_of_the_ensemble_and_of_its_members() {
    // Three images of class 0, one of class 2, none of class 1. Two members against one decide.
    let named = [[0, 0, 1, 2], [0, 1, 1, 0], [0, 0, 0, 2]];
    let records = named.iter().map(|classes| naming(3, classes)).collect();
    let record = per_class().run(&mut Known::of(&[], records, 3, &[0, 0, 0, 2])).unwrap();
    assert_eq!(names(&record), ["mean-class-accuracy", "mean-member-class-accuracy"]);
    // Members: 2/3 and 1; 1/3 and 0; 1 and 1. Together they name 0, 0, 1, 2.
    let close =
        |name: &str, expected: f64| assert!((record.scalars[name] - expected).abs() < 1e-15, "{name}");
    close("mean-class-accuracy", (2.0 / 3.0 + 1.0) / 2.0);
    close("mean-member-class-accuracy", (5.0 / 6.0 + 1.0 / 6.0 + 1.0) / 3.0);
    let curves = record.curves();
    let [curve] = &curves[..] else { panic!("{curves:?}") };
    assert_eq!((curve.quantity.as_str(), curve.variable.as_str()), ("class-accuracy", "class"));
    assert_eq!((&curve.at[..], &curve.values[..]), (&[0.0, 2.0][..], &[2.0 / 3.0, 1.0][..]));
}

#[test]
fn accuracy_by_class_needs_someone_s_logits() {
    let error = per_class().run(&mut Known::of(&[], Vec::new(), 3, &[0])).unwrap_err().to_string();
    assert_eq!(error, "per-class: 0 members, expected at least 1");
}

#[test]
fn what_is_forgotten_is_before_minus_after_member_by_member() {
    // Of four images: after 2 and 1 right, before 4 and 3.
    let named = [[0, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 1, 1, 0]];
    let records = named.iter().map(|classes| naming(2, classes)).collect();
    let record = source().run(&mut Known::of(&[], records, 2, &[0, 1, 1, 1])).unwrap();
    assert_eq!(names(&record), ["forgetting", "source-accuracy", "source-accuracy-before"]);
    assert_eq!(record.lists["source-accuracy"], [0.5, 0.5]);
    assert_eq!(record.lists["source-accuracy-before"], [1.0, 0.75]);
    assert_eq!(record.scalars["source-accuracy"], 0.5);
    assert_eq!(record.scalars["source-accuracy-before"], 0.875);
    assert_eq!(record.scalars["forgetting"], 0.375);
}

#[test]
fn every_member_has_a_network_that_it_forgot_from() {
    for records in [0, 1, 3] {
        let error = source().check(0, records).unwrap_err().to_string();
        let expected = "expected those of at least one member and as many of pre-trained networks";
        assert_eq!(error, format!("forgetting: {records} logits, {expected}"));
    }
    source().check(0, 2).unwrap();
}

/// A network of weight w names class 1 on the first w images and class 0 on the others, the surer the larger w.
fn says(weights: &[f32], image: usize) -> Vec<f32> {
    let sure = 1.0 + weights[0];
    vec![if (image as f32) < weights[0] { -sure } else { sure }, 0.0]
}

#[test]
fn held_out_images_are_seen_by_each_member_once() {
    // Weights 1, 2 and 4 have four, five and three of five right.
    let lab = || Known { says, ..Known::of(&[&[1.0], &[2.0], &[4.0]], Vec::new(), 2, &[1, 1, 0, 0, 0]) };
    let mut whole = lab();
    let record = held_out().run(&mut whole).unwrap();
    assert_eq!(record.lists["held-out-member-accuracy"], [0.8, 1.0, 0.6]);
    assert!((record.scalars["held-out-member-accuracy"] - 0.8).abs() < 1e-15);
    // On every image two of them are right, and together surer than the third.
    assert_eq!(record.scalars["held-out-accuracy"], 1.0);
    assert_eq!(names(&record), ["held-out-accuracy", "held-out-member-accuracy"]);
    assert_eq!(whole.looked_at, vec![held_out().data; 3]);
    let mut stopped = Known { stop_after: Some(2), ..lab() };
    assert!(matches!(held_out().run(&mut stopped), Err(ProbeError::Lab(_))));
    let mut resumed = Known { kept: stopped.kept, ..lab() };
    assert_eq!(held_out().run(&mut resumed).unwrap(), record);
    assert_eq!((stopped.evaluated.len(), resumed.evaluated.len()), (2, 1));
    let none = held_out().check(0, 0).unwrap_err().to_string();
    assert_eq!(none, "held-out: no networks, expected at least one");
}
