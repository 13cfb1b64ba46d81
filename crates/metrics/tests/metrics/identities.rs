//! What must hold for every ensemble, whatever it predicts.

use crate::{labels, probs};
use basin_core::{Labels, Logits, Probs};
use basin_metrics::{
    CITATIONS, Combine, accuracy, brier, combine, disagreement, disagreement_matrix, ece, jsd_one_vs_all,
    jsd_uniform, loss_barrier, nll, reliability, true_class_variance,
};
use proptest::prelude::*;
use std::f64::consts::LN_2;

/// An ensemble of 2 to 6 members over 1 to 8 rows of 2 to 6 classes, from indifferent to certain, and labels.
fn ensembles() -> impl Strategy<Value = (Vec<Logits>, Labels)> {
    (2usize..=6, 1usize..=8, 2usize..=6).prop_flat_map(|(m, n, classes)| {
        let logit = prop_oneof![4 => -5.0f32..5.0, 1 => -800.0f32..800.0, 1 => Just(0.0f32)];
        let member = prop::collection::vec(logit, n * classes);
        let truth = prop::collection::vec(0..classes as u32, n);
        (prop::collection::vec(member, m), truth).prop_map(move |(members, truth)| {
            let members = members.into_iter().map(|z| Logits::new(classes, z).unwrap()).collect();
            (members, labels(classes, &truth))
        })
    })
}

fn all_probs(members: &[Logits]) -> Vec<Probs> {
    members.iter().map(|z| z.softmax(1.0)).collect()
}

/// Every number this crate makes from predictions.
fn all_metrics(members: &[Logits], labels: &Labels) -> Vec<(&'static str, f64)> {
    let (probs, ensemble) = (all_probs(members), combine(members, Combine::MeanProbs).unwrap());
    let geometric = combine(members, Combine::MeanLogits).unwrap();
    vec![
        ("nll", nll(&ensemble, labels).unwrap()),
        ("nll of mean logits", nll(&geometric, labels).unwrap()),
        ("brier", brier(&ensemble, labels).unwrap()),
        ("jsd_one_vs_all", jsd_one_vs_all(&probs).unwrap()),
        ("jsd_uniform", jsd_uniform(&probs).unwrap()),
        ("true_class_variance", true_class_variance(&probs, labels).unwrap()),
        ("disagreement", disagreement(&probs).unwrap()),
    ]
}

proptest! {
    #[test]
    fn every_metric_stays_in_its_range((members, labels) in ensembles()) {
        let probs = all_probs(&members);
        let within = |name: &str, value: f64, top: f64| {
            prop_assert!((0.0..=top).contains(&value), "{name} = {value}, range 0..={top}");
            Ok(())
        };
        let round = 1.0 + 1e-12;
        within("jsd_one_vs_all", jsd_one_vs_all(&probs).unwrap(), LN_2 * round)?;
        within("jsd_uniform", jsd_uniform(&probs).unwrap(), (members.len() as f64).ln() * round)?;
        within("true_class_variance", true_class_variance(&probs, &labels).unwrap(), 0.25 * round)?;
        within("disagreement", disagreement(&probs).unwrap(), 1.0)?;
        for p in &probs {
            within("accuracy", accuracy(p, &labels).unwrap(), 1.0)?;
            within("brier", brier(p, &labels).unwrap(), 2.0 * round)?;
            within("ece", ece(p, &labels, 15).unwrap(), round)?;
            within("nll", nll(p, &labels).unwrap(), -f64::MIN_POSITIVE.ln() * round)?;
        }
    }

    #[test]
    fn equal_members_have_no_diversity_at_all((members, labels) in ensembles(), m in 2usize..=7) {
        let copies = vec![members[0].softmax(1.0); m];
        prop_assert_eq!(jsd_one_vs_all(&copies).unwrap(), 0.0);
        prop_assert_eq!(jsd_uniform(&copies).unwrap(), 0.0);
        prop_assert_eq!(true_class_variance(&copies, &labels).unwrap(), 0.0);
        prop_assert_eq!(disagreement(&copies).unwrap(), 0.0);
    }

    #[test]
    fn the_order_of_members_does_not_matter((members, labels) in ensembles(), by in 1usize..6) {
        let mut turned = members.clone();
        turned.rotate_left(by % members.len());
        turned.swap(0, 1);
        for ((name, a), (_, b)) in all_metrics(&members, &labels).into_iter().zip(all_metrics(&turned, &labels)) {
            // The mean of logits is rounded to f32 after a sum whose order changed.
            let tolerance = if name == "nll of mean logits" { 1e-4 } else { 1e-13 };
            prop_assert!((a - b).abs() <= tolerance * a.abs().max(1.0), "{name}: {a} and {b}");
        }
    }

    #[test]
    fn the_mixture_is_no_worse_than_its_members_on_average((members, labels) in ensembles()) {
        let ensemble = combine(&members, Combine::MeanProbs).unwrap();
        let mean = |score: &dyn Fn(&Probs) -> f64| {
            all_probs(&members).iter().map(score).sum::<f64>() / members.len() as f64
        };
        let (ours, theirs) = (nll(&ensemble, &labels).unwrap(), mean(&|p| nll(p, &labels).unwrap()));
        prop_assert!(ours <= theirs + 1e-12 * theirs, "nll {ours}, members {theirs}");
        let (ours, theirs) = (brier(&ensemble, &labels).unwrap(), mean(&|p| brier(p, &labels).unwrap()));
        prop_assert!(ours <= theirs + 1e-12, "brier {ours}, members {theirs}");
    }

    #[test]
    fn brier_gains_by_the_spread_of_the_members((members, labels) in ensembles()) {
        // Ambiguity decomposition: mean member score − ensemble score = mean squared distance to the mixture.
        let (probs, ensemble) = (all_probs(&members), combine(&members, Combine::MeanProbs).unwrap());
        let m = members.len() as f64;
        let theirs = probs.iter().map(|p| brier(p, &labels).unwrap()).sum::<f64>() / m;
        let distance = |p: &Probs| -> f64 {
            p.rows().flatten().zip(ensemble.rows().flatten()).map(|(a, b)| (a - b).powi(2)).sum()
        };
        let spread = probs.iter().map(distance).sum::<f64>() / m / labels.len() as f64;
        let gain = theirs - brier(&ensemble, &labels).unwrap();
        prop_assert!((gain - spread).abs() < 1e-12, "gain {gain}, spread {spread}");
    }

    #[test]
    fn two_members_have_one_jensen_shannon_divergence((members, _) in ensembles()) {
        // For M = 2 "all others" is the other one, and both forms are the classical divergence.
        let pair = all_probs(&members[..2]);
        let (one, uniform) = (jsd_one_vs_all(&pair).unwrap(), jsd_uniform(&pair).unwrap());
        prop_assert!((one - uniform).abs() < 1e-14, "{one} and {uniform}");
    }

    #[test]
    fn bins_hold_every_input_once((members, labels) in ensembles(), bins in 1usize..40) {
        let p = members[0].softmax(1.0);
        let diagram = reliability(&p, &labels, bins).unwrap();
        prop_assert_eq!(diagram.iter().map(|bin| bin.count).sum::<usize>(), labels.len());
        for bin in diagram.iter().filter(|bin| bin.count > 0) {
            // The mean of equal confidences may leave the bin by a rounding error.
            prop_assert!(bin.lower < bin.confidence + 1e-12 && bin.confidence <= bin.upper + 1e-12, "{bin:?}");
        }
        let correct: f64 = diagram.iter().map(|bin| bin.accuracy * bin.count as f64).sum();
        prop_assert!((correct / labels.len() as f64 - accuracy(&p, &labels).unwrap()).abs() < 1e-12);
    }
}

#[test]
fn certain_members_of_different_classes_reach_the_bounds() {
    let (a, b) = (probs(2, &[9999.0, -9999.0]), probs(2, &[-9999.0, 9999.0]));
    let truth = labels(2, &[0]);
    let pair = [a.clone(), b.clone()];
    assert_eq!(jsd_one_vs_all(&pair), Ok(LN_2));
    assert_eq!(jsd_uniform(&pair), Ok(LN_2));
    assert_eq!(true_class_variance(&pair, &truth), Ok(0.25));
    assert_eq!(disagreement_matrix(&pair), Ok(vec![vec![0.0, 1.0], vec![1.0, 0.0]]));
    assert_eq!((brier(&a, &truth), brier(&b, &truth)), (Ok(0.0), Ok(2.0)));
    assert_eq!((ece(&a, &truth, 15), ece(&b, &truth, 15)), (Ok(0.0), Ok(1.0)));
    assert_eq!((nll(&a, &truth), nll(&b, &truth)), (Ok(0.0), Ok(-f64::MIN_POSITIVE.ln())));
}

#[test]
fn one_bin_measures_overconfidence_on_the_whole() {
    // Confidences 1/2 and 1/2, one of two right: perfectly calibrated however many bins there are.
    let p = probs(2, &[0.0, 0.0, 0.0, 0.0]);
    for bins in [1, 2, 15] {
        assert_eq!(ece(&p, &labels(2, &[0, 1]), bins), Ok(0.0));
        assert_eq!(ece(&p, &labels(2, &[0, 0]), bins), Ok(0.5));
    }
}

#[test]
fn the_mean_of_logits_is_the_geometric_mean_of_probabilities() {
    let members = [[3.0f32, 0.0, 1.0], [-1.0, 2.0, 0.5]].map(|z| Logits::new(3, z.to_vec()).unwrap());
    let geometric: Vec<f64> = (0..3)
        .map(|c| members.iter().map(|z| z.softmax(1.0).rows().next().unwrap()[c].ln()).sum::<f64>())
        .map(|log| (0.5 * log).exp())
        .collect();
    let sum: f64 = geometric.iter().sum();
    let combined = combine(&members, Combine::MeanLogits).unwrap();
    for (c, got) in combined.rows().next().unwrap().iter().enumerate() {
        assert!((got - geometric[c] / sum).abs() < 1e-15, "class {c}: {got}");
    }
}

#[test]
fn a_loss_barrier_is_measured_from_the_mean_of_the_ends() {
    assert_eq!(loss_barrier([1.0, 2.0], &[1.5, 4.0, 1.0]), Ok(2.5));
    assert_eq!(loss_barrier([1.0, 1.0], &[0.2, 0.5]), Ok(0.0));
    assert_eq!(loss_barrier([1.0, 2.0], &[]), Ok(0.5));
    assert_eq!(loss_barrier([1.0, 2.0], &[f64::INFINITY]), Ok(f64::INFINITY));
}

#[test]
fn citations_are_sorted_and_each_names_its_work_the_same_way() {
    assert!(CITATIONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    for (metric, a) in CITATIONS {
        for (other, b) in CITATIONS {
            assert_eq!(a.key == b.key, a == b, "{metric} and {other}");
        }
    }
}
