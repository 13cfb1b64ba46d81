//! Bad input becomes a typed error that says what was expected.

use crate::{labels, probs};
use basin_core::{Logits, Probs};
use basin_metrics::stats::{Summary, mean, sample_sd, student_t_cdf, student_t_quantile, t_interval, welch};
use basin_metrics::{
    Combine, MetricError, accuracy, brier, combine, disagreement, disagreement_matrix, ece, jsd_one_vs_all,
    jsd_uniform, loss_barrier, member_accuracies, nll, reliability, true_class_variance,
};

type Scored = Result<f64, MetricError>;

fn scores(p: &Probs, y: &basin_core::Labels) -> [Scored; 4] {
    [accuracy(p, y), nll(p, y), brier(p, y), ece(p, y, 15)]
}

fn diversities(members: &[Probs], y: &basin_core::Labels) -> [Scored; 4] {
    [jsd_one_vs_all(members), jsd_uniform(members), disagreement(members), true_class_variance(members, y)]
}

#[test]
fn labels_of_another_split_are_refused() {
    let p = probs(2, &[0.0, 1.0]);
    for (y, found) in [(labels(2, &[0, 1]), [2, 2]), (labels(3, &[0]), [1, 3])] {
        let expected = Err(MetricError::LabelShape { found, expected: [1, 2] });
        assert!(scores(&p, &y).iter().all(|score| *score == expected));
        assert_eq!(true_class_variance(&[p.clone(), p.clone()], &y), expected);
        assert_eq!(member_accuracies(std::slice::from_ref(&p), &y).map(|_| 0.0), expected);
    }
    let error = accuracy(&p, &labels(3, &[0])).unwrap_err();
    assert_eq!(error.to_string(), "labels are [1, 3] [rows, classes], expected [1, 2] as the predictions");
}

#[test]
fn no_rows_are_refused() {
    let (p, y) = (probs(2, &[]), labels(2, &[]));
    assert!(scores(&p, &y).iter().all(|score| *score == Err(MetricError::NoRows)));
    assert!(diversities(&[p.clone(), p], &y).iter().all(|d| *d == Err(MetricError::NoRows)));
    let empty = Logits::new(2, vec![]).unwrap();
    assert_eq!(combine(&[empty], Combine::MeanProbs), Err(MetricError::NoRows));
}

#[test]
fn diversity_of_fewer_than_two_members_is_refused() {
    let (p, y) = (probs(2, &[0.0, 1.0]), labels(2, &[0]));
    for members in [vec![], vec![p]] {
        let expected = Err(MetricError::Members { found: members.len(), needed: 2 });
        assert!(diversities(&members, &y).iter().all(|d| *d == expected));
    }
    assert_eq!(combine(&[], Combine::MeanLogits), Err(MetricError::Members { found: 0, needed: 1 }));
    assert_eq!(member_accuracies(&[], &y), Err(MetricError::Members { found: 0, needed: 1 }));
}

#[test]
fn members_of_different_shape_are_refused_by_number() {
    let y = labels(2, &[0, 1]);
    let (two_rows, one_row) = ([0.0f32; 4], [0.0f32; 2]);
    let expected = MetricError::MemberShape { member: 2, found: [1, 2], expected: [2, 2] };
    let members = [probs(2, &two_rows), probs(2, &two_rows), probs(2, &one_row)];
    assert!(diversities(&members, &y).iter().all(|d| *d == Err(expected.clone())));
    assert_eq!(disagreement_matrix(&members), Err(expected.clone()));
    let logits = [two_rows.to_vec(), two_rows.to_vec(), one_row.to_vec()].map(|z| Logits::new(2, z).unwrap());
    for how in [Combine::MeanProbs, Combine::MeanLogits] {
        assert_eq!(combine(&logits, how), Err(expected.clone()));
    }
    // As many values, but other rows: 2 × 2 against 1 × 4.
    let other = [probs(2, &two_rows), probs(4, &two_rows)];
    assert!(matches!(jsd_uniform(&other), Err(MetricError::MemberShape { member: 1, .. })));
}

#[test]
fn a_diverged_member_is_refused_by_number_and_row() {
    let y = labels(2, &[0, 1]);
    for bad in [f32::NAN, f32::INFINITY] {
        let z = [0.0, 1.0, bad, 1.0];
        let good = probs(2, &[0.0; 4]);
        let alone = Err(MetricError::NotFinite { member: 0, row: 1 });
        assert!(scores(&probs(2, &z), &y).iter().all(|score| *score == alone));
        let second = Err(MetricError::NotFinite { member: 1, row: 1 });
        assert!(diversities(&[good, probs(2, &z)], &y).iter().all(|d| *d == second));
        let logits = [vec![0.0; 4], z.to_vec()].map(|z| Logits::new(2, z).unwrap());
        assert_eq!(combine(&logits, Combine::MeanLogits).map(|_| 0.0), second);
    }
}

#[test]
fn zero_bins_are_refused() {
    let (p, y) = (probs(2, &[0.0, 1.0]), labels(2, &[0]));
    assert_eq!(ece(&p, &y, 0), Err(MetricError::Bins));
    assert_eq!(reliability(&p, &y, 0), Err(MetricError::Bins));
}

#[test]
fn combinations_are_read_by_the_names_they_are_shown_with() {
    for how in [Combine::MeanProbs, Combine::MeanLogits] {
        assert_eq!(how.to_string().parse(), Ok(how));
    }
    let error = "mean_probs".parse::<Combine>().unwrap_err();
    assert_eq!(error.to_string(), "unknown combination \"mean_probs\", expected mean-probs or mean-logits");
}

#[test]
fn statistics_of_too_few_or_broken_values_are_refused() {
    assert_eq!(mean(&[]), Err(MetricError::Values { found: 0, needed: 1 }));
    assert_eq!(sample_sd(&[1.0]), Err(MetricError::Values { found: 1, needed: 2 }));
    assert!(matches!(Summary::from_values(&[1.0, f64::NAN]), Err(MetricError::Value { index: 1, .. })));
    let good = Summary { mean: 0.9, sd: 0.1, n: 3 };
    for bad in [Summary { n: 1, ..good }, Summary { sd: -0.1, ..good }, Summary { mean: f64::NAN, ..good }] {
        assert!(matches!(t_interval(&bad, 0.95), Err(MetricError::Summary { .. })));
        assert!(matches!(welch(&good, &bad, 0.95), Err(MetricError::Summary { .. })));
    }
    for level in [0.0, 1.0, 95.0, f64::NAN] {
        assert!(matches!(t_interval(&good, level), Err(MetricError::Level { .. })));
        assert!(matches!(welch(&good, &good, level), Err(MetricError::Level { .. })));
    }
}

#[test]
fn the_t_distribution_names_its_limits() {
    for p in [0.0, 1.0, -0.5, f64::NAN] {
        assert!(matches!(student_t_quantile(p, 3.0), Err(MetricError::Probability { .. })));
    }
    for df in [0.5, 2e9, f64::NAN] {
        assert!(matches!(student_t_quantile(0.9, df), Err(MetricError::DegreesOfFreedom { .. })));
        assert!(matches!(student_t_cdf(0.9, df), Err(MetricError::DegreesOfFreedom { .. })));
    }
    assert!(matches!(student_t_cdf(f64::NAN, 3.0), Err(MetricError::Value { .. })));
    assert_eq!(student_t_cdf(f64::INFINITY, 3.0), Ok(1.0));
    assert_eq!(student_t_cdf(f64::NEG_INFINITY, 3.0), Ok(0.0));
}

#[test]
fn runs_without_spread_have_an_interval_without_width() {
    let (a, b) = (Summary { mean: 0.9, sd: 0.0, n: 3 }, Summary { mean: 0.4, sd: 0.0, n: 2 });
    let got = welch(&a, &b, 0.95).unwrap();
    assert_eq!((got.difference, got.low, got.high, got.df), (0.5, 0.5, 0.5, 3.0));
    // One side without spread: the other side's degrees of freedom remain.
    let got = welch(&a, &Summary { sd: 1e-200, ..b }, 0.95).unwrap();
    assert_eq!(got.df, 1.0);
}

#[test]
fn a_loss_that_is_no_number_cannot_look_connected() {
    assert!(matches!(loss_barrier([0.1, 0.2], &[0.1, f64::NAN]), Err(MetricError::Value { index: 1, .. })));
    assert!(matches!(loss_barrier([0.1, f64::NAN], &[]), Err(MetricError::Value { index: 1, .. })));
}
