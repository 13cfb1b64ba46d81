//! Limits of disagreement: how much a network of some accuracy can differ from a reference.

use crate::MetricError;

/// How often a network's predictions differ from a reference's if they are as near to it, or as far from it, as Fort et
/// al. suppose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Disagreement, in 0..=1, of the reference's own predictions with so many of them replaced by another class at random
    /// that the accuracy is the candidate's. `None` where no such share gives it: above the reference's accuracy, and below
    /// that of a reference all of whose predictions are replaced.
    pub lower: Option<f64>,
    /// Disagreement, in 0..=1, of predictions that err independently of the reference's, all wrong classes being alike.
    pub upper: f64,
}

/// The limits of disagreement for a reference of accuracy a* and a candidate of accuracy a among C classes: the two
/// curves of the diversity plane of Fort et al. 2019, by the formulas of their notebook.
///
/// * lower: `(a* − a) / (a* − (1 − a*)/(C − 1))`
/// * upper: `a* (1 − a) + a (1 − a*) + (1 − a*)(1 − a)(C − 2)/(C − 1)`
///
/// A network can lie outside both: the lower one is not a bound, as errors may be mended as well as made. The plane divides
/// by 1 − a: [`normalised_disagreement`].
///
/// ```
/// use basin_metrics::{limits_of_disagreement, normalised_disagreement};
/// let limits = limits_of_disagreement(0.71, 0.65, 10).unwrap();
/// assert_eq!(format!("{:.4} {:.4}", limits.lower.unwrap(), limits.upper), "0.0885 0.5272");
/// let upper = normalised_disagreement(limits.upper, 0.65).unwrap();
/// assert_eq!(format!("{upper:.4}"), "1.5063");
/// ```
///
/// # Errors
/// [`MetricError::Accuracy`] for an accuracy outside 0..=1, [`MetricError::Classes`] for fewer than two classes.
pub fn limits_of_disagreement(reference: f64, accuracy: f64, classes: usize) -> Result<Limits, MetricError> {
    check_accuracy(reference)?;
    check_accuracy(accuracy)?;
    if classes < 2 {
        return Err(MetricError::Classes { found: classes });
    }
    let (a, b, others) = (accuracy, reference, (classes - 1) as f64);
    let upper = b * (1.0 - a) + a * (1.0 - b) + (1.0 - b) * (1.0 - a) * (others - 1.0) / others;
    // What a replaced prediction costs on average. A reference at the level of chance or below loses nothing.
    let loss = b - (1.0 - b) / others;
    let lower = match (b - a, loss) {
        (0.0, _) => Some(0.0),
        (less, loss) if less > 0.0 && less <= loss => Some(less / loss),
        _ => None,
    };
    Ok(Limits { lower, upper })
}

/// Disagreement with a reference divided by the share of errors, `d / (1 − a)`, ≥ 0: the diversity of Fort et al. 2019.
/// 1 means as many changed predictions as errors.
///
/// # Errors
/// [`MetricError::Accuracy`] for an accuracy outside 0..=1, [`MetricError::Faultless`] for an accuracy of 1,
/// [`MetricError::Value`] for a disagreement outside 0..=1 (index 0).
pub fn normalised_disagreement(disagreement: f64, accuracy: f64) -> Result<f64, MetricError> {
    check_accuracy(accuracy)?;
    if !(0.0..=1.0).contains(&disagreement) {
        return Err(MetricError::Value { index: 0, value: disagreement });
    }
    if accuracy == 1.0 {
        return Err(MetricError::Faultless);
    }
    Ok(disagreement / (1.0 - accuracy))
}

fn check_accuracy(value: f64) -> Result<(), MetricError> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(MetricError::Accuracy { value }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The notebook's reference, a* = 0.71, at four accuracies: d and d/(1 − a) of both curves, four decimals.
    #[test]
    fn the_curves_of_the_notebook() {
        let cases = [
            (0.71, [0.4866, 1.6778, 0.0, 0.0]),
            (0.65, [0.5272, 1.5063, 0.0885, 0.2529]),
            (0.50, [0.6289, 1.2578, 0.3098, 0.6197]),
            (0.30, [0.7644, 1.0921, 0.6049, 0.8642]),
        ];
        for (a, expected) in cases {
            let Limits { lower, upper } = limits_of_disagreement(0.71, a, 10).unwrap();
            let lower = lower.unwrap();
            let divided = |d| normalised_disagreement(d, a).unwrap();
            for (got, expected) in [upper, divided(upper), lower, divided(lower)].into_iter().zip(expected) {
                assert!((got - expected).abs() <= 5e-5, "a = {a}: {got}, expected {expected}");
            }
        }
    }

    /// One minus the chance that two independent predictions name the same class, summed over four classes.
    #[test]
    fn independent_predictions_disagree_as_counted() {
        // Right with 1/2 and with 1/4, each wrong class of the three equally likely: twelfths of images.
        let a = [6.0 / 12.0, 2.0 / 12.0, 2.0 / 12.0, 2.0 / 12.0];
        let b = [3.0 / 12.0; 4];
        let same: f64 = a.iter().zip(&b).map(|(p, q)| p * q).sum();
        let upper = limits_of_disagreement(0.5, 0.25, 4).unwrap().upper;
        assert!((upper - (1.0 - same)).abs() < 1e-15, "{upper}");
    }

    #[test]
    fn the_lower_curve_ends_where_nothing_is_left_to_replace() {
        let lower = |a| limits_of_disagreement(0.71, a, 10).unwrap().lower;
        assert_eq!(lower(0.72), None);
        assert_eq!(lower(0.0), None);
        let all = lower(0.29 / 9.0 + 1e-12).unwrap();
        assert!((all - 1.0).abs() < 1e-9, "all predictions replaced: {all}");
        // A reference at chance: replacing its predictions changes nothing.
        assert_eq!(limits_of_disagreement(0.1, 0.05, 10).unwrap().lower, None);
        assert_eq!(limits_of_disagreement(0.1, 0.1, 10).unwrap().lower, Some(0.0));
    }

    #[test]
    fn what_is_no_accuracy_is_refused() {
        for value in [93.0, -0.1] {
            assert_eq!(limits_of_disagreement(value, 0.5, 10), Err(MetricError::Accuracy { value }));
            assert_eq!(limits_of_disagreement(0.5, value, 10), Err(MetricError::Accuracy { value }));
            assert_eq!(normalised_disagreement(0.5, value), Err(MetricError::Accuracy { value }));
        }
        assert!(limits_of_disagreement(f64::NAN, 0.5, 10).is_err());
        assert_eq!(limits_of_disagreement(0.5, 0.5, 1), Err(MetricError::Classes { found: 1 }));
        assert_eq!(normalised_disagreement(0.0, 1.0), Err(MetricError::Faultless));
        assert_eq!(normalised_disagreement(1.5, 0.5), Err(MetricError::Value { index: 0, value: 1.5 }));
    }
}
