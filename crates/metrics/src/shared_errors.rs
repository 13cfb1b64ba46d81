//! Shared errors: how often two members are wrong about the same images.

use crate::MetricError;
use crate::shape::check_labelled_members;
use basin_core::{Citation, Labels, Probs};

/// Who asks whether connected networks make the same mistakes; the form is this crate's.
pub const CITATION: Citation = Citation::DATA_SHIFTS;

/// Mean over all unordered pairs of members of `|Eᵢ ∩ Eⱼ| / |Eᵢ ∪ Eⱼ|`, in 0..=1, where E are the images that a member
/// classifies wrongly (Jaccard index).
///
/// Whether the wrong classes agree does not count. 1 for two members that are never wrong: they do not differ.
/// Members with error rates e₁, e₂ that err independently share `e₁ e₂ / (e₁ + e₂ − e₁ e₂)`. Of equally probable
/// classes the lowest counts as predicted. Cost: O(M n C + M² n).
///
/// # Errors
/// [`MetricError::Members`] for fewer than two members, [`MetricError::NoRows`], [`MetricError::MemberShape`],
/// [`MetricError::LabelShape`] or [`MetricError::NotFinite`].
pub fn shared_errors(members: &[Probs], labels: &Labels) -> Result<f64, MetricError> {
    let matrix = shared_errors_matrix(members, labels)?;
    let m = matrix.len();
    let sum: f64 = matrix.iter().enumerate().map(|(i, row)| row[i + 1..].iter().sum::<f64>()).sum();
    Ok(sum / (m * (m - 1) / 2) as f64)
}

/// Shared errors of each pair of members, `[M][M]`: symmetric, one on the diagonal, each entry in 0..=1.
///
/// # Errors
/// Those of [`fn@shared_errors`].
pub fn shared_errors_matrix(members: &[Probs], labels: &Labels) -> Result<Vec<Vec<f64>>, MetricError> {
    check_labelled_members(members, labels, 2)?;
    let wrong = |member: &Probs| -> Vec<bool> {
        member.argmax().zip(labels.values()).map(|(found, label)| found != *label).collect()
    };
    let wrong: Vec<Vec<bool>> = members.iter().map(wrong).collect();
    let shared = |a: &[bool], b: &[bool]| {
        let count = |of: fn(bool, bool) -> bool| a.iter().zip(b).filter(|(a, b)| of(**a, **b)).count();
        match count(|a, b| a || b) {
            0 => 1.0,
            either => count(|a, b| a && b) as f64 / either as f64,
        }
    };
    Ok(wrong.iter().map(|a| wrong.iter().map(|b| shared(a, b)).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::Logits;

    fn says(classes: &[usize]) -> Probs {
        let row = |class: &usize| (0..3).map(|c| if c == *class { 4.0 } else { 0.0 }).collect::<Vec<f32>>();
        Logits::new(3, classes.iter().flat_map(row).collect()).unwrap().softmax(1.0)
    }

    #[test]
    fn errors_are_shared_by_image_whatever_was_said() {
        let labels = Labels::new(3, vec![0, 0, 0, 0]).unwrap();
        // Wrong about images {1, 2}, {2, 3} and {}.
        let members = [says(&[0, 1, 1, 0]), says(&[0, 0, 2, 1]), says(&[0; 4])];
        let matrix = shared_errors_matrix(&members, &labels).unwrap();
        let third = 1.0 / 3.0;
        assert_eq!(matrix, [vec![1.0, third, 0.0], vec![third, 1.0, 0.0], vec![0.0, 0.0, 1.0]]);
        assert_eq!(shared_errors(&members, &labels), Ok(third / 3.0));
        assert_eq!(shared_errors(&[says(&[0; 4]), says(&[0; 4])], &labels), Ok(1.0));
    }

    #[test]
    fn one_member_shares_nothing() {
        let labels = Labels::new(3, vec![0]).unwrap();
        let alone = shared_errors(&[says(&[0])], &labels);
        assert_eq!(alone, Err(MetricError::Members { found: 1, needed: 2 }));
        let other = Labels::new(3, vec![0, 1]).unwrap();
        let refused = shared_errors(&[says(&[0]), says(&[1])], &other);
        assert_eq!(refused, Err(MetricError::LabelShape { found: [2, 3], expected: [1, 3] }));
    }
}
