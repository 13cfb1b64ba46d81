//! An ensemble of one network, such as the average of others: what is undefined of it is left out, and nothing is refused.

use crate::{Known, names, naming};
use basin_core::{DataRef, Record};
use basin_ensemble::conformance::{Given, assert_probe_conforms};
use basin_ensemble::{Mixing, Probe, StatisticsOn};
use basin_metrics::Combine;
use basin_probes::{
    Calibration, DeepEquivalent, DiversityPlane, JointConnectivity, PairwiseLines, Performance,
};

fn performance() -> Performance {
    Performance { data: DataRef::test(), combine: Combine::MeanProbs, ece_bins: 15 }
}

fn joint(mixing: &Mixing) -> JointConnectivity {
    JointConnectivity { data: DataRef::test().first(4), draws: 6, mixing: mixing.clone() }
}

fn lines(mixing: &Mixing) -> PairwiseLines {
    PairwiseLines { data: DataRef::test().first(4), pairs: 5, points: 5, mixing: mixing.clone() }
}

fn calibration() -> Calibration {
    Calibration { data: DataRef::test(), combine: Combine::MeanLogits, bins: 15 }
}

#[test]
fn what_every_ensemble_gets_conforms() {
    let given = Given { networks: 1, logits: 1 };
    for combine in [Combine::MeanProbs, Combine::MeanLogits] {
        assert_probe_conforms(&Performance { combine, ..performance() }, given);
    }
    for mixing in &[Mixing::Plain, Mixing::Repair { images: 3 }, Mixing::Reestimated(StatisticsOn::first(3))]
    {
        assert_probe_conforms(&joint(mixing), given);
        assert_probe_conforms(&lines(mixing), given);
    }
    assert_probe_conforms(&calibration(), given);
    assert_probe_conforms(&DiversityPlane { data: DataRef::test() }, given);
    let worth = DeepEquivalent { data: DataRef::test(), combine: Combine::MeanProbs, own: 1 };
    assert_probe_conforms(&worth, Given { networks: 0, logits: 4 });
}

/// Of four images three are right; no network is evaluated.
fn alone() -> Known {
    Known::of(&[&[1.0]], vec![naming(2, &[0, 0, 1, 1])], 2, &[0, 1, 1, 1])
}

fn told(probe: &dyn Probe) -> Record {
    probe.check(1, 1).unwrap();
    let record = probe.run(&mut alone()).unwrap();
    assert!(record.lists.values().flatten().all(|value| value.is_finite()), "{:?}", record.lists);
    record
}

#[test]
fn its_accuracy_is_a_member_s_and_it_has_no_diversity() {
    let record = told(&performance());
    assert_eq!(names(&record), ["brier", "ece", "ensemble-accuracy", "mean-member-accuracy", "nll"]);
    assert_eq!((record.scalars["ensemble-accuracy"], record.scalars["mean-member-accuracy"]), (0.75, 0.75));
    assert_eq!(record.lists["member-accuracy"], [0.75]);
    let p = 1.0 / (1.0 + (-2.0f64).exp());
    let nll = -(3.0 * p.ln() + (1.0 - p).ln()) / 4.0;
    assert!((record.scalars["nll"] - nll).abs() < 1e-15);
    // Two members alike have the same numbers, and diversity of 0.
    let two = vec![naming(2, &[0, 0, 1, 1]); 2];
    let both = performance().run(&mut Known::of(&[], two, 2, &[0, 1, 1, 1])).unwrap();
    assert!(record.scalars.iter().all(|(name, value)| both.scalars[name] == *value));
    assert_eq!(both.scalars["disagreement"], 0.0);
}

#[test]
fn it_is_connected_to_nothing_and_nothing_is_paid_for() {
    let images = |data: &DataRef| if data.split == DataRef::train().split { 3 } else { 4 };
    for mixing in &[Mixing::Plain, Mixing::Repair { images: 3 }] {
        let record = told(&joint(mixing));
        assert!(record.scalars.is_empty() && record.lists["q"].is_empty());
        let record = told(&lines(mixing));
        assert!(PairwiseLines::lines(&record).is_empty() && record.scalars.is_empty());
        assert_eq!((joint(mixing).cost(1, &images), lines(mixing).cost(1, &images)), (0, 0));
    }
    assert_eq!(
        (joint(&Mixing::Plain).cost(2, &images), lines(&Mixing::Plain).cost(2, &images)),
        (6 * 4, 3 * 4)
    );
    let none = joint(&Mixing::Plain).check(0, 0).unwrap_err().to_string();
    let text =
        "joint-connectivity: 0 networks and 0 logits, expected at least one network and the logits of each";
    assert_eq!(none, text);
    assert!(lines(&Mixing::Plain).check(2, 1).is_err());
}

#[test]
fn it_is_calibrated_like_others_and_knows_of_no_other_member() {
    let logits = naming(2, &[0, 0, 1, 1, 0, 1, 0, 0]);
    let labels = [0, 1, 1, 1, 0, 0, 0, 0];
    let record = calibration().run(&mut Known::of(&[], vec![logits.clone()], 2, &labels)).unwrap();
    let expected = ["adaptive-ece", "calibrated-brier", "calibrated-nll", "class-wise-ece", "temperature"];
    assert_eq!(names(&record), expected);
    let both = calibration().run(&mut Known::of(&[], vec![logits; 2], 2, &labels)).unwrap();
    assert_eq!(both.scalars.get("mutual-information"), Some(&0.0));
    assert!(record.scalars.iter().all(|(name, value)| both.scalars[name] == *value));
}

#[test]
fn it_has_limits_of_diversity_and_no_place_between_them() {
    let record = told(&DiversityPlane { data: DataRef::test() });
    assert!(record.scalars.is_empty());
    let subjects: Vec<String> = record.curves().into_iter().map(|curve| curve.subject).collect();
    assert_eq!(subjects, ["lower-limit", "upper-limit"]);
}
