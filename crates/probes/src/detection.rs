//! How well a score tells two kinds of images apart.

/// Measures of a score that should be higher for images of the second kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Detection {
    /// Probability that an image of the second kind has the higher score, ties counting half: area under the ROC curve.
    pub(crate) auroc: f64,
    /// Average precision Σ (Rₖ − Rₖ₋₁) Pₖ over distinct thresholds, the second kind being positive.
    pub(crate) aupr: f64,
    /// Share of the first kind at or above the highest threshold that has 95 % of the second kind at or above it.
    pub(crate) fpr95: f64,
}

/// Scores of images of two kinds, at least one of each. Cost: O(n log n).
pub(crate) fn detection(own: &[f64], others: &[f64]) -> Detection {
    let mut scored: Vec<(f64, bool)> =
        own.iter().map(|score| (*score, false)).chain(others.iter().map(|score| (*score, true))).collect();
    // From the highest; equal scores are one threshold.
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (negatives, positives) = (own.len() as f64, others.len() as f64);
    let (mut hits, mut alarms, mut auroc, mut aupr) = (0.0, 0.0, 0.0, 0.0);
    let mut fpr95 = None;
    for equal in scored.chunk_by(|a, b| a.0 == b.0) {
        let found = equal.iter().filter(|(_, other)| *other).count() as f64;
        let taken = equal.len() as f64 - found;
        auroc += taken * (hits + found / 2.0);
        hits += found;
        alarms += taken;
        aupr += found / positives * hits / (hits + alarms);
        if hits / positives >= 0.95 {
            fpr95.get_or_insert(alarms / negatives);
        }
    }
    Detection { auroc: auroc / (negatives * positives), aupr, fpr95: fpr95.unwrap_or(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scikit-learn 1.7: `roc_auc_score`, `average_precision_score`.
    #[test]
    fn ties_count_half_and_are_one_threshold() {
        let found = detection(&[0.1, 0.4, 0.35, 0.8, 0.4], &[0.4, 0.9, 0.35, 0.7]);
        assert!((found.auroc - 0.675).abs() < 1e-12, "{found:?}");
        assert!((found.aupr - 0.6666666666666666).abs() < 1e-12, "{found:?}");
        assert_eq!(found.fpr95, 0.8);
        let apart = detection(&[0.0, 0.1], &[0.2, 0.3]);
        assert_eq!(apart, Detection { auroc: 1.0, aupr: 1.0, fpr95: 0.0 });
        let alike = detection(&[0.5; 3], &[0.5; 2]);
        assert_eq!(alike, Detection { auroc: 0.5, aupr: 0.4, fpr95: 1.0 });
    }
}
