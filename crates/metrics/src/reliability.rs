//! Calibration of all classes: whether stated probabilities come true, class by class, in bins of equal width or of
//! equal size.

use crate::MetricError;
use crate::shape::check_labelled;
use basin_core::{Citation, Labels, Probs};

/// Where the class-wise error comes from.
pub const CITATION: Citation = Citation {
    key: "kull2019dirichlet",
    authors: "Kull, Meelis and Perello Nieto, Miquel and Kängsepp, Markus and Silva Filho, Telmo and Song, Hao and Flach, Peter",
    title: "Beyond temperature scaling: Obtaining well-calibrated multiclass probabilities with Dirichlet calibration",
    year: 2019,
    locator: "1910.12656",
};

/// Where the adaptive error comes from.
pub const ADAPTIVE_CITATION: Citation = Citation {
    key: "nixon2019calibration",
    authors: "Nixon, Jeremy and Dusenberry, Mike and Jerfel, Ghassen and Nguyen, Timothy and Liu, Jeremiah and Zhang, Linchuan and Tran, Dustin",
    title: "Measuring Calibration in Deep Learning",
    year: 2019,
    locator: "1904.01685",
};

/// Class-wise expected calibration error, in 0..=1 (Kull et al. 2019; the static calibration error of Nixon et al. 2019): `(1/C) Σ_c Σ_b (n_bc/n) |share of class c in b − mean probability of c in b|`. Lower is better.
///
/// For every class c the images are put into bins of equal width by their probability of c, closed on the right as in
/// [`fn@crate::ece`]; a probability of 0 belongs to the first bin. With many classes most probabilities are near 0, and so
/// is this error: compare at equal C, `bins` and n. Cost: O(n C log bins).
///
/// # Errors
/// [`MetricError::Bins`] for zero bins, [`MetricError::NoRows`], [`MetricError::LabelShape`] or
/// [`MetricError::NotFinite`].
pub fn class_wise_ece(probs: &Probs, labels: &Labels, bins: usize) -> Result<f64, MetricError> {
    let edges: Vec<f64> = (1..=bins).map(|b| b as f64 / bins as f64).collect();
    mean_over_classes(probs, labels, bins, |stated| {
        let mut sums = vec![0.0f64; bins];
        for &(p, hit) in stated.iter() {
            let bin = edges.partition_point(|upper| *upper < p).min(bins - 1);
            sums[bin] += hit - p;
        }
        sums.iter().map(|gap| gap.abs()).sum()
    })
}

/// Adaptive calibration error, in 0..=1 (Nixon et al. 2019): as [`class_wise_ece`], but with bins that hold equally
/// many images each, so that none is nearly empty. Lower is better.
///
/// Ordered by their probability of a class, images ⌊b n/B⌋ to ⌊(b+1) n/B⌋ make bin b; bins count by their size, which is
/// 1/B where B divides n. Images of equal probability that a bin's edge parts share their hits evenly, so that the value
/// does not depend on the order of images. Cost: O(C n log n).
///
/// # Errors
/// Those of [`class_wise_ece`].
pub fn adaptive_ece(probs: &Probs, labels: &Labels, bins: usize) -> Result<f64, MetricError> {
    mean_over_classes(probs, labels, bins, |stated| {
        let n = stated.len();
        stated.sort_by(|a, b| a.0.total_cmp(&b.0));
        for tied in stated.chunk_by_mut(|a, b| a.0 == b.0) {
            let share = tied.iter().map(|(_, hit)| hit).sum::<f64>() / tied.len() as f64;
            tied.iter_mut().for_each(|(_, hit)| *hit = share);
        }
        let bin = |b: usize| &stated[b * n / bins..(b + 1) * n / bins];
        (0..bins).map(|b| bin(b).iter().map(|(p, hit)| hit - p).sum::<f64>().abs()).sum()
    })
}

/// The mean over classes of what `gaps` makes of a class: pairs of its probability and whether it came true (1 or 0), one
/// an image. `gaps` returns the sum over bins of |hits − probabilities|, which is divided by the number of images.
fn mean_over_classes(
    probs: &Probs,
    labels: &Labels,
    bins: usize,
    gaps: impl Fn(&mut [(f64, f64)]) -> f64,
) -> Result<f64, MetricError> {
    if bins == 0 {
        return Err(MetricError::Bins);
    }
    check_labelled(probs, labels)?;
    let class = |c: usize| {
        let hit = |label: u32| f64::from(u8::from(label as usize == c));
        let pairs = probs.rows().zip(labels.values()).map(|(row, &label)| (row[c], hit(label)));
        gaps(&mut pairs.collect::<Vec<_>>())
    };
    let sum: f64 = (0..probs.classes()).map(class).sum();
    Ok(sum / (probs.classes() * probs.len()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::Logits;

    fn case(classes: usize, logits: &[f32], labels: &[u32]) -> (Probs, Labels) {
        let probs = Logits::new(classes, logits.to_vec()).unwrap().softmax(1.0);
        (probs, Labels::new(classes, labels.to_vec()).unwrap())
    }

    #[test]
    fn halves_that_come_true_in_half_the_cases_are_calibrated() {
        let (p, y) = case(2, &[0.0; 8], &[0, 1, 1, 0]);
        assert_eq!(class_wise_ece(&p, &y, 15), Ok(0.0));
        assert_eq!(adaptive_ece(&p, &y, 4), Ok(0.0), "tied images share their hits");
        let (p, y) = case(2, &[0.0; 4], &[1, 1]);
        assert_eq!(class_wise_ece(&p, &y, 15), Ok(0.5));
        assert_eq!(adaptive_ece(&p, &y, 15), Ok(0.5), "more bins than images");
    }

    #[test]
    fn the_order_of_images_does_not_matter() {
        let (p, y) = case(2, &[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 2.0], &[0, 1, 0, 0]);
        let (q, z) = case(2, &[0.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], &[0, 0, 1, 0]);
        assert_eq!(adaptive_ece(&p, &y, 3), adaptive_ece(&q, &z, 3));
        assert_eq!(class_wise_ece(&p, &y, 3), class_wise_ece(&q, &z, 3));
    }

    #[test]
    fn what_cannot_be_binned_is_refused() {
        let (p, y) = case(2, &[0.0; 4], &[0, 1]);
        let (none, of_none) = case(2, &[], &[]);
        for error in [class_wise_ece, adaptive_ece] {
            assert_eq!(error(&p, &y, 0), Err(MetricError::Bins));
            assert_eq!(error(&none, &of_none, 5), Err(MetricError::NoRows));
            let found = Err(MetricError::LabelShape { found: [0, 2], expected: [2, 2] });
            assert_eq!(error(&p, &of_none, 5), found);
        }
    }
}
