//! Detection of foreign images: how well a score of uncertainty tells them from those of the test set.

use crate::MetricError;
use crate::jsd::row_information;
use crate::shape::{check_members, check_probs, rows_of_members};
use basin_core::{Citation, Probs};

/// Where the detection of foreign images by the largest probability, and its areas, come from.
pub const CITATION: Citation = Citation {
    key: "hendrycks2017baseline",
    authors: "Hendrycks, Dan and Gimpel, Kevin",
    title: "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural Networks",
    year: 2017,
    locator: "1610.02136",
};

/// Where foreign images as the positives, and their FPR95, come from.
pub const FPR_CITATION: Citation = Citation {
    key: "hendrycks2019exposure",
    authors: "Hendrycks, Dan and Mazeika, Mantas and Dietterich, Thomas",
    title: "Deep Anomaly Detection with Outlier Exposure",
    year: 2019,
    locator: "1812.04606",
};

/// Where the mutual information between prediction and member comes from.
pub const INFORMATION_CITATION: Citation = Citation {
    key: "houlsby2011bald",
    authors: "Houlsby, Neil and Huszár, Ferenc and Ghahramani, Zoubin and Lengyel, Máté",
    title: "Bayesian Active Learning for Classification and Preference Learning",
    year: 2011,
    locator: "1112.5745",
};

/// The largest probability of each image, `[n]`, in 0..=1. Low where the network is uncertain: as a score of
/// foreignness it is negated.
///
/// # Errors
/// [`MetricError::NoRows`] or [`MetricError::NotFinite`].
pub fn max_probability(probs: &Probs) -> Result<Vec<f64>, MetricError> {
    check_probs(probs, 0)?;
    Ok(probs.rows().map(|row| row.iter().copied().fold(0.0, f64::max)).collect())
}

/// The entropy of each prediction in nats, `[n]`, in 0..=ln C, with 0 ln 0 = 0.
///
/// # Errors
/// [`MetricError::NoRows`] or [`MetricError::NotFinite`].
pub fn entropy(probs: &Probs) -> Result<Vec<f64>, MetricError> {
    check_probs(probs, 0)?;
    let of = |row: &[f64]| -row.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>();
    // A certain prediction has entropy -0; it is given as plain zero.
    Ok(probs.rows().map(|row| of(row).max(0.0)).collect())
}

/// The mutual information between prediction and member of each image in nats, `[n]`, in 0..=ln M:
/// `H(p̄) − (1/M) Σᵢ H(pᵢ)`, computed as `(1/M) Σᵢ KL(pᵢ ‖ p̄)`, which does not cancel. Its mean over images is
/// [`crate::jsd_uniform`].
///
/// # Errors
/// [`MetricError::Members`] for fewer than two members, [`MetricError::NoRows`], [`MetricError::MemberShape`] or
/// [`MetricError::NotFinite`].
pub fn mutual_information(members: &[Probs]) -> Result<Vec<f64>, MetricError> {
    check_members(members, 2)?;
    Ok(rows_of_members(members).map(|row| row_information(&row).max(0.0)).collect())
}

/// Area under the ROC curve, in 0..=1: the chance that a foreign image scores higher than one of the test set, an equal
/// score counting half. Higher is better, 0.5 is chance.
///
/// `foreign` and `own` hold a score for each image, higher meaning more foreign: foreign images are the positives
/// (Hendrycks et al. 2019). Exact up to one division, ties included. Cost: O(n log n).
///
/// ```
/// // Of six pairs, four in order and one tied.
/// assert_eq!(basin_metrics::ood::auroc(&[0.9, 0.4], &[0.4, 0.1, 0.8]), Ok(4.5 / 6.0));
/// ```
///
/// # Errors
/// [`MetricError::Values`] for an empty list, [`MetricError::Value`] for a score that is not finite.
pub fn auroc(foreign: &[f64], own: &[f64]) -> Result<f64, MetricError> {
    // Twice the number of pairs in order is a whole number, however many are tied.
    let (mut twice, mut above) = (0u128, 0u128);
    for Step { foreign, own } in steps(foreign, own)? {
        twice += own as u128 * (2 * above + foreign as u128);
        above += foreign as u128;
    }
    Ok(twice as f64 / (2 * foreign.len() as u128 * own.len() as u128) as f64)
}

/// Area under the curve of precision over recall as average precision, in 0..=1: `Σₖ (Rₖ − Rₖ₋₁) Pₖ` over the distinct
/// scores from the highest down, as scikit-learn has it. Higher is better; chance is the share of foreign images, so
/// values compare only at equal shares. Arguments, cost and errors are those of [`auroc`].
///
/// # Errors
/// Those of [`auroc`].
pub fn aupr(foreign: &[f64], own: &[f64]) -> Result<f64, MetricError> {
    let (mut area, mut hits, mut seen) = (0.0, 0, 0);
    for step in steps(foreign, own)? {
        hits += step.foreign;
        seen += step.foreign + step.own;
        area += step.foreign as f64 / foreign.len() as f64 * (hits as f64 / seen as f64);
    }
    Ok(area)
}

/// Share of the test set's own images that count as foreign when at least 95 % of the foreign ones do, in 0..=1: at the
/// highest such threshold. Lower is better. Arguments, cost and errors are those of [`auroc`].
///
/// Liang et al. (1706.02690) take the test set's images as the positives instead; that is this function of swapped lists
/// and negated scores.
///
/// # Errors
/// Those of [`auroc`].
pub fn fpr95(foreign: &[f64], own: &[f64]) -> Result<f64, MetricError> {
    let (mut hits, mut alarms) = (0, 0);
    for step in steps(foreign, own)? {
        hits += step.foreign;
        alarms += step.own;
        if hits as f64 / foreign.len() as f64 >= 0.95 {
            break;
        }
    }
    Ok(alarms as f64 / own.len() as f64)
}

/// How many images of each kind have one score.
#[derive(Clone, Copy, Debug)]
struct Step {
    foreign: usize,
    own: usize,
}

/// The distinct scores from the highest down.
fn steps(foreign: &[f64], own: &[f64]) -> Result<Vec<Step>, MetricError> {
    for scores in [foreign, own] {
        if scores.is_empty() {
            return Err(MetricError::Values { found: 0, needed: 1 });
        }
        if let Some(index) = scores.iter().position(|score| !score.is_finite()) {
            return Err(MetricError::Value { index, value: scores[index] });
        }
    }
    let mut all: Vec<(f64, bool)> =
        foreign.iter().map(|s| (*s, true)).chain(own.iter().map(|s| (*s, false))).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    // Zeros of either sign are one score.
    let step = |tied: &[(f64, bool)]| {
        let foreign = tied.iter().filter(|(_, foreign)| *foreign).count();
        Step { foreign, own: tied.len() - foreign }
    };
    Ok(all.chunk_by(|a, b| a.0 == b.0).map(step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::Logits;

    #[test]
    fn scores_that_say_nothing_are_chance() {
        let same = [0.5; 7];
        assert_eq!(auroc(&same, &same[..3]), Ok(0.5));
        assert_eq!(aupr(&same, &same[..3]), Ok(0.7));
        assert_eq!(fpr95(&same, &same[..3]), Ok(1.0));
        assert_eq!(auroc(&[0.0], &[-0.0]), Ok(0.5), "zeros of either sign are tied");
    }

    #[test]
    fn a_perfect_score_is_perfect_and_its_negative_the_worst() {
        let (foreign, own) = ([3.0, 4.0], [1.0, 2.0, 0.0]);
        assert_eq!(
            (auroc(&foreign, &own), aupr(&foreign, &own), fpr95(&foreign, &own)),
            (Ok(1.0), Ok(1.0), Ok(0.0))
        );
        assert_eq!((auroc(&own, &foreign), fpr95(&own, &foreign)), (Ok(0.0), Ok(1.0)));
    }

    /// 19 of 20 foreign images are 95 %: the twentieth, which hides among the others, is let go.
    #[test]
    fn ninety_five_percent_are_enough() {
        let mut foreign: Vec<f64> = (0..19).map(|i| 10.0 + f64::from(i)).collect();
        foreign.push(-1.0);
        assert_eq!(fpr95(&foreign, &[0.0, 1.0, 12.5, 9.0]), Ok(0.25));
    }

    #[test]
    fn bad_scores_are_refused() {
        let none = Err(MetricError::Values { found: 0, needed: 1 });
        for score in [auroc, aupr, fpr95] {
            assert_eq!(score(&[], &[1.0]), none);
            assert_eq!(score(&[1.0], &[]), none);
            let infinite = Err(MetricError::Value { index: 1, value: f64::INFINITY });
            assert_eq!(score(&[1.0, f64::INFINITY], &[1.0]), infinite);
        }
    }

    #[test]
    fn information_is_what_members_do_not_share() {
        let member = |z: &[f32]| Logits::new(2, z.to_vec()).unwrap().softmax(1.0);
        let (a, b) = (member(&[9999.0, -9999.0, 0.0, 0.0]), member(&[-9999.0, 9999.0, 0.0, 0.0]));
        let information = mutual_information(&[a.clone(), b]).unwrap();
        assert!((information[0] - std::f64::consts::LN_2).abs() < 1e-15, "{information:?}");
        assert_eq!(information[1], 0.0);
        assert_eq!(entropy(&a).unwrap(), [0.0, std::f64::consts::LN_2]);
        assert_eq!(max_probability(&a).unwrap(), [1.0, 0.5]);
        assert_eq!(mutual_information(&[a]), Err(MetricError::Members { found: 1, needed: 2 }));
    }
}
